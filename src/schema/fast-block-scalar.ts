import { DASH, doubt, NEWLINE, SPACE, TAB } from "./fast-scalar.ts";
import type { Cursor } from "./fast-scalar.ts";

const PLUS = 0x2b;
const FOLDED = 0x3e;

type Chomp = "clip" | "strip" | "keep";

/**
 * The text behind `|` or `>`, whose lines stand more to the right than `column`. The cursor goes to the start of the
 * line behind it. Indentation in the header, empty texts and odd spaces are left to the other reader.
 */
export function readBlockScalar(cursor: Cursor, column: number): string {
  const { text } = cursor;
  const folded = text.charCodeAt(cursor.pos) === FOLDED;
  const chomp = readHeader(cursor);
  let leading = 0;
  while (text.charCodeAt(cursor.pos) === NEWLINE) {
    cursor.pos++;
    leading++;
  }
  if (folded && leading > 0) doubt();
  const indent = measureIndent(text, cursor.pos);
  const first = text.charCodeAt(cursor.pos + indent);
  if (indent <= column || first === NEWLINE || first === TAB || Number.isNaN(first)) doubt();
  const { content, blanks } = readLines(cursor, indent, folded);
  const value = "\n".repeat(leading) + content;
  if (chomp === "strip") return value;
  return chomp === "clip" ? `${value}\n` : `${value}\n${"\n".repeat(blanks)}`;
}

function readHeader(cursor: Cursor): Chomp {
  const { text } = cursor;
  let chomp: Chomp = "clip";
  const code = text.charCodeAt(++cursor.pos);
  if (code === DASH || code === PLUS) {
    chomp = code === DASH ? "strip" : "keep";
    cursor.pos++;
  }
  if (text.charCodeAt(cursor.pos) !== NEWLINE) doubt();
  cursor.pos++;
  return chomp;
}

interface Lines {
  /** Without the line end of the last line. */
  readonly content: string;
  /** Empty lines at the end. */
  readonly blanks: number;
}

function readLines(cursor: Cursor, indent: number, folded: boolean): Lines {
  const { text } = cursor;
  let content = "";
  let blanks = 0;
  let isFirst = true;
  let start = cursor.pos;
  while (start < text.length) {
    const margin = start + indent;
    let pos = start;
    while (pos < margin && text.charCodeAt(pos) === SPACE) pos++;
    const code = text.charCodeAt(pos);
    if (Number.isNaN(code)) {
      // Spaces without a line end, behind the last line.
      if (pos > start) doubt();
      break;
    }
    if (code === NEWLINE) {
      blanks++;
      start = pos + 1;
      continue;
    }
    if (pos < margin) {
      if (code === TAB) doubt();
      break;
    }
    if ((code === SPACE || code === TAB) && (folded || isOnlySpace(text, pos))) doubt();
    const end = lineEnd(text, pos);
    content += separator(isFirst, folded, blanks) + text.slice(margin, end);
    isFirst = false;
    blanks = 0;
    start = end + 1;
  }
  cursor.pos = Math.min(start, text.length);
  return { content, blanks };
}

function separator(isFirst: boolean, folded: boolean, blanks: number): string {
  if (isFirst) return "";
  if (blanks === 0) return folded ? " " : "\n";
  return "\n".repeat(folded ? blanks : blanks + 1);
}

function measureIndent(text: string, start: number): number {
  let pos = start;
  while (text.charCodeAt(pos) === SPACE) pos++;
  return pos - start;
}

function isOnlySpace(text: string, start: number): boolean {
  let pos = start;
  while (text.charCodeAt(pos) === SPACE || text.charCodeAt(pos) === TAB) pos++;
  const code = text.charCodeAt(pos);
  return code === NEWLINE || Number.isNaN(code);
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end < 0 ? text.length : end;
}
