import { describe, expect, test } from "vitest";
import type { Namespace, Node, Pod, PodSpec } from "../../src/model/kinds.gen.ts";
import type { ApiObject, StringMap } from "../../src/model/meta.ts";
import { newSchedulerCore, type SchedulerCore } from "../../src/scheduler/core.ts";
import { container, namespace, node, pod } from "../support/builders.ts";

/*
 * What only follows from several changes in a row, each rule by itself: random worlds seldom come to it.
 */

const ZONE = "topology.kubernetes.io/zone";

function coreOf(objects: readonly ApiObject[]): SchedulerCore {
  const core = newSchedulerCore();
  for (const object of objects) core.upsert(object);
  return core;
}

const waiting = (name: string, spec: Partial<PodSpec>, labels: StringMap = { app: "web" }): Pod =>
  pod({ name, node: "", phase: "Pending", labels, spec });

const inZone = (name: string, zone: string, more: StringMap = {}): Node =>
  node({ name, labels: { [ZONE]: zone, ...more } });

const named = (name: string, labels: StringMap): Namespace => {
  const made = namespace(name);
  return { ...made, metadata: { ...made.metadata, labels } };
};

function where(core: SchedulerCore, item: Pod): string {
  const placement = core.place(item);
  if (placement.kind === "placed") return placement.node;
  return [...placement.refusals.reasons].map(([reason, count]) => `${count} ${reason}`).join(", ");
}

const spreadOver = (...keys: readonly string[]): Partial<PodSpec> => ({
  topologySpreadConstraints: keys.map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: "DoNotSchedule",
    labelSelector: { matchLabels: { app: "web" } },
  })),
});

const apartFrom = (term: Partial<PodSpec["affinity"] & object>): Partial<PodSpec> => ({
  affinity: term,
});

describe("topology spread", () => {
  test("pods on nodes that lack another constraint's label do not count", () => {
    const core = coreOf([
      inZone("a", "z1", { rack: "r1" }),
      inZone("b", "z2", { rack: "r2" }),
      inZone("bare", "z1"),
      pod({ name: "x", node: "bare" }),
      pod({ name: "y", node: "bare" }),
    ]);
    expect(where(core, waiting("p", spreadOver(ZONE, "rack")))).toBe("a");
    expect(where(core, waiting("q", spreadOver(ZONE)))).toBe("b");
  });

  test("a new domain has the least, also for kinds that share a counter", () => {
    const core = coreOf([inZone("a", "z1"), inZone("b", "z2")]);
    const kinds = ["100m", "200m"].map((cpu) => ({
      ...spreadOver(ZONE),
      containers: [container({ resources: { requests: { cpu } } })],
    }));
    for (const [index, spec] of [...kinds, ...kinds].entries()) {
      const item = waiting(`p${index}`, spec);
      core.assume(item, where(core, item));
    }
    // By now the core knows which domain has least.
    expect(where(core, waiting("p4", spreadOver(ZONE)))).toBe("a");
    core.upsert(inZone("c", "z3"));
    const uneven = "node(s) didn't match pod topology spread constraints";
    for (const spec of kinds) {
      expect(where(core, waiting("q", spec))).toBe("c");
      expect(core.check(waiting("q", spec), "a")?.reasons).toEqual([uneven]);
    }
    core.removeNode("c");
    for (const spec of kinds) expect(core.check(waiting("q", spec), "a")).toBeUndefined();
  });
});

describe("namespaces", () => {
  const selecting = {
    requiredDuringSchedulingIgnoredDuringExecution: [
      {
        topologyKey: "kubernetes.io/hostname",
        labelSelector: {},
        namespaceSelector: { matchLabels: { team: "t" } },
      },
    ],
  };

  test("labels that change decide anew whom terms choose, both ways", () => {
    const core = coreOf([named("shop", {}), node({ name: "a" }), pod({ name: "x", node: "a" })]);
    const asking = waiting("p", apartFrom({ podAntiAffinity: selecting }));
    expect(where(core, asking)).toBe("a");
    core.upsert(named("shop", { team: "t" }));
    expect(where(core, asking)).toBe("1 node(s) didn't match pod anti-affinity rules");
    core.upsert(named("shop", {}));
    core.assume(asking, "a");
    const other = waiting("q", {});
    expect(where(core, other)).toBe("a");
    core.upsert(named("shop", { team: "t" }));
    expect(where(core, other)).toBe("1 node(s) didn't satisfy existing pods anti-affinity rules");
    core.remove(named("shop", {}));
    expect(where(core, other)).toBe("a");
  });
});

describe("refusals", () => {
  const candidates = (core: SchedulerCore, item: Pod): readonly string[] => {
    const placement = core.place(item);
    return placement.kind === "refused" ? placement.refusals.candidates : ["placed"];
  };

  test("preemption might help where the pod would fit on an empty node, as that changes", () => {
    const big = { containers: [container({ resources: { requests: { cpu: "4" } } })] };
    const core = coreOf([
      node({ name: "a", cpu: "2" }),
      node({ name: "b" }),
      node({ name: "c", spec: { unschedulable: true } }),
      pod({ name: "x", node: "b", spec: big }),
    ]);
    const item = waiting("p", big);
    expect(candidates(core, item)).toEqual(["b"]);
    core.upsert(node({ name: "b", cpu: "3" }));
    expect(candidates(core, item)).toEqual([]);
    core.upsert(node({ name: "b", cpu: "5" }));
    expect(candidates(core, item)).toEqual(["b"]);
    expect(where(core, item)).toBe("2 Insufficient cpu, 1 node(s) were unschedulable");
    core.removeNode("a");
    expect(where(core, item)).toBe("1 Insufficient cpu, 1 node(s) were unschedulable");
    core.removePod("uid-x");
    expect(candidates(core, item)).toEqual(["placed"]);
  });
});
