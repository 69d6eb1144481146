import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Pod, PodDisruptionBudget } from "../../src/model/kinds.gen.ts";
import type { Decision } from "../../src/scheduler/decision.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { VolumeTable } from "../../src/scheduler/volumes-table.ts";
import { node, NOW } from "../support/builders.ts";
import { PlainCore } from "../support/plain-core.ts";
import { waitingPod } from "../support/scheduler.ts";

interface Case {
  readonly nodes: readonly number[];
  readonly pods: readonly {
    readonly node: number;
    readonly cpu: number;
    readonly priority: number;
    readonly started: number;
    readonly guarded: boolean;
  }[];
  readonly wanted: number;
  readonly priority: number;
}

const cases: fc.Arbitrary<Case> = fc.record({
  nodes: fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 3 }),
  pods: fc.array(
    fc.record({
      node: fc.nat(2),
      cpu: fc.integer({ min: 1, max: 2 }),
      priority: fc.integer({ min: -1, max: 3 }),
      started: fc.nat(3),
      guarded: fc.boolean(),
    }),
    { maxLength: 8 },
  ),
  wanted: fc.integer({ min: 1, max: 4 }),
  priority: fc.integer({ min: 0, max: 4 }),
});

const BUDGET: PodDisruptionBudget = {
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "guard", namespace: "shop" },
  spec: { minAvailable: 1, selector: { matchLabels: { guarded: "yes" } } },
  status: { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 1 },
};

interface World {
  readonly capacity: ReadonlyMap<string, number>;
  readonly placed: readonly Pod[];
  readonly wanting: Pod;
}

function build({ nodes, pods, wanted, priority }: Case): World {
  const capacity = new Map(nodes.map((cpu, index) => [`n${index}`, cpu]));
  const used = new Map<string, number>();
  const placed: Pod[] = [];
  for (const [index, item] of pods.entries()) {
    const on = `n${item.node % nodes.length}`;
    const sum = (used.get(on) ?? 0) + item.cpu;
    if (sum > (capacity.get(on) ?? 0)) continue;
    used.set(on, sum);
    placed.push(
      waitingPod({
        name: `p${index}`,
        node: on,
        cpu: String(item.cpu),
        priority: item.priority,
        started: item.started,
        labels: item.guarded ? { guarded: "yes" } : {},
      }),
    );
  }
  return { capacity, placed, wanting: waitingPod({ name: "w", cpu: String(wanted), priority }) };
}

function decide({ capacity, placed, wanting }: World): Decision | undefined {
  const scheduler = new Scheduler({ core: new PlainCore(), volumes: new VolumeTable() });
  const nodes = [...capacity].map(([name, cpu]) => node({ name, cpu: String(cpu) }));
  for (const object of [...nodes, BUDGET, ...placed, wanting])
    scheduler.observe({ kind: "added", object }, NOW);
  for (let turn = scheduler.turn(NOW); turn !== undefined; turn = scheduler.turn(NOW))
    if (turn[0] !== undefined) return turn[0];
  return undefined;
}

const cpuOf = (pod: Pod): number => Number(pod.spec.containers[0]?.resources?.requests?.["cpu"]);
const priorityOf = (pod: Pod): number => pod.spec.priority ?? 0;
const isGuarded = (pod: Pod): boolean => pod.metadata.labels?.["guarded"] === "yes";

function subsets<T>(items: readonly T[]): T[][] {
  return items.reduce<T[][]>((all, item) => [...all, ...all.map((set) => [...set, item])], [[]]);
}

/** Every set of less important pods of one node whose leaving lets the pod in. */
function waysIn({ capacity, placed, wanting }: World): Pod[][] {
  return [...capacity].flatMap(([name, cpu]) => {
    const there = placed.filter(({ spec }) => spec.nodeName === name);
    const lesser = there.filter((pod) => priorityOf(pod) < priorityOf(wanting));
    const used = there.reduce((sum, pod) => sum + cpuOf(pod), 0);
    return subsets(lesser).filter(
      (gone) => used - gone.reduce((sum, pod) => sum + cpuOf(pod), 0) + cpuOf(wanting) <= cpu,
    );
  });
}

