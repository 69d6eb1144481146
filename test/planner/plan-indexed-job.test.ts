import { describe, expect, test } from "vitest";
import type { Job, JobSpec, JobStatus, Pod } from "../../src/model/kinds.gen.ts";
import { COMPLETION_INDEX, JOB_TRACKING_FINALIZER } from "../../src/planner/job-pod.ts";
import { planJob } from "../../src/planner/plan-job.ts";
import { at, job, NOW, pod, podSpec, seconds, type PodFields } from "../support/builders.ts";
import { renderChanges, statusIn, worldOf } from "../support/world.ts";

const SELECTOR = { matchLabels: { "batch.kubernetes.io/controller-uid": "uid-job" } };
const FAILURES = "batch.kubernetes.io/job-index-failure-count";

function indexed(spec: Partial<JobSpec> = {}, status: JobStatus = { startTime: at(-900) }): Job {
  const made = job({
    selector: SELECTOR,
    completionMode: "Indexed",
    completions: 4,
    parallelism: 4,
    ...spec,
  });
  return { ...made, status };
}

interface WorkerFields extends Partial<PodFields> {
  /** Exit code and seconds from NOW. */
  readonly ended?: readonly [code: number, at: number];
  readonly failures?: number;
  readonly counted?: boolean;
  readonly disrupted?: boolean;
}

function worker(index: number, name: string, fields: WorkerFields = {}): Pod {
  const { ended, failures, counted, disrupted } = fields;
  const phase = ended === undefined ? "Running" : ended[0] === 0 ? "Succeeded" : "Failed";
  const made = pod({
    name,
    owner: job(),
    phase,
    annotations: {
      [COMPLETION_INDEX]: String(index),
      ...(failures === undefined ? {} : { [FAILURES]: String(failures) }),
    },
    ...fields,
  });
  const state =
    ended === undefined
      ? {}
      : { terminated: { exitCode: ended[0], reason: "x", finishedAt: at(ended[1]) } };
  const more = disrupted === true ? [{ type: "DisruptionTarget", status: "True" as const }] : [];
  return {
    ...made,
    metadata: {
      ...made.metadata,
      finalizers: counted === true ? [] : [JOB_TRACKING_FINALIZER],
    },
    status: {
      phase,
      ...made.status,
      conditions: [...(made.status?.conditions ?? []), ...more],
      containerStatuses: [
        {
          name: "app",
          image: "",
          imageID: "",
          ready: false,
          restartCount: 0,
          state,
          lastState: {},
        },
      ],
    },
  };
}

const plan = (object: Job, pods: readonly Pod[] = []) =>
  planJob(worldOf([object, ...pods]), object);
const changes = (object: Job, pods: readonly Pod[] = []): readonly string[] =>
  renderChanges(plan(object, pods)).map((line) =>
    line.replace(/(sum-\d+-)[bcdfghjklmnpqrstvwxz2456789]{5} /, "$1* "),
  );
const make = (index: number): string => `create Pod shop/sum-${index}-* (JobPod)`;
const reasonIn = (object: Job, pods: readonly Pod[]): string | undefined =>
  ((statusIn(plan(object, pods))?.["conditions"] ?? []) as { reason: string; message: string }[])[0]
    ?.reason;

const PER_INDEX = { backoffLimitPerIndex: 1, backoffLimit: 2_147_483_647 };
const done = (name: string): Pod => worker(0, name, { ended: [0, -5] });

