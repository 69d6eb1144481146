import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { canonicalJson } from "../base/hash.ts";
import { sortedBy } from "../base/order.ts";
import { APP_LABEL } from "../model/app.ts";
import { findCondition, isTrue, setCondition } from "../model/condition.ts";
import { refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step, type StepReason } from "../model/plan.ts";
import type { Job, JobStatus, Pod, PodTemplateSpec } from "../model/kinds.gen.ts";
import {
  isTracked,
  JOB_TRACKING_FINALIZER,
  nextAttemptAt,
  tallyJob,
  untracked,
  type JobTally,
} from "./job-tally.ts";
import {
  deadlineAt,
  isJobFinished,
  judgeJob,
  verdictConditions,
  type JobVerdict,
} from "./job-verdict.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import { newPods } from "./new-pods.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { isFinished } from "../model/pod-phase.ts";
import { earlier } from "./pod-state.ts";
import { chooseVictims } from "./victims.ts";
import type { World } from "./world.ts";

/** Pods made or ended by one plan. */
const MAX_PODS_PER_PLAN = 500;
const CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid";

/**
 * A Job's pods until enough have succeeded, or it has failed: at most `parallelism` at a time, each end counted once, new
 * attempts later and later. Pure.
 */
export function planJob(world: World, job: Job): Plan {
  if (job.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  if (job.spec.selector === undefined) return { steps: [generateSelector(job)] };
  const pods = sortedBy(podsOwnedBy(world, job.metadata.uid), ({ metadata }) => metadata.name);
  if (isJobFinished(job)) return planFinished(world, job, pods);

  const tally = tallyJob(job, pods);
  const verdict = judgeJob(job, tally, world.now);
  const manage =
    verdict === undefined
      ? managePods(world, job, pods, tally)
      : endAll(job, tally.active, "JobFinished");
  const status = nextStatus(world.now, job, tally, verdict);
  const steps: Step[] = [
    ...tally.settled.map((pod): Step => ({
      kind: "update",
      object: untracked(pod),
      reason: "JobPodCounted",
    })),
    ...manage.steps,
  ];
  if (canonicalJson(status) !== canonicalJson(job.status)) {
    steps.push({
      kind: "update-status",
      object: { ...job, status } as Job,
      reason: "StatusChanged",
    });
    steps.push(...statusEvents(job, status));
  }
  const deadline = verdict === undefined ? deadlineAt({ ...job, status }) : undefined;
  const lookAgainAt = earlier(manage.lookAgainAt, deadline);
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
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

function managePods(world: World, job: Job, pods: readonly Pod[], tally: JobTally): Plan {
  if (job.spec.suspend === true) return endAll(job, tally.active, "JobSuspended");
  const wanted = wantedActive(job, tally);
  const surplus = tally.active.length - wanted;
  if (surplus > 0) {
    const victims = chooseVictims(tally.active, surplus, tally.active);
    return endAll(job, victims, "SurplusReplica");
  }
  if (surplus === 0 || isNamespaceTerminating(world, job.metadata.namespace)) return EMPTY_PLAN;
  const at = nextAttemptAt(pods);
  if (at > world.now) return { steps: [], lookAgainAt: at };
  const made = newPods(world, job, podTemplate(job), Math.min(-surplus, MAX_PODS_PER_PLAN));
  return { steps: made.flatMap((pod) => makePod(job, pod)) };
}

/** Never more than are still needed; without `completions`, nobody new once one has succeeded. */
function wantedActive({ spec }: Job, { succeeded, active }: JobTally): number {
  if (spec.completions !== undefined)
    return Math.min(spec.parallelism, spec.completions - succeeded);
  return succeeded > 0 ? Math.min(active.length, spec.parallelism) : spec.parallelism;
}

function podTemplate(job: Job): PodTemplateSpec {
  const { name, uid = "" } = job.metadata;
  const { template } = job.spec;
  const labels = {
    ...template.metadata?.labels,
    [CONTROLLER_UID_LABEL]: uid,
    "batch.kubernetes.io/job-name": name,
    "controller-uid": uid,
    "job-name": name,
  };
  const finalizers = [...(template.metadata?.finalizers ?? []), JOB_TRACKING_FINALIZER];
  return { ...template, metadata: { ...template.metadata, labels, finalizers } };
}

function makePod(job: Job, pod: Pod): readonly Step[] {
  const message = `Created pod: ${pod.metadata.name}`;
  return [
    { kind: "create", object: pod, reason: "JobPod" },
    { kind: "event", about: job, type: "Normal", reason: "SuccessfulCreate", message },
  ];
}

function endAll(job: Job, pods: readonly Pod[], reason: StepReason): Plan {
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

function nextStatus(
  now: Millis,
  job: Job,
  tally: JobTally,
  verdict: JobVerdict | undefined,
): JobStatus {
  const { status = {} } = job;
  const isSuspended = job.spec.suspend === true && verdict === undefined;
  const time = formatTime(now);
  const isOver = verdict !== undefined && tally.active.length === 0 && tally.ending === 0;
  let conditions = suspendedConditions(job, isSuspended, time);
  if (verdict !== undefined) conditions = verdictConditions(conditions, verdict, isOver, now);
  const startTime = isSuspended ? undefined : (status.startTime ?? time);
  const active = tally.active.length;
  return {
    ...(startTime === undefined ? {} : { startTime }),
    ...(isOver && verdict.kind === "Complete" ? { completionTime: time } : {}),
    ...(active > 0 ? { active } : {}),
    ready: tally.ready,
    ...(tally.succeeded > 0 ? { succeeded: tally.succeeded } : {}),
    ...(tally.failed > 0 ? { failed: tally.failed } : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(tally.countedUids.length > 0 ? { countedPodUids: tally.countedUids } : {}),
  };
}

function suspendedConditions(
  { status }: Job,
  isSuspended: boolean,
  time: string,
): NonNullable<JobStatus["conditions"]> {
  const conditions = status?.conditions ?? [];
  if (isSuspended)
    return setCondition(
      conditions,
      { type: "Suspended", status: "True", reason: "JobSuspended", message: "Job suspended" },
      time,
    );
  if (!isTrue(conditions, "Suspended")) return conditions;
  return setCondition(
    conditions,
    { type: "Suspended", status: "False", reason: "JobResumed", message: "Job resumed" },
    time,
  );
}

/** What Kubernetes tells when a Job stops, goes on, or ends. */
function statusEvents(job: Job, status: JobStatus): readonly Step[] {
  const before = job.status?.conditions;
  const hasTurned = (type: string): boolean =>
    isTrue(status.conditions, type) && !isTrue(before, type);
  const tell = (type: "Normal" | "Warning", reason: string, message: string): Step => ({
    kind: "event",
    about: job,
    type,
    reason,
    message,
  });
  const failed = findCondition(status.conditions, "Failed");
  return [
    ...(hasTurned("Suspended") ? [tell("Normal", "Suspended", "Job suspended")] : []),
    ...(isTrue(before, "Suspended") && !isTrue(status.conditions, "Suspended")
      ? [tell("Normal", "Resumed", "Job resumed")]
      : []),
    ...(hasTurned("Complete") ? [tell("Normal", "Completed", "Job completed")] : []),
    ...(hasTurned("Failed")
      ? [tell("Warning", failed?.reason ?? "Failed", failed?.message ?? "")]
      : []),
  ];
}

/** After the end: the marks of counting go, and in its time the Job, unless Git declares it. */
function planFinished(world: World, job: Job, pods: readonly Pod[]): Plan {
  const marked = pods.filter(isTracked);
  const steps: Step[] = [
    ...marked.map((pod): Step => ({
      kind: "update",
      object: untracked(pod),
      reason: "JobPodCounted",
    })),
    ...endAll(
      job,
      pods.filter((pod) => !isFinished(pod) && pod.metadata.deletionTimestamp === undefined),
      "JobFinished",
    ).steps,
  ];
  const { countedPodUids, ...status } = job.status ?? {};
  if (marked.length === 0 && countedPodUids !== undefined)
    steps.push({
      kind: "update-status",
      object: { ...job, status } as Job,
      reason: "StatusChanged",
    });
  const expiresAt = expiryOf(job);
  if (expiresAt === undefined) return { steps };
  if (world.now < expiresAt) return { steps, lookAgainAt: expiresAt };
  return { steps: expire(job, pods) };
}

function expiryOf({ spec, status }: Job): Millis | undefined {
  const { ttlSecondsAfterFinished } = spec;
  if (ttlSecondsAfterFinished === undefined) return undefined;
  const end = findCondition(
    status?.conditions,
    isTrue(status?.conditions, "Complete") ? "Complete" : "Failed",
  );
  const at = parseTime(end?.lastTransitionTime);
  return at === undefined ? undefined : at + ttlSecondsAfterFinished * 1000;
}

/** A Job that Git declares would come back and run again if it went: only its pods go. */
function expire(job: Job, pods: readonly Pod[]): readonly Step[] {
  const gone = job.metadata.labels?.[APP_LABEL] === undefined ? [job] : pods;
  return gone.map((object) => ({
    kind: "delete",
    ref: refOf(object),
    uid: object.metadata.uid ?? "",
    reason: "TtlExpired",
  }));
}
