import { parsePattern } from "./safe-pattern-parse.ts";
import type { Pattern } from "./safe-pattern-parse.ts";

/** Steps of one pattern's machine: repeated groups are written out. */
const MAX_STEPS = 2000;
/** Characters times steps of one test, about a quarter of a second. */
const MAX_WORK = 20_000_000;

/** Whether a pattern is found in a text; `undefined` when text and pattern are too long for each other. */
export type PatternTest = (text: string) => boolean | undefined;

type Step =
  | { readonly kind: "one"; readonly accepts: (code: number) => boolean }
  | { readonly kind: "split"; readonly to: readonly number[] }
  | { readonly kind: "start" | "end" | "found" };

/**
 * A test for a pattern in the syntax that Kubernetes has it in (RE2), which users may write as they like: it takes time
 * in proportion to the text, whatever the pattern. `undefined` when the pattern is broken, too large, or has what this
 * reader does not know (flags, word borders, classes of Unicode). Pure.
 */
export function safePattern(source: string): PatternTest | undefined {
  const pattern = parsePattern(source);
  if (pattern === undefined) return undefined;
  const steps: Step[] = [];
  if (!compile(pattern, steps)) return undefined;
  steps.push({ kind: "found" });
  return (text) => (text.length * steps.length > MAX_WORK ? undefined : run(steps, text));
}

/** Adds the steps of a pattern; false when they are too many. Each part ends where the next one begins. */
function compile(pattern: Pattern, steps: Step[]): boolean {
  if (steps.length > MAX_STEPS) return false;
  switch (pattern.kind) {
    case "one":
    case "start":
    case "end":
      steps.push(pattern);
      return true;
    case "sequence":
      return pattern.parts.every((part) => compile(part, steps));
    case "choice":
      return compileChoice(pattern.parts, steps);
    case "repeat":
      return compileRepeat(pattern, steps);
    default:
      return false;
  }
}

function compileChoice(parts: readonly Pattern[], steps: Step[]): boolean {
  const starts: number[] = [];
  const ends: number[] = [];
  const fork = steps.push({ kind: "split", to: starts }) - 1;
  for (const part of parts) {
    starts.push(steps.length);
    if (!compile(part, steps)) return false;
    ends.push(steps.push({ kind: "split", to: [] }) - 1);
  }
  for (const end of ends) steps[end] = { kind: "split", to: [steps.length] };
  return fork < MAX_STEPS;
}

function compileRepeat(
  { part, least, most }: Extract<Pattern, { readonly kind: "repeat" }>,
  steps: Step[],
): boolean {
  for (let count = 0; count < least; count++) if (!compile(part, steps)) return false;
  if (most === Infinity) {
    const fork = steps.push({ kind: "split", to: [] }) - 1;
    if (!compile(part, steps)) return false;
    steps.push({ kind: "split", to: [fork] });
    steps[fork] = { kind: "split", to: [fork + 1, steps.length] };
    return true;
  }
  const forks: number[] = [];
  for (let count = least; count < most; count++) {
    forks.push(steps.push({ kind: "split", to: [] }) - 1);
    if (!compile(part, steps)) return false;
  }
  for (const fork of forks) steps[fork] = { kind: "split", to: [fork + 1, steps.length] };
  return true;
}

/** All places of the machine at once, character by character: nothing is ever tried twice. */
function run(steps: readonly Step[], text: string): boolean {
  let current = new Set<number>();
  let index = 0;
  for (;;) {
    // A match may begin anywhere.
    const isAt = { start: index === 0, end: index >= text.length };
    if (enter(steps, 0, isAt, current)) return true;
    if (isAt.end) return false;
    const code = text.codePointAt(index) ?? 0;
    index += code > 0xffff ? 2 : 1;
    const next = new Set<number>();
    const after = { start: false, end: index >= text.length };
    for (const place of current) {
      const step = steps[place];
      if (step?.kind !== "one" || !step.accepts(code)) continue;
      if (enter(steps, place + 1, after, next)) return true;
    }
    current = next;
  }
}

/** Adds a place and all that can be reached from it without a character; true when that is the end of the pattern. */
function enter(
  steps: readonly Step[],
  from: number,
  isAt: { readonly start: boolean; readonly end: boolean },
  places: Set<number>,
): boolean {
  const waiting = [from];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (places.has(place)) continue;
    places.add(place);
    const step = steps[place];
    if (step === undefined) continue;
    if (step.kind === "found") return true;
    if (step.kind === "split") waiting.push(...step.to);
    else if ((step.kind === "start" && isAt.start) || (step.kind === "end" && isAt.end)) {
      waiting.push(place + 1);
    }
  }
  return false;
}
