import type { SourceFile } from "../../schema/loaded-file.ts";
import type { FileEdit } from "../write/edit-files.ts";
import { EditError } from "../write/object-edit.ts";
import { recipientOf } from "./age-keys.ts";
import { encryptedText } from "./open-files.ts";
import { openSops, type OpenSops } from "./open-sops.ts";
import { readableText } from "./plain-text.ts";
import { DEFAULT_SECRET_RULE, resealSops, sealSops } from "./seal-sops.ts";
import type { SecretsPolicy } from "./secrets-policy.ts";
import { SopsError } from "./sops-error.ts";
import { readSopsText, type SopsText } from "./sops-text.ts";

/** Files of a commit to be, in the clear while they are changed. */
export interface SealedFiles {
  /** What an editor of manifests is given. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** What goes into the commit. Throws `EditError`. */
  seal(edits: readonly FileEdit[]): Promise<readonly FileEdit[]>;
}

/**
 * Opens the files of an edit. What was encrypted is encrypted again, with only the changed values anew; new Secrets are
 * encrypted to the App's recipients. Throws `EditError`.
 */
export async function openForEdit(
  files: readonly SourceFile[],
  policy: SecretsPolicy | undefined,
  now: () => Date = () => new Date(),
): Promise<SealedFiles> {
  const opened = new Map<string, OpenSops>();
  const contents = new Map<string, Uint8Array>();
  for (const { path, content } of files) {
    const text = encryptedText(content);
    if (text === undefined) {
      contents.set(path, content);
      continue;
    }
    const open = await told(path, () => openSops(text, policy?.identities ?? []));
    opened.set(path, open);
    contents.set(path, encode(readableText(open)));
  }
  const sealOne = async (edit: FileEdit): Promise<FileEdit> => {
    const { path, content } = edit;
    if (content === null) return edit;
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
    const source = readSopsText(text);
    const before = opened.get(path);
    if (source === undefined || isBlank(source)) return edit;
    if (before !== undefined)
      return told(path, async () => ({ path, content: encode(resealSops(text, before, now())) }));
    if (contents.has(path) || !declaresSecret(source)) return edit;
    const recipients = await recipientsOf(policy);
    if (recipients.length === 0 && policy?.plain !== "refuse") return edit;
    if (recipients.length === 0) throw nobody(path);
    const options = { recipients, rule: DEFAULT_SECRET_RULE, now: now() };
    return told(path, async () => ({ path, content: encode(await sealSops(text, options)) }));
  };
  return { contents, seal: (edits) => Promise.all(edits.map(sealOne)) };
}

/** Whom Secrets are encrypted to: those that are named, else the holders of the keys at hand. Throws `SopsError`. */
export async function recipientsOf(policy: SecretsPolicy | undefined): Promise<readonly string[]> {
  const { recipients = [], identities = [] } = policy ?? {};
  return recipients.length > 0 ? recipients : Promise.all(identities.map(recipientOf));
}

async function told<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SopsError)) throw error;
    const message = `Cannot change file "${path}": ${error.message}; ${error.cure}`;
    throw new EditError("sealed", message, { cause: error });
  }
}

function nobody(path: string): EditError {
  return new EditError(
    "sealed",
    `Cannot write file "${path}": a Secret would stand in Git as plain text, and there is nobody to encrypt it to; set secrets.recipients of the App, or secrets.plain: allow`,
  );
}

function isBlank({ documents }: SopsText): boolean {
  return documents.every(({ isEmpty, leaves }) => isEmpty || leaves.length === 0);
}

/** Whether a text declares a Secret that has content. */
function declaresSecret({ documents }: SopsText): boolean {
  return documents.some(
    ({ leaves }) =>
      leaves.some(({ path, value }) => path.join(".") === "kind" && value.text === "Secret") &&
      leaves.some(({ path }) => path[0] === "data" || path[0] === "stringData"),
  );
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
