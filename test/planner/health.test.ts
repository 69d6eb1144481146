import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { refOf } from "../../src/model/meta.ts";
import type {
  ContainerStatus,
  Deployment,
  DeploymentStatus,
  Job,
  Pod,
  ReplicaSet,
} from "../../src/model/kinds.gen.ts";
import { objectHealth, releaseHealth, type Health } from "../../src/planner/health.ts";
import { planDeployment } from "../../src/planner/plan-deployment.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import {
  at,
  deployment,
  job,
  namespace,
  node,
  NOW,
  pod,
  replicaSet,
  seconds,
  service,
} from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const line = ({ kind, reason, message }: Health): string => `${kind} ${reason}: ${message}`;

/** A pod with one container that waits, started `age` seconds ago. */
function waitingPod(
  owner: ApiObject,
  reason: string,
  fields: { age?: number; restarts?: number; node?: string; init?: boolean } = {},
): Pod {
  const base = pod({
    name: "p1",
    owner,
    ready: null,
    created: -(fields.age ?? 5),
    node: fields.node ?? "a",
  });
  const status: ContainerStatus = {
    name: "app",
    image: "app:v1",
    imageID: "",
    ready: false,
    restartCount: fields.restarts ?? 0,
    state: { waiting: { reason, message: "no such thing" } },
    lastState:
      fields.restarts === undefined ? {} : { terminated: { exitCode: 7, reason: "Error" } },
  };
  const statuses =
    fields.init === true ? { initContainerStatuses: [status] } : { containerStatuses: [status] };
  return { ...base, status: { phase: "Pending", ...base.status, ...statuses } };
}

/** A world with a Deployment, its current set, and pods made for that set. */
function rollout(
  status: DeploymentStatus,
  pods: (owner: ReplicaSet) => readonly ApiObject[],
): SimWorld {
  const d: Deployment = { ...deployment(), status: { observedGeneration: 1, ...status } };
  const world = worldOf([node({ name: "a" }), node({ name: "down", ready: "Unknown" }), d]);
  const [step] = planDeployment(world, d).steps;
  if (step?.kind !== "create") throw new Error("no set is made");
  world.apply([step]);
  const set = world.list("apps/v1", "ReplicaSet")[0] as ReplicaSet;
  for (const object of pods(set)) world.declare(object);
  return world;
}

const web = refOf(deployment());
const whole: DeploymentStatus = {
  replicas: 3,
  updatedReplicas: 3,
  availableReplicas: 3,
  readyReplicas: 3,
};
const none = (): readonly ApiObject[] => [];

