import { randomBytes } from "node:crypto";
import { asFields } from "../../schema/fields.ts";
import { TextEdits } from "../write/text-edits.ts";
import { wrapKey, type WrappedKey } from "./age-keys.ts";
import { macOf, metadataOf, openWithKey, type OpenLeaf, type OpenSops } from "./open-sops.ts";
import { readableText } from "./plain-text.ts";
import { ruleTest, type EncryptionRule, type SopsMetadata } from "./sops-metadata.ts";
import { SopsError } from "./sops-error.ts";
import { metadataScalar, METADATA_KEY, readSopsText, type SopsText } from "./sops-text.ts";
import { additionalData, encryptValue, isEncrypted, type SopsValue } from "./sops-value.ts";

export interface SealOptions {
  readonly recipients: readonly string[];
  readonly rule: EncryptionRule;
  readonly macOnlyEncrypted?: boolean;
  readonly now: Date;
}

/** What is encrypted of a manifest where nobody says otherwise. */
export const DEFAULT_SECRET_RULE: EncryptionRule = { encrypted_regex: "^(data|stringData)$" };
/** The release of SOPS whose format this is. */
const FORMAT_VERSION = "3.9.0";
const DATA_KEY_BYTES = 32;

/** Encrypts a plain text with a new key. Throws `SopsError`. */
export async function sealSops(text: string, options: SealOptions): Promise<string> {
  const { recipients, rule, now, macOnlyEncrypted = false } = options;
  if (recipients.length === 0)
    throw new SopsError(
      "secret/no-key",
      "There is nobody to encrypt to",
      "name a recipient: --age RECIPIENT, or creation_rules in .sops.yaml; `berth secret recipient` prints the cluster's",
    );
  const key = randomBytes(DATA_KEY_BYTES);
  const age = await wrapKey(key, recipients);
  const settings = { key, rule, macOnlyEncrypted, now };
  return sealWith(text, settings, undefined, (mac, lastModified) =>
    renderMetadata({ age, rule, macOnlyEncrypted, mac, lastModified }),
  );
}

/**
 * Encrypts the changed text of a file with the file's own key and recipients. Values that did not change stay as they
 * were encrypted, so that a diff shows what changed; without any change it is the old text. Throws `SopsError`.
 */
export function resealSops(text: string, before: OpenSops, now: Date): string {
  const { metadata, key, source } = before;
  const { rule, macOnlyEncrypted } = metadata;
  const settings = { key, rule, macOnlyEncrypted, now };
  return sealWith(text, settings, before, (mac, lastModified) => {
    const own = source.documents[0]?.metadata;
    const block = source.text.slice(own?.start, own?.end);
    const fields = { ...asFields(own?.value), mac, lastmodified: lastModified };
    return { kind: "kept", block: replaceMac(block, mac, lastModified), fields };
  });
}

/** The same content with a new key, for these recipients. Throws `SopsError`. */
export async function rotateSops(
  text: string,
  { metadata }: OpenSops,
  recipients: readonly string[],
  now: Date,
): Promise<string> {
  if (metadata.others.length > 0)
    throw new SopsError(
      "secret/unsupported",
      `The file is encrypted to ${metadata.others.join(" and ")} too, which Berth cannot do anew`,
      "rotate it with sops itself: sops rotate --in-place FILE",
    );
  const { rule, macOnlyEncrypted } = metadata;
  return sealSops(text, { recipients, rule, macOnlyEncrypted, now });
}

interface Settings {
  readonly key: Uint8Array;
  readonly rule: EncryptionRule;
  readonly macOnlyEncrypted: boolean;
  readonly now: Date;
}

type MetadataText =
  | { readonly kind: "new"; readonly fields: Readonly<Record<string, unknown>> }
  /** As it stood in the file, with its name. */
  | {
      readonly kind: "kept";
      readonly block: string;
      /** For a text that turned from lines to brackets, or back. */
      readonly fields: Readonly<Record<string, unknown>>;
    };

