import { describe, expect, test } from "vitest";
import { refOf, type ApiObject, type Condition } from "../../src/model/meta.ts";
import { objectHealth } from "../../src/planner/health.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import {
  at,
  container,
  node,
  NOW,
  pod,
  replicaSet,
  service,
  template,
} from "../support/builders.ts";

const API: Readonly<Record<string, string>> = {
  StatefulSet: "apps/v1",
  DaemonSet: "apps/v1",
  ReplicationController: "v1",
  CronJob: "batch/v1",
  PersistentVolumeClaim: "v1",
  PodDisruptionBudget: "policy/v1",
  HorizontalPodAutoscaler: "autoscaling/v2",
  CustomResourceDefinition: "apiextensions.k8s.io/v1",
  StorageClass: "storage.k8s.io/v1",
  ConfigMap: "v1",
  Ingress: "networking.k8s.io/v1",
};

function thing(kind: string, fields: Record<string, unknown> = {}): ApiObject {
  const scope =
    kind === "StorageClass" || kind === "CustomResourceDefinition" ? {} : { namespace: "shop" };
  const metadata = { name: "x", uid: "uid-x", generation: 2, ...scope };
  return { apiVersion: API[kind] ?? "v1", kind, metadata, ...fields } as ApiObject;
}

/** `Progressing Reason: message`. */
function stands(object: ApiObject, ...others: ApiObject[]): string {
  const { kind, reason, message } = objectHealth(
    new SimWorld([object, ...others], NOW),
    refOf(object),
  );
  return kind === "Healthy" && reason === "Healthy" ? kind : `${kind} ${reason}: ${message}`;
}

const condition = (type: string, status: Condition["status"], reason = "Why", message = "so") => ({
  conditions: [{ type, status, reason, message }],
});

const set = (status: object, spec: object = {}): ApiObject =>
  thing("StatefulSet", {
    spec: { replicas: 3, template: template(), updateStrategy: { type: "RollingUpdate" }, ...spec },
    status: { observedGeneration: 2, ...status },
  });
const done = { replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3 };
const daemons = (status: object, spec: object = {}): ApiObject =>
  thing("DaemonSet", {
    spec: { template: template(), ...spec },
    status: {
      observedGeneration: 2,
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      updatedNumberScheduled: 2,
      numberReady: 2,
      numberAvailable: 2,
      ...status,
    },
  });

