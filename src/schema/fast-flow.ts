import {
  checkName,
  checkPlainStart,
  COLON,
  COMMA,
  countValue,
  DOT,
  doubt,
  HASH,
  isBreak,
  isQuote,
  NEWLINE,
  plainScalar,
  readQuoted,
  SPACE,
  TAB,
} from "./fast-scalar.ts";
import type { Cursor } from "./fast-scalar.ts";

const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_MAP = 0x7b;
const CLOSE_MAP = 0x7d;
const RETURN = 0x0d;

/** Where a flow collection stands. */
export interface FlowPlace {
  /** Column of what holds it: its further lines stand more to the right. -1 for the root. */
  readonly column: number;
  readonly depth: number;
  readonly maxDepth: number;
}

/** Whether a `[…]` or `{…}` begins. Pure. */
export function isFlowStart(code: number): boolean {
  return code === OPEN_LIST || code === OPEN_MAP;
}

/** A list or map in brackets, on one line or several; JSON among them. The cursor goes behind it. */
export function readFlow(cursor: Cursor, place: FlowPlace): unknown {
  if (place.depth > place.maxDepth) doubt();
  const inner = { ...place, depth: place.depth + 1 };
  const isList = cursor.text.charCodeAt(cursor.pos) === OPEN_LIST;
  cursor.pos++;
  return isList ? readList(cursor, inner) : readMap(cursor, inner);
}

function readList(cursor: Cursor, place: FlowPlace): readonly unknown[] {
  const list: unknown[] = [];
  let code = skipSpace(cursor, place);
  if (code === CLOSE_LIST) {
    cursor.pos++;
    return list;
  }
  for (;;) {
    countValue(cursor);
    list.push(readValue(cursor, place, undefined));
    code = skipSpace(cursor, place);
    cursor.pos++;
    if (code === CLOSE_LIST) return list;
    if (code !== COMMA) doubt();
    skipSpace(cursor, place);
  }
}

function readMap(cursor: Cursor, place: FlowPlace): Record<string, unknown> {
  const map: Record<string, unknown> = {};
  let code = skipSpace(cursor, place);
  if (code === CLOSE_MAP) {
    cursor.pos++;
    return map;
  }
  for (;;) {
    countValue(cursor);
    const name = readName(cursor);
    if (Object.hasOwn(map, name)) doubt();
    skipSpace(cursor, place);
    map[name] = readValue(cursor, place, name);
    code = skipSpace(cursor, place);
    cursor.pos++;
    if (code === CLOSE_MAP) return map;
    if (code !== COMMA) doubt();
    skipSpace(cursor, place);
  }
}

/** A name with its colon. Plain names have a space behind it: `{a:1}` is a name without a value. */
function readName(cursor: Cursor): string {
  const { text } = cursor;
  const code = text.charCodeAt(cursor.pos);
  const quoted = isQuote(code);
  const name = quoted ? readQuoted(cursor, code) : scanFlowPlain(cursor, code);
  while (text.charCodeAt(cursor.pos) === SPACE) cursor.pos++;
  if (text.charCodeAt(cursor.pos) !== COLON) doubt();
  cursor.pos++;
  if (!quoted && !isBreak(text.charCodeAt(cursor.pos))) doubt();
  return checkName(name, !quoted);
}

function readValue(cursor: Cursor, place: FlowPlace, field: string | undefined): unknown {
  const code = cursor.text.charCodeAt(cursor.pos);
  if (isQuote(code)) return readQuoted(cursor, code);
  if (isFlowStart(code)) return readFlow(cursor, place);
  return plainScalar(scanFlowPlain(cursor, code), field);
}

function scanFlowPlain(cursor: Cursor, first: number): string {
  checkPlainStart(cursor, first);
  const { text } = cursor;
  const start = cursor.pos;
  let pos = start;
  let end = start;
  for (;;) {
    const code = text.charCodeAt(pos);
    if (code === NEWLINE || Number.isNaN(code) || isFlowSign(code)) break;
    if (code === COLON && endsName(text.charCodeAt(pos + 1))) break;
    if (code === TAB || code === RETURN || (code === HASH && end !== pos)) doubt();
    pos++;
    if (code !== SPACE) end = pos;
  }
  if (end === start || (end === start + 1 && text[start] === "-")) doubt();
  cursor.pos = pos;
  return text.slice(start, end);
}

function endsName(next: number): boolean {
  return isBreak(next) || next === TAB || isFlowSign(next);
}

function isFlowSign(code: number): boolean {
  return code === COMMA || code === CLOSE_LIST || code === CLOSE_MAP || isFlowStart(code);
}

/** Spaces and line ends between the parts; gives the character behind them. Comments are left to the other reader. */
function skipSpace(cursor: Cursor, { column }: FlowPlace): number {
  const { text } = cursor;
  for (;;) {
    const code = text.charCodeAt(cursor.pos);
    if (code === NEWLINE) skipIndent(cursor, column);
    else if (code === SPACE) cursor.pos++;
    else if (code === HASH || code === TAB || Number.isNaN(code)) doubt();
    else return code;
  }
}

function skipIndent(cursor: Cursor, column: number): void {
  const { text } = cursor;
  const start = ++cursor.pos;
  let pos = start;
  while (text.charCodeAt(pos) === SPACE) pos++;
  const indent = pos - start;
  // At the root nothing is indented by tabs: JSON has them.
  if (column < 0) while (text.charCodeAt(pos) === TAB || text.charCodeAt(pos) === SPACE) pos++;
  cursor.pos = pos;
  const code = text.charCodeAt(pos);
  if (code === NEWLINE) return;
  if (indent <= column || (indent === 0 && code === DOT)) doubt();
}
