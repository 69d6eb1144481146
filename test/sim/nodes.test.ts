import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import { refOf } from "../../src/model/meta.ts";
import { evictionTaintedAt } from "../../src/planner/node-taints.ts";
import { planNodes, SILENT_AFTER_MS } from "../../src/planner/plan-node.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { namespace, node, NOW, replicaSet } from "../support/builders.ts";
import { placePods } from "../support/place-pods.ts";

const LOOK_MS = 5000;
const REPLICAS = 6;
const NAMES = ["a", "b", "c", "d", "e", "f"] as const;
const zoneOf = (name: string): string => (name < "d" ? "x" : "y");

type Event =
  | { readonly kind: "silence"; readonly node: string }
  | { readonly kind: "return"; readonly node: string }
  | { readonly kind: "cordon"; readonly node: string; readonly on: boolean }
  | { readonly kind: "wait"; readonly seconds: number };

const name = fc.constantFrom(...NAMES);
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({ kind: fc.constant("silence" as const), node: name }),
  fc.record({ kind: fc.constant("return" as const), node: name }),
  fc.record({ kind: fc.constant("cordon" as const), node: name, on: fc.boolean() }),
  fc.record({ kind: fc.constant("wait" as const), seconds: fc.constantFrom(5, 45, 120, 400) }),
);

/** Six nodes in two zones, one ReplicaSet, and the node loop on a virtual clock. */
class Rig {
  readonly world: SimWorld;
  readonly cluster: SimCluster;
  /** When a node was heard of last; those that send go on sending. */
  readonly #silentSince = new Map<string, number>();
  /** When each zone's nodes began to evict. */
  readonly begun = new Map<string, number[]>();
  readonly mistakes: string[] = [];

  constructor() {
    const nodes = NAMES.map((one) =>
      node({ name: one, labels: { "topology.kubernetes.io/zone": zoneOf(one) } }),
    );
    this.world = new SimWorld([namespace(), replicaSet({ replicas: REPLICAS }), ...nodes], NOW);
    this.cluster = new SimCluster(this.world, {
      startMs: 1000,
      stopMs: 1000,
      workMs: 1000,
      schedule: placePods,
      fateOf: () => "serves",
    });
    this.cluster.wakeAll();
    this.pass(10);
  }

  suffer(one: Event): void {
    if (one.kind === "wait") return this.pass(one.seconds);
    if (one.kind === "silence" && !this.#silentSince.has(one.node))
      this.#silentSince.set(one.node, this.world.now);
    if (one.kind === "return") this.comeBack(one.node);
    if (one.kind === "cordon") {
      const current = this.nodeOf(one.node);
      this.world.declare({ ...current, spec: { ...current.spec, unschedulable: one.on } } as Node);
    }
    this.pass(5);
  }

  comeBack(one: string): void {
    this.#silentSince.delete(one);
    const conditions = [{ type: "Ready", status: "True" }];
    this.world.report(refOf(this.nodeOf(one)), { ...this.nodeOf(one).status, conditions });
  }

  pass(seconds: number): void {
    for (const end = this.world.now + seconds * 1000; this.world.now < end;) {
      this.world.now += LOOK_MS;
      for (let look = 0; look < 3; look += 1) this.look();
      this.cluster.settle(this.world.now, 2000);
    }
  }

  nodes(): readonly Node[] {
    return this.world.list("v1", "Node") as readonly Node[];
  }

  pods(): readonly Pod[] {
    return this.world.list("v1", "Pod") as readonly Pod[];
  }

  nodeOf(one: string): Node {
    return this.world.get({ apiVersion: "v1", kind: "Node", name: one }) as Node;
  }

  isSilent(one: string): boolean {
    const since = this.#silentSince.get(one);
    return since !== undefined && this.world.now - since >= SILENT_AFTER_MS;
  }

  look(): void {
    const silentMs = new Map(
      NAMES.map((one) => [one, this.world.now - (this.#silentSince.get(one) ?? this.world.now)]),
    );
    const before = new Map(this.nodes().map((one) => [one.metadata.name, evictionTaintedAt(one)]));
    const pods = this.pods().filter(({ spec }) => spec.nodeName !== undefined);
    const { steps } = planNodes({
      now: this.world.now,
      nodes: this.nodes(),
      pods,
      silentMs,
      listeningMs: 3_600_000,
      podCidr: "10.32.0.0/11",
    });
    const isAllDown = NAMES.every((one) => this.isSilent(one));
    if (isAllDown && steps.some(({ kind }) => kind === "delete"))
      this.mistakes.push("evicted although all nodes are silent");
    this.world.apply(steps);
    for (const one of this.nodes()) {
      if (evictionTaintedAt(one) === undefined) continue;
      if (before.get(one.metadata.name) !== undefined) continue;
      const zone = zoneOf(one.metadata.name);
      this.begun.set(zone, [...(this.begun.get(zone) ?? []), this.world.now]);
    }
  }
}

describe("nodes that come and go", () => {
  test("are evicted one after the other, never all, and all is well once they are back", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (history) => {
        const rig = new Rig();
        for (const one of history) rig.suffer(one);
        expect(rig.mistakes).toEqual([]);
        for (const one of NAMES) rig.suffer({ kind: "cordon", node: one, on: false });
        for (const one of NAMES) rig.comeBack(one);
        rig.pass(60);
        expect(rig.nodes().flatMap(({ spec }) => spec.taints ?? [])).toEqual([]);
        expect(rig.pods()).toHaveLength(REPLICAS);
      }),
      { numRuns: 25 },
    );
  });

  test("two of a zone that fall silent together begin to evict ten seconds apart", () => {
    const rig = new Rig();
    for (const one of ["a", "b"]) rig.suffer({ kind: "silence", node: one });
    rig.pass(90);
    const [first = 0, second = 0] = rig.begun.get("x") ?? [];
    expect(rig.begun.get("x")).toHaveLength(2);
    expect(second - first).toBeGreaterThanOrEqual(10_000);
  });

  test("a silent node's pods run elsewhere after five minutes, not before", () => {
    const rig = new Rig();
    const victim = rig.pods()[0]?.spec.nodeName ?? "";
    const elsewhere = (): number =>
      rig
        .pods()
        .filter(
          ({ spec, metadata }) =>
            spec.nodeName !== victim && metadata.deletionTimestamp === undefined,
        ).length;
    rig.suffer({ kind: "silence", node: victim });
    rig.pass(300);
    const before = elsewhere();
    expect(before).toBeLessThan(REPLICAS);
    rig.pass(90);
    expect(elsewhere()).toBe(REPLICAS);
  });
});
