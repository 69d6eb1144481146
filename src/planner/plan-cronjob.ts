import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { compare, sortedBy } from "../base/order.ts";
import { isSameJson } from "../base/same-json.ts";
import { isTrue } from "../model/condition.ts";
import { parseCronSchedule } from "../model/cron-schedule.ts";
import type { CronJob, CronJobStatus, Job, ObjectReference } from "../model/kinds.gen.ts";
import { controllerRef, refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step, type StepReason } from "../model/plan.ts";
import { cronDue, type CronDue } from "./cron-due.ts";
import { isJobFinished } from "./job-verdict.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import type { World } from "./world.ts";

const SCHEDULED_ANNOTATION = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/** Set by `kubectl create job --from`: such a Job is run by hand, and no run of the schedule. */
const INSTANTIATE_ANNOTATION = "cronjob.kubernetes.io/instantiate";
/** Jobs ended by one plan. */
const MAX_JOBS_PER_PLAN = 100;

/**
 * The Jobs of a CronJob: one for each time of its schedule that comes, named after its minute, so that no minute runs
 * twice; of times that were missed only the newest is made up for. Finished Jobs beyond the history go. Pure.
 */
export function planCronJob(world: World, cronJob: CronJob): Plan {
  if (cronJob.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const jobs = jobsOf(world, cronJob);
  const active = jobs.filter((job) => !isJobFinished(job) && !isManual(job));
  const run = planRun(world, cronJob, active);
  const status = nextStatus(cronJob, jobs, run.active, run.lastScheduleAt);
  const steps: Step[] = [
    ...run.steps,
    ...seenEvents(cronJob, jobs, run.active),
    ...limitHistory(cronJob, jobs),
  ];
  if (!isSameJson(status, cronJob.status ?? {}))
    steps.push({
      kind: "update-status",
      object: { ...cronJob, status } as CronJob,
      reason: "StatusChanged",
    });
  return run.lookAgainAt === undefined ? { steps } : { steps, lookAgainAt: run.lookAgainAt };
}

interface Run {
  readonly steps: readonly Step[];
  /** Jobs at work after the plan. */
  readonly active: readonly Job[];
  readonly lastScheduleAt?: Millis;
  readonly lookAgainAt?: Millis;
}

function planRun(world: World, cronJob: CronJob, active: readonly Job[]): Run {
  const { spec, metadata } = cronJob;
  const parsed = parseCronSchedule(spec.schedule, spec.timeZone);
  if (parsed.kind === "problem") {
    const { what, message } = parsed;
    const note =
      what === "timeZone"
        ? warn(cronJob, "UnknownTimeZone", `invalid timeZone: "${spec.timeZone ?? ""}": ${message}`)
        : warn(
            cronJob,
            "UnparseableSchedule",
            `unparseable schedule: "${spec.schedule}" : ${message}`,
          );
    return { steps: [note], active };
  }
  if (spec.suspend || isNamespaceTerminating(world, metadata.namespace))
    return { steps: [], active };
  const due = cronDue(cronJob, parsed.schedule, world.now);
  const again = due.nextAt === undefined ? {} : { lookAgainAt: due.nextAt };
  return { ...startDue(world, cronJob, active, due), ...again };
}

function startDue(
  world: World,
  cronJob: CronJob,
  active: readonly Job[],
  { dueAt, hasMissedMany }: CronDue,
): Run {
  if (dueAt === undefined) return { steps: [], active };
  const { concurrencyPolicy } = cronJob.spec;
  const notes = hasMissedMany
    ? [
        warn(
          cronJob,
          "TooManyMissedTimes",
          "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
        ),
      ]
    : [];
  const job = jobFor(cronJob, dueAt);
  const known = world.get(refOf(job)) as Job | undefined;
  if (known !== undefined) return { steps: [], active, lastScheduleAt: dueAt };
  if (concurrencyPolicy === "Forbid" && active.length > 0) {
    const message =
      "Not starting job because prior execution is running and concurrency policy is Forbid";
    return { steps: [...notes, tell(cronJob, "JobAlreadyActive", message)], active };
  }
  const replaced = concurrencyPolicy === "Replace" ? active : [];
  return {
    steps: [
      ...notes,
      ...replaced.flatMap((old) => endJob(cronJob, old, "SurplusReplica")),
      { kind: "create", object: job, reason: "Scheduled" },
      tell(cronJob, "SuccessfulCreate", `Created job ${job.metadata.name}`),
    ],
    active: [...active.filter((old) => !replaced.includes(old)), job],
    lastScheduleAt: dueAt,
  };
}

/** Named after the minute, as Kubernetes does it: a repetition meets itself. */
function jobFor(cronJob: CronJob, dueAt: Millis): Job {
  const { name, namespace } = cronJob.metadata;
  const { metadata, spec } = cronJob.spec.jobTemplate;
  const { labels, annotations } = metadata ?? {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: `${name}-${Math.floor(dueAt / 60_000)}`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [SCHEDULED_ANNOTATION]: formatTime(dueAt) },
      ownerReferences: [controllerRef(cronJob)],
    },
    spec: spec as Job["spec"],
  };
}

