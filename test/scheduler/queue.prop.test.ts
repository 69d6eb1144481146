import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import type { ClusterEvent } from "../../src/scheduler/events.ts";
import { SchedulingQueue, STUCK_MS } from "../../src/scheduler/queue.ts";
import { NOW } from "../support/builders.ts";
import { uidOf, waitingPod } from "../support/scheduler.ts";

type Step =
  | { readonly kind: "set"; readonly id: number; readonly cpu: number; readonly gated: boolean }
  | { readonly kind: "remove"; readonly id: number }
  | { readonly kind: "pop"; readonly end: "refuse" | "fail" | "place" | "hold" }
  | { readonly kind: "event"; readonly aspect: "allocatable" | "labels" }
  | { readonly kind: "wait"; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("set" as const),
    id: fc.nat(5),
    cpu: fc.integer({ min: 1, max: 2 }),
    gated: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("remove" as const), id: fc.nat(5) }),
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("pop" as const),
      end: fc.constantFrom("refuse", "refuse", "fail", "place", "hold"),
    }),
  },
  fc.record({
    kind: fc.constant("event" as const),
    aspect: fc.constantFrom("allocatable", "labels"),
  }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(500, 3000, 11_000) }),
);

/** A queue beside a plain list of what should be in it. */
class Run {
  now = NOW;
  readonly queue = new SchedulingQueue({ helps: () => true });
  readonly there = new Map<string, Pod>();
  readonly held = new Set<string>();
  /** Refused, and no event or change since could help. */
  readonly asleep = new Map<string, number>();

  do(step: Step): void {
    switch (step.kind) {
      case "set": {
        const gates = step.gated ? [{ name: "g" }] : [];
        const fields = { name: `p${step.id}`, cpu: String(step.cpu), priority: step.id % 2 };
        const pod = waitingPod({ ...fields, spec: { schedulingGates: gates } });
        const before = this.there.get(uidOf(pod));
        this.there.set(uidOf(pod), pod);
        if (JSON.stringify(before?.spec) !== JSON.stringify(pod.spec)) this.#stir();
        this.queue.set(pod, this.now);
        return;
      }
      case "remove":
        this.#remove(`uid-shop-p${step.id}`);
        return;
      case "pop":
        this.pop(step.end);
        return;
      case "event": {
        const event: ClusterEvent = {
          kind: "node",
          key: step.aspect,
          node: "a",
          aspects: [step.aspect],
        };
        this.queue.notice(event);
        if (step.aspect === "allocatable") this.#stir();
        return;
      }
      default:
        this.now += step.ms;
        for (const at of this.asleep.values()) if (this.now >= at + STUCK_MS) this.#stir();
    }
  }

  pop(end: "refuse" | "fail" | "place" | "hold"): boolean {
    while (!this.queue.settle(this.now, 2)) continue;
    const pod = this.queue.pop(this.now);
    if (pod === undefined) return false;
    const uid = uidOf(pod);
    expect(this.there.get(uid), "given, though it is gone").toBe(pod);
    expect(pod.spec.schedulingGates, "given, though it is gated").toEqual([]);
    expect(this.held.has(uid), "given twice").toBe(false);
    expect(this.asleep.has(uid), "tried again without a reason").toBe(false);
    this.held.add(uid);
    if (end === "hold") return true;
    this.held.delete(uid);
    if (end === "place") this.#remove(uid);
    else if (end === "fail") {
      this.queue.fail(uid, this.now);
      this.#stir();
    } else {
      this.queue.refuse(uid, ["NodeResourcesFit"], this.now);
      this.asleep.set(uid, this.now);
    }
    return true;
  }

  #remove(uid: string): void {
    this.there.delete(uid);
    this.held.delete(uid);
    this.queue.remove(uid, this.now);
    // The next of its like may be tried.
    this.#stir();
  }

  #stir(): void {
    this.asleep.clear();
  }
}

describe("SchedulingQueue, whatever happens", () => {
  test("gives nothing twice, nothing that is gone or gated, and nothing again without a reason", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const run = new Run();
        for (const item of steps) run.do(item);
      }),
      { numRuns: 300 },
    );
  });

  test("loses no pod: in the end each that has no gate is given", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const run = new Run();
        for (const item of steps) run.do(item);
        for (const uid of run.held) run.queue.fail(uid, run.now);
        run.held.clear();
        const given = new Set<string>();
        for (let round = 0; round < 20 && given.size < run.there.size; round += 1) {
          run.now += STUCK_MS;
          while (!run.queue.settle(run.now, 3)) continue;
          for (let pod = run.queue.pop(run.now); pod !== undefined; pod = run.queue.pop(run.now)) {
            given.add(uidOf(pod));
            run.queue.remove(uidOf(pod), run.now);
          }
        }
        const ungated = [...run.there].filter(([, pod]) => pod.spec.schedulingGates?.length === 0);
        expect([...given].toSorted()).toEqual(ungated.map(([uid]) => uid).toSorted());
        expect(run.queue.size).toBe(run.there.size - ungated.length);
      }),
      { numRuns: 300 },
    );
  });
});
