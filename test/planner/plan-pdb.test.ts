import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { budgetFigures, disruptionsAllowed } from "../../src/model/disruption.ts";
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { wakeKeys } from "../../src/planner/plan-object.ts";
import { planDisruptionBudget } from "../../src/planner/plan-pdb.ts";
import {
  at,
  deployment,
  job,
  NOW,
  pod,
  replicaSet,
  seconds,
  template,
} from "../support/builders.ts";
import { eventsIn, statusIn, worldOf } from "../support/world.ts";

const WEB = deployment({ replicas: 5 });
const SET = replicaSet(
  { replicas: 3 },
  {
    ownerReferences: [
      { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "uid-web", controller: true },
    ],
  },
);

function budget(
  spec: Partial<PodDisruptionBudgetSpec>,
  status?: Partial<PodDisruptionBudgetStatus>,
): PodDisruptionBudget {
  const made: PodDisruptionBudget = {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "keep", namespace: "shop", uid: "uid-pdb", generation: 2 },
    spec: { selector: { matchLabels: { app: "web" } }, ...spec },
  };
  const none = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 };
  return status === undefined ? made : { ...made, status: { ...none, ...status } };
}

/** `ready` Ready pods of the Deployment and `unready` others. */
function pods(ready: number, unready = 0): readonly ApiObject[] {
  return Array.from({ length: ready + unready }, (_, index) =>
    pod({ name: `web-${index}`, owner: SET, ready: index < ready ? -60 : null }),
  );
}

const plan = (object: PodDisruptionBudget, others: readonly ApiObject[]) =>
  planDisruptionBudget(worldOf([object, ...others]), object);

describe("budgetFigures()", () => {
  const rows: readonly (readonly [
    name: string,
    spec: PodDisruptionBudgetSpec,
    facts: readonly [podCount: number, scale: number, healthy: number],
    figures: readonly [expected: number, desired: number, allowed: number],
  ])[] = [
    ["minAvailable 2", { minAvailable: 2 }, [3, 9, 3], [3, 2, 1]],
    ["minAvailable above what is there", { minAvailable: 5 }, [3, 3, 3], [3, 5, 0]],
    ["minAvailable 50% rounds up", { minAvailable: "50%" }, [5, 5, 5], [5, 3, 2]],
    ["minAvailable 100%", { minAvailable: "100%" }, [5, 5, 5], [5, 5, 0]],
    ["minAvailable 0", { minAvailable: 0 }, [2, 2, 2], [2, 0, 2]],
    ["maxUnavailable 1", { maxUnavailable: 1 }, [5, 5, 5], [5, 4, 1]],
    ["maxUnavailable 1, one is missing", { maxUnavailable: 1 }, [4, 5, 4], [5, 4, 0]],
    ["maxUnavailable 30% rounds up", { maxUnavailable: "30%" }, [5, 5, 5], [5, 3, 2]],
    ["maxUnavailable above all", { maxUnavailable: 9 }, [5, 5, 5], [5, 0, 5]],
    ["maxUnavailable 0", { maxUnavailable: 0 }, [5, 5, 5], [5, 5, 0]],
    ["no pods", { minAvailable: 0 }, [0, 0, 0], [0, 0, 0]],
    ["nothing said", {}, [2, 2, 2], [2, 0, 2]],
  ];
  test.for(rows)("%s", ([, spec, [podCount, scale, healthy], [expected, desired, allowed]]) => {
    expect(budgetFigures(spec, { podCount, scale, healthy })).toEqual({
      expectedPods: expected,
      desiredHealthy: desired,
      disruptionsAllowed: allowed,
    });
  });

  test("never lets so many go that fewer than wanted stay healthy", () => {
    const amount = fc.oneof(
      fc.nat(8),
      fc.nat(100).map((share) => `${share}%`),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          amount.map((minAvailable) => ({ minAvailable })),
          amount.map((maxUnavailable) => ({ maxUnavailable })),
        ),
        fc.record({ podCount: fc.nat(8), scale: fc.nat(8), healthy: fc.nat(8) }),
        (spec, facts) => {
          const { desiredHealthy, disruptionsAllowed: allowed } = budgetFigures(spec, facts);
          expect(allowed).toBeGreaterThanOrEqual(0);
          if (allowed > 0) expect(facts.healthy - allowed).toBeGreaterThanOrEqual(desiredHealthy);
        },
      ),
    );
  });
});