describe("an Indexed Job", () => {
  test.for<{
    readonly name: string;
    readonly job?: Job;
    readonly pods?: readonly Pod[];
    readonly changes: readonly string[];
  }>([
    { name: "one pod for each index", changes: [make(0), make(1), make(2), make(3)] },
    {
      name: "the lowest that nobody works on or has done",
      job: indexed({ parallelism: 3 }, { startTime: at(-900), completedIndexes: "0" }),
      pods: [worker(2, "p2")],
      changes: [make(1), make(3)],
    },
    {
      name: "not one that succeeded a moment ago",
      job: indexed({ completions: 2 }),
      pods: [worker(0, "p0", { ended: [0, -1] })],
      changes: [make(1)],
    },
    {
      name: "a failed index again, after the back-off of the Job",
      job: indexed({ completions: 1 }),
      pods: [worker(0, "p0", { ended: [1, -10] })],
      changes: [make(0)],
    },
    {
      name: "of two on one index, one goes",
      job: indexed({ completions: 2, parallelism: 2 }),
      pods: [worker(0, "p0"), worker(0, "p1"), worker(1, "p2")],
      changes: ["update Pod shop/p1 (SurplusReplica)"],
    },
    {
      name: "one beyond the last index goes",
      job: indexed({ completions: 1, parallelism: 2 }),
      pods: [worker(0, "p0"), worker(5, "p5")],
      changes: ["update Pod shop/p5 (SurplusReplica)"],
    },
    {
      name: "the mark goes when the index is in the status",
      job: indexed({}, { startTime: at(-900), completedIndexes: "0" }),
      pods: [done("p0"), worker(1, "p1"), worker(2, "p2"), worker(3, "p3")],
      changes: ["update Pod shop/p0 (JobPodCounted)"],
    },
    {
      name: "per index: a failed one keeps its mark until it is followed",
      job: indexed({ ...PER_INDEX, completions: 1 }),
      pods: [worker(0, "p0", { ended: [1, -5], failures: 0 })],
      changes: [],
    },
    {
      name: "per index: the others do not wait for its back-off",
      job: indexed({ ...PER_INDEX, completions: 2, parallelism: 2 }),
      pods: [worker(0, "p0", { ended: [1, -5], failures: 0 })],
      changes: [make(1)],
    },
    {
      name: "per index: after its own back-off it is tried again",
      job: indexed({ ...PER_INDEX, completions: 1 }),
      pods: [worker(0, "p0", { ended: [1, -10], failures: 0 })],
      changes: [make(0)],
    },
    {
      name: "per index: given up after its limit",
      job: indexed({ ...PER_INDEX, completions: 2, parallelism: 1 }),
      pods: [worker(0, "p0", { ended: [1, -60], failures: 1 })],
      changes: [make(1)],
    },
    {
      name: "a replacement waits until the other is gone, when it is told so",
      job: indexed({ completions: 1, podReplacementPolicy: "Failed" }),
      pods: [worker(0, "p0", { terminating: true })],
      changes: [],
    },
  ])("$name", ({ job: object = indexed(), pods = [], changes: expected }) => {
    expect(changes(object, pods)).toEqual(expected);
  });

  test("each pod knows its index: by name, host name, label, annotation and variable", () => {
    const [step] = plan(indexed({ completions: 1 })).steps;
    expect(step).toMatchObject({
      object: {
        metadata: {
          name: expect.stringMatching(/^sum-0-\w{5}$/),
          generateName: "sum-0-",
          labels: { [COMPLETION_INDEX]: "0", "job-name": "sum" },
          annotations: { [COMPLETION_INDEX]: "0" },
        },
        spec: {
          hostname: "sum-0",
          containers: [
            {
              env: [
                {
                  name: "JOB_COMPLETION_INDEX",
                  valueFrom: { fieldRef: { fieldPath: `metadata.labels['${COMPLETION_INDEX}']` } },
                },
              ],
            },
          ],
        },
      },
    });
  });

  test("a variable of that name stays as it is", () => {
    const env = [{ name: "JOB_COMPLETION_INDEX", value: "mine" }];
    const spec = podSpec({
      restartPolicy: "Never",
      containers: [{ ...podSpec().containers[0], env } as never],
    });
    const [step] = plan(indexed({ completions: 1, template: { spec } })).steps;
    expect(step).toMatchObject({ object: { spec: { containers: [{ env }] } } });
  });

  test("the next pod of an index knows how often it failed", () => {
    const object = indexed({ ...PER_INDEX, backoffLimitPerIndex: 5, completions: 1 });
    const before = worker(0, "p0", { ended: [1, -600], failures: 2 });
    expect(plan(object, [before]).steps[0]).toMatchObject({
      object: { metadata: { annotations: { [FAILURES]: "3" } } },
    });
    expect(plan(object, []).steps[0]).toMatchObject({
      object: { metadata: { annotations: { [FAILURES]: "0" } } },
    });
  });

  test("a failure per index is counted when its index is worked on again, not before", () => {
    const object = indexed({ ...PER_INDEX, completions: 1 });
    const first = worker(0, "p0", { ended: [1, -5], failures: 0 });
    expect(statusIn(plan(object, [first]))?.["uncountedTerminatedPods"]).toEqual({});
    const second = worker(0, "p1", { failures: 1 });
    expect(statusIn(plan(object, [first, second]))).toMatchObject({
      uncountedTerminatedPods: { failed: ["uid-p0"] },
    });
  });

  test("says which indexes are done and given up", () => {
    const object = indexed(
      { ...PER_INDEX, maxFailedIndexes: 3 },
      { startTime: at(-900), completedIndexes: "1" },
    );
    const pods = [
      worker(0, "p0", { ended: [0, -5] }),
      worker(2, "p2", { ended: [1, -5], failures: 1 }),
    ];
    expect(statusIn(plan(object, pods))).toMatchObject({
      succeeded: 2,
      completedIndexes: "0,1",
      failedIndexes: "2",
      uncountedTerminatedPods: { failed: ["uid-p2"] },
    });
  });

  test("looks again when the next index may be tried", () => {
    const object = indexed({ ...PER_INDEX, completions: 1 });
    const pods = [worker(0, "p0", { ended: [1, -4], failures: 0 })];
    expect(plan(object, pods).lookAgainAt).toBe(NOW + seconds(6));
  });

  test.for<{
    readonly name: string;
    readonly spec: Partial<JobSpec>;
    readonly status?: JobStatus;
    readonly pods: readonly Pod[];
    readonly reason: string | undefined;
  }>([
    {
      name: "all done",
      spec: {},
      status: { completedIndexes: "1-3" },
      pods: [done("p0")],
      reason: "CompletionsReached",
    },
    {
      name: "one is missing",
      spec: {},
      status: { completedIndexes: "1-2" },
      pods: [done("p0")],
      reason: undefined,
    },
    {
      name: "done or given up",
      spec: { ...PER_INDEX, maxFailedIndexes: 4 },
      status: { completedIndexes: "0-2", failedIndexes: "3" },
      pods: [],
      reason: "FailedIndexes",
    },
    {
      name: "too many given up",
      spec: { ...PER_INDEX, maxFailedIndexes: 1 },
      status: { failedIndexes: "2,3" },
      pods: [],
      reason: "MaxFailedIndexesExceeded",
    },
    {
      name: "as many given up as may be",
      spec: { ...PER_INDEX, maxFailedIndexes: 2 },
      status: { failedIndexes: "2,3" },
      pods: [],
      reason: undefined,
    },
    {
      name: "enough of the right ones",
      spec: { successPolicy: { rules: [{ succeededIndexes: "0,2" }] } },
      status: { completedIndexes: "0,2" },
      pods: [],
      reason: "SuccessPolicy",
    },
    {
      name: "not all of the right ones",
      spec: { successPolicy: { rules: [{ succeededIndexes: "0,2" }] } },
      status: { completedIndexes: "0,1" },
      pods: [],
      reason: undefined,
    },
    {
      name: "one of the right ones is enough",
      spec: { successPolicy: { rules: [{ succeededIndexes: "2-3", succeededCount: 1 }] } },
      status: { completedIndexes: "3" },
      pods: [],
      reason: "SuccessPolicy",
    },
    {
      name: "any two are enough",
      spec: { successPolicy: { rules: [{ succeededIndexes: "3" }, { succeededCount: 2 }] } },
      status: { completedIndexes: "0,1" },
      pods: [],
      reason: "SuccessPolicy",
    },
  ])("ends: $name", ({ spec, status = {}, pods, reason }) => {
    expect(reasonIn(indexed(spec, { startTime: at(-900), ...status }), pods)).toBe(reason);
  });
});

