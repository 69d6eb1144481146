import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LineCounter, parseDocument, type Node } from "yaml";
import {
  createOidcAuthenticator,
  type OidcAuthenticator,
  type OidcConfig,
} from "../api/tokens/oidc.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";

/** Who says who people are, beside certificates: a file of the data directory. */
const FILE = "authentication.yaml";
const MAX_ISSUERS = 16;

/** The words of one issuer: whether it must be there, and what it is. */
const WORDS: Readonly<
  Record<keyof OidcConfig, readonly [required: boolean, kind: "text" | "texts"]>
> = {
  issuerUrl: [true, "text"],
  clientId: [true, "text"],
  usernameClaim: [false, "text"],
  usernamePrefix: [false, "text"],
  groupsClaim: [false, "text"],
  groupsPrefix: [false, "text"],
  requiredClaims: [false, "texts"],
  ca: [false, "text"],
};

/** The issuers that the file names; none when there is no file. Throws `CliError` with its line. */
export async function readIssuers(dir: DataDir): Promise<readonly OidcConfig[]> {
  const path = join(dir.root, FILE);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CliError(`Cannot read "${path}": ${error.message}`, { cause: error });
  });
  return text === undefined ? [] : parseIssuers(text, path);
}

/** Asks the issuers one after the other: a token names its own. */
export function openIssuers(
  configs: readonly OidcConfig[],
  tools: { readonly clock: Clock; readonly logger: Logger },
): OidcAuthenticator | undefined {
  if (configs.length === 0) return undefined;
  const issuers = configs.map((config) => createOidcAuthenticator(config, tools));
  return {
    async authenticate(token) {
      for (const issuer of issuers) {
        const user = await issuer.authenticate(token);
        if (user !== undefined) return user;
      }
      return undefined;
    },
  };
}

/** Throws `CliError` that names line and word. Pure. */
export function parseIssuers(text: string, path: string): readonly OidcConfig[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const refuse = (why: string, keys: readonly (string | number)[], cure?: string): never => {
    const node = document.getIn(keys, true) as Node | undefined;
    const { line } = lines.linePos(node?.range?.[0] ?? 0);
    throw new CliError(`Cannot use "${path}:${line}": ${why}`, cure === undefined ? {} : { cure });
  };
  const [error] = document.errors;
  if (error !== undefined) {
    throw new CliError(
      `Cannot use "${path}:${error.linePos?.[0].line ?? 1}": ${error.message.split("\n")[0] ?? ""}`,
    );
  }
  const file = document.toJS() as unknown;
  if (!isRecord(file) || !Array.isArray(file["issuers"])) {
    return refuse("it must hold a list `issuers`", []);
  }
  const issuers: readonly unknown[] = file["issuers"];
  if (issuers.length > MAX_ISSUERS)
    return refuse(`it names more than ${MAX_ISSUERS} issuers`, ["issuers"]);
  return issuers.map((issuer, index) => {
    const at = ["issuers", index];
    if (!isRecord(issuer)) return refuse("an issuer is a map of words", at);
    for (const word of Object.keys(issuer)) {
      if (Object.hasOwn(WORDS, word)) continue;
      refuse(
        `nobody knows "${word}"`,
        [...at, word],
        `the words are ${Object.keys(WORDS).join(", ")}`,
      );
    }
    for (const [word, [required, kind]] of Object.entries(WORDS)) {
      const value = issuer[word];
      if (value === undefined && required) refuse(`"${word}" is missing`, at);
      if (value !== undefined && !isOfKind(value, kind)) {
        refuse(`"${word}" must be ${kind === "text" ? "a text" : "a map of texts"}`, [...at, word]);
      }
    }
    const { issuerUrl } = issuer as unknown as OidcConfig;
    if (!issuerUrl.startsWith("https://")) {
      refuse(
        `issuerUrl "${issuerUrl}" is no HTTPS URL`,
        [...at, "issuerUrl"],
        "tokens are only as good as the way to their keys",
      );
    }
    return issuer as unknown as OidcConfig;
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOfKind(value: unknown, kind: "text" | "texts"): boolean {
  if (kind === "text") return typeof value === "string" && value !== "";
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
}