const CASES: readonly (readonly [name: string, object: ApiObject, expected: string])[] = [
  ["a StatefulSet that is done", set(done), "Healthy"],
  [
    "one not looked at",
    set({ ...done, observedGeneration: 1 }),
    "Progressing NotObserved: not looked at yet",
  ],
  [
    "one with pods missing",
    set({ ...done, replicas: 2 }),
    "Progressing Progressing: 2 of 3 pods have been made",
  ],
  [
    "one with pods too many",
    set({ ...done, replicas: 4 }),
    "Progressing Progressing: 1 pods too many are still there",
  ],
  [
    "one with old pods",
    set({ ...done, updatedReplicas: 1 }),
    "Progressing Progressing: 1 of 3 pods are of the new revision",
  ],
  [
    "one that updates only a part",
    set(
      { ...done, updatedReplicas: 1 },
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
    ),
    "Healthy",
  ],
  [
    "one that people update",
    set({ ...done, updatedReplicas: 0 }, { updateStrategy: { type: "OnDelete" } }),
    "Healthy",
  ],
  [
    "one with pods not ready",
    set({ ...done, readyReplicas: 2 }),
    "Progressing Progressing: 2 of 3 pods are ready",
  ],
  [
    "one with pods not available",
    set({ ...done, availableReplicas: 2 }),
    "Progressing Progressing: 2 of 3 pods are available",
  ],
  ["a DaemonSet that is done", daemons({}), "Healthy"],
  [
    "one without a pod on a node",
    daemons({ currentNumberScheduled: 1 }),
    "Progressing Progressing: 1 of 2 nodes have their pod",
  ],
  [
    "one with an old pod",
    daemons({ updatedNumberScheduled: 1 }),
    "Progressing Progressing: 1 of 2 pods are of the new revision",
  ],
  [
    "one that people update",
    daemons({ updatedNumberScheduled: 0 }, { updateStrategy: { type: "OnDelete" } }),
    "Healthy",
  ],
  [
    "one with a pod not ready",
    daemons({ numberReady: 1 }),
    "Progressing Progressing: 1 of 2 pods are ready",
  ],
  [
    "one with a pod not available",
    daemons({ numberAvailable: 1 }),
    "Progressing Progressing: 1 of 2 pods are available",
  ],
  [
    "a ReplicationController",
    thing("ReplicationController", {
      spec: { replicas: 2 },
      status: { observedGeneration: 2, availableReplicas: 1 },
    }),
    "Progressing Progressing: 1 of 2 replicas are available",
  ],
  ["a CronJob", thing("CronJob", { spec: { suspend: false } }), "Healthy"],
  [
    "one that is suspended",
    thing("CronJob", { spec: { suspend: true } }),
    "Healthy Suspended: suspended",
  ],
  ["a claim", thing("PersistentVolumeClaim", { spec: {}, status: { phase: "Bound" } }), "Healthy"],
  [
    "one without a volume",
    thing("PersistentVolumeClaim", { spec: {} }),
    "Progressing Pending: no volume is bound to it yet",
  ],
  [
    "one whose volume is lost",
    thing("PersistentVolumeClaim", { spec: {}, status: { phase: "Lost" } }),
    "Degraded ClaimLost: its volume is lost",
  ],
  [
    "a budget not looked at",
    thing("PodDisruptionBudget", { status: {} }),
    "Progressing NotObserved: not looked at yet",
  ],
  ["a budget", thing("PodDisruptionBudget", { status: { observedGeneration: 2 } }), "Healthy"],
  [
    "an autoscaler without metrics yet",
    thing("HorizontalPodAutoscaler", { status: condition("ScalingActive", "False") }),
    "Healthy",
  ],
  [
    "one without a target",
    thing("HorizontalPodAutoscaler", {
      status: condition("AbleToScale", "False", "FailedGetScale", "not found"),
    }),
    "Progressing FailedGetScale: not found",
  ],
  ["a Service", service(), "Healthy"],
  [
    "a load balancer without an address",
    { ...service(), spec: { ...service().spec, type: "LoadBalancer" } } as unknown as ApiObject,
    "Progressing NoAddress: its load balancer has no address yet",
  ],
  [
    "one with an address",
    {
      ...service(),
      spec: { ...service().spec, type: "LoadBalancer" },
      status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } },
    } as unknown as ApiObject,
    "Healthy",
  ],
  ["an Ingress", thing("Ingress"), "Healthy"],
  [
    "a definition",
    thing("CustomResourceDefinition", { status: condition("Established", "True") }),
    "Healthy",
  ],
  [
    "one on its way",
    thing("CustomResourceDefinition"),
    "Progressing Installing: not established yet",
  ],
  [
    "one whose name is taken",
    thing("CustomResourceDefinition", {
      status: condition("NamesAccepted", "False", "Conflict", "taken"),
    }),
    "Degraded Conflict: taken",
  ],
  ["a plain object", thing("ConfigMap"), "Healthy"],
  [
    "one that says that it has failed",
    thing("ConfigMap", { status: condition("Stalled", "True") }),
    "Degraded Why: so",
  ],
  [
    "one that is being worked on",
    thing("ConfigMap", { status: condition("Reconciling", "True") }),
    "Progressing Why: so",
  ],
  [
    "one that is not ready",
    thing("ConfigMap", { status: condition("Ready", "Unknown") }),
    "Progressing Why: so",
  ],
  [
    "one that has not seen its spec",
    thing("ConfigMap", { status: { observedGeneration: 1 } }),
    "Progressing NotObserved: not looked at yet",
  ],
];

