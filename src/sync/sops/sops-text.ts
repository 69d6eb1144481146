import { isAlias, isMap, isScalar, isSeq, Lexer, parseAllDocuments, Scalar } from "yaml";
import type { Document, Node, Pair, YAMLMap } from "yaml";
import { readYaml } from "../../schema/read-yaml.ts";
import { contentEnd, endOf, keyText, startOf } from "../write/yaml-nodes.ts";
import { SopsError } from "./sops-error.ts";
import { plainScalar, type SopsValue } from "./sops-value.ts";

/** A value in a text. */
export interface Leaf {
  readonly path: readonly string[];
  readonly start: number;
  readonly end: number;
  readonly value: SopsValue;
  /** Whether it may take several lines: what stands around it is no bracket. */
  readonly isInBlock: boolean;
  /** Blanks before the name of the field that it is of. */
  readonly indent: number;
}

/** A comment, without its `#`. */
export interface Comment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** Maps that it may belong to: the likeliest first. */
  readonly paths: readonly (readonly string[])[];
}

export interface SopsDocument {
  /** In the order of the text; what is in the `sops` field is none of them. */
  readonly leaves: readonly Leaf[];
  readonly comments: readonly Comment[];
  /** The `sops` field: its value, and where it stands with what parts it from the others. */
  readonly metadata?: { readonly value: unknown; readonly start: number; readonly end: number };
  /** Where such a field may be added: behind the last character of the content. */
  readonly end: number;
  readonly isFlow: boolean;
  readonly isEmpty: boolean;
}

/** A text as the format sees it: leaves with the names on the way to them. */
export interface SopsText {
  readonly text: string;
  readonly documents: readonly SopsDocument[];
  /** Where an alias, an anchor or a tag stands: values that are not where they seem to be. */
  readonly indirect: number | undefined;
}

export const METADATA_KEY = "sops";

