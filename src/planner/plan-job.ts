import { sortedBy } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step, type StepReason } from "../model/plan.ts";
import type { Job, Pod } from "../model/kinds.gen.ts";
import { claimObjects } from "./claim.ts";
import { planFinishedJob } from "./job-end.ts";
import { firstMissing, hasIndex, NO_INDEXES, withIndexes } from "./job-indexes.ts";
import {
  completionIndex,
  CONTROLLER_UID_LABEL,
  isIndexed,
  isTracked,
  jobPods,
  tracked,
  untracked,
  type PodWish,
} from "./job-pod.ts";
import { jobStatus, statusEvents } from "./job-status.ts";
import {
  isLeaving,
  nextAttemptAt,
  nextIndexAttemptAt,
  replacesOnlyFailed,
  tallyJob,
  type JobTally,
} from "./job-tally.ts";
import { deadlineAt, givenVerdict, isJobFinished, judgeJob } from "./job-verdict.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { earlier, isActive } from "./pod-state.ts";
import { chooseVictims } from "./victims.ts";
import type { World } from "./world.ts";

/** Pods made or ended by one plan. */
const MAX_PODS_PER_PLAN = 500;

/**
 * A Job's pods until enough have succeeded, or it has failed: at most `parallelism` at a time, each end counted once, new
 * attempts later and later. Pure.
 */
export function planJob(world: World, job: Job): Plan {
  if (isEnding(job)) return { steps: podsOfJob(world, job).flatMap(forgetPod) };
  if (job.spec.selector === undefined) return { steps: [generateSelector(job)] };
  const adopted = adoptPods(world, job);
  const pods = podsOfJob(world, job);
  if (isJobFinished(job)) return planFinishedJob(world, job, pods);

  const tally = tallyJob(job, pods, givenVerdict(job) !== undefined);
  const verdict = judgeJob(job, tally, world.now);
  const manage =
    verdict === undefined
      ? managePods(world, job, pods, tally)
      : endPods(job, [...tally.active, ...tally.condemned], "JobFinished");
  const status = jobStatus(world.now, job, tally, verdict);
  const steps: Step[] = [
    ...adopted,
    ...tally.settled.map((pod): Step => ({
      kind: "update",
      object: untracked(pod),
      reason: "JobPodCounted",
    })),
    ...manage.steps,
  ];
  if (!isSameJson(status, job.status)) {
    const object = { ...job, status } as Job;
    steps.push({ kind: "update-status", object, reason: "StatusChanged" });
    steps.push(...statusEvents(job, status));
  }
  const deadline = verdict === undefined ? deadlineAt({ ...job, status }) : undefined;
  const lookAgainAt = earlier(manage.lookAgainAt, deadline);
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
}

/** Whether a Job's pod has come to its end and is still to be counted: it is not collected before. Pure. */
export function isAwaitingCount(job: Job | undefined, pod: Pod): boolean {
  return job !== undefined && isTracked(pod) && !isJobFinished(job) && !isEnding(job);
}

/** A pod whose Job is not there any more, without the mark of counting: nobody else takes it away. Pure. */
export function forgetPod(pod: Pod): readonly Step[] {
  return isTracked(pod)
    ? [{ kind: "update", object: untracked(pod), reason: "JobPodCounted" }]
    : [];
}

function isEnding(job: Job): boolean {
  return job.metadata.deletionTimestamp !== undefined;
}

function podsOfJob(world: World, job: Job): readonly Pod[] {
  return sortedBy(podsOwnedBy(world, job.metadata.uid), ({ metadata }) => metadata.name);
}

/** Ours alone: no other pod has the uid of this Job. */
function generateSelector(job: Job): Step {
  const selector = { matchLabels: { [CONTROLLER_UID_LABEL]: job.metadata.uid ?? "" } };
  return {
    kind: "update",
    object: { ...job, spec: { ...job.spec, selector } } as Job,
    reason: "Declared",
  };
}

/** Only a selector of the user's own may choose pods that the Job has not made. */
function adoptPods(world: World, job: Job): readonly Step[] {
  if (job.spec.manualSelector !== true || isJobFinished(job)) return [];
  const claims = claimObjects<Pod>(world, job, job.spec.selector, {
    apiVersion: "v1",
    kind: "Pod",
  });
  return [
    ...claims.adopted.map((pod): Step => ({
      kind: "update",
      object: tracked(pod),
      reason: "Adopt",
    })),
    ...claims.released.map((pod): Step => ({
      kind: "update",
      object: untracked(pod),
      reason: "Release",
    })),
  ];
}

