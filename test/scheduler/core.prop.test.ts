import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Namespace, Node, Pod } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { newSchedulerCore, type SchedulerCore } from "../../src/scheduler/core.ts";
import {
  referencePlace,
  referenceVerdicts,
  type ReferenceCluster,
} from "../support/reference-scheduler.ts";
import { namespaces, nodeNames, nodes, podNames, pods, selectors } from "./random-cluster.ts";

type Change =
  | { readonly kind: "upsert"; readonly object: ApiObject }
  | { readonly kind: "remove-node"; readonly name: string }
  | { readonly kind: "remove-selector"; readonly object: ApiObject }
  | { readonly kind: "put-pod"; readonly pod: Pod; readonly node: string; readonly assume: boolean }
  | { readonly kind: "place"; readonly pod: Pod }
  | { readonly kind: "remove-pod"; readonly name: string };

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: nodes.map((object): Change => ({ kind: "upsert", object })) },
  { weight: 1, arbitrary: nodeNames.map((name): Change => ({ kind: "remove-node", name })) },
  { weight: 1, arbitrary: namespaces.map((object): Change => ({ kind: "upsert", object })) },
  { weight: 2, arbitrary: selectors.map((object): Change => ({ kind: "upsert", object })) },
  {
    weight: 1,
    arbitrary: selectors.map((object): Change => ({ kind: "remove-selector", object })),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(pods, nodeNames, fc.boolean())
      .map(([pod, node, assume]): Change => ({ kind: "put-pod", pod, node, assume })),
  },
  { weight: 4, arbitrary: pods.map((pod): Change => ({ kind: "place", pod })) },
  { weight: 2, arbitrary: podNames.map((name): Change => ({ kind: "remove-pod", name })) },
);

/** What the core was told, kept the slow way. */
class World implements ReferenceCluster {
  readonly #nodes = new Map<string, Node>();
  readonly #placed = new Map<string, Pod>();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #selectors = new Map<string, ApiObject>();

