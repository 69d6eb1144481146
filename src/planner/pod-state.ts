import { parseTime, type Millis } from "../base/clock.ts";
import { findCondition } from "../model/condition.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";

/** Whether the pod has been asked to end. Pure. */
export function isTerminating(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

/** Whether the pod counts as a replica: neither finished nor asked to end. Pure. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isTerminating(pod);
}

/** Whether the pod serves. Pure. */
export function isReady(pod: Pod): boolean {
  return findCondition(pod.status?.conditions, "Ready")?.status === "True";
}

/** Since when the pod has been Ready; `undefined` while it is not, or when nobody wrote it down. Pure. */
export function readySince(pod: Pod): Millis | undefined {
  const ready = findCondition(pod.status?.conditions, "Ready");
  return ready?.status === "True" ? parseTime(ready.lastTransitionTime) : undefined;
}

/** When a Ready pod has been Ready for long enough to count as available; `undefined` while it is not Ready. Pure. */
export function availableAt(pod: Pod, minReadySeconds: number): Millis | undefined {
  if (!isReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = readySince(pod);
  return since === undefined ? undefined : since + minReadySeconds * 1000;
}

/** How many of some pods are there, Ready, and available; and when the next Ready one will be available. */
export interface PodCounts {
  /** Pods that count as replicas. */
  readonly active: number;
  readonly ready: number;
  readonly available: number;
  readonly nextAvailableAt?: Millis;
}

/** Counts the active ones among `pods`. Pure. */
export function countPods(pods: readonly Pod[], minReadySeconds: number, now: Millis): PodCounts {
  let active = 0;
  let ready = 0;
  let available = 0;
  let next = Infinity;
  for (const pod of pods) {
    if (!isActive(pod)) continue;
    active += 1;
    if (!isReady(pod)) continue;
    ready += 1;
    const at = minReadySeconds === 0 ? 0 : availableAt(pod, minReadySeconds);
    if (at === undefined) continue;
    if (at <= now) available += 1;
    else next = Math.min(next, at);
  }
  const counts = { active, ready, available };
  return next === Infinity ? counts : { ...counts, nextAvailableAt: next };
}

/** The earlier of two times that may be absent. Pure. */
export function earlier(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
