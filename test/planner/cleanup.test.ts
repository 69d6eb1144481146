import { describe, expect, test } from "vitest";
import type { Namespace, Pod } from "../../src/model/kinds.gen.ts";
import { formatRef, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { planGarbage } from "../../src/planner/plan-garbage.ts";
import { planNamespace } from "../../src/planner/plan-namespace.ts";
import { planPodCollection } from "../../src/planner/plan-pods.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";

const NOW = Date.UTC(2026, 0, 2);

function object(
  kind: string,
  name: string,
  more: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): ApiObject {
  const apiVersion = kind === "ReplicaSet" || kind === "Deployment" ? "apps/v1" : "v1";
  const scope = kind === "Namespace" || kind === "Node" ? {} : { namespace: "shop" };
  return {
    apiVersion,
    kind,
    metadata: { name, uid: `uid-${name}`, ...scope, ...metadata },
    ...more,
  } as ApiObject;
}

const ownedBy = (name: string, uid = `uid-${name}`): Record<string, unknown> => ({
  ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name, uid, controller: true }],
});

const lines = (plan: Plan): string[] =>
  plan.steps.map((step) => {
    if (step.kind === "delete") return `delete ${formatRef(step.ref)} (${step.reason})`;
    if (step.kind === "event") return `event ${step.reason}`;
    const { status } = step.object as { readonly status?: { readonly phase?: string } };
    return `${step.kind} ${formatRef(refOf(step.object))} ${status?.phase ?? ""}`.trim();
  });

describe("planGarbage()", () => {
  const cases = [
    { name: "what nobody controls stays", owner: {}, world: [], steps: [] },
    {
      name: "what is controlled stays while its controller is there",
      owner: ownedBy("rs"),
      world: [object("ReplicaSet", "rs")],
      steps: [],
    },
    {
      name: "it goes when its controller is gone",
      owner: ownedBy("rs"),
      world: [],
      steps: ["delete Pod shop/p (OwnerGone)"],
    },
    {
      name: "a namesake is not its controller",
      owner: ownedBy("rs", "older"),
      world: [object("ReplicaSet", "rs")],
      steps: ["delete Pod shop/p (OwnerGone)"],
    },
    {
      name: "what is going already is left alone",
      owner: { ...ownedBy("rs"), deletionTimestamp: "2026-01-01T00:00:00Z" },
      world: [],
      steps: [],
    },
  ];
  test.for(cases)("$name", ({ owner, world, steps }) => {
    const pod = object("Pod", "p", { spec: {} }, owner);
    expect(lines(planGarbage(new SimWorld([...world, pod], NOW), pod))).toEqual(steps);
  });
});

describe("planPodCollection()", () => {
  const cases = [
    {
      name: "a pod on a node that is there stays",
      spec: { nodeName: "alpha" },
      going: false,
      steps: [],
    },
    {
      name: "a pod whose node is gone goes at once",
      spec: { nodeName: "beta" },
      going: false,
      steps: ["delete Pod shop/p (NodeGone)"],
    },
    { name: "a pod that waits for a node stays", spec: {}, going: false, steps: [] },
    {
      name: "a pod that was asked to end before it had a node goes",
      spec: {},
      going: true,
      steps: ["delete Pod shop/p (NodeGone)"],
    },
    {
      name: "a pod that ends on its node is left to its agent",
      spec: { nodeName: "alpha" },
      going: true,
      steps: [],
    },
  ];
  test.for(cases)("$name", ({ spec, going, steps }) => {
    const pod = object(
      "Pod",
      "p",
      { spec },
      going ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {},
    ) as Pod;
    const plan = planPodCollection(
      new SimWorld([object("Node", "alpha", { spec: {} }), pod], NOW),
      pod,
    );
    expect(lines(plan)).toEqual(steps);
    for (const step of plan.steps) expect(step).toMatchObject({ graceSeconds: 0, uid: "uid-p" });
  });
});

describe("planNamespace()", () => {
  const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };
  const plan = (namespace: ApiObject, ...others: ApiObject[]): string[] =>
    lines(planNamespace(new SimWorld([namespace, ...others], NOW), namespace as Namespace));

  test("says that one that stays is Active, once", () => {
    expect(plan(object("Namespace", "shop"))).toEqual(["update-status Namespace shop Active"]);
    expect(
      plan(object("Namespace", "shop", { status: { phase: "Active" } }), object("ConfigMap", "c")),
    ).toEqual([]);
  });

  test("empties one that goes: first what makes others anew, and leaves other namespaces alone", () => {
    const elsewhere = object("ConfigMap", "kept", {}, { namespace: "other" });
    const derived = object("Pod", "p", { spec: {} }, ownedBy("rs"));
    expect(
      plan(
        object("Namespace", "shop", {}, going),
        derived,
        object("ReplicaSet", "rs"),
        object("ConfigMap", "c"),
        elsewhere,
      ),
    ).toEqual([
      "update-status Namespace shop Terminating",
      "delete ConfigMap shop/c (NamespaceTerminating)",
      "delete ReplicaSet shop/rs (NamespaceTerminating)",
      "delete Pod shop/p (NamespaceTerminating)",
    ]);
  });

  test("waits for what is still ending, and goes when it is empty", () => {
    const namespace = object("Namespace", "shop", { status: { phase: "Terminating" } }, going);
    expect(plan(namespace, object("Pod", "p", { spec: {} }, going))).toEqual([]);
    expect(plan(namespace)).toEqual(["delete Namespace shop (NamespaceTerminating)"]);
  });
});
