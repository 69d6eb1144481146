import type { Millis } from "../../base/clock.ts";

export type Cell = string | number | boolean | null;

/** One column of a kind's table, as `kubectl get` prints it. */
export interface Column<T> {
  readonly name: string;
  readonly type: "string" | "integer" | "date";
  readonly description: string;
  /** Shown only with `-o wide`. */
  readonly wide?: boolean;
  /** `name` marks the column that names the object. */
  readonly format?: "name";
  readonly cell: (object: T, now: Millis) => Cell;
}
