import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import { schedule } from "../support/schedule.ts";
import { container, node, NOW, pod } from "../support/builders.ts";

/** Instances that are looked at: always the same ones. */
const INSTANCES = 150;
const SAMPLE = { numRuns: INSTANCES, seed: 5 };

interface Instance {
  /** Thousandths of a core of each node. */
  readonly nodes: readonly number[];
  readonly pods: readonly number[];
}

const instance: fc.Arbitrary<Instance> = fc.record({
  nodes: fc.array(fc.constantFrom(2000, 3000, 4000), { minLength: 2, maxLength: 3 }),
  pods: fc.array(fc.constantFrom(300, 500, 900, 1500), { minLength: 3, maxLength: 8 }),
});

interface Quality {
  /** Cpu of the pods that have a node. */
  readonly used: number;
  /** Standard deviation of the taken shares of the nodes. */
  readonly unevenness: number;
}

/** The quality of a choice: for each pod the index of its node, or -1. */
function qualityOf({ nodes, pods }: Instance, choice: readonly number[]): Quality {
  const taken = nodes.map(() => 0);
  let used = 0;
  for (const [index, cpu] of pods.entries()) {
    const at = choice[index] ?? -1;
    if (at < 0) continue;
    taken[at] = (taken[at] ?? 0) + cpu;
    used += cpu;
  }
  const shares = nodes.map((cpu, at) => (taken[at] ?? 0) / cpu);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const squares = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0);
  return { used, unevenness: Math.sqrt(squares / shares.length) };
}

/** The most cpu that any choice places, and the least unevenness among those that place all pods, if any does. */
function bestOf(world: Instance): { readonly used: number; readonly evenest: number } {
  let used = 0;
  let evenest = Infinity;
  const free = [...world.nodes];
  const choice = world.pods.map(() => -1);
  const all = world.pods.reduce((sum, cpu) => sum + cpu, 0);
  const tryFrom = (index: number): void => {
    if (index === world.pods.length) {
      const quality = qualityOf(world, choice);
      used = Math.max(used, quality.used);
      if (quality.used === all) evenest = Math.min(evenest, quality.unevenness);
      return;
    }
    const cpu = world.pods[index] ?? 0;
    for (let at = -1; at < free.length; at += 1) {
      if (at >= 0 && (free[at] ?? 0) < cpu) continue;
      choice[index] = at;
      if (at >= 0) free[at] = (free[at] ?? 0) - cpu;
      tryFrom(index + 1);
      if (at >= 0) free[at] = (free[at] ?? 0) + cpu;
    }
    choice[index] = -1;
  };
  tryFrom(0);
  return { used, evenest };
}

function placed({ nodes, pods }: Instance, schedulerName: string): readonly number[] {
  const hosts = nodes.map((cpu, index): Node =>
    node({ name: `n${index}`, cpu: `${cpu}m`, memory: "64Gi" }),
  );
  const wanted = pods.map((cpu, index): Pod => {
    const app = container({ resources: { requests: { cpu: `${cpu}m`, memory: "1Mi" } } });
    const spec = { containers: [app], schedulerName };
    return pod({ name: `p${index}`, node: "", phase: "Pending", spec });
  });
  const { bindings } = schedule({ nodes: hosts, pods: wanted, placed: [], now: NOW });
  const at = new Map(bindings.map((binding) => [binding.name, Number(binding.node.slice(1))]));
  return pods.map((_cpu, index) => at.get(`p${index}`) ?? -1);
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe("beside the best of all choices", () => {
  const worlds = fc.sample(instance, SAMPLE);
  const best = worlds.map(bestOf);

  test.for([
    ["default-scheduler", 0.95],
    ["binpack", 0.95],
  ] as const)("%s places at least %d of the cpu, on average", ([schedulerName, share]) => {
    const ratios = worlds.map((world, index) => {
      const { used } = qualityOf(world, placed(world, schedulerName));
      return used / (best[index]?.used ?? used);
    });
    expect(mean(ratios)).toBeGreaterThan(share);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(1);
  });

  test("default-scheduler loads nodes nearly as evenly as can be, binpack does not try", () => {
    const extra = (schedulerName: string): number =>
      mean(
        worlds.flatMap((world, index) => {
          const evenest = best[index]?.evenest ?? Infinity;
          const quality = qualityOf(world, placed(world, schedulerName));
          const all = world.pods.reduce((sum, cpu) => sum + cpu, 0);
          return quality.used < all || evenest === Infinity ? [] : [quality.unevenness - evenest];
        }),
      );
    expect(extra("default-scheduler")).toBeLessThan(0.1);
    expect(extra("binpack")).toBeGreaterThan(2 * extra("default-scheduler"));
  });

  test("no pod stays without a node that would take it", () => {
    fc.assert(
      fc.property(instance, fc.constantFrom("default-scheduler", "binpack"), (world, name) => {
        const choice = placed(world, name);
        const free = world.nodes.map(
          (cpu, at) =>
            cpu -
            world.pods.reduce((sum, asked, index) => sum + (choice[index] === at ? asked : 0), 0),
        );
        expect(Math.min(...free)).toBeGreaterThanOrEqual(0);
        for (const [index, cpu] of world.pods.entries())
          if (choice[index] === -1) expect(Math.max(...free)).toBeLessThan(cpu);
      }),
      { numRuns: 100 },
    );
  });

  test("equal pods on equal nodes differ by one at most", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 30 }),
        (hosts, count) => {
          const world = {
            nodes: Array.from({ length: hosts }, () => 4000),
            pods: Array.from({ length: count }, () => 100),
          };
          const choice = placed(world, "default-scheduler");
          const perNode = world.nodes.map(
            (_cpu, at) => choice.filter((item) => item === at).length,
          );
          expect(Math.max(...perNode) - Math.min(...perNode)).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 40 },
    );
  });
});