describe("planDisruptionBudget()", () => {
  test("counts Ready pods, and takes the scale from the Deployment above their ReplicaSet", () => {
    const planned = plan(budget({ maxUnavailable: 2 }), [WEB, SET, ...pods(4, 1)]);
    expect(statusIn(planned)).toEqual({
      currentHealthy: 4,
      desiredHealthy: 3,
      disruptionsAllowed: 1,
      expectedPods: 5,
      observedGeneration: 2,
      conditions: [
        {
          type: "DisruptionAllowed",
          status: "True",
          reason: "SufficientPods",
          message: "",
          observedGeneration: 2,
          lastTransitionTime: at(0),
        },
      ],
    });
  });

  test("says that none may go", () => {
    expect(statusIn(plan(budget({ minAvailable: 3 }), [WEB, SET, ...pods(3)]))).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ status: "False", reason: "InsufficientPods" }],
    });
  });

  test("an evicted pod counts as gone for two minutes, and is told of when it is still there", () => {
    const others = [WEB, SET, ...pods(5)];
    const fresh = budget({ minAvailable: 1 }, { disruptedPods: { "web-0": at(-119) } });
    expect(statusIn(plan(fresh, others))).toMatchObject({
      currentHealthy: 4,
      disruptedPods: { "web-0": at(-119) },
    });
    expect(plan(fresh, others).lookAgainAt).toBe(NOW + seconds(1));
    const old = budget({ minAvailable: 1 }, { disruptedPods: { "web-0": at(-120), gone: at(0) } });
    expect(statusIn(plan(old, others))).toMatchObject({ currentHealthy: 5 });
    expect(statusIn(plan(old, others))).not.toHaveProperty("disruptedPods");
    expect(eventsIn(plan(old, others))[0]).toBe(
      "Warning NotDeleted: Pod was expected by PDB shop/keep to be deleted but it wasn't",
    );
  });

  test("a pod that was asked to end is not healthy", () => {
    const ending = pod({ name: "web-9", owner: SET, terminating: true });
    expect(statusIn(plan(budget({ minAvailable: 1 }), [WEB, SET, ending]))).toMatchObject({
      currentHealthy: 0,
      expectedPods: 1,
    });
  });

  test("pods of a Job have no scale: a share of them cannot be computed, a number can", () => {
    const worker = pod({ name: "sum-1", owner: job() });
    const share = plan(budget({ minAvailable: "50%" }), [job(), worker]);
    expect(statusIn(share)).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ status: "False", reason: "SyncFailed" }],
    });
    expect(eventsIn(share)[0]).toMatch(/^Warning CalculateExpectedPodCountFailed: /);
    const count = plan(budget({ minAvailable: 0 }), [job(), worker]);
    expect(statusIn(count)).toMatchObject({ disruptionsAllowed: 1 });
  });

  test("pods without a controller do not count for a share", () => {
    const planned = plan(budget({ maxUnavailable: 1 }), [pod({ name: "alone" })]);
    expect(statusIn(planned)).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 });
    expect(eventsIn(planned)[0]).toMatch(/^Warning UnmanagedPods: /);
  });

  test("says that it chooses nothing, once", () => {
    expect(eventsIn(plan(budget({ minAvailable: 1 }), []))).toEqual([
      "Normal NoPods: No matching pods found",
    ]);
    const seen = budget({ minAvailable: 1 }, { observedGeneration: 2 });
    expect(eventsIn(plan(seen, []))).toEqual([]);
  });

  test("is planned again when a pod of its choice changes", () => {
    const world = worldOf([budget({ minAvailable: 1 }), WEB, SET]);
    const key = "policy/v1/PodDisruptionBudget/shop/keep";
    expect(wakeKeys(world, pod({ name: "web-0", owner: SET }))).toContain(key);
    expect(wakeKeys(world, pod({ name: "db-0", labels: { app: "db" } }))).not.toContain(key);
  });

  test("is planned again when its workload wants another number of pods, though none of them changes", () => {
    const world = worldOf([budget({ maxUnavailable: 1 }), WEB, SET]);
    const key = "policy/v1/PodDisruptionBudget/shop/keep";
    const scaled = deployment({ replicas: 6 });
    expect(wakeKeys(world, scaled, WEB)).toContain(key);
    expect(wakeKeys(world, WEB)).toContain(key);
    expect(wakeKeys(world, { ...WEB, status: {} } as ApiObject, WEB)).not.toContain(key);
    const others = {
      ...scaled,
      spec: { ...scaled.spec, template: { ...template(), metadata: {} } },
    };
    expect(wakeKeys(world, others, WEB)).not.toContain(key);
    const controlled = replicaSet({ replicas: 4 }, { ...SET.metadata });
    expect(wakeKeys(world, controlled, SET)).not.toContain(key);
  });
});

describe("disruptionsAllowed()", () => {
  test("none before the newest spec was looked at", () => {
    const status = { disruptionsAllowed: 3 };
    expect(disruptionsAllowed(budget({}, { ...status, observedGeneration: 1 }))).toBe(0);
    expect(disruptionsAllowed(budget({}, { ...status, observedGeneration: 2 }))).toBe(3);
    expect(disruptionsAllowed(budget({}))).toBe(0);
  });
});
