import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import { parseTime, type Millis } from "../base/clock.ts";
import { sortedBy } from "../base/order.ts";
import { findCondition } from "../model/condition.ts";
import type { Job, Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import { isActive, isReady, isTerminating } from "./pod-state.ts";

/**
 * Stands on a Job's pod until its end is counted. Counting takes three writes, each of which may be lost or repeated:
 * the Job's status takes up the pod's uid together with the count; the pod loses this finalizer; the uid leaves the status.
 * So no pod is counted twice, none is forgotten, and the list of uids stays short. Removal does not wait for the
 * finalizer: a pod that is removed in the moment between its end and its count is replaced, never counted.
 */
export const JOB_TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking";

/** Kubernetes': the first new attempt after 10 s, later ones after twice as long each, at most six minutes. */
const BACKOFF: BackoffPolicy = { baseMs: 10_000, maxMs: 360_000 };

/** How a Job's pods stand, with those counted that came to their end since the last look. */
export interface JobTally {
  readonly active: readonly Pod[];
  readonly ready: number;
  /** Neither at their end nor active: asked to end, and not gone yet. */
  readonly ending: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Pods that are in the counts and still carry the finalizer: to be kept in the status. */
  readonly countedUids: readonly string[];
  /** Those of them that the stored status has already: the finalizer may go. */
  readonly settled: readonly Pod[];
}

/**
 * Counts the pods of a Job. A pod that was asked to end and then failed was ended by someone: it is replaced, and no
 * failure of the Job's. Pure.
 */
export function tallyJob({ status = {} }: Job, pods: readonly Pod[]): JobTally {
  const known = new Set(status.countedPodUids);
  const tracked = sortedBy(pods.filter(isTracked), uidOf);
  const fresh = tracked.filter((pod) => !known.has(uidOf(pod)));
  const succeeded = fresh.filter((pod) => pod.status?.phase === "Succeeded");
  const failed = fresh.filter((pod) => pod.status?.phase === "Failed" && !isTerminating(pod));
  const settled = tracked.filter((pod) => known.has(uidOf(pod)));
  const active = pods.filter(isActive);
  return {
    active,
    ready: active.filter(isReady).length,
    ending: pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length,
    succeeded: (status.succeeded ?? 0) + succeeded.length,
    failed: (status.failed ?? 0) + failed.length,
    countedUids: [...settled, ...succeeded, ...failed].map(uidOf).toSorted(),
    settled,
  };
}

/** Whether the pod's end is still to be counted, or being counted. Pure. */
export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(JOB_TRACKING_FINALIZER) ?? false;
}

/** The pod without the finalizer. Pure. */
export function untracked(pod: Pod): Pod {
  const finalizers = (pod.metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== JOB_TRACKING_FINALIZER,
  );
  return { ...pod, metadata: { ...pod.metadata, finalizers } };
}

/** When the next pod may be made, after the failures since the last success; 0 for at once. Pure. */
export function nextAttemptAt(pods: readonly Pod[]): Millis {
  const ends = pods
    .filter((pod) => isFinished(pod) && !isTerminating(pod))
    .map((pod) => ({ at: finishedAt(pod), hasFailed: pod.status?.phase === "Failed" }))
    .toSorted((a, b) => a.at - b.at);
  const failures = ends.slice(ends.findLastIndex(({ hasFailed }) => !hasFailed) + 1);
  const last = failures.at(-1);
  return last === undefined ? 0 : last.at + backoffMs(BACKOFF, failures.length);
}

/** Restarts of all containers of pods that are restarted in place. Pure. */
export function restartsOf(pods: readonly Pod[]): number {
  return pods
    .flatMap(({ status }) => [
      ...(status?.initContainerStatuses ?? []),
      ...(status?.containerStatuses ?? []),
    ])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
}

/** When the pod came to its end: its last container's, else when it stopped being Ready. */
function finishedAt({ status, metadata }: Pod): Millis {
  const times = (status?.containerStatuses ?? []).flatMap(
    ({ state }) => parseTime(state.terminated?.finishedAt) ?? [],
  );
  if (times.length > 0) return Math.max(...times);
  const ready = findCondition(status?.conditions, "Ready");
  return parseTime(ready?.lastTransitionTime) ?? parseTime(metadata.creationTimestamp) ?? 0;
}

function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? "";
}
