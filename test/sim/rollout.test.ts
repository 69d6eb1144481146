import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/base/hash.ts";
import { resolveRolloutLimits } from "../../src/model/int-or-percent.ts";
import type {
  Deployment,
  DeploymentSpec,
  DeploymentStatus,
  EndpointSlice,
  Node,
  Pod,
  ReplicaSet,
} from "../../src/model/kinds.gen.ts";
import { parseRefKey, refKey, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { listPods, podsOwnedBy } from "../../src/planner/owned-pods.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { countPods, isActive, isReady } from "../../src/planner/pod-state.ts";
import { SimCluster, type SimClusterOptions } from "../../src/planner/sim-cluster.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { simulateRollout } from "../../src/planner/simulate.ts";
import { schedule } from "../support/schedule.ts";
import { at, deployment, node, NOW, service, template } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const HOUR = 3_600_000;
const NODES = ["a", "b", "c"];

/** What the world may do to us between two looks at it. */
type Fault =
  | { readonly kind: "push"; readonly spec: Partial<DeploymentSpec> }
  | {
      readonly kind: "pod-fails" | "pod-falls-ill" | "pod-vanishes" | "pod-is-deleted";
      readonly pick: number;
    }
  | { readonly kind: "node"; readonly name: string; readonly ready: boolean }
  | { readonly kind: "work"; readonly steps: number }
  | { readonly kind: "sleep"; readonly times: number }
  /** The next plans are carried out only up to here, or without their statuses. */
  | {
      readonly kind: "lose";
      readonly plans: number;
      readonly keep: number;
      readonly statuses: boolean;
    };

const amount = fc.constantFrom(0, 1, 2, "25%", "50%");
const version = fc.constantFrom("v1", "v2", "v3", "bad");

const spec: fc.Arbitrary<Partial<DeploymentSpec>> = fc.record({
  replicas: fc.nat(4),
  template: version.map((name) => template(name)),
  strategy: fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .record({ maxSurge: amount, maxUnavailable: amount })
        .map((rollingUpdate) => ({ type: "RollingUpdate" as const, rollingUpdate })),
    },
    { weight: 1, arbitrary: fc.constant({ type: "Recreate" as const }) },
  ),
  paused: fc.constantFrom(false, false, false, true),
  minReadySeconds: fc.constantFrom(0, 0, 5),
  revisionHistoryLimit: fc.constantFrom(0, 1, 10),
});

const harm: fc.Arbitrary<Fault> = fc
  .record({
    kind: fc.constantFrom("pod-fails", "pod-falls-ill", "pod-vanishes", "pod-is-deleted"),
    pick: fc.nat(9),
  })
  .map((fields): Fault => fields);

const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 3, arbitrary: spec.map((fields): Fault => ({ kind: "push", spec: fields })) },
  { weight: 3, arbitrary: harm },
  {
    weight: 1,
    arbitrary: fc
      .record({ name: fc.constantFrom(...NODES), ready: fc.boolean() })
      .map((fields): Fault => ({ kind: "node", ...fields })),
  },
  { weight: 6, arbitrary: fc.nat(12).map((steps): Fault => ({ kind: "work", steps })) },
  { weight: 4, arbitrary: fc.nat(4).map((times): Fault => ({ kind: "sleep", times })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ plans: fc.integer({ min: 1, max: 4 }), keep: fc.nat(3), statuses: fc.boolean() })
      .map((fields): Fault => ({ kind: "lose", ...fields })),
  },
);

class Rig {
  readonly world: SimWorld;
  readonly cluster: SimCluster;
  readonly broken: string[] = [];
  #losing: Extract<Fault, { readonly kind: "lose" }> | undefined;

  constructor() {
    this.world = worldOf([...NODES.map((name) => node({ name })), deployment(), service()]);
    const options: SimClusterOptions = {
      schedule,
      startMs: 2000,
      stopMs: 1000,
      workMs: 1000,
      fateOf: ({ spec: { containers } }) =>
        containers[0]?.image === "app:bad" ? "never-ready" : "serves",
      onPlan: (key, plan) => this.#judge(key, plan),
      deliver: (plan) => this.#deliver(plan),
    };
    this.cluster = new SimCluster(this.world, options);
    this.cluster.wakeAll();
  }

  suffer(next: Fault): void {
    switch (next.kind) {
      case "push":
        this.push(next.spec);
        break;
      case "node":
        this.#setNode(next.name, next.ready);
        break;
      case "work":
        for (let step = 0; step < next.steps; step += 1) this.cluster.work();
        break;
      case "sleep":
        for (let time = 0; time < next.times; time += 1) this.cluster.sleep(this.world.now + HOUR);
        break;
      case "lose":
        this.#losing = next;
        break;
      default:
        this.#hurt(next);
    }
  }