describe("podFailurePolicy", () => {
  const rules = (...list: NonNullable<JobSpec["podFailurePolicy"]>["rules"]) => ({
    podFailurePolicy: { rules: list },
  });
  const exit = (action: "FailJob" | "FailIndex" | "Ignore" | "Count", ...values: number[]) =>
    ({ action, onExitCodes: { operator: "In", values } }) as const;
  const disrupted = {
    action: "Ignore",
    onPodConditions: [{ type: "DisruptionTarget", status: "True" }],
  } as const;
  const failed = (fields: WorkerFields = {}): Pod =>
    worker(0, "p0", { ended: [3, -60], ...fields });

  test.for<{
    readonly name: string;
    readonly spec: Partial<JobSpec>;
    readonly pod: Pod;
    readonly status: object;
  }>([
    {
      name: "FailJob ends the Job",
      spec: rules(exit("FailJob", 3)),
      pod: failed(),
      status: {
        conditions: [
          {
            type: "FailureTarget",
            reason: "PodFailurePolicy",
            message:
              "Container app for pod shop/p0 failed with exit code 3 matching FailJob rule at index 0",
          },
        ],
      },
    },
    {
      name: "another exit code does not",
      spec: rules(exit("FailJob", 4)),
      pod: failed(),
      status: { uncountedTerminatedPods: { failed: ["uid-p0"] } },
    },
    {
      name: "NotIn means all others",
      spec: rules({ action: "FailJob", onExitCodes: { operator: "NotIn", values: [4] } }),
      pod: failed(),
      status: { conditions: [{ reason: "PodFailurePolicy" }] },
    },
    {
      name: "the first rule that is met decides",
      spec: rules(exit("Count", 3), exit("FailJob", 3)),
      pod: failed(),
      status: { uncountedTerminatedPods: { failed: ["uid-p0"] } },
    },
    {
      name: "another container does not count",
      spec: rules({
        action: "FailJob",
        onExitCodes: { containerName: "other", operator: "In", values: [3] },
      }),
      pod: failed(),
      status: { uncountedTerminatedPods: { failed: ["uid-p0"] } },
    },
    {
      name: "Ignore: a disruption is no failure",
      spec: rules(disrupted),
      pod: failed({ disrupted: true }),
      status: { uncountedTerminatedPods: {} },
    },
    {
      name: "a condition that is not there",
      spec: rules(disrupted),
      pod: failed(),
      status: { uncountedTerminatedPods: { failed: ["uid-p0"] } },
    },
    {
      name: "FailIndex gives the index up at once",
      spec: {
        ...PER_INDEX,
        backoffLimitPerIndex: 9,
        maxFailedIndexes: 4,
        ...rules(exit("FailIndex", 3)),
      },
      pod: failed({ failures: 0 }),
      status: { failedIndexes: "0" },
    },
    {
      name: "Ignore does not count for the index",
      spec: { ...PER_INDEX, backoffLimitPerIndex: 0, ...rules(disrupted) },
      pod: failed({ failures: 0, disrupted: true }),
      status: { failedIndexes: "" },
    },
  ])("$name", ({ spec, pod: one, status }) => {
    expect(statusIn(plan(indexed(spec, {}), [one]))).toMatchObject(status);
  });

  test("an ignored pod loses its mark, and its index is tried again", () => {
    const object = indexed({ completions: 1, ...rules(disrupted) });
    expect(changes(object, [failed({ disrupted: true })])).toEqual([
      make(0),
      "update Pod shop/p0 (JobPodCounted)",
    ]);
  });
});
