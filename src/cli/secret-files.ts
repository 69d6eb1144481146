import { chmod, readFile, rename, stat, writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { MAX_FILE_BYTES } from "../schema/load-file.ts";
import { openSops, type OpenSops } from "../sync/sops/open-sops.ts";
import { readableText } from "../sync/sops/plain-text.ts";
import {
  DEFAULT_SECRET_RULE,
  resealSops,
  rotateSops,
  sealSops,
  type SealOptions,
} from "../sync/sops/seal-sops.ts";
import { SopsError } from "../sync/sops/sops-error.ts";
import { looksEncrypted } from "../sync/sops/sops-text.ts";
import { CliError } from "./cli-error.ts";
import { readIfThere, type DataDir } from "./data-dir.ts";
import { readClusterRecipient, readIdentities } from "./secret-key.ts";
import { findCreationRule } from "./secret-rules.ts";

/** What these commands work with besides their files. */
export interface SecretContext {
  readonly dir: DataDir;
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
}

/** The encrypted form of a plain file. Throws `CliError`. */
export async function encryptFile(
  file: string,
  recipients: readonly string[],
  context: SecretContext,
): Promise<string> {
  const text = await readText(file);
  const options = await sealOptions(file, recipients, context);
  return await told(file, "encrypt", () => sealSops(text, options));
}

/** A file in the clear. Throws `CliError`. */
export async function decryptFile(file: string, context: SecretContext): Promise<string> {
  return readableText(await openFile(file, context));
}

/** The file with a new key, for the recipients that are named, else that its rule names, else its own. Throws `CliError`. */
export async function rotateFile(
  file: string,
  recipients: readonly string[],
  context: SecretContext,
): Promise<string> {
  const before = await openFile(file, context);
  const named =
    recipients.length > 0
      ? recipients
      : ((await told(file, "rotate", () => findCreationRule(file)))?.recipients ?? []);
  const own = before.metadata.age.map(({ recipient }) => recipient);
  const next = named.length > 0 ? named : own;
  return await told(file, "rotate", () =>
    rotateSops(readableText(before), before, next, context.now),
  );
}

/** A file that is edited: in the clear, and how it is closed again. A file that is not there begins as `template`. */
export interface EditableFile {
  readonly text: string;
  close(text: string): Promise<string>;
}

/** Opens a file to be edited. Throws `CliError`. */
export async function openEditable(
  file: string,
  template: string,
  context: SecretContext,
): Promise<EditableFile> {
  const text = await readIfThere(file);
  if (text === undefined) {
    const options = await sealOptions(file, [], context);
    return {
      text: template,
      close: (edited) => told(file, "encrypt", () => sealSops(edited, options)),
    };
  }
  const before = await openFile(file, context);
  return {
    text: readableText(before),
    close: (edited) => told(file, "encrypt", async () => resealSops(edited, before, context.now)),
  };
}

/** Writes a file whole or not at all; it keeps its mode. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => 0o644,
  );
  const draft = `${file}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, text, { mode, flag: "wx" });
  await chmod(draft, mode);
  await rename(draft, file);
}

async function sealOptions(
  file: string,
  given: readonly string[],
  { dir, now }: SecretContext,
): Promise<SealOptions> {
  const rule = await told(file, "encrypt", () => findCreationRule(file));
  const cluster = await readClusterRecipient(dir);
  const named = [given, rule?.recipients ?? [], cluster === undefined ? [] : [cluster]];
  return {
    recipients: named.find((recipients) => recipients.length > 0) ?? [],
    rule: rule?.rule ?? DEFAULT_SECRET_RULE,
    macOnlyEncrypted: rule?.macOnlyEncrypted ?? false,
    now,
  };
}

async function openFile(file: string, { dir, env }: SecretContext): Promise<OpenSops> {
  const text = await readText(file);
  if (!looksEncrypted(text))
    throw new CliError(`Cannot decrypt "${file}": it is not encrypted`, {
      cure: `encrypt it with: berth secret encrypt ${file}`,
    });
  const identities = await readIdentities(dir, env);
  return await told(file, "decrypt", () => openSops(text, identities));
}

async function readText(file: string): Promise<string> {
  if (!/\.(?:ya?ml|json)$/i.test(file))
    throw new CliError(`Cannot read "${file}": only .yaml, .yml and .json files are manifests`);
  const content = await readFile(file);
  if (content.length > MAX_FILE_BYTES)
    throw new CliError(
      `Cannot read "${file}": it has ${content.length} bytes, the limit is ${MAX_FILE_BYTES}`,
    );
  return content.toString("utf8");
}

/** For people at the machine where the keys are: another cure than an App needs. */
const KEY_CURE =
  "put a key of theirs into $SOPS_AGE_KEY_FILE or ~/.config/sops/age/keys.txt, or do it where the cluster's data directory is";

async function told<T>(file: string, verb: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SopsError)) throw error;
    const { code, message, cure } = error;
    const isLocked = code === "secret/no-key" && verb === "decrypt";
    throw new CliError(`Cannot ${verb} "${file}": ${message}`, {
      cure: isLocked ? KEY_CURE : cure,
      cause: error,
    });
  }
}
