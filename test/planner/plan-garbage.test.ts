import { describe, expect, test } from "vitest";
import { compare } from "../../src/base/order.ts";
import { markForDeletion } from "../../src/model/deletion.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectMeta } from "../../src/model/meta.ts";
import { planGarbage } from "../../src/planner/plan-garbage.ts";
import { planObject, wakeKeys } from "../../src/planner/plan-object.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { NOW } from "../support/builders.ts";

interface OwnerFields {
  readonly kind?: string;
  readonly uid?: string;
  readonly controller?: boolean;
  readonly blocks?: boolean;
}

const CLUSTER_SCOPED = new Set(["Node", "App", "StorageClass"]);
const API: Readonly<Record<string, string>> = {
  Deployment: "apps/v1",
  ReplicaSet: "apps/v1",
  App: "berth.dev/v1",
  StorageClass: "storage.k8s.io/v1",
};

function thing(kind: string, name: string, metadata: Partial<ObjectMeta> = {}): ApiObject {
  const scope = CLUSTER_SCOPED.has(kind) ? {} : { namespace: "shop" };
  const apiVersion = API[kind] ?? "v1";
  return { apiVersion, kind, metadata: { name, uid: `uid-${name}`, ...scope, ...metadata } };
}

function owner(name: string, fields: OwnerFields = {}) {
  const { kind = "ConfigMap", uid = `uid-${name}`, controller, blocks } = fields;
  return {
    apiVersion: API[kind] ?? "v1",
    kind,
    name,
    uid,
    ...(controller === undefined ? {} : { controller }),
    ...(blocks === undefined ? {} : { blockOwnerDeletion: blocks }),
  };
}

const ending = (finalizer: string): Partial<ObjectMeta> => ({
  deletionTimestamp: "2026-01-01T00:00:00Z",
  deletionGracePeriodSeconds: 0,
  finalizers: [finalizer],
});

function lines(object: ApiObject, ...others: ApiObject[]): string[] {
  const world = new SimWorld([object, ...others], NOW);
  return planGarbage(world, world.get(refOf(object)) ?? object).steps.map((step) => {
    if (step.kind === "delete") return `delete ${formatRef(step.ref)} ${step.propagation ?? ""}`;
    if (step.kind !== "update") return step.kind;
    const { ownerReferences = [], finalizers = [] } = step.object.metadata;
    const owners = ownerReferences.map(({ name }) => name).join();
    return `update ${step.object.metadata.name} owners [${owners}] finalizers [${finalizers.join()}]`;
  });
}

describe("planGarbage(): owners", () => {
  const cases: readonly {
    readonly name: string;
    readonly owners: readonly ReturnType<typeof owner>[];
    readonly world: readonly ApiObject[];
    readonly steps: readonly string[];
  }[] = [
    { name: "no owner: it stays", owners: [], world: [], steps: [] },
    {
      name: "an owner that is no controller counts as well",
      owners: [owner("a")],
      world: [],
      steps: ["delete ConfigMap shop/x Background"],
    },
    {
      name: "one gone, one left: the reference goes",
      owners: [owner("a"), owner("b")],
      world: [thing("ConfigMap", "b")],
      steps: ["update x owners [b] finalizers []"],
    },
    {
      name: "both gone: it goes",
      owners: [owner("a"), owner("b")],
      world: [],
      steps: ["delete ConfigMap shop/x Background"],
    },
    {
      name: "a namesake is no owner",
      owners: [owner("a", { uid: "older" })],
      world: [thing("ConfigMap", "a")],
      steps: ["delete ConfigMap shop/x Background"],
    },
    {
      name: "a cluster-scoped owner is found",
      owners: [owner("n", { kind: "Node" })],
      world: [thing("Node", "n")],
      steps: [],
    },
    {
      name: "a kind that nobody knows proves nothing",
      owners: [owner("w", { kind: "Widget" })],
      world: [],
      steps: [],
    },
    {
      name: "an owner that waits for its dependents is as good as gone",
      owners: [owner("a", { blocks: true }), owner("b")],
      world: [thing("ConfigMap", "a", ending("foregroundDeletion")), thing("ConfigMap", "b")],
      steps: ["update x owners [b] finalizers []"],
    },
    {
      name: "an owner that ends otherwise is there still",
      owners: [owner("a")],
      world: [thing("ConfigMap", "a", ending("example.org/x"))],
      steps: [],
    },
  ];
  test.for(cases)("$name", ({ owners, world, steps }) => {
    const object = thing("ConfigMap", "x", { ownerReferences: owners });
    expect(lines(object, ...world)).toEqual(steps);
  });

  test("a cluster-scoped object has no owner in a namespace: nothing is concluded", () => {
    const object = thing("Node", "n", { ownerReferences: [owner("a")] });
    expect(lines(object)).toEqual([]);
  });

  test("what waits for dependents of its own goes in the foreground", () => {
    const parent = thing("ConfigMap", "p", ending("foregroundDeletion"));
    const child = thing("ConfigMap", "c", { ownerReferences: [owner("p", { blocks: true })] });
    const grandchild = thing("ConfigMap", "g", { ownerReferences: [owner("c")] });
    expect(lines(child, parent)).toEqual(["delete ConfigMap shop/c Background"]);
    expect(lines(child, parent, grandchild)).toEqual(["delete ConfigMap shop/c Foreground"]);
  });
});

