import { readBlockScalar } from "./fast-block-scalar.ts";
import { isFlowStart, readFlow } from "./fast-flow.ts";
import {
  checkName,
  checkPlainStart,
  COLON,
  countValue,
  DASH,
  DOT,
  Doubt,
  doubt,
  HASH,
  isBreak,
  isQuote,
  NEWLINE,
  plainScalar,
  readQuoted,
  scanPlain,
  SPACE,
  TAB,
} from "./fast-scalar.ts";
import type { Cursor } from "./fast-scalar.ts";

/** What is deeper is left to the other reader, which has a limit of its own above this one. */
const MAX_DEPTH = 80;
/** Maps, lists and scalars of one document; the other reader refuses what has more. */
const MAX_VALUES = 300_000;
const LITERAL = 0x7c;
const FOLDED = 0x3e;

export interface FastDocument {
  readonly value: unknown;
  /** Where its first character stands that is no comment. */
  readonly offset: number;
  /** Nothing but comments is in it. */
  readonly isEmpty: boolean;
  /** The items of a List, where they stand in lines of their own. */
  readonly items: readonly ItemPlace[];
}

/** Where an item of a List stands. */
export interface ItemPlace {
  /** Its first character, behind the dash. */
  readonly start: number;
  /** Behind its last line. */
  readonly end: number;
}

interface Reader extends Cursor {
  readonly items: ItemPlace[];
}

/**
 * One document in the form that most manifests have: maps and lists in blocks or on one line, plain and quoted text,
 * `|` and `>`, comments, JSON. `undefined` when anything else is in it, or when it may have a mistake or deserve a
 * warning: then `yaml` must read it. Whenever there is a value, `yaml` gives the same one.
 *
 * Never throws, and takes time in proportion to the text. `start` is behind the line with `---`. Pure.
 */
export function readFast(text: string, start: number): FastDocument | undefined {
  // Line ends of Windows, and marks of byte order within the text.
  if (text.includes("\r") || text.includes("\uFEFF")) return undefined;
  const reader: Reader = { text, pos: start, indent: 0, left: MAX_VALUES, items: [] };
  try {
    nextLine(reader);
    const offset = reader.pos;
    if (reader.indent < 0) return { value: null, offset, isEmpty: true, items: [] };
    const value = readBlock(reader, reader.indent, 0);
    if (reader.indent >= 0) doubt();
    return { value, offset, isEmpty: false, items: reader.items };
  } catch (error) {
    if (error instanceof Doubt) return undefined;
    throw error;
  }
}

/** Goes from the start of a line to the next content: behind empty lines, comments and the spaces before it. */
function nextLine(reader: Reader): void {
  const { text } = reader;
  let { pos } = reader;
  for (;;) {
    const start = pos;
    let code = text.charCodeAt(pos);
    while (code === SPACE) code = text.charCodeAt(++pos);
    if (code === NEWLINE) pos++;
    else if (code === HASH) pos = behindLine(text, pos);
    else {
      if (code === TAB) doubt();
      reader.pos = pos;
      reader.indent = Number.isNaN(code) ? -1 : pos - start;
      if (reader.indent === 0 && (code === DASH || code === DOT)) checkMarker(text, pos);
      return;
    }
  }
}

function checkMarker(text: string, pos: number): void {
  if (text.startsWith("---", pos) || text.startsWith("...", pos)) doubt();
}

function behindLine(text: string, pos: number): number {
  const end = text.indexOf("\n", pos);
  return end < 0 ? text.length : end + 1;
}

/** Behind a value: the rest of its line has nothing but a comment. Goes to the next content. */
function endLine(reader: Reader): void {
  const { text } = reader;
  const start = reader.pos;
  let pos = start;
  let code = text.charCodeAt(pos);
  while (code === SPACE) code = text.charCodeAt(++pos);
  if (code === NEWLINE) reader.pos = pos + 1;
  else if (Number.isNaN(code)) reader.pos = pos;
  else if (code === HASH && pos > start) reader.pos = behindLine(text, pos);
  else doubt();
  nextLine(reader);
}

/** What begins at the cursor, which is the first character of a line, or of what stands behind `- `. */
function readBlock(reader: Reader, column: number, depth: number): unknown {
  if (depth > MAX_DEPTH) doubt();
  const code = reader.text.charCodeAt(reader.pos);
  if (isItem(reader, code)) return readList(reader, column, depth);
  if (isFlowStart(code)) {
    if (depth > 0) doubt();
    const value = readFlow(reader, { column: -1, depth, maxDepth: MAX_DEPTH });
    endLine(reader);
    return value;
  }
  return readMap(reader, { column, depth, first: readName(reader) });
}

function isItem({ text, pos }: Cursor, code: number): boolean {
  return code === DASH && isBreak(text.charCodeAt(pos + 1));
}

