import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { isTrue, setCondition } from "../model/condition.ts";
import type { Condition } from "../model/meta.ts";
import type { Job, SuccessPolicyRule } from "../model/kinds.gen.ts";
import { countIndexes, hasIndex, parseIndexes, type IndexSet } from "./job-indexes.ts";
import { isIndexed } from "./job-pod.ts";
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
const TOO_MANY_FAILED_INDEXES: JobVerdict = {
  kind: "Failed",
  reason: "MaxFailedIndexesExceeded",
  message: "Job has exceeded the specified maximal number of failed indexes",
};
const FAILED_INDEXES: JobVerdict = {
  kind: "Failed",
  reason: "FailedIndexes",
  message: "Job has failed indexes",
};

/** The rules by which a Job ends, in Kubernetes' order: the first that gives a verdict decides. */
const RULES: readonly ((job: Job, tally: JobTally, now: Millis) => JobVerdict | undefined)[] = [
  (_, { failJobMessage }) =>
    failJobMessage === undefined
      ? undefined
      : { kind: "Failed", reason: "PodFailurePolicy", message: failJobMessage },
  (job, tally) =>
    tally.failed > job.spec.backoffLimit || hasRestartedTooOften(job, tally)
      ? BACKOFF_LIMIT
      : undefined,
  (job, _, now) => (isTooLate(job, now) ? DEADLINE : undefined),
  ({ spec }, { failedIndexes }) =>
    spec.maxFailedIndexes !== undefined && countIndexes(failedIndexes) > spec.maxFailedIndexes
      ? TOO_MANY_FAILED_INDEXES
      : undefined,
  ({ spec }, { failedIndexes, succeededIndexes }) => {
    const failed = countIndexes(failedIndexes);
    const isOver = failed + countIndexes(succeededIndexes) >= (spec.completions ?? 0);
    return failed > 0 && isOver ? FAILED_INDEXES : undefined;
  },
  (job, tally) => matchSuccessPolicy(job, tally.succeededIndexes),
  (job, tally) => (isDone(job, tally) ? COMPLETE : undefined),
];

/** Whether the Job has come to its end. Pure. */
export function isJobFinished({ status }: Job): boolean {
  return isTrue(status?.conditions, "Complete") || isTrue(status?.conditions, "Failed");
}

/** The verdict that the Job's status has already: it stays. Pure. */
export function givenVerdict({ status }: Job): JobVerdict | undefined {
  const given = status?.conditions?.find(
    ({ type, status: is }) =>
      is === "True" && (type === "FailureTarget" || type === "SuccessCriteriaMet"),
  );
  if (given === undefined) return undefined;
  const { type, reason = "", message = "" } = given;
  return { kind: type === "FailureTarget" ? "Failed" : "Complete", reason, message };
}

/** What is to become of the Job; `undefined` while it goes on. A verdict once given stays. Pure. */
export function judgeJob(job: Job, tally: JobTally, now: Millis): JobVerdict | undefined {
  const given = givenVerdict(job);
  if (given !== undefined) return given;
  for (const rule of RULES) {
    const verdict = rule(job, tally, now);
    if (verdict !== undefined) return verdict;
  }
  return undefined;
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

function isTooLate(job: Job, now: Millis): boolean {
  const deadline = deadlineAt(job);
  return deadline !== undefined && job.spec.suspend !== true && now >= deadline;
}

/** Without `completions`, one success and nobody working any more is the end. */
function isDone({ spec }: Job, { succeeded, active }: JobTally): boolean {
  if (spec.completions === undefined) return succeeded > 0 && active.length === 0;
  return succeeded >= spec.completions;
}

function matchSuccessPolicy({ spec }: Job, succeeded: IndexSet): JobVerdict | undefined {
  if (!isIndexed(spec)) return undefined;
  const { completions = 0, successPolicy } = spec;
  const index = (successPolicy?.rules ?? []).findIndex((rule) =>
    isRuleMet(rule, succeeded, completions),
  );
  if (index < 0) return undefined;
  const message = `Matched rules at index ${index}`;
  return { kind: "Complete", reason: "SuccessPolicy", message };
}

function isRuleMet(
  { succeededIndexes, succeededCount }: SuccessPolicyRule,
  succeeded: IndexSet,
  completions: number,
): boolean {
  if (succeededIndexes === undefined)
    return succeededCount !== undefined && countIndexes(succeeded) >= succeededCount;
  const wanted = parseIndexes(succeededIndexes, completions);
  const done = countCommon(wanted, succeeded);
  return done >= (succeededCount ?? countIndexes(wanted));
}

function countCommon(wanted: IndexSet, succeeded: IndexSet): number {
  let count = 0;
  for (const [first, last] of wanted)
    for (let index = first; index <= last; index += 1) if (hasIndex(succeeded, index)) count += 1;
  return count;
}
