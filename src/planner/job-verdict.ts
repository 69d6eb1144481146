import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { isTrue, setCondition } from "../model/condition.ts";
import type { Condition } from "../model/meta.ts";
import type { Job } from "../model/kinds.gen.ts";
import { restartsOf, type JobTally } from "./job-tally.ts";

/** How a Job ends. */
export interface JobVerdict {
  readonly kind: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
}

const COMPLETE: JobVerdict = {
  kind: "Complete",
  reason: "CompletionsReached",
  message: "Reached expected number of succeeded pods",
};
const BACKOFF_LIMIT: JobVerdict = {
  kind: "Failed",
  reason: "BackoffLimitExceeded",
  message: "Job has reached the specified backoff limit",
};
const DEADLINE: JobVerdict = {
  kind: "Failed",
  reason: "DeadlineExceeded",
  message: "Job was active longer than specified deadline",
};

/** Whether the Job has come to its end. Pure. */
export function isJobFinished({ status }: Job): boolean {
  return isTrue(status?.conditions, "Complete") || isTrue(status?.conditions, "Failed");
}

/** What is to become of the Job; `undefined` while it goes on. A verdict once given stays. Pure. */
export function judgeJob(job: Job, tally: JobTally, now: Millis): JobVerdict | undefined {
  const { spec, status } = job;
  const given = status?.conditions?.find(
    ({ type, status: is }) =>
      is === "True" && (type === "FailureTarget" || type === "SuccessCriteriaMet"),
  );
  if (given !== undefined) {
    const { type, reason = "", message = "" } = given;
    return { kind: type === "FailureTarget" ? "Failed" : "Complete", reason, message };
  }
  if (tally.failed > spec.backoffLimit || hasRestartedTooOften(job, tally)) return BACKOFF_LIMIT;
  const deadline = deadlineAt(job);
  if (deadline !== undefined && spec.suspend !== true && now >= deadline) return DEADLINE;
  return isDone(job, tally) ? COMPLETE : undefined;
}

/** When the Job will have been active for too long. Pure. */
export function deadlineAt({ spec, status }: Job): Millis | undefined {
  const start = parseTime(status?.startTime);
  const { activeDeadlineSeconds } = spec;
  if (start === undefined || activeDeadlineSeconds === undefined) return undefined;
  return start + activeDeadlineSeconds * 1000;
}

/** The conditions that tell the verdict: at once that it is given, and its end once no pod runs any more. Pure. */
export function verdictConditions(
  conditions: readonly Condition[] | undefined,
  { kind, reason, message }: JobVerdict,
  isOver: boolean,
  now: Millis,
): readonly Condition[] {
  const time = formatTime(now);
  const type = kind === "Complete" ? "SuccessCriteriaMet" : "FailureTarget";
  const given = setCondition(conditions, { type, status: "True", reason, message }, time);
  return isOver
    ? setCondition(given, { type: kind, status: "True", reason, message }, time)
    : given;
}

/** Pods that restart in place do not fail: their restarts count instead. */
function hasRestartedTooOften({ spec }: Job, { active }: JobTally): boolean {
  if (spec.template.spec.restartPolicy !== "OnFailure") return false;
  const restarts = restartsOf(active);
  return spec.backoffLimit === 0 ? restarts > 0 : restarts >= spec.backoffLimit;
}

/** Without `completions`, one success and nobody working any more is the end. */
function isDone({ spec }: Job, { succeeded, active }: JobTally): boolean {
  if (spec.completions === undefined) return succeeded > 0 && active.length === 0;
  return succeeded >= spec.completions;
}
