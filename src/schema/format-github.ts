import type { Problem } from "../model/problem.ts";
import type { Severity } from "./print-problems.ts";
import { tokenAt } from "./print-problems.ts";

/**
 * A problem as a workflow command of GitHub Actions, which shows it at its line of a pull request. `text` is the
 * content of the problem's file, if it is at hand. Pure.
 */
export function formatGithub(
  { at, code, message, hint }: Problem,
  text: string | undefined,
  severity: Severity,
): string {
  const width = text === undefined ? 0 : tokenAt(text, at).length;
  const properties = [
    `file=${escapeProperty(at.file)}`,
    `line=${at.line}`,
    `col=${at.column}`,
    `endColumn=${at.column + Math.max(1, width)}`,
    `title=${escapeProperty(code)}`,
  ];
  const said = hint === undefined ? message : `${message}; ${hint}`;
  return `::${severity} ${properties.join(",")}::${escapeData(said)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