  push(fields: Partial<DeploymentSpec>): void {
    const stored = this.deployment();
    this.world.declare({ ...stored, spec: { ...stored.spec, ...fields } } as Deployment);
  }

  /** The faults end: nodes are back, and what is ill recovers. */
  recover(): void {
    this.#losing = undefined;
    for (const name of NODES) this.#setNode(name, true);
    for (const pod of listPods(this.world)) {
      const image = pod.spec.containers[0]?.image;
      if (pod.status?.phase === "Running" && image !== "app:bad")
        this.#report(pod, "Running", true);
    }
  }

  deployment(): Deployment {
    return this.world.list("apps/v1", "Deployment")[0] as Deployment;
  }

  #hurt(next: Extract<Fault, { readonly pick: number }>): void {
    const pods = listPods(this.world).filter(({ spec: { nodeName } }) => nodeName !== undefined);
    const pod = pods[next.pick % Math.max(1, pods.length)];
    if (pod === undefined) return;
    if (next.kind === "pod-vanishes") this.world.remove(refOf(pod));
    else if (next.kind === "pod-fails") this.#report(pod, "Failed", false);
    else if (next.kind === "pod-falls-ill")
      this.#report(pod, pod.status?.phase ?? "Pending", false);
    else
      this.world.apply([
        { kind: "delete", ref: refOf(pod), uid: pod.metadata.uid ?? "", reason: "NotDeclared" },
      ]);
  }

  #report(pod: Pod, phase: NonNullable<Pod["status"]>["phase"], ready: boolean): void {
    const conditions = [
      {
        type: "Ready",
        status: ready ? "True" : "False",
        lastTransitionTime: at((this.world.now - NOW) / 1000),
      },
    ];
    this.world.report(refOf(pod), { ...pod.status, phase, conditions });
  }

  #setNode(name: string, ready: boolean): void {
    const stored = this.world.get({ apiVersion: "v1", kind: "Node", name }) as Node;
    this.world.report(refOf(stored), {
      ...stored.status,
      conditions: [{ type: "Ready", status: ready ? "True" : "Unknown" }],
    });
  }

  #deliver(plan: Plan): Plan["steps"] {
    const losing = this.#losing;
    if (losing === undefined) return plan.steps;
    this.#losing = losing.plans > 1 ? { ...losing, plans: losing.plans - 1 } : undefined;
    return losing.statuses
      ? plan.steps.filter(({ kind }) => kind !== "update-status")
      : plan.steps.slice(0, losing.keep);
  }

  /** What no plan of a Deployment may do, whatever came before. */
  #judge(key: string, plan: Plan): void {
    if (parseRefKey(key).kind !== "Deployment") return;
    const { spec: wanted } = this.deployment();
    if (wanted.strategy.type !== "RollingUpdate") return;
    const limits = resolveRolloutLimits(wanted.strategy.rollingUpdate, wanted.replicas);
    const sets = new Map(
      this.sets().map((set) => [
        set.metadata.name,
        { before: set.spec.replicas, after: set.spec.replicas, set },
      ]),
    );
    for (const step of plan.steps) {
      if ((step.kind !== "create" && step.kind !== "update") || step.object.kind !== "ReplicaSet")
        continue;
      const set = step.object as ReplicaSet;
      const known = sets.get(set.metadata.name);
      sets.set(set.metadata.name, { before: known?.before ?? 0, after: set.spec.replicas, set });
    }
    const counted = [...sets.values()].map(({ before, after, set }) => ({
      before,
      after,
      ...countPods(
        podsOwnedBy(this.world, set.metadata.uid),
        wanted.minReadySeconds ?? 0,
        this.world.now,
      ),
    }));
    const sum = (of: (item: (typeof counted)[number]) => number): number =>
      counted.reduce((total, item) => total + of(item), 0);
    const isRolling = plan.steps.some(
      (step) =>
        step.kind !== "event" &&
        ["RolloutSurge", "RolloutStep", "NewRevision"].includes(step.reason),
    );
    if (!isRolling) return;
    const total = sum(({ after, active }) => Math.max(after, active));
    if (
      counted.some(({ before, after }) => after > before) &&
      total > wanted.replicas + limits.maxSurge
    )
      this.broken.push(`${total} pods, more than ${wanted.replicas} + ${limits.maxSurge}`);
    const was = sum(({ before, available }) => Math.min(before, available));
    const is = sum(({ after, available }) => Math.min(after, available));
    const least = wanted.replicas - limits.maxUnavailable;
    if (is < was && is < least)
      this.broken.push(`${is} available instead of ${was}, less than ${least}`);
  }

  sets(): readonly ReplicaSet[] {
    return this.world.list("apps/v1", "ReplicaSet") as readonly ReplicaSet[];
  }

  /** The oracle does not ask the planner: it compares what runs with what was asked for. */
  running(): readonly string[] {
    return listPods(this.world)
      .filter(isActive)
      .map((pod) => `${pod.spec.containers[0]?.image}${isReady(pod) ? "" : " not ready"}`);
  }

  asked(): readonly string[] {
    const { replicas, template: wanted } = this.deployment().spec;
    return Array.from({ length: replicas }, () => wanted.spec.containers[0]?.image ?? "");
  }

  /** Keys that would still have something done. */
  restless(): readonly string[] {
    return this.world
      .all()
      .map((object) => refKey(refOf(object)))
      .filter((key) => planObject(this.world, parseRefKey(key)).steps.length > 0);
  }

  endpoints(): readonly string[] {
    const slices = this.world.list(
      "discovery.k8s.io/v1",
      "EndpointSlice",
    ) as readonly EndpointSlice[];
    return slices
      .flatMap(({ endpoints }) =>
        endpoints.flatMap(({ conditions, targetRef }) =>
          conditions.ready ? [targetRef?.name ?? ""] : [],
        ),
      )
      .toSorted();
  }
}

