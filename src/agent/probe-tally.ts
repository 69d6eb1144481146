import type { Probe } from "../model/kinds.gen.ts";

export type ProbeKind = "startup" | "liveness" | "readiness";

/** Results in a row, and what they amount to. */
export interface ProbeTally {
  readonly passes: boolean;
  readonly successes: number;
  readonly failures: number;
}

/** Before the first probe: alive, but neither started nor ready. Pure. */
export function firstTally(kind: ProbeKind): ProbeTally {
  return { passes: kind === "liveness", successes: 0, failures: 0 };
}

/** The tally after one more result: it turns only once a threshold is reached. Pure. */
export function countResult(tally: ProbeTally, succeeded: boolean, probe: Probe): ProbeTally {
  if (succeeded) {
    const successes = tally.successes + 1;
    return { passes: tally.passes || successes >= probe.successThreshold, successes, failures: 0 };
  }
  const failures = tally.failures + 1;
  return { passes: tally.passes && failures < probe.failureThreshold, successes: 0, failures };
}
