import { describe, expect, test } from "vitest";
import type { ApiObject, Condition } from "../../src/model/meta.ts";
import type { Job, JobSpec, JobStatus, Pod } from "../../src/model/kinds.gen.ts";
import { JOB_TRACKING_FINALIZER } from "../../src/planner/job-pod.ts";
import { planJob } from "../../src/planner/plan-job.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import {
  at,
  job,
  namespace,
  NOW,
  pod,
  podSpec,
  seconds,
  type PodFields,
} from "../support/builders.ts";
import { eventsIn, renderChanges, statusIn, worldOf } from "../support/world.ts";

const SELECTOR = { matchLabels: { "batch.kubernetes.io/controller-uid": "uid-job" } };

function sum(spec: Partial<JobSpec> = {}, status?: JobStatus, labels = {}): Job {
  const made = job({ selector: SELECTOR, ...spec }, { labels });
  return status === undefined ? made : { ...made, status };
}

/** A pod of the Job whose end is not counted yet; `finished` seconds from NOW. */
function worker(
  name: string,
  fields: Partial<PodFields> & { readonly finished?: number; readonly counted?: boolean } = {},
): Pod {
  const made = pod({ name, owner: job(), ...fields });
  const state =
    fields.finished === undefined
      ? {}
      : { terminated: { exitCode: 0, reason: "Completed", finishedAt: at(fields.finished) } };
  const containerStatuses = [
    {
      name: "app",
      image: "",
      imageID: "",
      ready: false,
      restartCount: fields.restarts ?? 0,
      state,
      lastState: {},
    },
  ];
  return {
    ...made,
    metadata: {
      ...made.metadata,
      finalizers: fields.counted === true ? [] : [JOB_TRACKING_FINALIZER],
    },
    status: { phase: "Running", ...made.status, containerStatuses },
  };
}

const succeeded = (name: string): Pod => worker(name, { phase: "Succeeded", finished: -5 });
const failed = (name: string, finished = -5): Pod => worker(name, { phase: "Failed", finished });

function changes(object: Job, others: readonly ApiObject[]): readonly string[] {
  const lines = renderChanges(planJob(worldOf([object, ...others]), object));
  return lines.map((line) => line.replace(/sum-[bcdfghjklmnpqrstvwxz2456789]{5} /, "sum-* "));
}

const make = "create Pod shop/sum-* (JobPod)";

interface Case {
  readonly name: string;
  readonly job?: Job;
  readonly others?: readonly ApiObject[];
  readonly changes: readonly string[];
}

const started: JobStatus = { startTime: at(-100) };
const is = (type: string, reason: string): Condition => ({
  type,
  status: "True",
  reason,
  message: "said",
  lastTransitionTime: at(-10),
});
const complete: JobStatus = {
  ...started,
  succeeded: 1,
  conditions: [is("Complete", "CompletionsReached")],
};

