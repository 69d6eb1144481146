import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import { parseTime, type Millis } from "../base/clock.ts";
import { sortedBy } from "../base/order.ts";
import { findCondition } from "../model/condition.ts";
import type { Job, Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import { matchFailurePolicy } from "./job-failure-policy.ts";
import {
  countIndexes,
  hasIndex,
  NO_INDEXES,
  parseIndexes,
  withIndexes,
  type IndexSet,
} from "./job-indexes.ts";
import { completionIndex, indexFailures, isIndexed, isTracked, uidOf } from "./job-pod.ts";
import { isActive, isReady, isTerminating } from "./pod-state.ts";

/** Kubernetes': the first new attempt after 10 s, later ones after twice as long each, at most ten minutes. */
const BACKOFF: BackoffPolicy = { baseMs: 10_000, maxMs: 600_000 };
/** Uids that wait in a status to be counted at most: the next look takes up the rest. */
const MAX_UNCOUNTED = 500;

/**
 * How a Job's pods stand, with those counted that came to their end since the last look.
 *
 * Counting takes three writes, each of which may be lost or repeated: the pod's uid goes into
 * `uncountedTerminatedPods`; the pod loses its finalizer; the uid leaves the list and the count goes up. So no pod is
 * counted twice, none is forgotten, and the list stays short. An index that succeeded needs no uid: it is in the set or not.
 */
export interface JobTally {
  /** Pods at work that this Job wants to keep. */
  readonly active: readonly Pod[];
  /** Pods at work that have lost their finalizer: they are on their way out and count as nothing. */
  readonly condemned: readonly Pod[];
  readonly ready: number;
  /** Asked to end, and not at their end yet. */
  readonly terminating: number;
  /** With those that are still to be counted. */
  readonly succeeded: number;
  readonly failed: number;
  /** What the status has counted for good. */
  readonly counted: { readonly succeeded: number; readonly failed: number };
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** Pods whose finalizer may go: the stored status knows of their end. */
  readonly settled: readonly Pod[];
  readonly succeededIndexes: IndexSet;
  /** With `backoffLimitPerIndex`: indexes that are not tried again. */
  readonly failedIndexes: IndexSet;
  /** By index: the failed pod that the next attempt takes its count of failures from. */
  readonly lastFailures: ReadonlyMap<number, Pod>;
  /** Of the first pod that a FailJob rule is met by. */
  readonly failJobMessage?: string;
}

/** Counts the pods of a Job. `isEnding`: its verdict is given, and whatever still works has failed. Pure. */
export function tallyJob(job: Job, all: readonly Pod[], isEnding = false): JobTally {
  const { status = {}, spec } = job;
  const pods = sortedBy(all, uidOf);
  const tracked = pods.filter(isTracked);
  const active = pods.filter(isActive);
  const failed = tracked.filter((pod) => hasFailed(job, pod) || (isEnding && isTerminating(pod)));
  const failedSet = new Set(failed);
  const succeeded = tracked.filter(
    (pod) => pod.status?.phase === "Succeeded" && !failedSet.has(pod),
  );
  const indexes = tallyIndexes(job, { succeeded, failed, active: active.filter(isTracked) });
  const held = new Set(isEnding ? [] : indexes.lastFailures.values());
  const ended = countEnds(job, { pods, succeeded, failed: failed.filter((pod) => !held.has(pod)) });
  const fail = failed
    .map((pod) => matchFailurePolicy(job, pod))
    .find((match) => match?.action === "FailJob");
  const isIndexedJob = isIndexed(spec);
  const heldCount = failed.filter((pod) => held.has(pod) && isCounted(job, pod)).length;
  return {
    active: active.filter(isTracked),
    condemned: active.filter((pod) => !isTracked(pod)),
    ready: active.filter(isReady).length,
    terminating: pods.filter(isLeaving).length,
    succeeded: isIndexedJob
      ? countIndexes(indexes.succeededIndexes)
      : ended.counted.succeeded + ended.uncounted.succeeded.length,
    failed: ended.counted.failed + ended.uncounted.failed.length + heldCount,
    counted: isIndexedJob
      ? {
          ...ended.counted,
          succeeded: countIndexes(parseIndexes(status.completedIndexes, spec.completions ?? 0)),
        }
      : ended.counted,
    uncounted: ended.uncounted,
    settled: ended.settled,
    ...indexes,
    ...(fail === undefined ? {} : { failJobMessage: fail.message }),
  };
}

/** A pod that ends before its work is done has failed, unless only those in phase Failed are replaced. */
function hasFailed(job: Job, pod: Pod): boolean {
  if (pod.status?.phase === "Failed") return true;
  if (pod.status?.phase === "Succeeded" || !isTerminating(pod)) return false;
  return !replacesOnlyFailed(job) || !isLeaving(pod);
}

/** Asked to end, and its node has not ended it yet. Pure. */
export function isLeaving(pod: Pod): boolean {
  return isTerminating(pod) && !isFinished(pod) && pod.metadata.deletionGracePeriodSeconds !== 0;
}

/** Whether a pod that is on its way out keeps its place until it is gone. Pure. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec.podReplacementPolicy === "Failed" || spec.podFailurePolicy !== undefined;
}

/** Whether the failure goes into the counts: a rule may say that it is to be ignored. */
function isCounted(job: Job, pod: Pod): boolean {
  return matchFailurePolicy(job, pod)?.action !== "Ignore";
}

interface Ends {
  readonly succeeded: readonly Pod[];
  readonly failed: readonly Pod[];
}

function countEnds(
  job: Job,
  { pods, succeeded, failed }: Ends & { readonly pods: readonly Pod[] },
): Pick<JobTally, "counted" | "uncounted" | "settled"> {
  const { spec, status = {} } = job;
  const known = status.uncountedTerminatedPods ?? {};
  const marked = new Set(pods.filter(isTracked).map(uidOf));
  const isOpen = (uid: string): boolean => marked.has(uid);
  const open = {
    succeeded: (known.succeeded ?? []).filter(isOpen),
    failed: (known.failed ?? []).filter(isOpen),
  };
  const counted = {
    succeeded: (status.succeeded ?? 0) + (known.succeeded ?? []).length - open.succeeded.length,
    failed: (status.failed ?? 0) + (known.failed ?? []).length - open.failed.length,
  };
  const seen = new Set([...open.succeeded, ...open.failed]);
  const room = Math.max(0, MAX_UNCOUNTED - seen.size);
  const isFresh = (pod: Pod): boolean => !seen.has(uidOf(pod));
  const freshFailed = failed.filter((pod) => isFresh(pod) && isCounted(job, pod)).slice(0, room);
  const ignored = failed.filter((pod) => isFresh(pod) && !isCounted(job, pod));
  const settled = [...succeeded, ...failed].filter((pod) => seen.has(uidOf(pod)));
  if (isIndexed(spec)) {
    const done = parseIndexes(status.completedIndexes, spec.completions ?? 0);
    const isKnown = (pod: Pod): boolean => hasIndex(done, completionIndex(pod) ?? -1);
    const isForeign = (pod: Pod): boolean => !isWithin(job, pod);
    return {
      counted,
      uncounted: {
        succeeded: [],
        failed: [
          ...open.failed,
          ...freshFailed.filter((pod) => !isForeign(pod)).map(uidOf),
        ].toSorted(),
      },
      settled: [
        ...new Set([
          ...settled,
          ...ignored,
          ...succeeded.filter((pod) => isKnown(pod) || isForeign(pod)),
          ...failed.filter(isForeign),
        ]),
      ],
    };
  }
  const freshSucceeded = succeeded.filter(isFresh).slice(0, Math.max(0, room - freshFailed.length));
  return {
    counted,
    uncounted: {
      succeeded: [...open.succeeded, ...freshSucceeded.map(uidOf)].toSorted(),
      failed: [...open.failed, ...freshFailed.map(uidOf)].toSorted(),
    },
    settled: [...settled, ...ignored],
  };
}

function tallyIndexes(
  job: Job,
  { succeeded, failed, active }: Ends & { readonly active: readonly Pod[] },
): Pick<JobTally, "succeededIndexes" | "failedIndexes" | "lastFailures"> {
  const { spec, status } = job;
  const { completions = 0, backoffLimitPerIndex: limit } = spec;
  if (!isIndexed(spec))
    return { succeededIndexes: NO_INDEXES, failedIndexes: NO_INDEXES, lastFailures: new Map() };
  const within = (pods: readonly Pod[]): readonly Pod[] => pods.filter((pod) => isWithin(job, pod));
  const indexOf = (pod: Pod): number => completionIndex(pod) ?? -1;
  const done = parseIndexes(status?.completedIndexes, completions);
  const succeededIndexes = withIndexes(done, within(succeeded).map(indexOf));
  if (limit === undefined)
    return { succeededIndexes, failedIndexes: NO_INDEXES, lastFailures: new Map() };
  const givenUp = within(failed).filter((pod) => isIndexFailed(job, pod, limit));
  const failedIndexes = withIndexes(
    parseIndexes(status?.failedIndexes, completions),
    givenUp.map(indexOf).filter((index) => !hasIndex(succeededIndexes, index)),
  );
  const busy = new Set(active.map(indexOf));
  const lastFailures = new Map<number, Pod>();
  for (const pod of within(failed).toSorted((a, b) => finishedAt(a) - finishedAt(b))) {
    const index = indexOf(pod);
    const isOver = hasIndex(succeededIndexes, index) || hasIndex(failedIndexes, index);
    if (!isOver && !busy.has(index)) lastFailures.set(index, pod);
  }
  return { succeededIndexes, failedIndexes, lastFailures };
}

function isIndexFailed(job: Job, pod: Pod, limit: number): boolean {
  const action = matchFailurePolicy(job, pod)?.action;
  if (action === "FailIndex") return true;
  return action !== "Ignore" && indexFailures(pod).counted >= limit;
}

function isWithin({ spec }: Job, pod: Pod): boolean {
  const index = completionIndex(pod);
  return index !== undefined && index < (spec.completions ?? 0);
}

/** When the next pod may be made, after the failures since the last success; 0 for at once. Pure. */
export function nextAttemptAt(job: Job, pods: readonly Pod[]): Millis {
  const ends = pods
    .filter((pod) => pod.status?.phase === "Succeeded" || hasFailed(job, pod))
    .map((pod) => ({ at: finishedAt(pod), hasFailed: pod.status?.phase !== "Succeeded" }))
    .toSorted((a, b) => a.at - b.at);
  const failures = ends.slice(ends.findLastIndex((end) => !end.hasFailed) + 1);
  const last = failures.at(-1);
  return last === undefined ? 0 : last.at + backoffMs(BACKOFF, failures.length);
}

/** When an index may be tried again after its last failed pod. Pure. */
export function nextIndexAttemptAt(pod: Pod): Millis {
  const { counted, ignored } = indexFailures(pod);
  return finishedAt(pod) + backoffMs(BACKOFF, counted + ignored + 1);
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

/** When the pod came to its end: its last container's, else when it was deleted or stopped being Ready. */
function finishedAt({ status, metadata }: Pod): Millis {
  const times = (status?.containerStatuses ?? []).flatMap(
    ({ state }) => parseTime(state.terminated?.finishedAt) ?? [],
  );
  if (times.length > 0) return Math.max(...times);
  const deleted = parseTime(metadata.deletionTimestamp);
  if (deleted !== undefined) return deleted - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const ready = findCondition(status?.conditions, "Ready");
  return parseTime(ready?.lastTransitionTime) ?? parseTime(metadata.creationTimestamp) ?? 0;
}
