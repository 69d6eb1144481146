import type { Position, Problem } from "../model/problem.ts";

/** Columns of a source line that are shown around the place. */
const MAX_WIDTH = 120;
/** What precedes the place when a long line is cut. */
const LEAD = 40;

export type Severity = "error" | "warning";

/**
 * A problem as compilers print it: place and message, the line of the source, a caret, the hint.
 * `text` is the content of the problem's file; without it only the message is printed. Pure.
 */
export function printProblem(
  problem: Problem,
  text: string | undefined,
  severity: Severity,
): string {
  const { at, message, code, hint } = problem;
  const lines = [`${at.file}:${at.line}:${at.column}: ${severity}: ${message} [${code}]`];
  const source = text === undefined ? undefined : lineOf(text, at.line);
  if (source !== undefined && source.trim() !== "") {
    const { line, caret } = cut(source, at.column);
    const number = String(at.line).padStart(5);
    lines.push(`${number} | ${line}`, `${" ".repeat(number.length)} | ${" ".repeat(caret)}^`);
  }
  if (hint !== undefined) lines.push(`        hint: ${hint}`);
  return lines.map(harmless).join("\n");
}

/** Problems in their order, a blank line between each two. `textOf` gives the content of a file, if it is at hand. Pure. */
export function printProblems(
  problems: readonly Problem[],
  textOf: (file: string) => string | undefined,
  severity: Severity = "error",
): string {
  return problems
    .map((problem) => printProblem(problem, textOf(problem.at.file), severity))
    .join("\n\n");
}

/** The word, name or quoted text that stands at a place; empty where there is none. Pure. */
export function tokenAt(text: string, { line, column }: Pick<Position, "line" | "column">): string {
  const rest = lineOf(text, line)?.slice(column - 1) ?? "";
  return /^(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s,:\]}#]+)/.exec(rest)?.[0] ?? "";
}

function lineOf(text: string, number: number): string | undefined {
  let start = 0;
  for (let line = 1; line < number; line++) {
    const end = text.indexOf("\n", start);
    if (end < 0) return undefined;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end < 0 ? text.length : end).replace(/\r$/, "");
}

function cut(source: string, column: number): { readonly line: string; readonly caret: number } {
  const at = Math.min(column - 1, source.length);
  if (source.length <= MAX_WIDTH) return { line: source, caret: at };
  const from = Math.max(0, at - LEAD);
  const piece = source.slice(from, from + MAX_WIDTH);
  const head = from > 0 ? "…" : "";
  const tail = from + MAX_WIDTH < source.length ? "…" : "";
  return { line: head + piece + tail, caret: head.length + at - from };
}

/** Control characters of a manifest must not reach a terminal, nor those that turn the direction of text. */
function harmless(line: string): string {
  return line.replaceAll("\t", " ").replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, "\u00B7");
}
