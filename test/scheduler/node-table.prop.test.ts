import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import { NodeTable } from "../../src/scheduler/node-table.ts";
import { placePods, schedule } from "../../src/scheduler/schedule.ts";
import { container, node, NOW, pod, replicaSet } from "../support/builders.ts";

const nodeName = fc.constantFrom("a", "b", "c", "d");
const podName = fc.constantFrom("p1", "p2", "p3", "p4", "p5", "p6");
const amount = fc.constantFrom("0", "500m", "1", "2", "3");
const TAINT = { key: "k", effect: "NoSchedule" } as const;

const nodes = fc
  .record({
    name: nodeName,
    cpu: amount,
    pods: fc.constantFrom("1", "2", "9"),
    ready: fc.boolean(),
    tainted: fc.boolean(),
    ssd: fc.boolean(),
  })
  .map(({ name, cpu, pods, ready, tainted, ssd }): Node =>
    node({
      name,
      cpu,
      pods,
      ready: ready ? "True" : "Unknown",
      labels: ssd ? { disk: "ssd" } : {},
      spec: tainted ? { taints: [TAINT] } : {},
    }),
  );

const pods = fc
  .record({
    name: podName,
    cpu: amount,
    gpu: fc.boolean(),
    tolerant: fc.boolean(),
    ssd: fc.boolean(),
    owner: fc.constantFrom("x", "y", undefined),
  })
  .map(({ name, cpu, gpu, tolerant, ssd, owner }): Pod =>
    pod({
      name,
      node: "",
      phase: "Pending",
      ...(owner === undefined ? {} : { owner: replicaSet({}, { name: owner, uid: owner }) }),
      spec: {
        containers: [container({ resources: { requests: { cpu, ...(gpu ? { gpu: "1" } : {}) } } })],
        ...(tolerant ? { tolerations: [{ key: "k", operator: "Exists" }] } : {}),
        ...(ssd ? { nodeSelector: { disk: "ssd" } } : {}),
      },
    }),
  );

type Change =
  | { readonly kind: "set-node"; readonly node: Node }
  | { readonly kind: "remove-node"; readonly name: string }
  | { readonly kind: "add-pod"; readonly pod: Pod; readonly node: string }
  | { readonly kind: "remove-pod"; readonly name: string };

const change: fc.Arbitrary<Change> = fc.oneof(
  nodes.map((item): Change => ({ kind: "set-node", node: item })),
  nodeName.map((name): Change => ({ kind: "remove-node", name })),
  fc
    .tuple(pods, nodeName)
    .map(([item, name]): Change => ({ kind: "add-pod", pod: item, node: name })),
  podName.map((name): Change => ({ kind: "remove-pod", name })),
);

/** What the table must say, kept the slow way. */
class Reference {
  readonly nodes = new Map<string, Node>();
  readonly placed = new Map<string, Pod>();

  take(next: Change): void {
    if (next.kind === "set-node") this.nodes.set(next.node.metadata.name, next.node);
    else if (next.kind === "remove-node") this.nodes.delete(next.name);
    else if (next.kind === "remove-pod") this.placed.delete(next.name);
    else
      this.placed.set(next.pod.metadata.name, {
        ...next.pod,
        spec: { ...next.pod.spec, nodeName: next.node },
      });
  }
}

function take(table: NodeTable, next: Change): void {
  if (next.kind === "set-node") table.setNode(next.node);
  else if (next.kind === "remove-node") table.removeNode(next.name);
  else if (next.kind === "add-pod") table.addPod(next.pod, next.node);
  else table.removePod(`uid-${next.name}`);
}

const cpuOf = (item: Pod): number => {
  const text = item.spec.containers[0]?.resources?.requests?.["cpu"] ?? "0";
  return text.endsWith("m") ? Number(text.slice(0, -1)) : Number(text) * 1000;
};
const hasGpu = (item: Pod): boolean =>
  item.spec.containers[0]?.resources?.requests?.["gpu"] !== undefined;