/** The rules once more, for one node, as plainly as they can be said. */
function leaversOf(world: World, name: string): Pod[] | undefined {
  const ways = waysIn(world).filter((way) => way.every(({ spec }) => spec.nodeName === name));
  const there = world.placed.filter(({ spec }) => spec.nodeName === name);
  const lesser = there.filter((pod) => priorityOf(pod) < priorityOf(world.wanting));
  if (lesser.length === 0 || !ways.some((way) => way.length === lesser.length)) return undefined;
  const start = (pod: Pod): string => pod.status?.startTime ?? "";
  const ranked = lesser.toSorted(
    (a, b) =>
      priorityOf(b) - priorityOf(a) ||
      (start(a) < start(b) ? -1 : start(a) > start(b) ? 1 : 0) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  const capacity = world.capacity.get(name) ?? 0;
  let gone = ranked;
  for (const pod of [...ranked.filter(isGuarded), ...ranked.filter((pod) => !isGuarded(pod))]) {
    const fewer = gone.filter((other) => other !== pod);
    const used = there
      .filter((other) => !fewer.includes(other))
      .reduce((sum, p) => sum + cpuOf(p), 0);
    if (used + cpuOf(world.wanting) <= capacity) gone = fewer;
  }
  return gone;
}

function costOf(gone: readonly Pod[]): number[] {
  const highest = Math.max(...gone.map(priorityOf));
  const begun = gone
    .filter((pod) => priorityOf(pod) === highest)
    .map((pod) => Date.parse(pod.status?.startTime ?? ""));
  return [
    gone.filter(isGuarded).length,
    highest,
    gone.reduce((sum, pod) => sum + priorityOf(pod) + 2 ** 31, 0),
    gone.length,
    -Math.min(...begun),
  ];
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}

describe("preemption, on small clusters", () => {
  const check = (law: (world: World, decision: Decision | undefined) => void): void =>
    fc.assert(
      fc.property(cases, (item) => {
        const world = build(item);
        law(world, decide(world));
      }),
      { numRuns: 400 },
    );

  test("happens when the pod fits nowhere and would where others left, and only then", () => {
    check((world, decision) => {
      const ways = waysIn(world);
      const kind =
        ways.length === 0 ? "refuse" : ways.some((way) => way.length === 0) ? "bind" : "preempt";
      expect(decision?.kind).toBe(kind);
    });
  });

  test("evicts only less important pods, of one node, enough of them and none too many", () => {
    check((world, decision) => {
      if (decision?.kind !== "preempt") return;
      const names = (pods: readonly Pod[]): string =>
        pods
          .map((pod) => pod.metadata.name)
          .toSorted()
          .join(" ");
      const ways = waysIn(world).map(names);
      expect(ways).toContain(names(decision.victims));
      for (const kept of decision.victims) {
        const fewer = decision.victims.filter((pod) => pod !== kept);
        expect(ways, "one of them could stay").not.toContain(names(fewer));
      }
    });
  });

  test("violates a budget only when there is no other way", () => {
    check((world, decision) => {
      if (decision?.kind !== "preempt" || !decision.victims.some(isGuarded)) return;
      expect(waysIn(world).filter((way) => !way.some(isGuarded))).toEqual([]);
    });
  });

  test("chooses the node as the rules say", () => {
    check((world, decision) => {
      if (decision?.kind !== "preempt") return;
      let best: Pod[] | undefined;
      for (const name of world.capacity.keys()) {
        const gone = leaversOf(world, name);
        if (gone !== undefined && (best === undefined || isLess(costOf(gone), costOf(best))))
          best = gone;
      }
      expect(decision.victims.map(({ metadata }) => metadata.name).toSorted()).toEqual(
        best?.map(({ metadata }) => metadata.name).toSorted(),
      );
    });
  });
});