describe("objectHealth()", () => {
  test.for(CASES)("%s", ([, object, expected]) => {
    expect(stands(object)).toBe(expected);
  });

  test("what is being deleted is on its way, whatever it says", () => {
    const object = set(done);
    const metadata = { ...object.metadata, deletionTimestamp: at(0), finalizers: ["a/b"] };
    expect(stands({ ...object, metadata })).toBe("Progressing Terminating: being deleted");
  });

  test("a claim that waits for its first pod is as declared until there is one", () => {
    const claim = thing("PersistentVolumeClaim", { spec: { storageClassName: "x" } });
    const lazy = thing("StorageClass", { volumeBindingMode: "WaitForFirstConsumer" });
    expect(stands(claim, lazy)).toBe("Healthy WaitForFirstConsumer: waits for the first pod");
    const volumes = [{ name: "v", persistentVolumeClaim: { claimName: "x" } }];
    expect(stands(claim, lazy, pod({ name: "p", spec: { volumes } }))).toContain("Pending");
  });
});

describe("objectHealth(): what can only fail", () => {
  const crashing = (hash: string): ApiObject => {
    const built = pod({
      name: "x-0",
      owner: set(done),
      restarts: 5,
      ready: null,
      labels: { "controller-revision-hash": hash },
    });
    const [status] = built.status?.containerStatuses ?? [];
    const waiting = { waiting: { reason: "CrashLoopBackOff" } };
    return {
      ...built,
      status: { ...built.status, containerStatuses: [{ ...status, state: waiting }] },
    } as ApiObject;
  };
  const rolling = set({ ...done, readyReplicas: 2, updateRevision: "new" });

  test("a pod of the new revision that crashes ends it, one of the old does not", () => {
    expect(stands(rolling, node({ name: "a" }), crashing("new"))).toMatch(
      /^Degraded CrashLoopBackOff/,
    );
    expect(stands(rolling, node({ name: "a" }), crashing("old"))).toBe(
      "Progressing Progressing: 2 of 3 pods are ready",
    );
  });

  test("a pod without a place ends it after ten minutes", () => {
    const lonely = (seconds: number): ApiObject => {
      const built = pod({ name: "p", node: "", ready: null, phase: "Pending" });
      const conditions = [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          message: "0/1 nodes",
          lastTransitionTime: at(-seconds),
        },
      ];
      return { ...built, status: { ...built.status, conditions } } as ApiObject;
    };
    expect(stands(lonely(599))).toMatch(/^Progressing Unschedulable/);
    expect(stands(lonely(600))).toMatch(/^Degraded Unschedulable/);
    const { lookAgainAt } = objectHealth(new SimWorld([lonely(100)], NOW), refOf(lonely(100)));
    expect(lookAgainAt).toBe(NOW + 500_000);
  });

  test("a refused creation ends it once it has lasted", () => {
    const refused = (seconds: number): ApiObject =>
      ({
        ...replicaSet(),
        status: {
          replicas: 0,
          observedGeneration: 1,
          conditions: [
            {
              type: "ReplicaFailure",
              status: "True",
              reason: "FailedCreate",
              message: "exceeded quota",
              lastTransitionTime: at(-seconds),
            },
          ],
        },
      }) as ApiObject;
    expect(stands(refused(59))).toMatch(/^Progressing FailedCreate: .*exceeded quota/);
    expect(stands(refused(60))).toBe("Degraded FailedCreate: exceeded quota");
  });

  test("a limit range that forbids the pods ends it at once; a quota that is full is waited for", () => {
    const range = thing("LimitRange", {
      spec: { limits: [{ type: "Container", max: { cpu: "1" } }] },
    });
    const big = template("v1", {
      containers: [container({ resources: { limits: { cpu: "2" } } })],
    });
    const short = set({ ...done, replicas: 0 }, { template: big });
    expect(stands(short, range)).toMatch(
      /^Degraded FailedCreate: pods "x" is forbidden: maximum cpu/,
    );
    const quota = thing("ResourceQuota", { spec: { hard: { pods: "0" } } });
    expect(stands(short, quota)).toMatch(/^Progressing FailedCreate: 0 of 3 .*exceeded quota/);
  });
});
