import type { Problem } from "../../model/problem.ts";
import type { SourceFile } from "../../schema/loaded-file.ts";
import { openSops } from "./open-sops.ts";
import { alignedText, hasPlainData, hiddenText } from "./plain-text.ts";
import type { SecretsPolicy } from "./secrets-policy.ts";
import { SopsError } from "./sops-error.ts";
import { looksEncrypted, readSopsText } from "./sops-text.ts";

/** Files as manifests are read from, and what could not be opened. */
export interface OpenFiles {
  readonly files: readonly SourceFile[];
  readonly problems: readonly Problem[];
  /** Names, as in positions, of files that were encrypted: nothing of their content may be told. */
  readonly sealed: ReadonlySet<string>;
}

export interface OpenFilesOptions {
  /** Prefix of the paths in positions. */
  readonly prefix: string;
  /** What opens them. Without a policy nobody means to apply them: they are read for their form. */
  readonly secrets: PolicyOfReading | undefined;
  readonly cache?: OpenedCache;
}

type PolicyOfReading = Pick<SecretsPolicy, "identities" | "closed">;

/** Content of opened files that is kept in memory, so that they are not opened anew for each commit. */
const MAX_CACHE_BYTES = 8_000_000;
const MARK = Buffer.from("ENC[AES256_GCM,");

/** Contents that were looked at before: with each commit all files of a tree come again. */
const PLAIN = new WeakSet<Uint8Array>();

/** Opens those files that are encrypted; the others are given back as they are. */
export async function openFiles(
  files: readonly SourceFile[],
  options: OpenFilesOptions,
): Promise<OpenFiles> {
  const sealed = new Set<string>();
  const problems: Problem[] = [];
  const opened: SourceFile[] = [];
  for (const file of files) {
    const text = PLAIN.has(file.content) ? undefined : encryptedText(file.content);
    if (text === undefined) {
      PLAIN.add(file.content);
      opened.push(file);
      continue;
    }
    const name = options.prefix + file.path;
    sealed.add(name);
    try {
      opened.push(await openFile(file, text, options));
    } catch (error) {
      if (!(error instanceof SopsError)) throw error;
      problems.push(toProblem(error, name, text));
    }
  }
  return { files: opened, problems, sealed };
}

/** The text of an encrypted file; `undefined` for any other. Pure. */
export function encryptedText(content: Uint8Array): string | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  if (!bytes.includes(MARK)) return undefined;
  const text = bytes.toString("utf8");
  return looksEncrypted(text) && hasMetadata(text) ? text : undefined;
}

/** What may be told of a problem in an encrypted file: its kind and its place. Pure. */
export function withoutContent(problem: Problem, sealed: ReadonlySet<string>): Problem {
  const { code, at, path } = problem;
  if (!sealed.has(at.file) || code.startsWith("secret/")) return problem;
  return {
    code,
    at,
    path,
    message:
      "The encrypted file is not valid here; what is wrong is not told, since that may quote it",
    hint: `look where its key is: berth secret decrypt ${at.file} | berth validate -`,
  };
}

/** Remembers opened files by what they were encrypted as, where, and what opened them. In memory only. */
export class OpenedCache {
  readonly #files = new Map<string, SourceFile>();
  #bytes = 0;

  get(key: string): SourceFile | undefined {
    return this.#files.get(key);
  }

  set(key: string, file: SourceFile): void {
    this.#files.set(key, file);
    this.#bytes += file.content.length;
    for (const [oldest, { content }] of this.#files) {
      if (this.#bytes <= MAX_CACHE_BYTES) return;
      this.#files.delete(oldest);
      this.#bytes -= content.length;
    }
  }
}

async function openFile(
  { id, path }: SourceFile,
  text: string,
  { secrets, cache }: OpenFilesOptions,
): Promise<SourceFile> {
  const { identities = [], closed = "refuse" } = secrets ?? {};
  const how = secrets === undefined ? "form" : closed;
  const key = id === undefined ? undefined : [id, path, how, ...identities].join("\0");
  const known = key === undefined ? undefined : cache?.get(key);
  if (known !== undefined) return known;
  const opened = { path, ...(await openText(text, secrets)) };
  if (key !== undefined) cache?.set(key, opened);
  return opened;
}

async function openText(
  text: string,
  secrets: PolicyOfReading | undefined,
): Promise<Pick<SourceFile, "content" | "isEncrypted">> {
  const source = readSopsText(text);
  const isEncrypted = source !== undefined && !hasPlainData(source);
  const hidden = (): string => (source === undefined ? text : hiddenText(source));
  const plain = secrets === undefined ? hidden() : await openedText(text, secrets, hidden);
  return { content: new TextEncoder().encode(plain), isEncrypted };
}

async function openedText(
  text: string,
  { identities = [], closed }: PolicyOfReading,
  hidden: () => string,
): Promise<string> {
  try {
    return alignedText(await openSops(text, identities));
  } catch (error) {
    const isLocked = error instanceof SopsError && error.code === "secret/no-key";
    if (isLocked && closed === "hide") return hidden();
    throw error;
  }
}

function hasMetadata(text: string): boolean {
  const source = readSopsText(text);
  return source === undefined || source.documents.some(({ metadata }) => metadata !== undefined);
}

function toProblem({ code, message, cure }: SopsError, file: string, text: string): Problem {
  const lines = text.split("\n");
  const line = Math.max(
    lines.findIndex((one) => /^\s*["']?sops["']?\s*:/.test(one)),
    0,
  );
  return { code, message, at: { file, line: line + 1, column: 1 }, path: "sops", hint: cure };
}
