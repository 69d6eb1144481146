import type { FieldPath } from "../model/field-path.ts";
import type { ProblemCode } from "./problem-codes.ts";

export { formatPath } from "../model/field-path.ts";
export type { FieldPath } from "../model/field-path.ts";

/** A problem of one object before it has a position in a file. */
export interface Finding {
  readonly code: ProblemCode;
  /** States what is and what must be, with the field's path. */
  readonly message: string;
  readonly path: FieldPath;
  /** Which half of `name: value` is wrong. Without it: the value. */
  readonly on?: "key" | "value";
  /** Harmless: the manifest is taken all the same. */
  readonly harmless?: boolean;
  readonly hint?: string;
  /** The cure is to put the value in quotes as it is written: where the text is known, the hint repeats it. */
  readonly unquoted?: boolean;
}

/** A mistake in the text itself. `offset` counts UTF-16 units from the start of the file. */
export interface TextProblem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly offset: number;
  readonly hint?: string;
}

/** Longest piece of a user's value that a message repeats. */
const MAX_SHOWN = 60;

/** A value as a message names it: short, in quotes when it is text. Pure. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  if (typeof value === "string") return value === "" ? "empty" : quote(value);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : typeof value;
}

/** Text in double quotes, without control characters, cut when long. Pure. */
export function quote(text: string): string {
  const short = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return JSON.stringify(short);
}

/** `a, b or c`. Pure. */
export function listWords(words: readonly string[], joint: "or" | "and" = "or"): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1) ?? ""}`;
}
