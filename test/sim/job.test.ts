import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTrue } from "../../src/model/condition.ts";
import { refKey, refOf } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import type { Job, JobSpec, Pod } from "../../src/model/kinds.gen.ts";
import {
  countIndexes,
  formatIndexes,
  NO_INDEXES,
  parseIndexes,
  withIndexes,
} from "../../src/planner/job-indexes.ts";
import { completionIndex, isTracked } from "../../src/planner/job-pod.ts";
import { listPods } from "../../src/planner/owned-pods.ts";
import { isFinished } from "../../src/model/pod-phase.ts";
import { isTerminating } from "../../src/planner/pod-state.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import type { SimChange, SimWorld } from "../../src/planner/sim-world.ts";
import { schedule } from "../support/schedule.ts";
import { job, node, NOW } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const DAY = 86_400_000;

type Fault =
  | { readonly kind: "pod-vanishes" | "pod-is-deleted"; readonly pick: number }
  | { readonly kind: "work" | "sleep"; readonly times: number }
  | { readonly kind: "suspend"; readonly suspend: boolean }
  | { readonly kind: "parallelism"; readonly parallelism: number }
  | {
      readonly kind: "lose";
      readonly plans: number;
      readonly keep: number;
      readonly what: Plan["steps"][number]["kind"] | "tail";
    };

const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc
      .record({ kind: fc.constantFrom("pod-vanishes", "pod-is-deleted"), pick: fc.nat(9) })
      .map((fields): Fault => fields),
  },
  {
    weight: 6,
    arbitrary: fc
      .record({ kind: fc.constantFrom("work", "sleep"), times: fc.nat(6) })
      .map((fields): Fault => fields),
  },
  { weight: 1, arbitrary: fc.boolean().map((suspend): Fault => ({ kind: "suspend", suspend })) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 4 })
      .map((parallelism): Fault => ({ kind: "parallelism", parallelism })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        plans: fc.integer({ min: 1, max: 5 }),
        keep: fc.nat(3),
        what: fc.constantFrom("tail", "update", "update-status", "create", "delete"),
      })
      .map((fields): Fault => ({ kind: "lose", ...fields })),
  },
);

/** A Job whose pods fail as `fates` says, in the order in which they start, and succeed after that. */
class Rig {
  readonly world: SimWorld;
  readonly cluster: SimCluster;
  /** Uids of pods that were seen to succeed, and to fail or be asked to end before, while they bore the Job's mark. */
  readonly succeeded = new Set<string>();
  readonly failed = new Set<string>();
  /** Of an Indexed Job, in the order in which they came. */
  readonly succeededIndexes: number[] = [];
  mostActive = 0;
  readonly #fates = new Map<string, boolean>();
  #losing: Extract<Fault, { readonly kind: "lose" }> | undefined;

  constructor(spec: Partial<JobSpec>, fates: readonly boolean[]) {
    const left = [...fates];
    this.world = worldOf([node({ name: "a" }), node({ name: "b" }), job(spec)]);
    this.cluster = new SimCluster(this.world, {
      schedule,
      startMs: 1000,
      stopMs: 500,
      workMs: 3000,
      fateOf: ({ metadata: { uid = "" } }) => {
        const fails = this.#fates.get(uid) ?? left.shift() ?? false;
        this.#fates.set(uid, fails);
        return fails ? "fails" : "succeeds";
      },
      onChange: (change) => this.#see(change),
      deliver: (plan) => this.#deliver(plan),
    });
    this.cluster.wakeAll();
  }

  suffer(next: Fault): void {
    switch (next.kind) {
      case "work":
        for (let time = 0; time < next.times; time += 1) this.cluster.work();
        break;
      case "sleep":
        for (let time = 0; time < next.times; time += 1) {
          while (this.cluster.work());
          this.cluster.sleep(this.world.now + DAY);
        }
        break;
      case "suspend":
        this.push({ suspend: next.suspend });
        break;
      case "parallelism":
        this.push({ parallelism: next.parallelism });
        break;
      case "lose":
        this.#losing = next;
        break;
      default:
        this.#end(next);
    }
  }

  push(fields: Partial<JobSpec>): void {
    const stored = this.job();
    this.world.declare({ ...stored, spec: { ...stored.spec, ...fields } } as Job);
  }

  settle(): boolean {
    this.#losing = undefined;
    this.push({ suspend: false });
    this.cluster.wake(refKey(refOf(this.job())));
    return this.cluster.settle(this.world.now + DAY, 3000);
  }

  job(): Job {
    return this.world.list("batch/v1", "Job")[0] as Job;
  }

