import { invariant } from "../base/assert.ts";
import type { RollingUpdateDeployment } from "./kinds.gen.ts";

/** A count, or a share of a total such as `25%`. */
export type IntOrPercent = number | string;

/** Whether `value` is a whole number from 0, or a percentage such as `25%`. Pure. */
export function isIntOrPercent(value: unknown): value is IntOrPercent {
  if (typeof value === "string") return parsePercent(value) !== undefined;
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** 25 for `25%`; `undefined` for any other text. Pure. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d{1,6})%$/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/** The count that `value` means for `total`. Throws on what `isIntOrPercent` refuses. Pure. */
export function resolveIntOrPercent(
  value: IntOrPercent,
  total: number,
  rounding: "up" | "down",
): number {
  invariant(
    isIntOrPercent(value),
    `a count or a percentage expected, not ${JSON.stringify(value)}`,
  );
  if (typeof value === "number") return value;
  // Multiplied first: 7 % of 100 is 7.000000000000001 the other way round.
  const share = ((parsePercent(value) ?? 0) * total) / 100;
  return rounding === "up" ? Math.ceil(share) : Math.floor(share);
}

/** How many pods a rolling update may have above and below the wanted count. */
export interface RolloutLimits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/**
 * Kubernetes' rule: surge rounds up, unavailable down; should both come to 0, one may be unavailable. Both are 25 %
 * where nothing is said. Pure.
 */
export function resolveRolloutLimits(
  rollingUpdate: RollingUpdateDeployment = { maxSurge: "25%", maxUnavailable: "25%" },
  replicas: number,
): RolloutLimits {
  const maxSurge = resolveIntOrPercent(rollingUpdate.maxSurge, replicas, "up");
  const maxUnavailable = resolveIntOrPercent(rollingUpdate.maxUnavailable, replicas, "down");
  return maxSurge === 0 && maxUnavailable === 0
    ? { maxSurge, maxUnavailable: 1 }
    : { maxSurge, maxUnavailable };
}
