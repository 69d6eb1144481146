import type { FieldPath, TextProblem } from "./finding.ts";
import type { Place } from "./yaml-place.ts";

export interface YamlDocument {
  /** Plain maps, lists and scalars; `undefined` where the text has a mistake or the document is empty. */
  readonly value: unknown;
  readonly problems: readonly TextProblem[];
  /** What is taken, and read in another way by other programs. */
  readonly warnings: readonly TextProblem[];
  /** Where a field, or its name, stands; for a missing one: what should hold it. */
  readonly locate: (path: FieldPath, on: "key" | "value") => Place;
}

export interface YamlFile {
  readonly documents: readonly YamlDocument[];
  /** Why the file could not be read to its end. */
  readonly problems: readonly TextProblem[];
  /** Line and column, from 1, of an offset. */
  readonly positionAt: (offset: number) => { readonly line: number; readonly column: number };
}