function sealWith(
  text: string,
  { key, rule, macOnlyEncrypted, now }: Settings,
  before: OpenSops | undefined,
  metadata: (mac: string, lastModified: string) => MetadataText,
): string {
  const source = readPlain(text);
  const isSecret = ruleTest(rule);
  const edits = new TextEdits(text);
  const known = new Known(before);
  const values: Pick<OpenLeaf, "plain" | "isSecret">[] = [];
  for (const document of source.documents) {
    for (const { path, value, start, end, isInBlock } of document.leaves) {
      const isHidden = isSecret(path);
      values.push({ plain: value, isSecret: isHidden });
      if (!isHidden || value.text === "") continue;
      const sealed = known.find(value, path) ?? encryptValue(value, key, additionalData(path));
      edits.replace(start, end, isInBlock ? sealed : JSON.stringify(sealed));
    }
    for (const { start, end, text: comment, paths } of document.comments) {
      const path = paths.find((one) => one.length > 0 && isSecret(one)) ?? paths[0] ?? [];
      const value: SopsValue = { type: "comment", text: comment };
      if (!isSecret(path) || comment.trim() === "") continue;
      const sealed = known.find(value, path) ?? encryptValue(value, key, additionalData(path));
      edits.replace(start, end, `#${sealed}`);
    }
  }
  if (before !== undefined && isSame(before, source, text)) return before.source.text;
  const lastModified = `${now.toISOString().slice(0, 19)}Z`;
  const mac = encryptValue(
    { type: "str", text: macOf(values, macOnlyEncrypted) },
    key,
    lastModified,
  );
  addMetadata(source, edits, metadata(mac, lastModified));
  return verified(edits.apply(), key);
}

/** What cannot be opened again must not come into a file. */
function verified(sealed: string, key: Uint8Array): string {
  const source = readSopsText(sealed);
  const metadata = source === undefined ? undefined : metadataOf(source);
  try {
    if (source !== undefined && metadata !== undefined) {
      openWithKey(source, metadata, key);
      return sealed;
    }
  } catch (error) {
    if (!(error instanceof SopsError)) throw error;
  }
  throw new SopsError(
    "secret/unsupported",
    "The text is laid out so that it cannot be encrypted in place",
    "write it in lines, one field on each, without brackets",
  );
}

/** The encrypted forms of the values of a file before it was changed, by what they are and where. */
class Known {
  readonly #texts = new Map<string, string[]>();

  constructor(before: OpenSops | undefined) {
    for (const { leaves, comments } of before?.documents ?? []) {
      for (const { plain, path, value, isSecret } of leaves)
        if (isSecret) this.#add(plain, path, value.text);
      for (const { text, path, start, end } of comments) {
        const sealed = before?.source.text.slice(start + 1, end) ?? "";
        this.#add({ type: "comment", text }, path, sealed);
      }
    }
  }

  /** Equal values of a list have a form each, in their order. */
  find(value: SopsValue, path: readonly string[]): string | undefined {
    const texts = this.#texts.get(keyOf(value, path));
    return texts === undefined || texts.length < 2 ? texts?.[0] : texts.shift();
  }

  #add(value: SopsValue, path: readonly string[], sealed: string): void {
    const key = keyOf(value, path);
    this.#texts.set(key, [...(this.#texts.get(key) ?? []), sealed]);
  }
}

function keyOf({ type, text }: SopsValue, path: readonly string[]): string {
  return JSON.stringify([type, text, ...path]);
}

function readPlain(text: string): SopsText {
  const source = readSopsText(text);
  const cure = "mend it first: `berth validate FILE` says where";
  if (source === undefined)
    throw new SopsError("secret/unsupported", "The text is no valid YAML or JSON", cure);
  if (source.indirect !== undefined) {
    const line = text.slice(0, source.indirect).split("\n").length;
    throw new SopsError(
      "secret/unsupported",
      `Line ${line} has an anchor, an alias or a tag, which do not outlast encryption`,
      "write the values themselves there",
    );
  }
  if (source.documents.some(({ metadata }) => metadata !== undefined))
    throw new SopsError(
      "secret/unsupported",
      "The file is encrypted already, or has a field sops of its own",
      "change it with `berth secret edit FILE`, or give it other recipients with `berth secret rotate FILE`",
    );
  const leaves = source.documents.flatMap((document) => document.leaves);
  if (leaves.length === 0)
    throw new SopsError("secret/unsupported", "The file has no fields to encrypt", "write some");
  const sealed = leaves.find(({ value }) => isEncrypted(value.text));
  if (sealed !== undefined)
    throw new SopsError(
      "secret/unsupported",
      `The value at "${sealed.path.join(".")}" is encrypted already`,
      "write the value itself there",
    );
  return source;
}