const DEPLOYMENTS: readonly {
  readonly name: string;
  readonly world: SimWorld;
  readonly line: string;
}[] = [
  { name: "all there", world: rollout(whole, none), line: "Healthy Healthy: as declared" },
  { name: "missing", world: worldOf([]), line: "Progressing Missing: not there yet" },
  {
    name: "not observed",
    world: rollout({ ...whole, observedGeneration: 0 }, none),
    line: "Progressing NotObserved: not looked at yet",
  },
  {
    name: "too few new ones",
    world: rollout({ ...whole, updatedReplicas: 1 }, none),
    line: "Progressing Progressing: 1 of 3 new replicas have been made",
  },
  {
    name: "old ones left",
    world: rollout({ ...whole, replicas: 4 }, none),
    line: "Progressing Progressing: 1 old replicas are still there",
  },
  {
    name: "not available",
    world: rollout({ ...whole, availableReplicas: 2 }, none),
    line: "Progressing Progressing: 2 of 3 replicas are available",
  },
  {
    name: "image in back-off",
    world: rollout({}, (set) => [waitingPod(set, "ImagePullBackOff")]),
    line: "Degraded ImagePullBackOff: pod p1: container app: ImagePullBackOff: no such thing",
  },
  ...[
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
  ].flatMap((reason) => [
    {
      name: `${reason} for 19 s`,
      world: rollout({}, (set) => [waitingPod(set, reason, { age: 19 })]),
      line: `Progressing ${reason}: 0 of 3 new replicas have been made; pod p1: container app: ${reason}: no such thing`,
    },
    {
      name: `${reason} for 20 s`,
      world: rollout({}, (set) => [waitingPod(set, reason, { age: 20 })]),
      line: `Degraded ${reason}: pod p1: container app: ${reason}: no such thing`,
    },
  ]),
  {
    name: "in an init container",
    world: rollout({}, (set) => [waitingPod(set, "ImagePullBackOff", { init: true })]),
    line: "Degraded ImagePullBackOff: pod p1: container app: ImagePullBackOff: no such thing",
  },
  {
    name: "second restart",
    world: rollout({}, (set) => [waitingPod(set, "CrashLoopBackOff", { restarts: 2 })]),
    line: "Progressing CrashLoopBackOff: 0 of 3 new replicas have been made; pod p1: container app: CrashLoopBackOff: no such thing (exit code 7, 2 restarts)",
  },
  {
    name: "third restart",
    world: rollout({}, (set) => [waitingPod(set, "CrashLoopBackOff", { restarts: 3 })]),
    line: "Degraded CrashLoopBackOff: pod p1: container app: CrashLoopBackOff: no such thing (exit code 7, 3 restarts)",
  },
  {
    name: "trouble on a node that is not Ready",
    world: rollout({}, (set) => [waitingPod(set, "ImagePullBackOff", { node: "down" })]),
    line: "Progressing ImagePullBackOff: 0 of 3 new replicas have been made; pod p1: container app: ImagePullBackOff: no such thing",
  },
  {
    name: "trouble of an old revision",
    world: rollout({}, () => {
      const old = replicaSet({}, { name: "web-old", uid: "uid-old" });
      return [old, waitingPod(old, "CrashLoopBackOff", { restarts: 9 })];
    }),
    line: "Progressing Progressing: 0 of 3 new replicas have been made",
  },
  {
    name: "no place",
    world: rollout({}, (set) => {
      const base = pod({ name: "p1", owner: set, node: "", phase: "Pending" });
      const conditions = [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/1 nodes are available: 1 Insufficient cpu.",
        },
      ] as const;
      return [{ ...base, status: { phase: "Pending", conditions } } as Pod];
    }),
    line: "Progressing Unschedulable: 0 of 3 new replicas have been made; pod p1: 0/1 nodes are available: 1 Insufficient cpu",
  },
  {
    name: "deadline exceeded",
    world: rollout(
      {
        conditions: [
          {
            type: "Progressing",
            status: "False",
            reason: "ProgressDeadlineExceeded",
            message: 'ReplicaSet "web-x" has timed out progressing.',
          },
        ],
      },
      none,
    ),
    line: 'Degraded ProgressDeadlineExceeded: ReplicaSet "web-x" has timed out progressing',
  },
];

