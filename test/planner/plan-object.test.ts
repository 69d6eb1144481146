import { describe, expect, test } from "vitest";
import { controllerRef, refKey, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { JOB_TRACKING_FINALIZER } from "../../src/planner/job-pod.ts";
import { planObject, wakeKeys, wakeKeysOfChange } from "../../src/planner/plan-object.ts";
import { deployment, job, namespace, node, pod, replicaSet, service } from "../support/builders.ts";
import { renderChanges, worldOf } from "../support/world.ts";

const web = deployment();
const set = replicaSet({}, { ownerReferences: [controllerRef(web)] });
const mine = pod({ name: "p1", owner: set });
const svc = service();
const sum = job();
const cluster = [namespace(), node({ name: "a" }), web, set, mine, svc, sum];

const slice: ApiObject = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: "web-x",
    namespace: "shop",
    uid: "uid-slice",
    ownerReferences: [controllerRef(svc)],
  },
};

interface Case {
  readonly name: string;
  readonly there: readonly ApiObject[];
  readonly changed: ApiObject;
  readonly keys: readonly string[];
}

const POD = "v1/Pod/shop/p1";
const SET = "apps/v1/ReplicaSet/shop/web";
const DEPLOYMENT = "apps/v1/Deployment/shop/web";
const SERVICE = "v1/Service/shop/web";

const WAKES: readonly Case[] = [
  {
    name: "a pod wakes its set, its Deployment and its Services",
    there: cluster,
    changed: mine,
    keys: [POD, SET, DEPLOYMENT, SERVICE],
  },
  {
    name: "a pod that no Service selects",
    there: cluster,
    changed: pod({ name: "p1", owner: set, labels: { app: "db" } }),
    keys: [POD, SET, DEPLOYMENT],
  },
  {
    name: "a Service without a selector is not woken by pods",
    there: [set, web, { ...svc, spec: { ...svc.spec, selector: {} } } as ApiObject],
    changed: mine,
    keys: [POD, SET, DEPLOYMENT],
  },
  {
    name: "a pod of a Job wakes it",
    there: cluster,
    changed: pod({ name: "p1", owner: sum, labels: {} }),
    keys: [POD, "batch/v1/Job/shop/sum"],
  },
  {
    name: "a stray pod wakes who would adopt it",
    there: cluster,
    changed: pod({ name: "p1" }),
    keys: [POD, SET, SERVICE],
  },
  {
    name: "a stray set wakes who would adopt it",
    there: cluster,
    changed: replicaSet({}, { name: "x", uid: "uid-x", labels: { app: "web" } }),
    keys: ["apps/v1/ReplicaSet/shop/x", DEPLOYMENT],
  },
  { name: "a set wakes its Deployment", there: cluster, changed: set, keys: [SET, DEPLOYMENT] },
  { name: "a Service wakes itself", there: cluster, changed: svc, keys: [SERVICE] },
  {
    name: "a slice wakes its Service",
    there: cluster,
    changed: slice,
    keys: ["discovery.k8s.io/v1/EndpointSlice/shop/web-x", SERVICE],
  },
  {
    name: "a Service that is gone wakes its slices",
    there: [slice],
    changed: svc,
    keys: [SERVICE, "discovery.k8s.io/v1/EndpointSlice/shop/web-x"],
  },
  {
    name: "a Deployment that is gone wakes its sets",
    there: [set],
    changed: web,
    keys: [DEPLOYMENT, SET],
  },
  {
    name: "a namesake wakes what the one before it owned",
    there: [{ ...web, metadata: { ...web.metadata, uid: "uid-2" } }, set],
    changed: web,
    keys: [DEPLOYMENT, SET],
  },
  { name: "a node wakes nothing", there: cluster, changed: node({ name: "a" }), keys: [] },
  {
    name: "a node that is gone wakes its pods",
    there: [mine, pod({ name: "p2", node: "b" })],
    changed: node({ name: "a" }),
    keys: [POD],
  },
  {
    name: "anything in a namespace that is being emptied wakes the namespace",
    there: [namespace("shop", "Terminating")],
    changed: configMap(),
    keys: ["v1/Namespace//shop"],
  },
  { name: "a ConfigMap wakes nothing", there: cluster, changed: configMap(), keys: [] },
];

function configMap(): ApiObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c", namespace: "shop", uid: "uid-c" },
  };
}

describe("wakeKeys()", () => {
  test.for(WAKES)("$name", ({ there, changed, keys }) => {
    expect(wakeKeys(worldOf(there), changed)).toEqual(keys);
  });
});

const failing = [{ type: "ReplicaFailure", status: "True" }];
const owned = { ownerReferences: [controllerRef(web)] };
const withStatus = (object: ApiObject, status: object): ApiObject =>
  ({ ...object, status }) as ApiObject;
const counted = pod({ name: "p1", owner: set });
const generated: ApiObject = { ...counted, metadata: { ...counted.metadata, generation: 1 } };

interface Change {
  readonly name: string;
  readonly there?: readonly ApiObject[];
  readonly before: ApiObject;
  readonly after: ApiObject;
  readonly keys: readonly string[];
}

