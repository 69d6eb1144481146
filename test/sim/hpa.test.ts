import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  Deployment,
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  Pod,
} from "../../src/model/kinds.gen.ts";
import { refOf } from "../../src/model/meta.ts";
import type { Metrics } from "../../src/planner/hpa-metrics.ts";
import { planAutoscaler } from "../../src/planner/plan-hpa.ts";
import type { World } from "../../src/planner/world.ts";
import { at, container, deployment, NOW, pod, podSpec, replicaSet } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const STEP_MS = 15_000;
const SET = replicaSet(
  {},
  {
    ownerReferences: [
      { apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "uid-web", controller: true },
    ],
  },
);

/** A Deployment whose Ready pods share a load, in thousandths of a core; each requests a tenth of a core. */
class Rig {
  readonly world = worldOf([deployment({ replicas: 1 }), SET]);
  /** By step. */
  readonly replicas: number[] = [];
  readonly #startMs: number;

  constructor(hpa: HorizontalPodAutoscaler, replicas: number, startMs: number) {
    this.#startMs = startMs;
    this.world.declare(hpa);
    this.#scaleTo(replicas);
    for (const made of this.#pods())
      this.world.report(refOf(made), { ...made.status, ...running(-3600) });
  }

  /** One look of the autoscaler under a load. */
  step(loadMilli: number): void {
    this.world.now += STEP_MS;
    this.#start();
    const ready = this.#pods().filter(({ status }) => status?.phase === "Running");
    const metrics: Metrics = {
      podUsage: (namespace, name) => {
        const found = ready.find(({ metadata }) => metadata.name === name);
        if (found === undefined) return undefined;
        const usage = { cpuNanocores: (loadMilli / ready.length) * 1e6, memoryBytes: 0 };
        const uid = found.metadata.uid ?? "";
        const sample = { namespace, name, uid, containers: [{ name: "app", ...usage }] };
        return { ...sample, at: this.world.now, windowMs: STEP_MS };
      },
    };
    const { now } = this.world;
    const world: World = {
      now,
      metrics,
      get: (ref) => this.world.get(ref),
      list: (apiVersion, kind, namespace) => this.world.list(apiVersion, kind, namespace),
      ownedBy: (uid) => this.world.ownedBy(uid),
    };
    const [hpa] = this.world.list("autoscaling/v2", "HorizontalPodAutoscaler");
    this.world.apply(planAutoscaler(world, hpa as HorizontalPodAutoscaler).steps);
    const [target] = this.world.list("apps/v1", "Deployment");
    this.replicas.push((target as Deployment).spec.replicas);
    this.#scaleTo(this.replicas.at(-1) ?? 0);
  }

  #pods(): readonly Pod[] {
    return this.world.list("v1", "Pod") as readonly Pod[];
  }

  #scaleTo(count: number): void {
    const [target] = this.world.list("apps/v1", "Deployment");
    this.world.declare({
      ...target,
      spec: { ...(target as Deployment).spec, replicas: count },
    } as Deployment);
    const have = this.#pods();
    for (const surplus of have.slice(count)) this.world.remove(refOf(surplus));
    const resources = { requests: { cpu: "100m" } };
    for (let index = have.length; index < count; index += 1) {
      const spec = podSpec({ containers: [container({ resources })] });
      const name = `web-${String(index).padStart(3, "0")}`;
      const { uid: _, ...made } = pod({ name, owner: SET, phase: "Pending", spec }).metadata;
      const since = (this.world.now - NOW) / 1000;
      this.world.declare({
        ...pod({ name, owner: SET, phase: "Pending", spec }),
        metadata: { ...made, uid: `uid-${name}-${since}`, creationTimestamp: at(since) },
      });
    }
  }

  #start(): void {
    for (const made of this.#pods()) {
      const age = this.world.now - Date.parse(made.metadata.creationTimestamp ?? "");
      if (made.status?.phase === "Pending" && age >= this.#startMs)
        this.world.report(refOf(made), {
          ...made.status,
          ...running((this.world.now - NOW) / 1000 - STEP_MS / 1000),
        });
    }
  }
}

function running(since: number): object {
  return {
    phase: "Running",
    startTime: at(since),
    conditions: [{ type: "Ready", status: "True", lastTransitionTime: at(since) }],
  };
}

function autoscaler(
  maxReplicas: number,
  behavior?: HorizontalPodAutoscaler["spec"]["behavior"],
): HorizontalPodAutoscaler {
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "web", namespace: "shop", uid: "uid-hpa", generation: 1 },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
        },
      ],
      ...(behavior === undefined ? {} : { behavior }),
    },
  };
}

describe("an autoscaler over time", () => {
  test("comes to rest under a constant load, without going up and down", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1500 }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom(0, 20_000, 70_000),
        (load, replicas, startMs) => {
          const rig = new Rig(autoscaler(30), replicas, startMs);
          for (let step = 0; step < 60; step += 1) rig.step(load);
          const turns = [replicas, ...rig.replicas].flatMap((count, index, all) => {
            const change = Math.sign((all[index + 1] ?? count) - count);
            return change === 0 ? [] : [change];
          });
          expect(new Set(turns).size, `went ${rig.replicas.join(" ")}`).toBeLessThanOrEqual(1);
          expect(new Set(rig.replicas.slice(-15)).size).toBe(1);
          const last = rig.replicas.at(-1) ?? 0;
          const share = load / last / 100;
          if (last < 30) expect(share).toBeLessThanOrEqual(0.56);
          if (last > 1) expect(load / (last - 1) / 100).toBeGreaterThan(0.44);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("never changes more in a period than its policy allows, whatever the load does", () => {
    const policy: fc.Arbitrary<HPAScalingPolicy> = fc.record({
      type: fc.constant("Pods"),
      value: fc.integer({ min: 1, max: 4 }),
      periodSeconds: fc.constantFrom(15, 60, 120),
    });
    fc.assert(
      fc.property(
        policy,
        policy,
        fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 5, maxLength: 40 }),
        (up, down, loads) => {
          const behavior = {
            scaleUp: { policies: [up], stabilizationWindowSeconds: 0 },
            scaleDown: { policies: [down], stabilizationWindowSeconds: 0 },
          };
          const rig = new Rig(autoscaler(30, behavior), 5, 0);
          for (const load of loads) rig.step(load);
          const counts = [5, ...rig.replicas];
          for (const [rule, sign] of [
            [up, 1],
            [down, -1],
          ] as const) {
            const steps = rule.periodSeconds / 15;
            for (const [index, count] of counts.entries()) {
              // What stays as it is may be what an earlier period allowed.
              if (index === 0 || (count - (counts[index - 1] ?? 0)) * sign <= 0) continue;
              const moved = (count - (counts[Math.max(0, index - steps)] ?? 0)) * sign;
              const what = `${rule.value} in ${rule.periodSeconds} s: ${counts.join(" ")}`;
              expect(moved, what).toBeLessThanOrEqual(rule.value);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