describe("a Deployment in a world of faults", () => {
  test("comes to what was asked for, by allowed steps only, and then rests", () => {
    fc.assert(
      fc.property(
        fc.array(fault, { maxLength: 40 }),
        fc.constantFrom("v1", "v2"),
        (faults, last) => {
          const rig = new Rig();
          for (const next of faults) rig.suffer(next);
          rig.recover();
          rig.push({ template: template(last), paused: false });
          expect(rig.cluster.settle(rig.world.now + HOUR, 2000)).toBe(true);
          expect(rig.broken).toEqual([]);
          expect(rig.running()).toEqual(rig.asked());
          expect(rig.endpoints()).toEqual(
            listPods(rig.world)
              .filter(isActive)
              .map(({ metadata }) => metadata.name),
          );
          expect(rig.restless()).toEqual([]);
          const { status } = rig.deployment();
          const { replicas } = rig.deployment().spec;
          expect(status).toMatchObject({
            observedGeneration: rig.deployment().metadata.generation,
          });
          expect(countsOf(status)).toEqual([replicas, replicas, replicas]);
        },
      ),
      { numRuns: 120 },
    );
  });

  test("the order of objects never shows in a plan, and planning twice is planning once", () => {
    fc.assert(
      fc.property(fc.array(fault, { minLength: 5, maxLength: 25 }), (faults) => {
        const rig = new Rig();
        for (const next of faults) rig.suffer(next);
        const objects = rig.world.all();
        const plans = (order: readonly ApiObject[]): readonly string[] => {
          const world = new SimWorld(order, rig.world.now);
          return objects.map((object) => canonicalJson(planObject(world, refOf(object))));
        };
        expect(plans(objects.toReversed())).toEqual(plans(objects));
        expect(plans(objects)).toEqual(plans(objects));
      }),
      { numRuns: 60 },
    );
  });
});

function countsOf(status: DeploymentStatus | undefined): readonly number[] {
  return [status?.replicas ?? 0, status?.updatedReplicas ?? 0, status?.availableReplicas ?? 0];
}

describe("a rollout in which all goes well", () => {
  test("never has fewer Ready pods nor more pods than it may", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        amount,
        amount,
        (replicas, maxSurge, maxUnavailable) => {
          const rollingUpdate = { maxSurge, maxUnavailable };
          const rig = new Rig();
          rig.push({ replicas, strategy: { type: "RollingUpdate", rollingUpdate } });
          rig.cluster.settle(rig.world.now + HOUR, 2000);
          rig.push({ template: template("v2") });
          const { workloads, isSettled, created, deleted } = simulateRollout(rig.world, {
            schedule,
            maxRounds: 2000,
          });
          const limits = resolveRolloutLimits(rollingUpdate, replicas);
          expect(isSettled).toBe(true);
          expect([created.length, deleted.length]).toEqual([replicas, replicas]);
          expect(workloads).toHaveLength(1);
          expect(workloads[0]?.lowestReady).toBeGreaterThanOrEqual(
            replicas - limits.maxUnavailable,
          );
          expect(workloads[0]?.mostPods).toBeLessThanOrEqual(replicas + limits.maxSurge);
        },
      ),
      { numRuns: 40 },
    );
  });
});
