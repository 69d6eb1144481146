import { createHash } from "node:crypto";
import { unwrapKey } from "./age-keys.ts";
import { parseMetadata, ruleTest, type SopsMetadata } from "./sops-metadata.ts";
import { SopsError } from "./sops-error.ts";
import { readSopsText, type Leaf, type SopsDocument, type SopsText } from "./sops-text.ts";
import {
  additionalData,
  damagedValue,
  decryptValue,
  isEncrypted,
  type SopsValue,
} from "./sops-value.ts";

/** SHA-256 of the word "sops": what a MAC over encrypted values alone begins with. */
const MAC_ONLY_ENCRYPTED_START = createHash("sha256").update("sops").digest();

/** A value of a file that was opened. */
export interface OpenLeaf extends Leaf {
  /** What it means, in the clear. */
  readonly plain: SopsValue;
  readonly isSecret: boolean;
}

/** A comment that was encrypted, in the clear. */
export interface OpenComment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly path: readonly string[];
}

/** A file of SOPS, with all that is in it in the clear: to be kept in memory only. */
export interface OpenSops {
  readonly source: SopsText;
  readonly metadata: SopsMetadata;
  readonly key: Uint8Array;
  readonly documents: readonly OpenDocument[];
}

export interface OpenDocument {
  readonly source: SopsDocument;
  readonly leaves: readonly OpenLeaf[];
  readonly comments: readonly OpenComment[];
}

/** The metadata of an encrypted text; `undefined` when it is none. Throws `SopsError`. Pure. */
export function metadataOf({ documents }: SopsText): SopsMetadata | undefined {
  const [first] = documents;
  return first?.metadata === undefined ? undefined : parseMetadata(first.metadata.value);
}

/** Opens an encrypted text: every value authenticated, and all of them together. Throws `SopsError`. */
export async function openSops(text: string, identities: readonly string[]): Promise<OpenSops> {
  const source = readSopsText(text);
  const metadata = source === undefined ? undefined : metadataOf(source);
  if (source === undefined || metadata === undefined)
    throw new SopsError(
      "secret/damaged",
      "The file is not one that SOPS wrote: its YAML or its field sops cannot be read",
      "take the file from an earlier commit",
    );
  const key = await unwrapKey(metadata.age, identities);
  if (key === undefined) throw noKey(metadata, identities.length);
  return openWithKey(source, metadata, key);
}

/** As `openSops`, with the data key itself. Throws `SopsError`. */
export function openWithKey(source: SopsText, metadata: SopsMetadata, key: Uint8Array): OpenSops {
  const isSecret = ruleTest(metadata.rule);
  const documents = source.documents.map((document) => openDocument(document, key, isSecret));
  const told = decryptValue(metadata.mac, key, metadata.lastModified)?.text;
  const values = documents.flatMap(({ leaves }) => leaves);
  if (told !== macOf(values, metadata.macOnlyEncrypted)) throw macMismatch();
  return { source, metadata, key, documents };
}

/** The digest that authenticates all values of a file in their order. Pure. */
export function macOf(
  leaves: readonly Pick<OpenLeaf, "plain" | "isSecret">[],
  macOnlyEncrypted: boolean,
): string {
  const hash = createHash("sha512");
  if (macOnlyEncrypted) hash.update(MAC_ONLY_ENCRYPTED_START);
  for (const { plain, isSecret } of leaves)
    if (isSecret || !macOnlyEncrypted) hash.update(plain.text, "utf8");
  return hash.digest("hex").toUpperCase();
}

function openDocument(
  source: SopsDocument,
  key: Uint8Array,
  isSecret: (path: readonly string[]) => boolean,
): OpenDocument {
  const leaves = source.leaves.map((leaf): OpenLeaf => {
    if (!isSecret(leaf.path)) return { ...leaf, plain: leaf.value, isSecret: false };
    const plain =
      leaf.value.type === "str"
        ? decryptValue(leaf.value.text, key, additionalData(leaf.path))
        : undefined;
    if (plain === undefined) throw damagedValue(leaf.path);
    return { ...leaf, plain, isSecret: true };
  });
  const comments = source.comments.flatMap(({ start, end, text, paths }) => {
    if (!isEncrypted(text)) return [];
    // Which field a comment belongs to is told by no rule of YAML: the one that opens it is it.
    for (const path of paths) {
      const plain = decryptValue(text, key, additionalData(path));
      if (plain !== undefined) return [{ start, end, text: plain.text, path }];
    }
    return [];
  });
  return { source, leaves, comments };
}

function noKey({ age, others }: SopsMetadata, identities: number): SopsError {
  if (age.length === 0) {
    const kinds = others.length === 0 ? "nobody" : others.join(" and ");
    return new SopsError(
      "secret/unsupported",
      `The file is encrypted to ${kinds}: Berth reads files for age recipients`,
      "add one where the file opens: sops rotate --in-place --add-age RECIPIENT FILE (`berth secret recipient` prints it)",
    );
  }
  const names = age.map(({ recipient }) => recipient).join(", ");
  const has = identities === 0 ? "no key is at hand" : "no key at hand is theirs";
  return new SopsError(
    "secret/no-key",
    `The file is encrypted to ${names}: ${has}`,
    "encrypt it to the recipient of the cluster (`berth secret recipient`) too, or give the App their key: spec.secrets.keySecretRef",
  );
}

function macMismatch(): SopsError {
  return new SopsError(
    "secret/damaged",
    "The file was changed after it was encrypted: its MAC is of other content",
    "take the file from an earlier commit, then change it with `berth secret edit FILE`",
  );
}
