import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { formatRef, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
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
