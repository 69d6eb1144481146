/** What `berth doctor` finds, in the words of whoever looked. */
export interface Finding {
  /** What was looked at, in kebab-case: stable. */
  readonly check: string;
  readonly status: "ok" | "warning" | "problem";
  /** Of the node that looked. */
  readonly node: string;
  /** The node that it is about, when it is another one. */
  readonly peer?: string;
  readonly message: string;
  /** What to do; absent when all is well. */
  readonly cure?: string;
}

/** The answer of one node. */
export interface DoctorReport {
  readonly node: string;
  readonly findings: readonly Finding[];
  /** The node's clock when it answered, in ms since the epoch. */
  readonly now: number;
}