interface MapPlace {
  readonly column: number;
  readonly depth: number;
  /** Its first name: the cursor is behind the colon. */
  readonly first: string;
}

function readMap(reader: Reader, { column, depth, first }: MapPlace): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  let name = first;
  for (;;) {
    countValue(reader);
    map[name] = readMapValue(reader, { column, depth, first: name });
    if (reader.indent < column) return map;
    if (reader.indent > column) doubt();
    name = readName(reader);
    if (Object.hasOwn(map, name)) doubt();
  }
}

/** A name with its colon. */
function readName(reader: Reader): string {
  const { text } = reader;
  const code = text.charCodeAt(reader.pos);
  const quoted = isQuote(code);
  if (!quoted) checkPlainStart(reader, code);
  const name = quoted ? readQuoted(reader, code) : scanPlain(reader);
  passColon(reader);
  return checkName(name, !quoted);
}

function passColon(reader: Reader): void {
  const { text, pos } = reader;
  if (text.charCodeAt(pos) !== COLON || !isBreak(text.charCodeAt(pos + 1))) doubt();
  reader.pos = pos + 1;
}

function readMapValue(reader: Reader, { column, depth, first: name }: MapPlace): unknown {
  const code = skipSpaces(reader);
  if (code !== NEWLINE && code !== HASH && !Number.isNaN(code)) {
    return readInline(reader, code, { column, depth, first: name });
  }
  endLine(reader);
  const { indent } = reader;
  const next = reader.text.charCodeAt(reader.pos);
  const isSibling = indent === column && isItem(reader, next);
  if (indent <= column && !isSibling) return null;
  if (depth !== 0 || name !== "items" || !isItem(reader, next)) {
    return readBlock(reader, indent, depth + 1);
  }
  return readList(reader, indent, depth + 1, reader.items);
}

function skipSpaces(reader: Reader): number {
  const { text } = reader;
  let code = text.charCodeAt(reader.pos);
  while (code === SPACE) code = text.charCodeAt(++reader.pos);
  return code;
}

/** A value on the line of its name or dash. */
function readInline(reader: Reader, code: number, { column, depth, first }: MapPlace): unknown {
  if (code === LITERAL || code === FOLDED) {
    const text = readBlockScalar(reader, column);
    nextLine(reader);
    return text;
  }
  let value: unknown;
  if (isQuote(code)) value = readQuoted(reader, code);
  else if (isFlowStart(code)) {
    value = readFlow(reader, { column, depth: depth + 1, maxDepth: MAX_DEPTH });
  } else {
    checkPlainStart(reader, code);
    value = plainScalar(scanPlain(reader), first);
  }
  endLine(reader);
  return value;
}

function readList(
  reader: Reader,
  column: number,
  depth: number,
  places?: ItemPlace[],
): readonly unknown[] {
  if (depth > MAX_DEPTH) doubt();
  const list: unknown[] = [];
  for (;;) {
    countValue(reader);
    reader.pos++;
    const dash = reader.pos - 1;
    skipSpaces(reader);
    const place = { start: reader.pos, end: 0 };
    list.push(readItem(reader, { column, depth, dash, place }));
    places?.push({ ...place, end: reader.pos - Math.max(reader.indent, 0) });
    if (reader.indent < column) return list;
    if (reader.indent > column) doubt();
    if (!isItem(reader, reader.text.charCodeAt(reader.pos))) return list;
  }
}

interface ListPlace {
  readonly column: number;
  readonly depth: number;
  readonly dash: number;
  /** Its start moves where nothing stands behind the dash. */
  readonly place: { start: number };
}

/** What stands behind a dash: nothing, a value, or a list or map that goes on in the column where it begins. */
function readItem(reader: Reader, { column, depth, dash, place }: ListPlace): unknown {
  const code = reader.text.charCodeAt(reader.pos);
  if (code === NEWLINE || code === HASH || Number.isNaN(code)) {
    endLine(reader);
    if (reader.indent <= column) return null;
    place.start = reader.pos;
    return readBlock(reader, reader.indent, depth + 1);
  }
  const inner = column + reader.pos - dash;
  if (isItem(reader, code)) return readList(reader, inner, depth + 1);
  if (code === LITERAL || code === FOLDED || isFlowStart(code)) {
    return readInline(reader, code, { column, depth, first: "" });
  }
  const quoted = isQuote(code);
  if (!quoted) checkPlainStart(reader, code);
  const text = quoted ? readQuoted(reader, code) : scanPlain(reader);
  if (reader.text.charCodeAt(reader.pos) === COLON) {
    passColon(reader);
    return readMap(reader, { column: inner, depth: depth + 1, first: checkName(text, !quoted) });
  }
  const value = quoted ? text : plainScalar(text, undefined);
  endLine(reader);
  return value;
}
