import { formatTime, type Millis } from "../base/clock.ts";
import { findCondition, isTrue, setCondition } from "../model/condition.ts";
import type { Step } from "../model/plan.ts";
import type { Job, JobStatus } from "../model/kinds.gen.ts";
import { formatIndexes } from "./job-indexes.ts";
import { isIndexed } from "./job-pod.ts";
import type { JobTally } from "./job-tally.ts";
import { verdictConditions, type JobVerdict } from "./job-verdict.ts";

/** A Job's status after this look. Its end is told when no pod runs and none is left to be counted. Pure. */
export function jobStatus(
  now: Millis,
  job: Job,
  tally: JobTally,
  verdict: JobVerdict | undefined,
): JobStatus {
  const { status = {}, spec } = job;
  const isSuspended = spec.suspend === true && verdict === undefined;
  const time = formatTime(now);
  const isOver = verdict !== undefined && isQuiet(tally);
  let conditions = suspendedConditions(job, isSuspended, time);
  if (verdict !== undefined) conditions = verdictConditions(conditions, verdict, isOver, now);
  const startTime = isSuspended ? undefined : (status.startTime ?? time);
  const active = tally.active.length + tally.condemned.length;
  const { succeeded, failed } = tally.uncounted;
  const counted = isIndexed(spec) ? tally.succeeded : tally.counted.succeeded;
  return {
    ...(startTime === undefined ? {} : { startTime }),
    ...(isOver && verdict.kind === "Complete" ? { completionTime: time } : {}),
    ...(active > 0 ? { active } : {}),
    ready: tally.ready,
    terminating: tally.terminating,
    ...(counted > 0 ? { succeeded: counted } : {}),
    ...(tally.counted.failed > 0 ? { failed: tally.counted.failed } : {}),
    ...indexFields(job, tally),
    uncountedTerminatedPods: {
      ...(succeeded.length > 0 ? { succeeded } : {}),
      ...(failed.length > 0 ? { failed } : {}),
    },
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

/** What Kubernetes tells when a Job stops, goes on, or ends. Pure. */
export function statusEvents(job: Job, status: JobStatus): readonly Step[] {
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

function isQuiet({ active, condemned, terminating, uncounted, settled }: JobTally): boolean {
  const open = uncounted.succeeded.length + uncounted.failed.length + settled.length;
  return active.length + condemned.length + terminating + open === 0;
}

function indexFields(
  { spec }: Job,
  { succeededIndexes, failedIndexes }: JobTally,
): Pick<JobStatus, "completedIndexes" | "failedIndexes"> {
  if (!isIndexed(spec)) return {};
  return {
    ...(succeededIndexes.length > 0 ? { completedIndexes: formatIndexes(succeededIndexes) } : {}),
    ...(spec.backoffLimitPerIndex === undefined
      ? {}
      : { failedIndexes: formatIndexes(failedIndexes) }),
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