describe("objectHealth()", () => {
  test.for(DEPLOYMENTS)("Deployment: $name", ({ world, line: expected }) => {
    expect(line(objectHealth(world, web))).toBe(expected);
  });

  test("looks again when a failing pod has used up its patience", () => {
    const world = rollout({}, (set) => [waitingPod(set, "ErrImagePull", { age: 5 })]);
    expect(objectHealth(world, web).lookAgainAt).toBe(NOW + seconds(15));
  });

  const withStatus = <T extends ApiObject>(object: T, status: object): T => ({ ...object, status });

  const JOBS: readonly {
    readonly name: string;
    readonly job: Job;
    readonly line: string;
    readonly pods?: readonly ApiObject[];
  }[] = [
    { name: "running", job: job(), line: "Progressing Progressing: 0 of 1 completions" },
    {
      name: "complete",
      job: withStatus(job(), { succeeded: 1, conditions: [{ type: "Complete", status: "True" }] }),
      line: "Healthy Healthy: as declared",
    },
    {
      name: "failed",
      job: withStatus(job(), {
        conditions: [
          {
            type: "Failed",
            status: "True",
            reason: "BackoffLimitExceeded",
            message: "Job has reached the specified backoff limit",
          },
        ],
      }),
      line: "Degraded BackoffLimitExceeded: Job has reached the specified backoff limit",
    },
    { name: "suspended", job: job({ suspend: true }), line: "Healthy Suspended: suspended" },
    {
      name: "image in back-off",
      job: job(),
      pods: [waitingPod(job(), "ImagePullBackOff")],
      line: "Degraded ImagePullBackOff: pod p1: container app: ImagePullBackOff: no such thing",
    },
    {
      name: "crashing is for its back-off to judge",
      job: job(),
      pods: [waitingPod(job(), "CrashLoopBackOff", { restarts: 5 })],
      line: "Progressing CrashLoopBackOff: 0 of 1 completions; pod p1: container app: CrashLoopBackOff: no such thing (exit code 7, 5 restarts)",
    },
  ];

  test.for(JOBS)("Job: $name", ({ job: object, pods = [], line: expected }) => {
    expect(line(objectHealth(worldOf([node({ name: "a" }), object, ...pods]), refOf(object)))).toBe(
      expected,
    );
  });

  const set = replicaSet({ replicas: 2 });
  const OTHERS: readonly {
    readonly name: string;
    readonly object: ApiObject;
    readonly line: string;
  }[] = [
    { name: "a Ready pod", object: pod({ name: "p" }), line: "Healthy Healthy: as declared" },
    {
      name: "a pod that is not Ready",
      object: pod({ name: "p", ready: null }),
      line: "Progressing Progressing: the pod is Running, not Ready",
    },
    {
      name: "a pod that is done",
      object: pod({ name: "p", phase: "Succeeded" }),
      line: "Healthy Healthy: as declared",
    },
    {
      name: "a pod that failed",
      object: pod({ name: "p", phase: "Failed" }),
      line: "Degraded Failed: the pod failed",
    },
    {
      name: "a full set",
      object: withStatus(set, { replicas: 2, availableReplicas: 2, observedGeneration: 1 }),
      line: "Healthy Healthy: as declared",
    },
    {
      name: "a set with too few",
      object: withStatus(set, { replicas: 2, availableReplicas: 1, observedGeneration: 1 }),
      line: "Progressing Progressing: 1 of 2 replicas are available",
    },
    {
      name: "a set not looked at",
      object: set,
      line: "Progressing NotObserved: not looked at yet",
    },
    { name: "a Service", object: service(), line: "Healthy Healthy: as declared" },
    { name: "a Namespace", object: namespace(), line: "Healthy Healthy: as declared" },
    {
      name: "a Namespace that is going",
      object: namespace("shop", "Terminating"),
      line: "Progressing Terminating: being deleted",
    },
  ];

  test.for(OTHERS)("$name", ({ object, line: expected }) => {
    expect(line(objectHealth(worldOf([object]), refOf(object)))).toBe(expected);
  });
});

describe("releaseHealth()", () => {
  const good = pod({ name: "good" });
  const slow = pod({ name: "slow", ready: null });
  const bad = pod({ name: "bad", phase: "Failed" });
  const world = worldOf([good, slow, bad]);

  test.for([
    { objects: [], line: "Healthy Healthy: nothing is declared" },
    { objects: [good], line: "Healthy Healthy: 1 object is as declared" },
    {
      objects: [good, slow],
      line: "Progressing Progressing: Pod shop/slow: the pod is Running, not Ready",
    },
    { objects: [good, slow, bad], line: "Degraded Failed: Pod shop/bad: the pod failed" },
    {
      objects: [slow, slow, good],
      line: "Progressing Progressing: Pod shop/slow: the pod is Running, not Ready (and 1 more)",
    },
  ])("$line", ({ objects, line: expected }) => {
    expect(line(releaseHealth(world, objects.map(refOf)))).toBe(expected);
  });

  test("keeps the nearest time to look again", () => {
    const pods = [waitingPod(job(), "ErrImagePull", { age: 5 })];
    const busy = worldOf([node({ name: "a" }), ...pods, good]);
    expect(releaseHealth(busy, [...pods, good].map(refOf)).lookAgainAt).toBe(NOW + seconds(15));
    expect(at(0)).toBe("2026-01-02T03:00:00Z");
  });
});