/** Whether a text is what the file says in the clear, to the last comment. */
function isSame(before: OpenSops, source: SopsText, text: string): boolean {
  return readableText(before) === text && source.documents.length === before.documents.length;
}

function renderMetadata(
  parts: Pick<SopsMetadata, "age" | "rule" | "macOnlyEncrypted" | "mac" | "lastModified">,
): MetadataText {
  const { age, rule, macOnlyEncrypted, mac, lastModified } = parts;
  return {
    kind: "new",
    fields: {
      age: age.map(({ recipient, enc }: WrappedKey) => ({ enc, recipient })),
      ...rule,
      lastmodified: lastModified,
      mac,
      ...(macOnlyEncrypted ? { mac_only_encrypted: true } : {}),
      version: FORMAT_VERSION,
    },
  };
}

function addMetadata(source: SopsText, edits: TextEdits, metadata: MetadataText): void {
  for (const document of source.documents) {
    if (document.isEmpty) continue;
    const { end, isFlow } = document;
    if (isFlow) {
      const at = source.text.slice(0, end).trimEnd().length;
      edits.insert(at, flowText(metadata, source.text));
    } else {
      const feed = end === 0 || source.text[end - 1] === "\n" ? "" : "\n";
      edits.insert(end, feed + blockText(metadata));
    }
  }
}

function blockText(metadata: MetadataText): string {
  if (metadata.kind === "kept") {
    const { block, fields } = metadata;
    return isFlowBlock(block)
      ? `${METADATA_KEY}: ${JSON.stringify(fields)}\n`
      : `${block.trimEnd()}\n`;
  }
  const lines = [`${METADATA_KEY}:`];
  for (const [name, value] of Object.entries(metadata.fields)) {
    if (name === "age") lines.push("    age:", ...(value as WrappedKey[]).flatMap(ageLines));
    else if (name === "lastmodified") lines.push(`    ${name}: "${String(value)}"`);
    else if (name === "mac" || value === true) lines.push(`    ${name}: ${String(value)}`);
    else lines.push(`    ${name}: ${plainOrQuoted(String(value))}`);
  }
  return `${lines.join("\n")}\n`;
}

function ageLines({ enc, recipient }: WrappedKey): readonly string[] {
  const body = enc.trimEnd().split("\n");
  return [
    "        - enc: |",
    ...body.map((line) => `            ${line}`),
    `          recipient: ${recipient}`,
  ];
}

function plainOrQuoted(text: string): string {
  return /^[A-Za-z0-9^_./()|$-]+$/.test(text) && !/^[\d.-]+$|^-/.test(text)
    ? text
    : JSON.stringify(text);
}

function flowText(metadata: MetadataText, text: string): string {
  const block =
    metadata.kind === "kept" && isFlowBlock(metadata.block)
      ? metadata.block.replace(/^\s*,/, "").replace(/,\s*$/, "")
      : ` "${METADATA_KEY}": ${JSON.stringify(metadata.fields, null, indentOf(text))}`;
  const isKept = metadata.kind === "kept" && isFlowBlock(metadata.block);
  return `,${isKept ? block : nested(block, text)}`;
}

function indentOf(text: string): string {
  return /^\s*\{\r?\n([ \t]+)/.exec(text)?.[1] ?? "";
}

/** On lines of its own, one level in, where the file has lines. */
function nested(block: string, text: string): string {
  const indent = indentOf(text);
  return indent === "" ? block : `\n${indent}${block.trim().replaceAll("\n", `\n${indent}`)}`;
}

/** Whether the field stood between brackets. */
function isFlowBlock(block: string): boolean {
  return /^\s*[,"']/.test(block);
}

function replaceMac(block: string, mac: string, lastModified: string): string {
  const isFlow = isFlowBlock(block);
  const shell = isFlow ? `{${block.replace(/^\s*,/, "")}}` : block;
  const edits = new TextEdits(shell);
  const at = metadataScalar(shell, "mac");
  edits.replace(at.start, at.end, isFlow ? JSON.stringify(mac) : mac);
  const time = metadataScalar(shell, "lastmodified");
  edits.replace(time.start, time.end, JSON.stringify(lastModified));
  const result = edits.apply();
  return isFlow ? result.slice(1, -1) : result;
}
