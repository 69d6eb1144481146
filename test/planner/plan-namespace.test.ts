import { describe, expect, test } from "vitest";
import type { Namespace } from "../../src/model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectMeta } from "../../src/model/meta.ts";
import { rootCaConfigMap } from "../../src/model/root-ca.ts";
import type { Step } from "../../src/model/plan.ts";
import { planNamespace } from "../../src/planner/plan-namespace.ts";
import { planObject, wakeKeys } from "../../src/planner/plan-object.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { node, NOW, pod, replicaSet } from "../support/builders.ts";

function shop(metadata: Partial<ObjectMeta> = {}, more: Partial<Namespace> = {}): Namespace {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", uid: "uid-shop", ...metadata },
    ...more,
  };
}

const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const held = { spec: { finalizers: ["kubernetes"] } };
const active = { ...held, status: { phase: "Active" as const } };

function thing(kind: string, name: string, metadata: Partial<ObjectMeta> = {}): ApiObject {
  return {
    apiVersion: "v1",
    kind,
    metadata: { name, namespace: "shop", uid: `uid-${name}`, ...metadata },
  };
}

const account = thing("ServiceAccount", "default");

function render(step: Step): string {
  switch (step.kind) {
    case "delete":
      return `delete ${formatRef(step.ref)}`;
    case "event":
      return `event ${step.reason}`;
    default: {
      const { spec, status } = step.object as Namespace;
      const said = step.kind === "update-status" ? status?.phase : spec?.finalizers?.join();
      return `${step.kind} ${formatRef(refOf(step.object))} ${said ?? ""}`.trim();
    }
  }
}

const lines = (namespace: Namespace, ...others: ApiObject[]): string[] =>
  planNamespace(new SimWorld([namespace, ...others], NOW), namespace).steps.map(render);

const conditions = (namespace: Namespace, ...others: ApiObject[]): Record<string, string> => {
  const { steps } = planNamespace(new SimWorld([namespace, ...others], NOW), namespace);
  const step = steps.find(({ kind }) => kind === "update-status");
  const { status } = (step?.kind === "update-status" ? step.object : namespace) as Namespace;
  return Object.fromEntries(
    (status?.conditions ?? []).map(({ type, status: is, message = "" }) => [
      type,
      `${is}: ${message}`,
    ]),
  );
};

describe("planNamespace(): one that stays", () => {
  test("is Active, held, and has its account", () => {
    expect(lines(shop())).toEqual([
      "update Namespace shop kubernetes",
      "update-status Namespace shop Active",
      "create ServiceAccount shop/default",
    ]);
    expect(lines(shop({}, active), account)).toEqual([]);
  });

  test("gets the certificate of the cluster, again when it is changed", () => {
    const origin = rootCaConfigMap("kube-system", "PEM");
    const plan = (...others: ApiObject[]): string[] => lines(shop({}, active), account, ...others);
    expect(plan(origin)).toEqual(["create ConfigMap shop/kube-root-ca.crt"]);
    expect(plan(origin, rootCaConfigMap("shop", "PEM"))).toEqual([]);
    expect(plan(origin, rootCaConfigMap("shop", "forged"))).toEqual([
      "update ConfigMap shop/kube-root-ca.crt",
    ]);
  });

  test("is looked at when what it has to have goes", () => {
    const world = new SimWorld([shop({}, active), shop({ name: "b", uid: "uid-b" }, active)], NOW);
    const key = (name: string): string => `v1/Namespace//${name}`;
    expect(wakeKeys(world, account)).toContain(key("shop"));
    expect(wakeKeys(world, rootCaConfigMap("shop", "PEM"))).toContain(key("shop"));
    expect(wakeKeys(world, rootCaConfigMap("kube-system", "PEM"))).toEqual(
      expect.arrayContaining([key("shop"), key("b")]),
    );
    expect(wakeKeys(world, thing("ConfigMap", "other"))).toEqual([]);
  });
});