const CHANGES: readonly Change[] = [
  {
    name: "counts of a set do not concern its Deployment",
    before: set,
    after: withStatus(set, { replicas: 3, observedGeneration: 2 }),
    keys: [SET],
  },
  {
    name: "the spec of a set concerns its Deployment",
    before: set,
    after: { ...set, metadata: { ...set.metadata, generation: 2 } },
    keys: [SET, DEPLOYMENT],
  },
  {
    name: "an annotation of a set concerns its Deployment",
    before: set,
    after: { ...set, metadata: { ...set.metadata, annotations: { a: "b" } } },
    keys: [SET, DEPLOYMENT],
  },
  {
    name: "a set that begins to fail concerns its Deployment",
    before: set,
    after: withStatus(set, { conditions: failing }),
    keys: [SET, DEPLOYMENT],
  },
  {
    name: "a set that no longer fails concerns its Deployment",
    before: withStatus(set, { conditions: failing }),
    after: withStatus(set, { conditions: [] }),
    keys: [SET, DEPLOYMENT],
  },
  {
    name: "an empty set that has seen that it is to be empty concerns its Deployment",
    before: withStatus(replicaSet({ replicas: 0 }, owned), { observedGeneration: 1 }),
    after: withStatus(replicaSet({ replicas: 0 }, owned), { observedGeneration: 2 }),
    keys: [SET, DEPLOYMENT],
  },
  {
    name: "the status of a pod concerns its set, its Deployment and its Services, and nobody who waits for it to go",
    there: [...cluster, namespace("shop", "Terminating")],
    before: generated,
    after: withStatus(generated, { phase: "Running" }),
    keys: [POD, SET, DEPLOYMENT, SERVICE],
  },
  {
    name: "a pod that is asked to end concerns who waits for it to go",
    there: [...cluster, namespace("shop", "Terminating")],
    before: generated,
    after: {
      ...generated,
      metadata: { ...generated.metadata, deletionTimestamp: "2026-01-02T03:04:05Z" },
    },
    keys: [POD, SET, DEPLOYMENT, "v1/Namespace//shop", SERVICE],
  },
  {
    name: "labels concern Services that choose them, before or after",
    before: generated,
    after: { ...generated, metadata: { ...generated.metadata, labels: { app: "db" } } },
    keys: [POD, SET, DEPLOYMENT, SERVICE],
  },
];

describe("wakeKeysOfChange()", () => {
  test.for(CHANGES)("$name", ({ there = cluster, before, after, keys }) => {
    const others = there.filter((object) => refKey(refOf(object)) !== refKey(refOf(after)));
    expect(wakeKeysOfChange(worldOf([...others, after]), before, after)).toEqual(keys);
  });

  test("what came or went wakes whom it would by itself", () => {
    const world = worldOf(cluster);
    expect(wakeKeysOfChange(world, undefined, mine)).toEqual(wakeKeys(world, mine));
    expect(wakeKeysOfChange(world, mine, undefined)).toEqual(wakeKeys(world, mine));
    expect(wakeKeysOfChange(world, undefined, undefined)).toEqual([]);
  });

  test("a node whose status changes may wake its pods", () => {
    const pods = [pod({ name: "p1", node: "a" })];
    const plain = node({ name: "a" });
    const out = {
      ...plain,
      metadata: { ...plain.metadata, generation: 1 },
      spec: { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] },
      status: { conditions: [{ type: "Ready", status: "False" }] },
    } as ApiObject;
    const before = withStatus(out, { conditions: [{ type: "Ready", status: "True" }] });
    expect(wakeKeysOfChange(worldOf([...pods, out]), before, out)).toContain(POD);
  });
});

function changes(objects: readonly ApiObject[], object: ApiObject): readonly string[] {
  return renderChanges(planObject(worldOf(objects), refOf(object)));
}

describe("planObject()", () => {
  test("plans nothing for what is gone", () => {
    expect(changes([], web)).toEqual([]);
  });

  test.for([
    { object: web, line: /^create ReplicaSet shop\/web-/ },
    { object: replicaSet({ replicas: 1 }), line: /^create Pod shop\/web-/ },
    { object: job({ selector: { matchLabels: {} } }), line: /^create Pod shop\/sum-/ },
    { object: svc, line: /^create EndpointSlice shop\/web-/ },
    { object: namespace("shop", "Terminating"), line: /^delete Namespace shop / },
    { object: pod({ name: "p1", node: "gone" }), line: /^delete Pod shop\/p1 \(NodeGone\)$/ },
  ])("plans a $object.kind", ({ object, line }) => {
    expect(changes([object], object)[0]).toMatch(line);
  });

  test("whatever it is, it goes when its controller is gone", () => {
    for (const object of [mine, set, slice]) {
      expect(changes([object], object)).toEqual([
        `delete ${object.kind} shop/${object.metadata.name} (OwnerGone)`,
      ]);
    }
  });

  test("a Job's pod on a lost node stays until its end is counted", () => {
    const base = pod({ name: "p1", owner: sum, node: "gone", phase: "Succeeded" });
    const tracked: Pod = {
      ...base,
      metadata: { ...base.metadata, finalizers: [JOB_TRACKING_FINALIZER] },
    };
    const done = {
      ...sum,
      status: { conditions: [{ type: "Complete", status: "True" }] },
    } as ApiObject;
    expect(changes([sum, tracked], tracked)).toEqual([]);
    expect(changes([sum, base], base)).toEqual(["delete Pod shop/p1 (NodeGone)"]);
    expect(changes([done, tracked], tracked)).toEqual(["delete Pod shop/p1 (NodeGone)"]);
    expect(refKey(refOf(tracked))).toBe(POD);
  });
});