  get nodes(): Node[] {
    return [...this.#nodes.values()];
  }
  get placed(): Pod[] {
    return [...this.#placed.values()];
  }
  get namespaces(): Namespace[] {
    return [...this.#namespaces.values()];
  }
  get selectors(): ApiObject[] {
    return [...this.#selectors.values()];
  }

  take(next: Change, core: SchedulerCore): void {
    switch (next.kind) {
      case "upsert":
        core.upsert(next.object);
        if (next.object.kind === "Node")
          this.#nodes.set(next.object.metadata.name, next.object as Node);
        else if (next.object.kind === "Namespace")
          this.#namespaces.set(next.object.metadata.name, next.object as Namespace);
        else this.#selectors.set(next.object.metadata.uid ?? "", next.object);
        return;
      case "remove-node":
        core.removeNode(next.name);
        this.#nodes.delete(next.name);
        return;
      case "remove-selector":
        core.remove(next.object);
        this.#selectors.delete(next.object.metadata.uid ?? "");
        return;
      case "put-pod":
        this.#put(next.pod, next.node, next.assume, core);
        return;
      case "place": {
        const placement = core.place(next.pod);
        if (placement.kind === "placed") this.#put(next.pod, placement.node, true, core);
        return;
      }
      default:
        core.removePod(`uid-${next.name}`);
        this.#placed.delete(`uid-${next.name}`);
    }
  }

  #put(pod: Pod, node: string, assume: boolean, core: SchedulerCore): void {
    const placed = { ...pod, spec: { ...pod.spec, nodeName: node } };
    if (assume) core.assume(pod, node);
    else core.upsert(placed);
    this.#placed.set(pod.metadata.uid ?? "", placed);
  }
}

/** Verdicts as text, without scores of 0: whether a plugin had nothing to say does not matter. */
function fast(core: SchedulerCore, pod: Pod): readonly string[] {
  return core.explain(pod).map(({ node, refusal, scores, total }) =>
    refusal === undefined
      ? `${node}: ${[...(scores ?? [])]
          .filter(([, score]) => score !== 0)
          .map(([name, score]) => `${name}=${score}`)
          .toSorted()
          .join(" ")} total ${total}`
      : `${node}: ${refusal.filter} ${refusal.reasons.toSorted().join(", ")} ${refusal.unresolvable}`,
  );
}

function slow(cluster: ReferenceCluster, pod: Pod): readonly string[] {
  return referenceVerdicts(pod, cluster).map(({ node, refusal, scores, total }) =>
    refusal === undefined
      ? `${node}: ${Object.entries(scores ?? {})
          .filter(([, score]) => score !== 0)
          .map(([name, score]) => `${name}=${score}`)
          .toSorted()
          .join(" ")} total ${total}`
      : `${node}: ${refusal.filter} ${refusal.reasons.toSorted().join(", ")} ${refusal.unresolvable}`,
  );
}

function placeOf(core: SchedulerCore, pod: Pod): string {
  const placement = core.place(pod);
  if (placement.kind === "placed")
    return `${placement.node} ${placement.score} of ${placement.feasible}`;
  const { nodes, reasons, filters, candidates } = placement.refusals;
  return sayRefusals(nodes, reasons, filters, candidates);
}

function sayRefusals(
  nodes: number,
  reasons: ReadonlyMap<string, number>,
  filters: ReadonlySet<string>,
  candidates: readonly string[],
): string {
  const counts = [...reasons].map(([reason, count]) => `${count} ${reason}`).toSorted();
  return `${nodes}: ${counts.join(", ")} by ${[...filters].toSorted().join()} but ${candidates.join()}`;
}

function referenceSays(cluster: ReferenceCluster, pod: Pod): string {
  const verdicts = referenceVerdicts(pod, cluster);
  const best = referencePlace(pod, cluster);
  const feasible = verdicts.filter(({ refusal }) => refusal === undefined).length;
  if (best !== undefined) return `${best.node} ${best.total} of ${feasible}`;
  const refused = verdicts.flatMap(({ node, refusal }) =>
    refusal === undefined ? [] : [{ node, refusal }],
  );
  const reasons = new Map<string, number>();
  for (const { refusal } of refused)
    for (const reason of refusal.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  return sayRefusals(
    verdicts.length,
    reasons,
    new Set(refused.map(({ refusal }) => refusal.filter)),
    refused.filter(({ refusal }) => !refusal.unresolvable).map(({ node }) => node),
  );
}

function expectAlike(core: SchedulerCore, world: World, pod: Pod): void {
  const others: ReferenceCluster = {
    nodes: world.nodes,
    placed: world.placed,
    namespaces: world.namespaces,
    selectors: world.selectors,
  };
  expect(fast(core, pod)).toEqual(slow(others, pod));
  expect(placeOf(core, pod)).toBe(referenceSays(others, pod));
}

const RUNS = Number(process.env["BERTH_PROP_RUNS"] ?? 150);

describe("SchedulerCore", () => {
  test("judges every node as the plain reference does, after any sequence of changes", () => {
    fc.assert(
      fc.property(
        fc.array(nodes, { minLength: 2, maxLength: 6 }),
        fc.array(change, { maxLength: 24 }),
        fc.array(pods, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(undefined, 0, 2),
        (first, changes, probes, maxNarrowDomains) => {
          const core = newSchedulerCore(maxNarrowDomains === undefined ? {} : { maxNarrowDomains });
          const world = new World();
          for (const object of first) world.take({ kind: "upsert", object }, core);
          for (const [index, next] of changes.entries()) {
            world.take(next, core);
            const probe = probes[index % probes.length];
            if (index % 3 === 0 && probe !== undefined) expectAlike(core, world, probe);
          }
          for (const probe of probes) expectAlike(core, world, probe);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
