import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { MAX_PODS_PER_PLAN, planReplicaSet } from "../../src/planner/plan-replicaset.ts";
import type { ReplicaSet } from "../../src/model/kinds.gen.ts";
import { namespace, pod, replicaSet, seconds, template, NOW, at } from "../support/builders.ts";
import { eventsIn, render, renderChanges, statusIn, worldOf } from "../support/world.ts";

const rs = replicaSet({ replicas: 2 });

function changes(set: ReplicaSet, objects: readonly ApiObject[]): readonly string[] {
  const lines = renderChanges(planReplicaSet(worldOf([set, ...objects]), set));
  return lines.map((line) => line.replace(/web-[bcdfghjklmnpqrstvwxz2456789]{5} /, "web-* "));
}

interface Case {
  readonly name: string;
  readonly set?: ReplicaSet;
  readonly objects: readonly ApiObject[];
  readonly changes: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "makes what is missing",
    objects: [pod({ name: "p1", owner: rs })],
    changes: ["create Pod shop/web-* (MissingReplica)"],
  },
  {
    name: "leaves a full set alone",
    objects: [pod({ name: "p1", owner: rs }), pod({ name: "p2", owner: rs })],
    changes: [],
  },
  {
    name: "does not count a pod that is ending",
    objects: [pod({ name: "p1", owner: rs }), pod({ name: "p2", owner: rs, terminating: true })],
    changes: ["create Pod shop/web-* (MissingReplica)"],
  },
  {
    name: "replaces a failed pod and leaves it to be read",
    objects: [pod({ name: "p1", owner: rs }), pod({ name: "p2", owner: rs, phase: "Failed" })],
    changes: ["create Pod shop/web-* (MissingReplica)"],
  },
  {
    name: "adopts a pod that its selector chooses",
    objects: [pod({ name: "p1", owner: rs }), pod({ name: "stray" })],
    changes: ["update Pod shop/stray (Adopt)"],
  },
  {
    name: "does not adopt a pod of another controller",
    objects: [
      pod({ name: "p1", owner: rs }),
      pod({ name: "theirs", owner: replicaSet({}, { uid: "uid-other" }) }),
    ],
    changes: ["create Pod shop/web-* (MissingReplica)"],
  },
  {
    name: "does not adopt a pod that is ending",
    objects: [pod({ name: "p1", owner: rs }), pod({ name: "stray", terminating: true })],
    changes: ["create Pod shop/web-* (MissingReplica)"],
  },
  {
    name: "does not adopt from another namespace",
    objects: [pod({ name: "p1", owner: rs }), pod({ name: "stray", namespace: "else" })],
    changes: ["create Pod shop/web-* (MissingReplica)"],
  },
  {
    name: "releases a pod whose labels left the selector, and replaces it",
    objects: [
      pod({ name: "p1", owner: rs }),
      pod({ name: "p2", owner: rs, labels: { app: "debug" } }),
    ],
    changes: ["create Pod shop/web-* (MissingReplica)", "update Pod shop/p2 (Release)"],
  },
  {
    name: "ends a stray that would be one too many instead of adopting it",
    objects: [
      pod({ name: "p1", owner: rs }),
      pod({ name: "p2", owner: rs }),
      pod({ name: "stray", ready: null }),
    ],
    changes: ["delete Pod shop/stray (SurplusReplica)"],
  },
  {
    name: "makes nothing in a namespace that is being emptied",
    objects: [namespace("shop", "Terminating")],
    changes: [],
  },
  {
    name: "makes nothing while it is itself being deleted",
    set: replicaSet({}, { deletionTimestamp: at(0) }),
    objects: [],
    changes: [],
  },
];

