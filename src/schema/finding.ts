import type { ProblemCode } from "./problem-codes.ts";

/** Names of fields and places in lists, from the root of an object. */
export type FieldPath = readonly (string | number)[];

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

/** `spec.containers[0].image`; names with dots stand in brackets: `metadata.labels["a.b/c"]`. Pure. */
export function formatPath(path: FieldPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(part)) text += `[${quote(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
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
