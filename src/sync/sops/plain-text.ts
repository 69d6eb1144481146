import { Scalar } from "yaml";
import { renderScalar } from "../write/render-yaml.ts";
import { TextEdits } from "../write/text-edits.ts";
import type { OpenLeaf, OpenSops } from "./open-sops.ts";
import type { Leaf, SopsText } from "./sops-text.ts";
import { encryptedType, isEncrypted, type SopsValue } from "./sops-value.ts";

/** What stands for a value that nobody here can read. In base64 where a Secret must have that. */
const HIDDEN = "(encrypted)";
export const HIDDEN_DATA: string = Buffer.from(HIDDEN).toString("base64");

/**
 * The text in the clear, with every field in the line where it stands in the encrypted file: for programs. Positions in
 * it are positions there. Pure.
 */
export function alignedText({ source, documents }: OpenSops): string {
  const edits = new TextEdits(source.text);
  for (const { leaves } of documents) {
    for (const leaf of leaves) {
      if (!leaf.isSecret) continue;
      const lines = source.text.slice(leaf.start, leaf.end).split("\n").length - 1;
      edits.replace(
        leaf.start,
        leaf.end,
        oneLine(leaf.plain) + (lines > 0 ? "\n".repeat(lines) : ""),
      );
    }
  }
  blankMetadata(source, edits);
  return edits.apply();
}

/** The text in the clear, for people: texts of several lines as such, and no field `sops`. Pure. */
export function readableText({ source, documents }: OpenSops): string {
  const edits = new TextEdits(source.text);
  for (const { leaves, comments } of documents) {
    for (const leaf of leaves)
      if (leaf.isSecret) edits.replace(leaf.start, leaf.end, readable(leaf, source.text));
    for (const { start, end, text } of comments) edits.replace(start, end, `#${text}`);
  }
  removeMetadata(source, edits);
  return edits.apply();
}

/** The text with words in place of what is encrypted, so that its form can be checked without a key. Pure. */
export function hiddenText(source: SopsText): string {
  const edits = new TextEdits(source.text);
  for (const { leaves } of source.documents) {
    for (const { value, path, start, end } of leaves) {
      if (value.type !== "str" || !isEncrypted(value.text)) continue;
      edits.replace(start, end, hiddenValue(encryptedType(value.text), path));
    }
  }
  blankMetadata(source, edits);
  return edits.apply();
}

/** Whether values of Secrets stand in the text as they are, although it is encrypted elsewhere. Pure. */
export function hasPlainData({ documents }: SopsText): boolean {
  return documents.some(
    ({ leaves }) =>
      mayBeSecret(leaves) &&
      leaves.some(
        ({ path, value }) =>
          path.some((name, at) => SECRET_FIELDS.has(name) && path.length === at + 2) &&
          value.text !== "" &&
          !isEncrypted(value.text),
      ),
  );
}

function mayBeSecret(leaves: readonly Leaf[]): boolean {
  const kind = leaves.find(({ path }) => path.length === 1 && path[0] === "kind")?.value.text;
  return kind === undefined || kind === "Secret" || kind === "List" || isEncrypted(kind);
}

const SECRET_FIELDS: ReadonlySet<string> = new Set(["data", "stringData"]);

function hiddenValue(type: SopsValue["type"] | undefined, path: readonly string[]): string {
  if (type === "int" || type === "float") return "0";
  if (type === "bool") return "false";
  return JSON.stringify(path.includes("data") ? HIDDEN_DATA : HIDDEN);
}

function oneLine({ type, text }: SopsValue): string {
  if (type === "int" || type === "float") return text;
  if (type === "bool") return text.toLowerCase();
  return JSON.stringify(text);
}

function readable(leaf: OpenLeaf, text: string): string {
  const { plain, isInBlock, indent, end } = leaf;
  if (plain.type !== "str") return oneLine(plain);
  if (!isInBlock) return JSON.stringify(plain.text);
  const rest = /^[^\n]*/.exec(text.slice(end))?.[0].trim();
  if (rest === "" && isBlockSafe(plain.text)) return block(plain.text, indent + 2);
  const like = new Scalar("");
  like.type = Scalar.PLAIN;
  return renderScalar(plain.text, like) ?? JSON.stringify(plain.text);
}

/** Several lines of ordinary characters, the first of which does not begin with a blank, with at most one line end last. */
function isBlockSafe(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- those that YAML wants escaped
  const hasOthers = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u2028\u2029\uFEFF]|[ \t]\n|[ \t]$/;
  return /\n./.test(text) && /^[^\s]/.test(text) && !text.endsWith("\n\n") && !hasOthers.test(text);
}

function block(text: string, indent: number): string {
  const isOpen = !text.endsWith("\n");
  const lines = (isOpen ? text : text.slice(0, -1)).split("\n");
  const body = lines.map((line) => (line === "" ? "" : " ".repeat(indent) + line));
  return `${isOpen ? "|-" : "|"}\n${body.join("\n")}`;
}

function removeMetadata(source: SopsText, edits: TextEdits): void {
  for (const { metadata } of source.documents)
    if (metadata !== undefined) edits.replace(metadata.start, metadata.end, "");
}

function blankMetadata(source: SopsText, edits: TextEdits): void {
  for (const { metadata } of source.documents) {
    if (metadata === undefined) continue;
    const { start, end } = metadata;
    edits.replace(start, end, source.text.slice(start, end).replaceAll(/[^\n]/g, ""));
  }
}
