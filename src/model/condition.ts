import type { Condition } from "./meta.ts";

/** The condition of that type, if any. Pure. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** Whether the condition of that type is there and True. Pure. */
export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === "True";
}

/**
 * The list with `next` in it, in place of an older one of its type. `lastTransitionTime` moves to `now`
 * (RFC 3339) only when the status changes. The same array when nothing changes. Pure.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Condition,
  now: string,
): readonly Condition[] {
  const list = conditions ?? [];
  const previous = findCondition(list, next.type);
  if (previous === undefined) return [...list, { ...next, lastTransitionTime: now }];
  if (
    previous.status === next.status &&
    previous.reason === next.reason &&
    previous.message === next.message &&
    previous.observedGeneration === next.observedGeneration
  ) {
    return list;
  }
  const lastTransitionTime =
    previous.status === next.status ? (previous.lastTransitionTime ?? now) : now;
  return list.map((item) => (item === previous ? { ...next, lastTransitionTime } : item));
}
