import { composeYaml } from "./compose-yaml.ts";
import { readFast } from "./fast-yaml.ts";
import type { FastDocument, ItemPlace } from "./fast-yaml.ts";
import type { FieldPath } from "./finding.ts";
import { linePositions } from "./line-positions.ts";
import type { YamlDocument, YamlFile } from "./yaml-file.ts";
import type { Place } from "./yaml-place.ts";

/** Documents in one file that are looked at one by one; above it the careful reader refuses the file. */
const MAX_DOCUMENTS = 10_000;

/**
 * All documents of a text in YAML 1.2 (and so JSON), with merge keys (`<<`) as kubectl has them.
 *
 * A fast reader takes the documents that are written as most are; `yaml` reads the others, and finds the places of
 * fields where they are asked for. Never throws, and takes time in proportion to the text. Pure.
 */
export function readYaml(text: string): YamlFile {
  const parts = splitDocuments(text);
  const [only] = parts;
  // What is one document stays one: it need not be read twice.
  if (parts.length === 1 && only !== undefined && only.body === 0) {
    const fast = readFast(text, 0);
    if (fast === undefined) return composeYaml(text);
    const documents = fast.isEmpty ? [] : [fastDocument(only, fast)];
    return { documents, problems: [], positionAt: linePositions(text) };
  }
  const documents = parts.length > MAX_DOCUMENTS ? undefined : readParts(parts);
  if (documents === undefined) return composeYaml(text);
  return { documents, problems: [], positionAt: linePositions(text) };
}

/** A document with the line that begins it. */
interface Part {
  readonly text: string;
  readonly offset: number;
  /** Where its content begins: behind the line with `---`. */
  readonly body: number;
}

function readParts(parts: readonly Part[]): readonly YamlDocument[] | undefined {
  const documents: YamlDocument[] = [];
  for (const part of parts) {
    const fast = part.body < 0 ? undefined : readFast(part.text, part.body);
    // Comments before the first `---` are no document.
    if (fast?.isEmpty === true && part.body === 0) continue;
    const document = fast === undefined ? readCarefully(part) : fastDocument(part, fast);
    if (document === undefined) return undefined;
    documents.push(document);
  }
  return documents;
}

function fastDocument(part: Part, fast: FastDocument): YamlDocument {
  // Read once, even when that fails: the text may be too large for it.
  let careful: { readonly document: YamlDocument | undefined } | undefined;
  let item: { readonly index: number; readonly document: YamlDocument | undefined } | undefined;
  const start = part.offset + fast.offset;
  const locateInItem = (index: number, path: FieldPath, on: "key" | "value"): Place | undefined => {
    const place = fast.items[index];
    if (place === undefined) return undefined;
    if (path.length === 0) return { offset: part.offset + place.start };
    if (item?.index !== index) item = { index, document: readItem(part, place) };
    return item.document?.locate(path, on);
  };
  return {
    value: fast.value,
    problems: [],
    warnings: [],
    locate: (path, on) => {
      if (path.length === 0) return { offset: start };
      const [first, index, ...rest] = path;
      if (first === "items" && typeof index === "number" && (on === "value" || rest.length > 0)) {
        const place = locateInItem(index, rest, on);
        if (place !== undefined) return place;
      }
      careful ??= { document: readCarefully(part) };
      return careful.document?.locate(path, on) ?? { offset: start };
    },
  };
}

/** One item of a List: for a place in it, the others need not be read. */
function readItem({ text, offset }: Part, { start, end }: ItemPlace): YamlDocument | undefined {
  const column = start - (text.lastIndexOf("\n", start - 1) + 1);
  const padded = " ".repeat(column) + text.slice(start, end);
  return readCarefully({ text: padded, offset: offset + start - column, body: 0 });
}

/** A part by itself, where it means the same as in its file: without directives, and without a mistake. */
function readCarefully({ text, offset }: Part): YamlDocument | undefined {
  if (/^(?:%|\.\.\.)/m.test(text)) return undefined;
  const { documents, problems } = composeYaml(text);
  const [document] = documents;
  if (document === undefined || documents.length > 1 || problems.length > 0) return undefined;
  if (document.problems.length > 0) return undefined;
  return {
    ...document,
    warnings: document.warnings.map((warning) => ({ ...warning, offset: warning.offset + offset })),
    locate: (path, on) => {
      const place = document.locate(path, on);
      return { ...place, offset: place.offset + offset };
    },
  };
}

/** Lines that begin with `---` part the documents, wherever they stand. */
function splitDocuments(text: string): readonly Part[] {
  const starts: number[] = [];
  if (isMarker(text, 0)) starts.push(0);
  for (let end = text.indexOf("\n---"); end >= 0; end = text.indexOf("\n---", end + 1)) {
    if (isMarker(text, end + 1)) starts.push(end + 1);
    if (starts.length > MAX_DOCUMENTS) break;
  }
  if (starts.length === 0) return [{ text, offset: 0, body: 0 }];
  const parts = starts.map((start, index) => {
    const part = text.slice(start, starts[index + 1] ?? text.length);
    return { text: part, offset: start, body: bodyOf(part) };
  });
  const [first = 0] = starts;
  return first === 0 ? parts : [{ text: text.slice(0, first), offset: 0, body: 0 }, ...parts];
}

function isMarker(text: string, start: number): boolean {
  return text.startsWith("---", start) && /^(?:[ \t\r\n]|$)/.test(text.slice(start + 3, start + 4));
}

/** -1 when more than a comment stands behind the `---`. */
function bodyOf(part: string): number {
  const end = part.indexOf("\n");
  const line = part.slice(3, end < 0 ? part.length : end);
  if (!/^ *(?: #.*)?$/.test(line)) return -1;
  return end < 0 ? part.length : end + 1;
}