describe("planReplicaSet()", () => {
  test.for(CASES)("$name", ({ set = rs, objects, changes: expected }) => {
    expect(changes(set, objects)).toEqual(expected);
  });

  test("says what it does, as events", () => {
    const surplus = replicaSet({ replicas: 1 });
    const objects = [
      pod({ name: "p1", owner: surplus }),
      pod({ name: "p2", owner: surplus, ready: null }),
    ];
    expect(eventsIn(planReplicaSet(worldOf([surplus, ...objects]), surplus))).toEqual([
      "Normal SuccessfulDelete: Deleted pod: p2",
    ]);
    const [line = ""] = eventsIn(planReplicaSet(worldOf([rs]), rs));
    expect(line).toMatch(/^Normal SuccessfulCreate: Created pod: web-[a-z0-9]{5}$/);
  });

  test("makes pods from the template, owned, Pending", () => {
    const set = replicaSet({ replicas: 1 });
    const [step] = planReplicaSet(worldOf([set]), set).steps;
    expect(step).toMatchObject({
      kind: "create",
      object: {
        metadata: {
          namespace: "shop",
          generateName: "web-",
          labels: { app: "web" },
          ownerReferences: [{ kind: "ReplicaSet", name: "web", uid: "uid-rs", controller: true }],
        },
        spec: template().spec,
        status: { phase: "Pending" },
      },
    });
  });

  test("ends the pod that shares its node with one of a sister set", () => {
    const parent = [
      { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "uid-d", controller: true },
    ];
    const sister = replicaSet({}, { name: "web-old", uid: "uid-old", ownerReferences: parent });
    const set = replicaSet({ replicas: 1 }, { ownerReferences: parent });
    const objects = [
      sister,
      pod({ name: "a-alone", owner: set, node: "a" }),
      pod({ name: "b-shares", owner: set, node: "b" }),
      pod({ name: "old", owner: sister, node: "b" }),
    ];
    expect(changes(set, objects)).toEqual(["delete Pod shop/b-shares (SurplusReplica)"]);
  });

  test("names the same pods when it plans twice, and no two alike", () => {
    const set = replicaSet({ replicas: 50 });
    const world = worldOf([set]);
    const first = render(planReplicaSet(world, set));
    expect(render(planReplicaSet(world, set))).toEqual(first);
    expect(new Set(first).size).toBe(100);
  });

  test("goes round a name that someone else has", () => {
    const set = replicaSet({ replicas: 1 });
    const world = worldOf([set]);
    const [name] = createdNames(world, set);
    world.declare(pod({ name: name ?? "", labels: { app: "else" } }));
    const [next] = createdNames(world, set);
    expect(next).toMatch(/^web-/);
    expect(next).not.toBe(name);
  });

  test("cuts a long name so that the pod's name still fits a host name", () => {
    const set = replicaSet({ replicas: 1 }, { name: "w".repeat(200) });
    expect(createdNames(worldOf([set]), set).map((name) => name.length)).toEqual([63]);
  });

  test("makes and ends at most 500 pods at a time", () => {
    const large = replicaSet({ replicas: 501 });
    expect(createdNames(worldOf([large]), large)).toHaveLength(MAX_PODS_PER_PLAN);
    const none = replicaSet({ replicas: 0 });
    const pods = Array.from({ length: 501 }, (_, index) => pod({ name: `p${index}`, owner: none }));
    expect(changes(none, pods)).toHaveLength(500);
  });

  test("counts replicas, fully labelled, ready and available ones", () => {
    const set = replicaSet({
      replicas: 5,
      minReadySeconds: 30,
      template: { ...template(), metadata: { labels: { app: "web", tier: "front" } } },
    });
    const pods = [
      pod({ name: "p1", owner: set, ready: -30, labels: { app: "web", tier: "front" } }),
      pod({ name: "p2", owner: set, ready: -29 }),
      pod({ name: "p3", owner: set, ready: null }),
      pod({ name: "p4", owner: set, terminating: true }),
      pod({ name: "p5", owner: set, phase: "Failed" }),
    ];
    const plan = planReplicaSet(worldOf([set, ...pods]), set);
    expect(statusIn(plan)).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 1,
      readyReplicas: 2,
      availableReplicas: 1,
      observedGeneration: 1,
    });
    expect(plan.lookAgainAt).toBe(NOW + seconds(1));
  });

  test("says in its conditions why pods are missing in a namespace that is being emptied", () => {
    const world = worldOf([rs, namespace("shop", "Terminating")]);
    expect(statusIn(planReplicaSet(world, rs))).toMatchObject({
      conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate" }],
    });
  });

  test("plans nothing more once its plan is carried out", () => {
    const set = replicaSet({ replicas: 2 });
    const world = worldOf([set, pod({ name: "p1", owner: set, ready: null })]);
    const read = (): ReplicaSet => world.list("apps/v1", "ReplicaSet")[0] as ReplicaSet;
    world.apply(planReplicaSet(world, read()).steps);
    world.apply(planReplicaSet(world, read()).steps);
    expect(planReplicaSet(world, read())).toEqual({ steps: [] });
  });
});

function createdNames(world: ReturnType<typeof worldOf>, set: ReplicaSet): readonly string[] {
  const [stored] = world.list("apps/v1", "ReplicaSet") as readonly ReplicaSet[];
  return planReplicaSet(world, stored ?? set).steps.flatMap((step) =>
    step.kind === "create" ? [step.object.metadata.name] : [],
  );
}
