import { describe, expect, test } from "vitest";
import type { CronJob, CronJobSpec, CronJobStatus, Job } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { planCronJob } from "../../src/planner/plan-cronjob.ts";
import { at, cronJob as build, job, namespace, NOW, seconds } from "../support/builders.ts";
import { eventsIn, renderChanges, statusIn, worldOf } from "../support/world.ts";

const MINUTE = NOW / 60_000;

/** Every five minutes, made 7 minutes ago and run last 5 minutes ago, unless told otherwise. */
function tick(
  spec: Partial<CronJobSpec> = {},
  status: CronJobStatus | null = { lastScheduleTime: at(-300) },
  created = -420,
): CronJob {
  const made = build({ schedule: "*/5 * * * *", ...spec }, { creationTimestamp: at(created) });
  return status === null ? made : { ...made, status };
}

function run(offset: number, state?: "Complete" | "Failed", start = offset): Job {
  const name = `tick-${MINUTE + offset / 60}`;
  const made = job(
    {},
    {
      name,
      uid: `uid-${name}`,
      ownerReferences: [
        {
          apiVersion: "batch/v1",
          kind: "CronJob",
          name: "tick",
          uid: "uid-cron",
          controller: true,
        },
      ],
    },
  );
  const conditions = state === undefined ? [] : [{ type: state, status: "True" as const }];
  const end = state === "Complete" ? { completionTime: at(start + 30) } : {};
  return { ...made, status: { startTime: at(start), conditions, ...end } };
}

const plan = (object: CronJob, others: readonly ApiObject[] = [], now = NOW) =>
  planCronJob(worldOf([object, ...others], now), object);
const make = (offset: number): string => `create Job shop/tick-${MINUTE + offset / 60} (Scheduled)`;

