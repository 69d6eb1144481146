import type { Millis } from "./clock.ts";

export interface BackoffPolicy {
  readonly baseMs: Millis;
  readonly maxMs: Millis;
}

/** The wait after the n-th failure in a row (n ≥ 1): `baseMs` doubled each time, at most `maxMs`. Pure. */
export function backoffMs(policy: BackoffPolicy, failures: number): Millis {
  if (failures <= 0) return 0;
  return Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failures - 1, 40));
}