function nextStatus(
  { status = {} }: CronJob,
  jobs: readonly Job[],
  active: readonly Job[],
  lastScheduleAt: Millis | undefined,
): CronJobStatus {
  const successes = jobs.flatMap((job) =>
    isTrue(job.status?.conditions, "Complete") ? (job.status?.completionTime ?? []) : [],
  );
  const before = status.lastSuccessfulTime;
  const newest = [...successes, ...(before === undefined ? [] : [before])].toSorted(compare).at(-1);
  const lastScheduleTime =
    lastScheduleAt === undefined ? status.lastScheduleTime : formatTime(lastScheduleAt);
  return {
    ...(active.length > 0 ? { active: active.map((job) => referenceTo(job, status)) } : {}),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(newest === undefined ? {} : { lastSuccessfulTime: newest }),
  };
}

function referenceTo(job: Job, status: CronJobStatus): ObjectReference {
  const { name, namespace, uid } = job.metadata;
  const known = status.active?.find((reference) => reference.name === name);
  if (uid === undefined && known !== undefined) return known;
  return {
    apiVersion: job.apiVersion,
    kind: job.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** What became of the Jobs that were at work at the last look. */
function seenEvents(
  cronJob: CronJob,
  jobs: readonly Job[],
  active: readonly Job[],
): readonly Step[] {
  const running = new Set(active.map(({ metadata }) => metadata.name));
  return (cronJob.status?.active ?? []).flatMap(({ name }) => {
    if (running.has(name)) return [];
    const job = jobs.find(({ metadata }) => metadata.name === name);
    if (job === undefined) return [tell(cronJob, "MissingJob", `Active job went missing: ${name}`)];
    if (!isJobFinished(job)) return [];
    const state = isTrue(job.status?.conditions, "Complete") ? "Complete" : "Failed";
    return [tell(cronJob, "SawCompletedJob", `Saw completed job: ${name}, condition: ${state}`)];
  });
}

function limitHistory(cronJob: CronJob, jobs: readonly Job[]): readonly Step[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec;
  const finished = jobs
    .filter((job) => isJobFinished(job) && job.metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => startOf(a) - startOf(b) || compare(a.metadata.name, b.metadata.name));
  const hasSucceeded = (job: Job): boolean => isTrue(job.status?.conditions, "Complete");
  const beyond = (list: readonly Job[], limit: number): readonly Job[] =>
    list.slice(0, Math.max(0, list.length - limit));
  return [
    ...beyond(finished.filter(hasSucceeded), successfulJobsHistoryLimit),
    ...beyond(
      finished.filter((job) => !hasSucceeded(job)),
      failedJobsHistoryLimit,
    ),
  ]
    .slice(0, MAX_JOBS_PER_PLAN)
    .flatMap((job) => endJob(cronJob, job, "HistoryLimit"));
}

function jobsOf(world: World, cronJob: CronJob): readonly Job[] {
  const owned = world
    .ownedBy(cronJob.metadata.uid ?? "")
    .filter((object): object is Job => object.kind === "Job" && object.apiVersion === "batch/v1");
  return sortedBy(owned, ({ metadata }) => metadata.name);
}

function isManual({ metadata }: Job): boolean {
  return metadata.annotations?.[INSTANTIATE_ANNOTATION] === "manual";
}

function startOf({ metadata, status }: Job): Millis {
  return parseTime(status?.startTime) ?? parseTime(metadata.creationTimestamp) ?? 0;
}

function endJob(cronJob: CronJob, job: Job, reason: StepReason): readonly Step[] {
  const { name, uid = "" } = job.metadata;
  return [
    { kind: "delete", ref: refOf(job), uid, reason },
    tell(cronJob, "SuccessfulDelete", `Deleted job ${name}`),
  ];
}

function tell(about: CronJob, reason: string, message: string): Step {
  return { kind: "event", about, type: "Normal", reason, message };
}

function warn(about: CronJob, reason: string, message: string): Step {
  return { kind: "event", about, type: "Warning", reason, message };
}