/** Where a pod may go, by the rules as a person would read them out. */
function feasible(item: Pod, all: readonly Node[], placed: readonly Pod[]): readonly string[] {
  return all
    .filter((host) => {
      const here = placed.filter(({ spec }) => spec.nodeName === host.metadata.name);
      const cpu = here.reduce((sum, other) => sum + cpuOf(other), 0);
      const cores = host.status?.allocatable?.["cpu"] ?? "0";
      const left = (cores.endsWith("m") ? Number(cores.slice(0, -1)) : Number(cores) * 1000) - cpu;
      const isTainted = (host.spec.taints ?? []).length > 0;
      return (
        host.status?.conditions?.[0]?.status === "True" &&
        (!isTainted || (item.spec.tolerations ?? []).length > 0) &&
        (item.spec.nodeSelector === undefined || host.metadata.labels?.["disk"] === "ssd") &&
        here.length < Number(host.status.allocatable?.["pods"]) &&
        (cpuOf(item) === 0 || cpuOf(item) <= left) &&
        !hasGpu(item)
      );
    })
    .map(({ metadata }) => metadata.name);
}

describe("NodeTable and placePods()", () => {
  test("a table that followed every change places as one that was made anew", () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 40 }),
        fc.uniqueArray(pods, { selector: (item) => item.metadata.name }),
        (changes, waiting) => {
          const table = new NodeTable();
          const reference = new Reference();
          for (const next of changes) {
            take(table, next);
            reference.take(next);
          }
          const wanting = waiting.map((item) => ({
            ...item,
            metadata: {
              ...item.metadata,
              name: `w-${item.metadata.name}`,
              uid: `w-${item.metadata.uid}`,
            },
          }));
          const placed = [...reference.placed.values()];
          const all = [...reference.nodes.values()];
          const fresh = schedule({ pods: wanting, nodes: all, placed, now: NOW });
          expect(placePods(table, wanting)).toEqual(fresh);

          // Every binding is to a node that the plain rules allow, and nothing that they allow is refused.
          const so = [...placed];
          const order = fresh.bindings.map(({ uid }) => uid);
          for (const item of wanting.toSorted((a, b) =>
            a.metadata.name < b.metadata.name ? -1 : 1,
          )) {
            const binding = fresh.bindings.find(({ uid }) => uid === item.metadata.uid);
            const allowed = feasible(item, all, so);
            if (binding === undefined) expect(allowed).toEqual([]);
            else {
              expect(allowed).toContain(binding.node);
              so.push({ ...item, spec: { ...item.spec, nodeName: binding.node } });
            }
          }
          expect(order).toEqual(order.toSorted());
        },
      ),
      { numRuns: 300 },
    );
  });

  test("forgets a resource that a node no longer has, and a replica that has gone", () => {
    const owner = replicaSet();
    const table = new NodeTable();
    table.setNode(node({ name: "a" }));
    table.setNode(node({ name: "b" }));
    table.addPod(pod({ name: "gone", owner }), "a");
    table.removePod("uid-gone");
    table.addPod(pod({ name: "big", owner: replicaSet({}, { uid: "uid-big" }) }), "b");
    const waiting = pod({ name: "w", node: "", phase: "Pending", owner });
    expect(placePods(table, [waiting]).bindings.map((binding) => binding.node)).toEqual(["a"]);

    const asking = pod({
      name: "asking",
      node: "",
      phase: "Pending",
      spec: { containers: [container({ resources: { requests: { cpu: "1" } } })] },
    });
    for (const name of ["a", "b"]) {
      const { status, ...rest } = node({ name });
      table.setNode({ ...rest, status: { ...status, allocatable: { pods: "9" } } });
    }
    expect(placePods(table, [asking]).unplaced.map(({ message }) => message)).toEqual([
      "0/2 nodes are available: 2 Insufficient cpu.",
    ]);
  });

  test("goes beyond its first capacity", () => {
    const many = Array.from({ length: 200 }, (_, index) => node({ name: `n${index}`, cpu: "1" }));
    const items = many.map((_, index) =>
      pod({
        name: `p${index}`,
        node: "",
        phase: "Pending",
        spec: { containers: [container({ resources: { requests: { cpu: "1" } } })] },
      }),
    );
    const { bindings, unplaced } = schedule({ pods: items, nodes: many, placed: [], now: NOW });
    expect(unplaced).toEqual([]);
    expect(new Set(bindings.map((binding) => binding.node)).size).toBe(200);
  });
});
