import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { formatRef, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { planFinishedPods, planPodCollection } from "../../src/planner/plan-pods.ts";
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

const lines = (plan: Plan): string[] =>
  plan.steps.map((step) => {
    if (step.kind === "delete") return `delete ${formatRef(step.ref)} (${step.reason})`;
    if (step.kind === "event") return `event ${step.reason}`;
    const { status } = step.object as { readonly status?: { readonly phase?: string } };
    return `${step.kind} ${formatRef(refOf(step.object))} ${status?.phase ?? ""}`.trim();
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

describe("planPodCollection(): a node out of service", () => {
  const lost = (ready: "True" | "Unknown", taints: readonly string[]): ApiObject =>
    object("Node", "alpha", {
      spec: { taints: taints.map((key) => ({ key, effect: "NoExecute" })) },
      status: { conditions: [{ type: "Ready", status: ready }] },
    });
  const OUT = "node.kubernetes.io/out-of-service";
  const going = { deletionTimestamp: "2026-01-01T00:00:00Z", deletionGracePeriodSeconds: 30 };
  test.for([
    { name: "gone for good: it goes", node: lost("Unknown", [OUT]), metadata: going, count: 1 },
    { name: "it answers: it is left to it", node: lost("True", [OUT]), metadata: going, count: 0 },
    { name: "only silent: it may run still", node: lost("Unknown", []), metadata: going, count: 0 },
    { name: "nobody asked it to end", node: lost("Unknown", [OUT]), metadata: {}, count: 0 },
  ])("$name", ({ node, metadata, count }) => {
    const pod = object("Pod", "p", { spec: { nodeName: "alpha" } }, metadata) as Pod;
    expect(planPodCollection(new SimWorld([node, pod], NOW), pod).steps).toHaveLength(count);
  });

  test("what is lost with its node has Failed, and says why; with finalizers it waits for them", () => {
    const spec = { nodeName: "gone" };
    const pod = object("Pod", "p", { spec, status: { phase: "Running" } }, { finalizers: ["a/b"] });
    const world = new SimWorld([pod], NOW);
    const stored = (): Pod => world.get(refOf(pod)) as Pod;
    world.apply(planPodCollection(world, stored()).steps);
    expect(stored()).toMatchObject({
      metadata: { deletionGracePeriodSeconds: 0, finalizers: ["a/b"] },
      status: {
        phase: "Failed",
        conditions: [{ type: "DisruptionTarget", status: "True", reason: "DeletionByPodGC" }],
      },
    });
    expect(planPodCollection(world, stored()).steps).toEqual([]);
  });
});

describe("planFinishedPods()", () => {
  const ended = (name: string, created: string, phase = "Succeeded"): Pod =>
    object("Pod", name, { spec: {}, status: { phase } }, { creationTimestamp: created }) as Pod;
  const pods = [
    ended("c", "2026-01-01T00:00:03Z"),
    ended("a", "2026-01-01T00:00:01Z", "Failed"),
    ended("b", "2026-01-01T00:00:02Z"),
    ended("runs", "2025-01-01T00:00:00Z", "Running"),
  ];
  test.for([
    { limit: 3, gone: [] },
    { limit: 2, gone: ["a"] },
    { limit: 0, gone: ["a", "b", "c"] },
  ])("keeps $limit of three", ({ limit, gone }) => {
    expect(lines(planFinishedPods(pods, limit))).toEqual(
      gone.map((name) => `delete Pod shop/${name} (PodCollected)`),
    );
  });
});