describe("planGarbage(): dependents of what ends", () => {
  const blocking = thing("ConfigMap", "b", { ownerReferences: [owner("x", { blocks: true })] });
  const loose = thing("ConfigMap", "l", { ownerReferences: [owner("x")] });

  test("foreground: what blocks goes first, then the object", () => {
    const object = thing("ConfigMap", "x", ending("foregroundDeletion"));
    expect(lines(object, blocking, loose)).toEqual(["delete ConfigMap shop/b Background"]);
    expect(lines(object, loose)).toEqual(["update x owners [] finalizers []"]);
  });

  test("foreground: what is ending already is only waited for", () => {
    const object = thing("ConfigMap", "x", ending("foregroundDeletion"));
    const going = { ...blocking, metadata: { ...blocking.metadata, ...ending("example.org/x") } };
    expect(lines(object, going)).toEqual([]);
  });

  test("orphan: all references go, then the object", () => {
    const object = thing("ConfigMap", "x", ending("orphan"));
    expect(lines(object, blocking, loose)).toEqual([
      "update b owners [] finalizers []",
      "update l owners [] finalizers []",
    ]);
    expect(lines(object)).toEqual(["update x owners [] finalizers []"]);
  });

  test("a finalizer of others is not the collector's", () => {
    expect(lines(thing("ConfigMap", "x", ending("example.org/x")), blocking)).toEqual([]);
  });
});

/** Deletes `a`, and plans what is woken until nothing changes. Tells what went, in order. */
function settle(objects: ApiObject[], propagation: "Foreground" | "Background" | "Orphan") {
  const world = new SimWorld(objects, NOW);
  const first = world.all()[0];
  if (first === undefined) throw new Error("no object");
  const uid = first.metadata.uid ?? "";
  world.apply([{ kind: "delete", ref: refOf(first), uid, propagation, reason: "NotDeclared" }]);
  const gone: string[] = [];
  const queue = new Set<string>();
  for (let round = 0; round < 100; round += 1) {
    for (const { before, after } of world.takeChanges()) {
      if (after === undefined && before !== undefined) gone.push(before.metadata.name);
      for (const object of [before, after])
        if (object !== undefined) for (const key of wakeKeys(world, object)) queue.add(key);
    }
    const [key] = queue;
    if (key === undefined) break;
    queue.delete(key);
    const object = world.all().find((candidate) => refKey(refOf(candidate)) === key);
    if (object !== undefined) world.apply(planObject(world, refOf(object)).steps);
  }
  return { gone, left: world.all().map(({ metadata }) => metadata.name) };
}

describe("a deletion and what it wakes", () => {
  const chain = (): ApiObject[] => [
    thing("ConfigMap", "a"),
    thing("ConfigMap", "b", { ownerReferences: [owner("a", { blocks: true })] }),
    thing("ConfigMap", "c", { ownerReferences: [owner("b", { blocks: true })] }),
  ];
  test.for([
    { propagation: "Background" as const, gone: ["a", "b", "c"], left: [] },
    { propagation: "Foreground" as const, gone: ["c", "b", "a"], left: [] },
    { propagation: "Orphan" as const, gone: ["a"], left: ["b", "c"] },
  ])("$propagation", ({ propagation, gone, left }) => {
    const end = settle(chain(), propagation);
    expect(end.gone).toEqual(gone);
    expect(end.left.toSorted(compare)).toEqual(left);
  });
});

describe("markForDeletion()", () => {
  const request = { now: NOW };
  const pod = (metadata: Partial<ObjectMeta> = {}, nodeName?: string): ApiObject =>
    ({
      ...thing("Pod", "p", metadata),
      spec: nodeName === undefined ? {} : { nodeName },
    }) as ApiObject;

  test("what has no finalizer goes at once", () => {
    expect(markForDeletion(thing("ConfigMap", "x"), request)).toBeUndefined();
    expect(markForDeletion(pod(), request)).toBeUndefined();
  });

  test("what has one waits, and a second deletion changes nothing", () => {
    const marked = markForDeletion(thing("ConfigMap", "x", { finalizers: ["a/b"] }), request);
    expect(marked?.metadata).toMatchObject({
      deletionTimestamp: "2026-01-02T03:00:00Z",
      deletionGracePeriodSeconds: 0,
      finalizers: ["a/b"],
    });
    expect(marked && markForDeletion(marked, { now: NOW + 1000 })).toBe(marked);
  });

  test("a pod on a node has its grace, then waits for its finalizers alone", () => {
    const marked = markForDeletion(pod({ finalizers: ["a/b"] }, "n"), request);
    expect(marked?.metadata.deletionGracePeriodSeconds).toBe(30);
    const ended = marked && markForDeletion(marked, { now: NOW + 5000, isEnded: true });
    expect(ended?.metadata).toMatchObject({
      deletionTimestamp: "2026-01-02T03:00:05Z",
      deletionGracePeriodSeconds: 0,
    });
    expect(markForDeletion(pod({}, "n"), { now: NOW, isEnded: true })).toBeUndefined();
  });

  test("a later policy replaces an earlier one", () => {
    const orphaning = markForDeletion(thing("ConfigMap", "x"), { now: NOW, propagation: "Orphan" });
    expect(orphaning?.metadata.finalizers).toEqual(["orphan"]);
    const other = orphaning && markForDeletion(orphaning, { now: NOW, propagation: "Foreground" });
    expect(other?.metadata.finalizers).toEqual(["foregroundDeletion"]);
    expect(orphaning && markForDeletion(orphaning, { now: NOW, propagation: "Background" })).toBe(
      undefined,
    );
  });

  test("a namespace waits for its content", () => {
    const marked = markForDeletion(thing("Namespace", "shop"), request);
    expect(marked).toMatchObject({ spec: { finalizers: ["kubernetes"] } });
    expect(marked && markForDeletion(marked, request)).toBe(marked);
  });
});