describe("planNamespace(): one that goes", () => {
  const ending = shop(going, { ...held, status: { phase: "Terminating" } });

  test("is emptied: first what makes others anew; other namespaces are left alone", () => {
    const rs = replicaSet();
    const derived = pod({ name: "p", owner: rs });
    const elsewhere = thing("ConfigMap", "kept", { namespace: "other" });
    expect(lines(shop(going, held), derived, rs, thing("ConfigMap", "c"), elsewhere)).toEqual([
      "update-status Namespace shop Terminating",
      "delete ConfigMap shop/c",
      "delete ReplicaSet shop/web",
      "delete Pod shop/p",
    ]);
  });

  test("waits for what is still ending", () => {
    const last = pod({ name: "p", terminating: true });
    expect(lines(ending, last).filter((line) => line.startsWith("delete"))).toEqual([]);
  });

  test("goes when it is empty, unless others hold it", () => {
    expect(lines(ending)).toEqual(["update Namespace shop"]);
    const world = new SimWorld([ending], NOW);
    world.apply(planObject(world, refOf(ending)).steps);
    expect(world.all()).toEqual([]);
    const shared = shop({ ...going, finalizers: ["a/b"] }, held);
    const other = new SimWorld([shared], NOW);
    other.apply(planObject(other, refOf(shared)).steps);
    const [left] = other.all();
    expect(left).toMatchObject({ metadata: { finalizers: ["a/b"] }, spec: { finalizers: [] } });
    const steps = lines(left as Namespace);
    expect(steps).toEqual(["update-status Namespace shop Terminating"]);
  });

  test("tells what is left and who is waited for", () => {
    const waiting = thing("ConfigMap", "c", { ...going, finalizers: ["example.org/x"] });
    expect(conditions(ending, waiting, thing("ConfigMap", "d"), pod({ name: "p" }))).toEqual({
      NamespaceDeletionDiscoveryFailure: "False: All resources successfully discovered",
      NamespaceDeletionGroupVersionParsingFailure:
        "False: All legacy kube types successfully parsed",
      NamespaceDeletionContentFailure:
        "False: All content successfully deleted, may be waiting on finalization",
      NamespaceContentRemaining:
        "True: Some resources are remaining: configmaps. has 2 resource instances, pods. has 1 resource instances",
      NamespaceFinalizersRemaining:
        "True: Some content in the namespace has finalizers remaining: example.org/x in 1 resource instances",
    });
  });

  test("comes to its end by what it wakes alone, with what it holds", () => {
    const world = new SimWorld(
      [node({ name: "n" }), shop({}, active), account, replicaSet(), thing("ConfigMap", "c")],
      NOW,
    );
    const pods = ["a", "b"].map((name) => pod({ name, owner: replicaSet(), node: "n" }));
    for (const one of pods) world.declare(one);
    world.takeChanges();
    const uid = "uid-shop";
    world.apply([{ kind: "delete", ref: refOf(shop()), uid, reason: "NotDeclared" }]);
    const queue = new Set<string>();
    const run = (): void => {
      for (let round = 0; round < 200; round += 1) {
        for (const { before, after } of world.takeChanges())
          for (const object of [before, after])
            if (object !== undefined) for (const key of wakeKeys(world, object)) queue.add(key);
        const [key] = queue;
        if (key === undefined) return;
        queue.delete(key);
        const object = world.all().find((candidate) => refKey(refOf(candidate)) === key);
        if (object !== undefined) world.apply(planObject(world, refOf(object)).steps);
      }
    };
    run();
    expect(
      world
        .all()
        .map(({ kind }) => kind)
        .toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual(["Namespace", "Node", "Pod", "Pod"]);
    for (const one of pods) world.remove(refOf(one));
    run();
    expect(world.all().map(({ kind }) => kind)).toEqual(["Node"]);
  });
});