/** Whether a file is encrypted, by its text alone: nobody else writes such a MAC. Pure. */
export function looksEncrypted(text: string): boolean {
  return /(?:^|[\s{,"'])sops["']?\s*:/.test(text) && text.includes("ENC[AES256_GCM,");
}

/** Reads a text; `undefined` when it is no YAML or JSON, which the reader of manifests tells better. Pure. */
export function readSopsText(text: string): SopsText | undefined {
  const { documents: checked, problems } = readYaml(text);
  // Its limits hold here as well; documents that only a careless writer would make are left to it.
  if (problems.length > 0 || checked.some((document) => document.problems.length > 0))
    return undefined;
  const parsed = parseAllDocuments(text, {
    version: "1.2",
    schema: "core",
    keepSourceTokens: true,
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: false,
    logLevel: "silent",
  });
  const list: readonly Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  if (list.some(({ errors }) => errors.length > 0)) return undefined;
  const reader = new Reader(text);
  let start = 0;
  const documents = list.map((document, index) => {
    const end = endOfDocument(text, list[index + 1]);
    const read = reader.read(document, start, end);
    start = end;
    return read;
  });
  return { text, documents, indirect: reader.indirect };
}

/** Where the field `name` of the metadata stands, to be replaced in place. Pure. */
export function metadataScalar(block: string, name: string): { start: number; end: number } {
  const [document] = parseAllDocuments(block, { keepSourceTokens: true, logLevel: "silent" });
  const root = (document as Document.Parsed | undefined)?.contents;
  const pair = isMap(root) ? root.items.find((item) => keyText(item) === METADATA_KEY) : undefined;
  const inner = pair?.value;
  const field = isMap(inner) ? inner.items.find((item) => keyText(item) === name) : undefined;
  const node = field?.value as Node | undefined;
  if (!isScalar(node))
    throw new SopsError(
      "secret/damaged",
      `The field sops.${name} cannot be found`,
      "take the file from an earlier commit",
    );
  return { start: startOf(node), end: endOf(node) };
}

/** The line that begins the next document, or the end of the text. */
function endOfDocument(text: string, next: Document.Parsed | undefined): number {
  if (next === undefined) return text.length;
  const content = next.contents === null ? (next.range[0] ?? text.length) : startOf(next.contents);
  const before = text.slice(0, content);
  const marker = /(?:^|\n)---(?=[ \t\r\n])(?![^]*\n---[ \t\r\n])/.exec(before);
  if (marker === null) return content;
  return marker.index + (marker[0].startsWith("\n") ? 1 : 0);
}

interface Container {
  readonly path: readonly string[];
  /** Of a name or a value in it: what a comment may be attached to. */
  readonly at: number;
  readonly column: number;
}

interface Found {
  readonly leaves: Leaf[];
  readonly containers: Container[];
}

class Reader {
  indirect: number | undefined;
  readonly #text: string;
  readonly #comments: readonly { readonly start: number; readonly end: number }[];

  constructor(text: string) {
    this.#text = text;
    this.#comments = findComments(text);
  }

  read(document: Document.Parsed, start: number, end: number): SopsDocument {
    const root = document.contents;
    const found: Found = { leaves: [], containers: [] };
    if (!isMap(root)) {
      const isEmpty = root === null || (isScalar(root) && root.value === null);
      return { leaves: [], comments: [], end, isFlow: false, isEmpty };
    }
    const index = root.items.findIndex((pair) => keyText(pair) === METADATA_KEY);
    const own = root.items[index];
    this.#walkMap(root, [], found, own);
    const metadata = own === undefined ? undefined : this.#metadata(root, index, own, end);
    const within = this.#comments.filter(
      (comment) =>
        comment.start >= start &&
        comment.start < end &&
        !found.leaves.some((leaf) => leaf.start <= comment.start && comment.start < leaf.end) &&
        !(
          metadata !== undefined &&
          comment.start >= metadata.start &&
          comment.start < metadata.end
        ),
    );
    const isFlow = root.flow === true;
    return {
      leaves: found.leaves,
      comments: within.map((comment) => this.#placed(comment, found.containers)),
      ...(metadata === undefined ? {} : { metadata }),
      end: isFlow ? endOf(root) - 1 : end,
      isFlow,
      isEmpty: false,
    };
  }

  #walkMap(map: YAMLMap, path: readonly string[], found: Found, leftOut?: Pair): void {
    this.#note(map);
    for (const pair of map.items) {
      if (pair === leftOut) continue;
      const key = pair.key as Node;
      const name = keyText(pair) ?? "";
      this.#note(key);
      this.#contain(startOf(key), path, found);
      const column = this.#column(startOf(key));
      const isInBlock = map.flow !== true;
      this.#walk(pair.value as Node | null, [...path, name], found, { isInBlock, indent: column });
    }
  }

  #walk(
    node: Node | null,
    path: readonly string[],
    found: Found,
    place: { readonly isInBlock: boolean; readonly indent: number },
  ): void {
    if (node === null) return;
    this.#note(node);
    if (isMap(node)) this.#walkMap(node, path, found);
    else if (isSeq(node)) {
      for (const item of node.items) {
        const at = item as Node | null;
        if (at === null) continue;
        this.#contain(startOf(at), path, found);
        const isInBlock = node.flow !== true;
        const indent = Math.max(this.#column(startOf(at)) - 2, place.indent);
        this.#walk(at, path, found, { isInBlock, indent });
      }
    } else if (isScalar(node)) {
      const value = this.#valueOf(node);
      if (value === undefined) return;
      const [start, end] = [startOf(node), contentEnd(node, this.#text)];
      found.leaves.push({ path, start, end, value, ...place });
    }
  }

  #valueOf(node: Scalar): SopsValue | undefined {
    if (node.type !== Scalar.PLAIN) return { type: "str", text: String(node.value) };
    const source = node.source ?? "";
    return plainScalar(source);
  }

  #note(node: Node): void {
    const hasMark =
      isAlias(node) ||
      (node as { anchor?: string }).anchor !== undefined ||
      (node as { tag?: string }).tag !== undefined;
    if (hasMark && isExplicit(node)) this.indirect ??= startOf(node);
  }

  #contain(at: number, path: readonly string[], found: Found): void {
    found.containers.push({ at, path, column: this.#column(at) });
  }

  #column(offset: number): number {
    return offset - (this.#text.lastIndexOf("\n", offset - 1) + 1);
  }

  #metadata(
    root: YAMLMap,
    index: number,
    own: Pair,
    documentEnd: number,
  ): NonNullable<SopsDocument["metadata"]> {
    const key = startOf(own.key as Node);
    const last = contentEnd(own, this.#text);
    const value = isMap(own.value) ? (own.value.toJSON() as unknown) : undefined;
    const before = root.items[index - 1];
    const after = root.items[index + 1];
    if (root.flow !== true) {
      const feed = this.#text.indexOf("\n", last);
      const end = Math.min(feed < 0 ? this.#text.length : feed + 1, documentEnd);
      return { value, start: key, end };
    }
    if (before !== undefined) return { value, start: contentEnd(before, this.#text), end: last };
    return { value, start: key, end: after === undefined ? last : startOf(after.key as Node) };
  }

  #placed(
    { start, end }: { readonly start: number; readonly end: number },
    containers: readonly Container[],
  ): Comment {
    const lineStart = this.#text.lastIndexOf("\n", start - 1) + 1;
    const before = containers.findLast(({ at }) => at < start);
    const after = containers.find(({ at }) => at > start);
    const isInline = this.#text.slice(lineStart, start).trim() !== "";
    const column = start - lineStart;
    const level = isInline
      ? before
      : [after, ...containers.filter(({ at }) => at < start).toReversed()].find(
          (container) => container?.column === column,
        );
    const likely = [level, ...(isInline ? [] : [after]), before, after];
    const near = likely.flatMap((container) => (container === undefined ? [] : [container.path]));
    const outer = near
      .flatMap((path) => path.map((_, length) => path.slice(0, length)))
      .toReversed();
    return {
      start,
      end,
      text: this.#text.slice(start + 1, end),
      paths: unique([...near, ...outer]),
    };
  }
}

/** Explicit by what was written; the parser gives tags of its own to nothing. */
function isExplicit(node: Node): boolean {
  return (
    isAlias(node) || node.tag !== undefined || (node as { anchor?: string }).anchor !== undefined
  );
}

function unique(paths: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...new Map(paths.map((path) => [path.join("\0"), path])).values()];
}

/** A sign of the lexer in front of what is a scalar, whatever it begins with. */
const SCALAR_FOLLOWS = "\u001F";
/** Signs of the lexer that stand for no character of the text. */
const SIGNS: ReadonlySet<string> = new Set(["\u0002", "\u0018", SCALAR_FOLLOWS]);

function findComments(text: string): readonly { readonly start: number; readonly end: number }[] {
  const found: { start: number; end: number }[] = [];
  let offset = 0;
  let isScalarNext = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (SIGNS.has(lexeme)) {
      isScalarNext = lexeme === SCALAR_FOLLOWS;
      continue;
    }
    if (!isScalarNext && lexeme.startsWith("#"))
      found.push({ start: offset, end: offset + lexeme.replace(/\r$/, "").length });
    isScalarNext = false;
    offset += lexeme.length;
  }
  return found;
}