const CASES: readonly Case[] = [
  {
    name: "first its selector, which no other Job has",
    job: job(),
    changes: ["update Job shop/sum (Declared)"],
  },
  { name: "one pod", changes: [make] },
  {
    name: "parallelism pods at a time",
    job: sum({ parallelism: 3, completions: 5 }),
    changes: [make, make, make],
  },
  {
    name: "no more than are still needed",
    job: sum({ parallelism: 3, completions: 5 }, { succeeded: 4 }),
    changes: [make],
  },
  { name: "waits for the one that runs", others: [worker("p1")], changes: [] },
  {
    name: "one that was asked to end has failed: the next comes after the back-off",
    others: [worker("p1", { terminating: true })],
    changes: [],
  },
  {
    name: "replaces nobody before it has failed, when it is told so",
    job: sum({ podReplacementPolicy: "Failed" }),
    others: [worker("p1", { terminating: true })],
    changes: [],
  },
  {
    name: "one that loses its mark is on its way out, and goes next",
    job: sum({ completions: 5, parallelism: 2 }),
    others: [worker("p1", { counted: true }), worker("p2")],
    changes: ["delete Pod shop/p1 (SurplusReplica)"],
  },
  {
    name: "no new one for one that succeeded",
    job: sum({ completions: 1 }),
    others: [succeeded("p1")],
    changes: [],
  },
  {
    name: "the mark of counting goes once the count is written",
    job: sum({ completions: 2 }, { uncountedTerminatedPods: { succeeded: ["uid-p1"] } }),
    others: [succeeded("p1"), worker("p2")],
    changes: ["update Pod shop/p1 (JobPodCounted)"],
  },
  {
    name: "one whose count is not written keeps its mark",
    job: sum({ completions: 3 }, { succeeded: 1 }),
    others: [succeeded("p1"), worker("p2")],
    changes: [],
  },
  { name: "9 s after the first failure: waits", others: [failed("p1", -9)], changes: [] },
  {
    name: "10 s after the first failure: a new attempt",
    others: [failed("p1", -10)],
    changes: [make],
  },
  {
    name: "19 s after the second: waits",
    others: [failed("p1", -90), failed("p2", -19)],
    changes: [],
  },
  {
    name: "20 s after the second: a new attempt",
    others: [failed("p1", -90), failed("p2", -20)],
    changes: [make],
  },
  {
    name: "never more than ten minutes",
    job: sum({ backoffLimit: 99 }),
    others: Array.from({ length: 9 }, (_, index) => failed(`p${index}`, -600 - index)),
    changes: [make],
  },
  {
    name: "a success since makes the failures forgotten",
    job: sum({ completions: 3 }),
    others: [failed("p1", -9), succeeded("p2")],
    changes: [make],
  },
  {
    name: "too many at once after parallelism was lowered: the least useful goes",
    job: sum({ completions: 5, parallelism: 1 }),
    others: [worker("p1"), worker("p2", { ready: null })],
    changes: ["update Pod shop/p2 (SurplusReplica)"],
  },
  {
    name: "suspended: its pods lose their mark first, since they have not failed",
    job: sum({ suspend: true }),
    others: [worker("p1")],
    changes: ["update Pod shop/p1 (JobSuspended)"],
  },
  { name: "suspended: nothing is made", job: sum({ suspend: true }), changes: [] },
  {
    name: "without completions: nobody new once one has succeeded",
    job: withoutCompletions({ parallelism: 2 }),
    others: [succeeded("p1"), worker("p2")],
    changes: [],
  },
  {
    name: "without completions: parallelism pods",
    job: withoutCompletions({ parallelism: 2 }),
    changes: [make, make],
  },
  {
    name: "more failures than the limit: the rest goes",
    job: sum({ backoffLimit: 1, parallelism: 2, completions: 4 }, { ...started, failed: 1 }),
    others: [failed("p1"), worker("p2")],
    changes: ["delete Pod shop/p2 (JobFinished)"],
  },
  {
    name: "as many failures as the limit: a new attempt",
    job: sum({ backoffLimit: 1 }, started),
    others: [failed("p1", -10)],
    changes: [make],
  },
  {
    name: "restarts in place count for OnFailure",
    job: sum({ backoffLimit: 2, template: { spec: podSpec({ restartPolicy: "OnFailure" }) } }),
    others: [worker("p1", { restarts: 2 })],
    changes: ["delete Pod shop/p1 (JobFinished)"],
  },
  {
    name: "restarts in place below the limit",
    job: sum({ backoffLimit: 2, template: { spec: podSpec({ restartPolicy: "OnFailure" }) } }),
    others: [worker("p1", { restarts: 1 })],
    changes: [],
  },
  {
    name: "past the deadline its pods go",
    job: sum({ activeDeadlineSeconds: 100 }, started),
    others: [worker("p1")],
    changes: ["delete Pod shop/p1 (JobFinished)"],
  },
  {
    name: "one second before the deadline",
    job: sum({ activeDeadlineSeconds: 101 }, started),
    others: [worker("p1")],
    changes: [],
  },
  {
    name: "a verdict stays although the limit was raised",
    job: sum(
      { backoffLimit: 9 },
      { ...started, conditions: [is("FailureTarget", "BackoffLimitExceeded")] },
    ),
    others: [worker("p1", { terminating: true })],
    changes: [],
  },
  {
    name: "complete: nothing runs on",
    job: sum({}, complete),
    others: [worker("p1", { counted: true })],
    changes: ["delete Pod shop/p1 (JobFinished)"],
  },
  { name: "complete: no new pod", job: sum({}, complete), changes: [] },
  {
    name: "complete: the marks of counting go",
    job: sum({}, complete),
    others: [failed("p1")],
    changes: ["update Pod shop/p1 (JobPodCounted)"],
  },
  {
    name: "9 s after the end, to live 10 s",
    job: sum({ ttlSecondsAfterFinished: 11 }, complete),
    changes: [],
  },
  {
    name: "its time is over",
    job: sum({ ttlSecondsAfterFinished: 10 }, complete),
    others: [worker("p1", { phase: "Succeeded", counted: true })],
    changes: ["delete Job shop/sum (TtlExpired)"],
  },
  {
    name: "its time is over, but Git declares it: only its pods go, or it would run again",
    job: sum({ ttlSecondsAfterFinished: 10 }, complete, { "berth.dev/app": "shop" }),
    others: [worker("p1", { phase: "Succeeded", counted: true })],
    changes: ["delete Pod shop/p1 (TtlExpired)"],
  },
  {
    name: "makes nothing in a namespace that is being emptied",
    others: [namespace("shop", "Terminating")],
    changes: [],
  },
];