  /** Only what has not come to its end: what has, is removed by nobody before it is counted. */
  #end({ kind, pick }: Extract<Fault, { readonly pick: number }>): void {
    const pods = listPods(this.world).filter((pod) => !isFinished(pod));
    const pod = pods[pick % Math.max(1, pods.length)];
    if (pod === undefined) return;
    if (kind === "pod-vanishes") this.world.remove(refOf(pod));
    else
      this.world.apply([
        { kind: "delete", ref: refOf(pod), uid: pod.metadata.uid ?? "", reason: "NotDeclared" },
      ]);
  }

  #see({ before, after }: SimChange): void {
    const pod = after as Pod | undefined;
    if (pod?.kind !== "Pod" || before === undefined || !isTracked(pod)) return;
    const { uid = "" } = pod.metadata;
    if (this.failed.has(uid) || this.succeeded.has(uid)) return;
    if (pod.status?.phase === "Succeeded") {
      this.succeeded.add(uid);
      this.succeededIndexes.push(completionIndex(pod) ?? -1);
    } else if (pod.status?.phase === "Failed" || isTerminating(pod)) this.failed.add(uid);
    this.mostActive = Math.max(this.mostActive, this.job().status?.active ?? 0);
  }

  #deliver(plan: Plan): Plan["steps"] {
    const losing = this.#losing;
    if (losing === undefined) return plan.steps;
    this.#losing = losing.plans > 1 ? { ...losing, plans: losing.plans - 1 } : undefined;
    return losing.what === "tail"
      ? plan.steps.slice(0, losing.keep)
      : plan.steps.filter(({ kind }) => kind !== losing.what);
  }
}

describe("a Job in a world of faults", () => {
  test("counts every end exactly once, and does no more than it was asked for", () => {
    fc.assert(
      fc.property(
        fc.record({
          completions: fc.integer({ min: 1, max: 5 }),
          parallelism: fc.integer({ min: 1, max: 3 }),
          backoffLimit: fc.nat(3),
        }),
        fc.array(fc.boolean(), { maxLength: 4 }),
        fc.array(fault, { maxLength: 30 }),
        (spec, fates, faults) => {
          const rig = new Rig(spec, fates);
          for (const next of faults) rig.suffer(next);
          expect(rig.settle()).toBe(true);
          const { status } = rig.job();
          const isComplete = isTrue(status?.conditions, "Complete");
          expect(isComplete).not.toBe(isTrue(status?.conditions, "Failed"));
          expect(status?.succeeded ?? 0).toBe(rig.succeeded.size);
          expect(status?.failed ?? 0).toBe(rig.failed.size);
          if (isComplete) expect(status?.succeeded).toBe(spec.completions);
          else expect(rig.failed.size).toBeGreaterThan(spec.backoffLimit);
          expect(rig.mostActive).toBeLessThanOrEqual(4);
          expect(status?.uncountedTerminatedPods).toEqual({});
          expect(listPods(rig.world).every(isFinished)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("does no index twice, and each once, whatever is lost", () => {
    fc.assert(
      fc.property(
        fc.record({
          completions: fc.integer({ min: 1, max: 5 }),
          parallelism: fc.integer({ min: 1, max: 3 }),
          backoffLimitPerIndex: fc.nat(2),
          completionMode: fc.constant("Indexed" as const),
        }),
        fc.array(fc.boolean(), { maxLength: 5 }),
        fc.array(fault, { maxLength: 30 }),
        (spec, fates, faults) => {
          const rig = new Rig({ ...spec, backoffLimit: 99 }, fates);
          for (const next of faults) rig.suffer(next);
          expect(rig.settle()).toBe(true);
          const { status } = rig.job();
          expect(isTrue(status?.conditions, "Complete")).not.toBe(
            isTrue(status?.conditions, "Failed"),
          );
          expect(status?.succeeded ?? 0).toBe(rig.succeededIndexes.length);
          expect(new Set(rig.succeededIndexes).size).toBe(rig.succeededIndexes.length);
          expect(formatIndexes(withIndexes(NO_INDEXES, rig.succeededIndexes))).toBe(
            status?.completedIndexes ?? "",
          );
          expect(status?.failed ?? 0).toBe(rig.failed.size);
          const givenUp = countIndexes(parseIndexes(status?.failedIndexes, spec.completions));
          expect(rig.succeededIndexes.length + givenUp).toBe(spec.completions);
          expect(status?.uncountedTerminatedPods).toEqual({});
        },
      ),
      { numRuns: 100 },
    );
  });

  test("waits longer after each failure", () => {
    const rig = new Rig({ backoffLimit: 9 }, [true, true, true]);
    const starts: number[] = [];
    const known = new Set<string>();
    while (rig.cluster.work() || rig.cluster.sleep(NOW + DAY)) {
      for (const { metadata } of listPods(rig.world)) {
        if (known.has(metadata.name)) continue;
        known.add(metadata.name);
        starts.push((rig.world.now - NOW) / 1000);
      }
    }
    const gaps = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
    // Four seconds until a pod fails, then 10, 20 and 40.
    expect(gaps).toEqual([14, 24, 44]);
  });
});