function managePods(world: World, job: Job, pods: readonly Pod[], tally: JobTally): Plan {
  if (job.spec.suspend === true) return retirePods(job, tally, tally.active, "JobSuspended");
  const wanted = wantedActive(job, tally);
  const surplus = choosePodsToEnd(job, tally, tally.active.length - wanted);
  if (surplus.length > 0 || tally.condemned.length > 0)
    return retirePods(job, tally, surplus, "SurplusReplica");
  const leaving = replacesOnlyFailed(job) ? tally.terminating : 0;
  const missing = Math.min(wanted - tally.active.length - leaving, MAX_PODS_PER_PLAN);
  if (missing <= 0 || isNamespaceTerminating(world, job.metadata.namespace)) return EMPTY_PLAN;
  const wishes = choosePodsToMake(world, job, pods, { tally, missing });
  const steps = jobPods(world, job, wishes.now).flatMap((pod) => makePod(job, pod));
  return wishes.lookAgainAt === undefined ? { steps } : { steps, lookAgainAt: wishes.lookAgainAt };
}

/** Never more than are still needed; without `completions`, nobody new once one has succeeded. */
function wantedActive({ spec }: Job, { succeeded, active }: JobTally): number {
  if (spec.completions !== undefined)
    return Math.max(0, Math.min(spec.parallelism, spec.completions - succeeded));
  return succeeded > 0 ? Math.min(active.length, spec.parallelism) : spec.parallelism;
}

/** Of an Indexed Job first those whose index is done, given up, beyond the end or worked on twice. */
function choosePodsToEnd(job: Job, tally: JobTally, surplus: number): readonly Pod[] {
  const needless = isIndexed(job.spec) ? needlessPods(job, tally) : [];
  const count = surplus - needless.length;
  if (count <= 0) return needless;
  const rest = tally.active.filter((pod) => !needless.includes(pod));
  return [...needless, ...chooseVictims(rest, count)];
}

function needlessPods({ spec }: Job, tally: JobTally): readonly Pod[] {
  const seen = new Set<number>();
  return tally.active.filter((pod) => {
    const index = completionIndex(pod);
    if (index === undefined || index >= (spec.completions ?? 0) || seen.has(index)) return true;
    seen.add(index);
    return hasIndex(tally.succeededIndexes, index) || hasIndex(tally.failedIndexes, index);
  });
}

interface Wishes {
  readonly now: readonly PodWish[];
  readonly lookAgainAt?: number;
}

function choosePodsToMake(
  world: World,
  job: Job,
  pods: readonly Pod[],
  { tally, missing }: { readonly tally: JobTally; readonly missing: number },
): Wishes {
  const isPerIndex = isIndexed(job.spec) && job.spec.backoffLimitPerIndex !== undefined;
  const at = isPerIndex ? 0 : nextAttemptAt(job, pods);
  if (at > world.now) return { now: [], lookAgainAt: at };
  if (!isIndexed(job.spec)) return { now: Array.from({ length: missing }, () => ({})) };
  const busy = pods
    .filter((pod) => isActive(pod) || (isLeaving(pod) && replacesOnlyFailed(job)))
    .flatMap((pod) => completionIndex(pod) ?? []);
  const taken = [tally.succeededIndexes, tally.failedIndexes, withIndexes(NO_INDEXES, busy)];
  const waiting = [...tally.lastFailures].filter(([, pod]) => nextIndexAttemptAt(pod) > world.now);
  const resting = withIndexes(
    NO_INDEXES,
    waiting.map(([index]) => index),
  );
  const indexes = firstMissing([...taken, resting], job.spec.completions ?? 0, missing);
  const now = indexes.map((index) => ({ index, after: tally.lastFailures.get(index) }));
  if (waiting.length === 0) return { now };
  return { now, lookAgainAt: Math.min(...waiting.map(([, pod]) => nextIndexAttemptAt(pod))) };
}

function makePod(job: Job, pod: Pod): readonly Step[] {
  const message = `Created pod: ${pod.metadata.name}`;
  return [
    { kind: "create", object: pod, reason: "JobPod" },
    { kind: "event", about: job, type: "Normal", reason: "SuccessfulCreate", message },
  ];
}

/** A pod that the Job itself ends is no failure: it loses its mark first, and goes in the next plan. */
function retirePods(
  job: Job,
  { condemned }: JobTally,
  victims: readonly Pod[],
  reason: StepReason,
): Plan {
  const marks = victims
    .slice(0, MAX_PODS_PER_PLAN)
    .map((pod): Step => ({ kind: "update", object: untracked(pod), reason }));
  return { steps: [...marks, ...endPods(job, condemned, reason).steps] };
}

function endPods(job: Job, pods: readonly Pod[], reason: StepReason): Plan {
  const steps = pods.slice(0, MAX_PODS_PER_PLAN).flatMap((pod): readonly Step[] => {
    const { name, uid = "" } = pod.metadata;
    const message = `Deleted pod: ${name}`;
    return [
      { kind: "delete", ref: refOf(pod), uid, reason },
      { kind: "event", about: job, type: "Normal", reason: "SuccessfulDelete", message },
    ];
  });
  return { steps };
}
