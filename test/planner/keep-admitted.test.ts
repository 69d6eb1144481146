import { describe, expect, test } from "vitest";
import type { LimitRange, Pod } from "../../src/model/kinds.gen.ts";
import { admitPod } from "../../src/planner/admit-pod.ts";
import { keepAdmitted } from "../../src/planner/keep-admitted.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { wakeKeys } from "../../src/planner/plan-object.ts";
import { job, NOW, pod, replicaSet } from "../support/builders.ts";

const RANGE: LimitRange = {
  apiVersion: "v1",
  kind: "LimitRange",
  metadata: { name: "l", namespace: "shop" },
  spec: { limits: [{ type: "Container", default: { cpu: "1" } }] },
};

function admitted(given: Pod): Pod {
  const verdict = admitPod(new SimWorld([RANGE], NOW), given);
  if (verdict.kind === "refused") throw new Error(verdict.why);
  return verdict.object;
}

describe("keepAdmitted()", () => {
  const own = [{ key: "gpu", operator: "Exists" as const }];
  test.for([
    pod({ name: "p", node: "" }),
    pod({ name: "p", node: "", spec: { tolerations: own } }),
  ])("a declared pod that is applied again is as it was made and placed", (declared) => {
    const stored = admitted(declared);
    const placed: Pod = { ...stored, spec: { ...stored.spec, nodeName: "a" } };
    expect(keepAdmitted(declared, placed).spec).toEqual(placed.spec);
  });

  test("what Git says comes first", () => {
    const stored = admitted(pod({ name: "p", node: "a" }));
    const [container] = stored.spec.containers;
    const image = {
      ...container,
      image: "app:v2",
      resources: {},
    } as Pod["spec"]["containers"][number];
    const next = keepAdmitted(pod({ name: "p", node: "a", spec: { containers: [image] } }), stored);
    expect(next.spec.containers[0]).toMatchObject({
      image: "app:v2",
      resources: { limits: { cpu: "1" } },
    });
  });
});

describe("a rule that changes wakes who was refused", () => {
  const short = { ...replicaSet(), status: { replicas: 0 } };
  const full = {
    ...replicaSet({}, { name: "full", uid: "uid-full" }),
    status: { replicas: 3 },
  };
  const elsewhere = { ...short, metadata: { ...short.metadata, namespace: "other" } };
  const over = {
    ...job(),
    status: { conditions: [{ type: "Complete", status: "True" as const }] },
  };
  const world = new SimWorld([short, full, elsewhere, over], NOW);

  test("in its namespace, where pods are missing", () => {
    const keys = wakeKeys(world, RANGE);
    expect(keys).toContain("apps/v1/ReplicaSet/shop/web");
    expect(keys).not.toContain("apps/v1/ReplicaSet/shop/full");
    expect(keys).not.toContain("apps/v1/ReplicaSet/other/web");
    expect(keys).not.toContain("batch/v1/Job/shop/sum");
  });

  test("a priority class everywhere", () => {
    const metadata = { name: "high" };
    const keys = wakeKeys(world, {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata,
    });
    expect(keys).toEqual(
      expect.arrayContaining(["apps/v1/ReplicaSet/shop/web", "apps/v1/ReplicaSet/other/web"]),
    );
  });
});