function withoutCompletions(spec: Partial<JobSpec>): Job {
  const { completions: _, ...rest } = sum(spec).spec;
  return { ...sum(), spec: rest };
}

const plan = (object: Job, others: readonly ApiObject[]): ReturnType<typeof planJob> =>
  planJob(worldOf([object, ...others]), object);

describe("planJob()", () => {
  test.for(CASES)("$name", ({ job: object = sum(), others = [], changes: expected }) => {
    expect(changes(object, others)).toEqual(expected);
  });

  test("labels its pods as Kubernetes does, and marks them for counting", () => {
    const [step] = plan(sum(), []).steps;
    expect(step).toMatchObject({
      object: {
        metadata: {
          labels: {
            app: "sum",
            "batch.kubernetes.io/controller-uid": "uid-job",
            "batch.kubernetes.io/job-name": "sum",
            "controller-uid": "uid-job",
            "job-name": "sum",
          },
          finalizers: [JOB_TRACKING_FINALIZER],
          ownerReferences: [{ kind: "Job", uid: "uid-job", controller: true }],
        },
      },
    });
  });

  test("counts what runs and what has ended, each once", () => {
    const pods = [
      succeeded("p1"),
      failed("p2"),
      worker("p3"),
      worker("p4", { ready: null }),
      worker("p5", { phase: "Failed", terminating: true }),
      worker("p6", { phase: "Succeeded", counted: true }),
    ];
    const before = {
      ...started,
      succeeded: 1,
      uncountedTerminatedPods: { succeeded: ["uid-gone"], failed: ["uid-p6"] },
    };
    const object = sum({ parallelism: 9, completions: 9 }, before);
    expect(statusIn(plan(object, pods))).toEqual({
      startTime: at(-100),
      active: 2,
      ready: 1,
      terminating: 0,
      succeeded: 2,
      failed: 1,
      uncountedTerminatedPods: { succeeded: ["uid-p1"], failed: ["uid-p2", "uid-p5"] },
    });
  });

  test("one on its way out is still at work, but takes nobody's place", () => {
    const object = sum({ parallelism: 2, completions: 5 }, started);
    const planned = plan(object, [worker("p1", { counted: true }), worker("p2")]);
    expect(statusIn(planned)).toMatchObject({ active: 2, ready: 2 });
  });

  test("done: first the verdict, its end when the last pod is gone", () => {
    const object = sum({}, started);
    const waiting = plan(object, [succeeded("p1"), worker("p2", { terminating: true })]);
    expect(statusIn(waiting)).toMatchObject({
      conditions: [{ type: "SuccessCriteriaMet", status: "True" }],
    });
    expect(eventsIn(waiting)).toEqual([]);
    const isCounting = { ...started, uncountedTerminatedPods: { succeeded: ["uid-p1"] } };
    const over = plan(sum({}, isCounting), [worker("p1", { phase: "Succeeded", counted: true })]);
    expect(statusIn(over)).toMatchObject({
      succeeded: 1,
      completionTime: at(0),
      conditions: [
        { type: "SuccessCriteriaMet", status: "True", reason: "CompletionsReached" },
        {
          type: "Complete",
          status: "True",
          reason: "CompletionsReached",
          message: "Reached expected number of succeeded pods",
        },
      ],
    });
    expect(eventsIn(over)).toEqual(["Normal Completed: Job completed"]);
  });

  test("failed: says why, in condition and event, and has no completion time", () => {
    const isCounting = { ...started, uncountedTerminatedPods: { failed: ["uid-p1"] } };
    const over = plan(sum({ backoffLimit: 0 }, isCounting), [
      worker("p1", { phase: "Failed", counted: true }),
    ]);
    expect(statusIn(over)).toMatchObject({
      failed: 1,
      conditions: [
        { type: "FailureTarget", status: "True", reason: "BackoffLimitExceeded" },
        {
          type: "Failed",
          status: "True",
          reason: "BackoffLimitExceeded",
          message: "Job has reached the specified backoff limit",
        },
      ],
    });
    expect(statusIn(over)).not.toHaveProperty("completionTime");
    expect(eventsIn(over)).toEqual([
      "Warning BackoffLimitExceeded: Job has reached the specified backoff limit",
    ]);
  });

  test("too slow: DeadlineExceeded", () => {
    expect(statusIn(plan(sum({ activeDeadlineSeconds: 100 }, started), []))).toMatchObject({
      conditions: [
        { type: "FailureTarget" },
        {
          type: "Failed",
          reason: "DeadlineExceeded",
          message: "Job was active longer than specified deadline",
        },
      ],
    });
  });

  test("suspended and resumed: the clock of the deadline starts again", () => {
    const object = sum({ suspend: true, activeDeadlineSeconds: 1 }, started);
    const stopped = plan(object, []);
    expect(statusIn(stopped)).toEqual({
      ready: 0,
      terminating: 0,
      uncountedTerminatedPods: {},
      conditions: [
        {
          type: "Suspended",
          status: "True",
          reason: "JobSuspended",
          message: "Job suspended",
          lastTransitionTime: at(0),
        },
      ],
    });
    expect(eventsIn(stopped)).toEqual(["Normal Suspended: Job suspended"]);
    const resumed = plan(sum({}, statusIn(stopped) as JobStatus), []);
    expect(statusIn(resumed)).toMatchObject({
      startTime: at(0),
      conditions: [{ type: "Suspended", status: "False" }],
    });
    expect(eventsIn(resumed)[1]).toBe("Normal Resumed: Job resumed");
  });

  test.for([
    { name: "the next attempt", job: sum(), others: [failed("p1", -4)], at: 6 },
    {
      name: "the deadline",
      job: sum({ activeDeadlineSeconds: 130 }, started),
      others: [worker("p1")],
      at: 30,
    },
    {
      name: "the nearer of both",
      job: sum({ activeDeadlineSeconds: 130 }, started),
      others: [failed("p1", -4)],
      at: 6,
    },
    {
      name: "the end of its time",
      job: sum({ ttlSecondsAfterFinished: 60 }, complete),
      others: [],
      at: 50,
    },
  ])("looks again at $name", ({ job: object, others, at: expected }) => {
    expect(plan(object, others).lookAgainAt).toBe(NOW + seconds(expected));
  });

  test.for(["none", "update-status", "update"] as const)(
    "each end is counted once though a write is lost: %s",
    (lost) => {
      const world = worldOf([
        sum({ completions: 3, parallelism: 3 }),
        succeeded("p1"),
        succeeded("p2"),
        worker("p3"),
      ]);
      for (let round = 0; round < 8; round += 1) {
        const { steps } = planJob(world, read(world));
        world.apply(round < 2 ? steps.filter(({ kind }) => kind !== lost) : steps);
      }
      expect(read(world).status).toMatchObject({ succeeded: 2, active: 1 });
      expect(read(world).status?.uncountedTerminatedPods).toEqual({});
      expect(planJob(world, read(world)).steps).toEqual([]);
    },
  );
});

function read(world: SimWorld): Job {
  return world.list("batch/v1", "Job")[0] as Job;
}