describe("planCronJob()", () => {
  test.for<{
    readonly name: string;
    readonly cron?: CronJob;
    readonly others?: readonly ApiObject[];
    readonly now?: number;
    readonly changes: readonly string[];
  }>([
    { name: "due: one Job, named after its minute", changes: [make(0)] },
    { name: "a second before its time: nothing", now: -1, changes: [] },
    { name: "already run: nothing", cron: tick({}, { lastScheduleTime: at(0) }), changes: [] },
    { name: "never run: counts from when it was made", cron: tick({}, null), changes: [make(0)] },
    { name: "made after the last time: nothing", cron: tick({}, null, 1), now: 100, changes: [] },
    {
      name: "missed times: only the newest is made up for",
      cron: tick({}, { lastScheduleTime: at(-3600) }),
      now: 60,
      changes: [make(0)],
    },
    {
      name: "missed by more than it may be late: nothing",
      cron: tick({ startingDeadlineSeconds: 30 }),
      now: 31,
      changes: [],
    },
    {
      name: "missed by less than it may be late: runs",
      cron: tick({ startingDeadlineSeconds: 30 }),
      now: 29,
      changes: [make(0)],
    },
    { name: "the clock went back: nothing", now: -200, changes: [] },
    {
      name: "the status was lost: the Job of that minute is not made again",
      others: [run(0)],
      changes: [],
    },
    { name: "suspended: nothing", cron: tick({ suspend: true }), changes: [] },
    {
      name: "its namespace goes: nothing",
      others: [namespace("shop", "Terminating")],
      changes: [],
    },
    { name: "Allow: beside one at work", others: [run(-300)], changes: [make(0)] },
    {
      name: "Forbid: not beside one at work",
      cron: tick({ concurrencyPolicy: "Forbid" }),
      others: [run(-300)],
      changes: [],
    },
    {
      name: "Forbid: after one that has ended",
      cron: tick({ concurrencyPolicy: "Forbid" }),
      others: [run(-300, "Complete")],
      changes: [make(0)],
    },
    {
      name: "Replace: in place of one at work",
      cron: tick({ concurrencyPolicy: "Replace" }),
      others: [run(-300)],
      changes: [make(0), `delete Job shop/tick-${MINUTE - 5} (SurplusReplica)`],
    },
    {
      name: "history: the oldest beyond the limits go, each kind by its own",
      cron: tick(
        { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 },
        { lastScheduleTime: at(0) },
      ),
      others: [
        run(-1200, "Complete"),
        run(-900, "Failed"),
        run(-600, "Failed"),
        run(-300, "Complete"),
      ],
      changes: [
        `delete Job shop/tick-${MINUTE - 20} (HistoryLimit)`,
        `delete Job shop/tick-${MINUTE - 15} (HistoryLimit)`,
      ],
    },
    { name: "a schedule that is none: nothing", cron: tick({ schedule: "often" }), changes: [] },
    { name: "a time zone that is none: nothing", cron: tick({ timeZone: "Moon" }), changes: [] },
  ])("$name", ({ cron = tick(), others = [], now = 0, changes }) => {
    expect(renderChanges(plan(cron, others, NOW + seconds(now)))).toEqual(changes);
  });

  test("the Job is made from the template, says its time, and belongs to the CronJob", () => {
    const [step] = plan(
      tick({ jobTemplate: { metadata: { labels: { a: "b" } }, spec: job().spec } }),
    ).steps;
    expect(step).toMatchObject({
      object: {
        metadata: {
          labels: { a: "b" },
          annotations: { "batch.kubernetes.io/cronjob-scheduled-timestamp": at(0) },
          ownerReferences: [{ kind: "CronJob", uid: "uid-cron", controller: true }],
        },
        spec: job().spec,
      },
    });
  });

  test("tells when it ran, what runs and what succeeded last", () => {
    const planned = plan(tick(), [run(-300, "Complete", -290)]);
    expect(statusIn(planned)).toEqual({
      active: [{ apiVersion: "batch/v1", kind: "Job", namespace: "shop", name: `tick-${MINUTE}` }],
      lastScheduleTime: at(0),
      lastSuccessfulTime: at(-260),
    });
    expect(eventsIn(planned)).toEqual([`Normal SuccessfulCreate: Created job tick-${MINUTE}`]);
  });

  test.for([
    [
      run(0, "Complete"),
      `Normal SawCompletedJob: Saw completed job: tick-${MINUTE}, condition: Complete`,
    ],
    [
      run(0, "Failed"),
      `Normal SawCompletedJob: Saw completed job: tick-${MINUTE}, condition: Failed`,
    ],
    [undefined, `Normal MissingJob: Active job went missing: tick-${MINUTE}`],
  ] as const)("says what became of a run: %#", ([ended, event]) => {
    const active = [{ apiVersion: "batch/v1", kind: "Job", name: `tick-${MINUTE}` }];
    const cron = tick({}, { lastScheduleTime: at(0), active });
    const planned = plan(cron, ended === undefined ? [] : [ended]);
    expect(eventsIn(planned)).toEqual([event]);
    expect(statusIn(planned)).not.toHaveProperty("active");
  });

  test("warns when more than a hundred times were missed, and runs once", () => {
    const planned = plan(tick({ schedule: "* * * * *" }, { lastScheduleTime: at(-6120) }));
    expect(renderChanges(planned)).toEqual([make(0)]);
    expect(eventsIn(planned)[0]).toMatch(/^Warning TooManyMissedTimes: /);
    const fewer = plan(tick({ schedule: "* * * * *" }, { lastScheduleTime: at(-6000) }));
    expect(eventsIn(fewer)[0]).toMatch(/SuccessfulCreate/);
  });

  test("a year of missed minutes: the newest alone", () => {
    const cron = tick({ schedule: "* * * * *" }, { lastScheduleTime: at(-31_536_000) });
    expect(renderChanges(plan(cron))).toEqual([make(0)]);
  });

  test.for([
    [
      {},
      "Normal JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid",
    ],
    [
      { schedule: "often" },
      'Warning UnparseableSchedule: unparseable schedule: "often" : expected exactly 5 fields, found 1',
    ],
    [
      { timeZone: "Moon" },
      'Warning UnknownTimeZone: invalid timeZone: "Moon": unknown time zone Moon',
    ],
  ] as const)("says why it does not run: %#", ([spec, event]) => {
    const cron = tick({ concurrencyPolicy: "Forbid", ...spec });
    expect(eventsIn(plan(cron, [run(-300)]))).toEqual([event]);
  });

  test("looks again at its next time", () => {
    expect(plan(tick()).lookAgainAt).toBe(NOW + seconds(300));
    expect(plan(tick({ suspend: true })).lookAgainAt).toBeUndefined();
  });
});
