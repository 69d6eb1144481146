import { isMode, OCTAL_DIGITS, otherReading } from "./yaml-words.ts";

/** Where a reader stands in a text. */
export interface Cursor {
  readonly text: string;
  pos: number;
  /** Column of the line in hand, once `pos` is at its first character; -1 at the end of the text. */
  indent: number;
  /** Values that may still come. */
  left: number;
}

/** Thrown where the text is beyond what the fast reader knows; it never leaves `readFast`. */
export class Doubt extends Error {
  override readonly name = "Doubt";
}

const DOUBT = new Doubt();

/** Gives the document up. */
export function doubt(): never {
  throw DOUBT;
}

/** Before each entry of a map or list: gives up when there are too many. */
export function countValue(cursor: Cursor): void {
  if (--cursor.left < 0) doubt();
}

export const SPACE = 0x20;
export const NEWLINE = 0x0a;
export const TAB = 0x09;
export const HASH = 0x23;
export const COLON = 0x3a;
export const COMMA = 0x2c;
export const DASH = 0x2d;
export const DOT = 0x2e;
export const DOUBLE = 0x22;
const SINGLE = 0x27;
const BACKSLASH = 0x5c;
const RETURN = 0x0d;

/** Names that are longer are left to the other reader, which refuses them. */
const MAX_NAME = 1000;

/** A space, the end of a line or of the text. `charCodeAt` gives NaN behind the end. Pure. */
export function isBreak(code: number): boolean {
  return code === SPACE || code === NEWLINE || Number.isNaN(code);
}

export function isQuote(code: number): boolean {
  return code === DOUBLE || code === SINGLE;
}

/** The characters that plain text cannot begin with, or only in some places. */
const STARTS = new Uint8Array(128).fill(1);
for (const character of "\t\r,[]{}#&*!|>'\"%@`?:") STARTS[character.charCodeAt(0)] = 0;

/** Gives up unless plain text may begin at the cursor. */
export function checkPlainStart({ text, pos }: Cursor, code: number): void {
  if (code < 128 && STARTS[code] === 0) doubt();
  if (code === DASH && isBreak(text.charCodeAt(pos + 1))) doubt();
}

/** Text in quotes on one line. The cursor goes behind it. */
export function readQuoted(cursor: Cursor, code: number): string {
  return code === DOUBLE ? readDouble(cursor) : readSingle(cursor);
}

function readDouble(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.pos;
  let pos = start + 1;
  let escaped = false;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === DOUBLE) break;
    if (code === NEWLINE || Number.isNaN(code)) doubt();
    if (code === BACKSLASH) {
      escaped = true;
      pos++;
    }
    pos++;
  }
  cursor.pos = pos + 1;
  return escaped ? unescapeJson(text.slice(start, pos + 1)) : text.slice(start + 1, pos);
}

/** The escapes of JSON mean the same in YAML; others are left to the other reader. */
function unescapeJson(literal: string): string {
  try {
    return JSON.parse(literal) as string;
  } catch {
    return doubt();
  }
}

function readSingle(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.pos + 1;
  let pos = start;
  let doubled = false;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === NEWLINE || Number.isNaN(code)) doubt();
    if (code === SINGLE) {
      if (text.charCodeAt(pos + 1) !== SINGLE) break;
      doubled = true;
      pos++;
    }
    pos++;
  }
  cursor.pos = pos + 1;
  const inner = text.slice(start, pos);
  return doubled ? inner.replaceAll("''", "'") : inner;
}

/**
 * Plain text of a block up to the end of the line, a comment, or the colon of a name. The cursor goes behind its last
 * character that is no space.
 */
export function scanPlain(cursor: Cursor): string {
  const { text } = cursor;
  const start = cursor.pos;
  let pos = start;
  let end = start;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === NEWLINE || Number.isNaN(code)) break;
    if (code === COLON && isBreak(text.charCodeAt(pos + 1))) break;
    if (code === HASH && end !== pos) break;
    if (code === TAB || code === RETURN) doubt();
    pos++;
    if (code !== SPACE) end = pos;
  }
  cursor.pos = end;
  return text.slice(start, end);
}

/** A name as it stands in the map, or a doubt. Pure. */
export function checkName(name: string, isPlain: boolean): string {
  if (name === "" || name === "__proto__" || name.length > MAX_NAME) doubt();
  if (isPlain && (name === "<<" || otherReading(name, undefined) !== undefined)) doubt();
  return name;
}

const NUMBER = /^[-+]?(?:[0-9]+|\.[0-9]+|[0-9]+\.[0-9]*)$/;
const NOT_A_NUMBER = /^[-+]?\.(?:inf|nan)$/i;
const WITH_EXPONENT_OR_BASE =
  /^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+|0[ox][0-9a-fA-F]+)$/;
const LONGEST_WORD = 5;

const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ...["~", "null", "Null", "NULL"].map((word) => [word, null] as const),
  ...["true", "True", "TRUE"].map((word) => [word, true] as const),
  ...["false", "False", "FALSE"].map((word) => [word, false] as const),
]);

/** What plain text stands for: a number, true, false, null, or the text itself. `field` is its name. Pure. */
export function plainScalar(source: string, field: string | undefined): unknown {
  const first = source.charCodeAt(0);
  if (first > 0x39 || first < 0x2b) {
    if (source.length > LONGEST_WORD) return source;
    const word = WORDS.get(source);
    if (word !== undefined) return word;
    return otherReading(source, field) === undefined ? source : doubt();
  }
  if (otherReading(source, field) !== undefined) doubt();
  if (NUMBER.test(source)) {
    if (source.includes(".")) return Number.parseFloat(source);
    return Number.parseInt(source, isMode(field) && OCTAL_DIGITS.test(source) ? 8 : 10);
  }
  if (NOT_A_NUMBER.test(source) || WITH_EXPONENT_OR_BASE.test(source)) doubt();
  return source;
}
