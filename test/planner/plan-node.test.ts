import { describe, expect, test } from "vitest";
import type { Node, Pod, Taint, Toleration } from "../../src/model/kinds.gen.ts";
import type { Condition } from "../../src/model/meta.ts";
import type { Step } from "../../src/model/plan.ts";
import { zonesOf } from "../../src/planner/node-zones.ts";
import { evictionAt } from "../../src/planner/plan-eviction.ts";
import { allocatePodCidr, planNodes, type NodeLifeInput } from "../../src/planner/plan-node.ts";
import * as build from "../support/builders.ts";
import { at, NOW } from "../support/builders.ts";

type ReadyStatus = Condition["status"];
interface Fields {
  readonly ready?: ReadyStatus;
  readonly taints?: readonly Taint[];
  readonly zone?: string;
  readonly cordoned?: boolean;
  readonly conditions?: readonly Condition[];
}

const GONE_QUIET: Condition = {
  type: "Ready",
  status: "Unknown",
  reason: "NodeStatusUnknown",
  message: "The agent stopped posting node status.",
};

function node(name: string, fields: Fields = {}): Node {
  const { ready = "True", taints, zone, cordoned, conditions = [] } = fields;
  const built = build.node({
    name,
    spec: {
      podCIDR: `10.32.${name.charCodeAt(0)}.0/24`,
      ...(taints === undefined ? {} : { taints }),
      ...(cordoned === undefined ? {} : { unschedulable: cordoned }),
    },
    ...(zone === undefined ? {} : { labels: { "topology.kubernetes.io/zone": zone } }),
  });
  const own: Condition = ready === "Unknown" ? GONE_QUIET : { type: "Ready", status: ready };
  return { ...built, status: { ...built.status, conditions: [own, ...conditions] } };
}

const pod = (name: string, on: string, tolerations?: readonly Toleration[], ready = true): Pod =>
  build.pod({
    name,
    node: on,
    ready: ready ? -60 : null,
    ...(tolerations === undefined ? {} : { spec: { tolerations } }),
  });

const taint = (key: string, effect: Taint["effect"], seconds?: number): Taint => ({
  key: key.includes("/") ? key : `node.kubernetes.io/${key}`,
  effect,
  ...(seconds === undefined ? {} : { timeAdded: at(-seconds) }),
});
const unreachable = (seconds: number): readonly Taint[] => [
  taint("unreachable", "NoSchedule", seconds),
  taint("unreachable", "NoExecute", seconds),
];
const tolerates = (key: string, tolerationSeconds?: number): Toleration => ({
  key: `node.kubernetes.io/${key}`,
  operator: "Exists",
  effect: "NoExecute",
  ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
});

function plan(input: Partial<NodeLifeInput>): string[] {
  return planNodes(given(input)).steps.map(render);
}

function given(input: Partial<NodeLifeInput>): NodeLifeInput {
  return {
    now: NOW,
    nodes: [],
    pods: [],
    silentMs: new Map((input.nodes ?? []).map(({ metadata }) => [metadata.name, 1000])),
    listeningMs: 3_600_000,
    podCidr: "10.32.0.0/11",
    ...input,
  };
}

function render(step: Step): string {
  switch (step.kind) {
    case "event":
      return `event ${step.reason} ${step.about.metadata.name}`;
    case "delete":
      return `delete ${step.ref.name} ${step.disruption?.reason ?? ""}`;
    case "update":
      return `update ${step.object.metadata.name} ${renderTaints(step.object as Node)}`;
    case "update-status": {
      const { conditions = [] } = (step.object as Node | Pod).status ?? {};
      return `status ${step.object.metadata.name} ${conditions.map(({ type, status, reason }) => `${type}=${status} ${reason ?? ""}`).join()}`;
    }
    default:
      return step.kind;
  }
}

function renderTaints({ spec }: Node): string {
  return (spec.taints ?? [])
    .map(({ key, effect, timeAdded }) => {
      const age = timeAdded === undefined ? "" : `@${(Date.parse(timeAdded) - NOW) / 1000}`;
      return `${key.replace(/^.*\//, "")}:${effect}${age}`;
    })
    .join(" ");
}

const quiet = (...names: string[]): Map<string, number> =>
  new Map(names.map((name) => [name, 41_000]));
const heard = (...names: string[]): Map<string, number> =>
  new Map(names.map((name) => [name, 1000]));

describe("planNodes(): heartbeats", () => {
  test("leaves living nodes alone", () => {
    expect(plan({ nodes: [node("a"), node("b")] })).toEqual([]);
  });

  test.for([
    { silentMs: 39_999, steps: 0 },
    { silentMs: 40_000, steps: 2 },
  ])("a node silent for $silentMs ms brings $steps steps", ({ silentMs, steps }) => {
    const silent = new Map([...heard("a"), ["b", silentMs] as const]);
    expect(plan({ nodes: [node("a"), node("b")], silentMs: silent })).toHaveLength(steps);
  });

  test("a silent node becomes Unknown, its pods not Ready, and nobody else's; then it is tainted", () => {
    const silentMs = new Map([...heard("a"), ...quiet("c")]);
    const pods = [pod("on-a", "a"), pod("on-c", "c"), pod("idle-on-c", "c", undefined, false)];
    expect(plan({ nodes: [node("a"), node("c")], pods, silentMs })).toEqual([
      "status c Ready=Unknown NodeStatusUnknown",
      "event NodeNotReady c",
      "status on-c Ready=False NodeNotReady",
      "event NodeNotReady on-c",
    ]);
    expect(plan({ nodes: [node("a"), node("c", { ready: "Unknown" })], silentMs })).toEqual([
      "update c unreachable:NoSchedule@0 unreachable:NoExecute@0",
    ]);
  });

  test("a node that never said anything is Unknown once it should have", () => {
    const fresh = { ...node("b"), status: {} };
    const nodes = [node("a"), fresh];
    expect(plan({ nodes, silentMs: heard("a", "b") })).toEqual([]);
    expect(plan({ nodes, silentMs: heard("a") })[0]).toBe(
      "status b Ready=Unknown NodeStatusNeverUpdated",
    );
  });

  test("a control plane that has just come up calls nobody silent", () => {
    const nodes = [node("a"), node("b")];
    const silentMs = new Map<string, number>();
    expect(plan({ nodes, silentMs, listeningMs: 39_999 })).toEqual([]);
    expect(plan({ nodes, silentMs, listeningMs: 40_000 })).not.toEqual([]);
  });

  test("a node that is back loses the taints of its silence, and keeps those of others", () => {
    const back = node("a", { taints: [taint("x/gpu", "NoSchedule"), ...unreachable(10)] });
    expect(plan({ nodes: [back] })).toEqual(["update a gpu:NoSchedule"]);
  });
});

describe("planNodes(): taints", () => {
  const bad = (type: string): Condition => ({ type, status: "True" });
  const cases: readonly {
    readonly name: string;
    readonly fields: Fields;
    readonly steps: string[];
  }[] = [
    {
      name: "a cordoned node takes no new pods",
      fields: { cordoned: true },
      steps: ["update a unschedulable:NoSchedule@0"],
    },
    {
      name: "an uncordoned one does again",
      fields: { cordoned: false, taints: [taint("unschedulable", "NoSchedule", 5)] },
      steps: ["update a "],
    },
    {
      name: "so does one that is short of something",
      fields: { conditions: [bad("MemoryPressure"), bad("DiskPressure"), bad("PIDPressure")] },
      steps: [
        "update a memory-pressure:NoSchedule@0 disk-pressure:NoSchedule@0 pid-pressure:NoSchedule@0",
      ],
    },
    {
      name: "one that says that it is not ready begins to evict",
      fields: { ready: "False" },
      steps: ["update a not-ready:NoSchedule@0 not-ready:NoExecute@0"],
    },
    {
      name: "from silent to not ready is no new eviction",
      fields: { ready: "False", taints: unreachable(20) },
      steps: ["update a not-ready:NoSchedule@0 not-ready:NoExecute@0"],
    },
    {
      name: "what people taint to evict says since when",
      fields: { taints: [taint("x/maintenance", "NoExecute"), taint("x/gpu", "NoSchedule")] },
      steps: ["update a maintenance:NoExecute@0 gpu:NoSchedule"],
    },
    {
      name: "what is there already stays as it is",
      fields: {
        cordoned: true,
        taints: [taint("x/m", "NoExecute", 9), taint("unschedulable", "NoSchedule", 5)],
      },
      steps: [],
    },
  ];
  test.for(cases)("$name", ({ fields, steps }) => {
    expect(plan({ nodes: [node("a", fields), node("z")] })).toEqual(steps);
  });
});

describe("planNodes(): one node after the other", () => {
  const down = (name: string, taints?: readonly Taint[], zone?: string): Node =>
    node(name, {
      ready: "Unknown",
      ...(taints === undefined ? {} : { taints }),
      ...(zone === undefined ? {} : { zone }),
    });
  const up = (count: number, zone?: string): Node[] =>
    Array.from({ length: count }, (_, index) =>
      node(`up-${zone ?? ""}${index}`, zone === undefined ? {} : { zone }),
    );
  const evicting = (
    nodes: readonly Node[],
  ): { readonly names: string[]; readonly waitMs: number | undefined } => {
    const { steps, lookAgainAt } = planNodes(given({ nodes }));
    return {
      names: steps.flatMap((step) =>
        step.kind === "update" && renderTaints(step.object as Node).includes("NoExecute@0")
          ? [step.object.metadata.name]
          : [],
      ),
      waitMs: lookAgainAt === undefined ? undefined : lookAgainAt - NOW,
    };
  };

  test("the first at once, the next ten seconds later", () => {
    const others = up(5);
    expect(evicting([...others, down("b"), down("c")])).toEqual({ names: ["b"], waitMs: 10_000 });
    expect(evicting([...others, down("b", unreachable(9)), down("c")])).toEqual({
      names: [],
      waitMs: 1000,
    });
    expect(evicting([...others, down("b", unreachable(10)), down("c")]).names).toEqual(["c"]);
  });

  test("all take no new pods meanwhile", () => {
    const steps = plan({ nodes: [...up(5), down("b"), down("c")] });
    expect(steps).toContain("update c unreachable:NoSchedule@0");
  });

  test("each zone has a pace of its own", () => {
    const nodes = [
      ...up(3, "x"),
      ...up(3, "y"),
      down("b", undefined, "x"),
      down("c", undefined, "y"),
    ];
    expect(evicting(nodes).names).toEqual(["b", "c"]);
  });

  test("while most of a small zone is down nobody joins in; in a large one slowly", () => {
    const three = ["b", "c", "d"].map((name) => down(name));
    expect(evicting([...up(2), ...three]).names).toEqual([]);
    expect(evicting([...up(3), ...three]).names).toEqual(["b"]);
    const large = Array.from({ length: 31 }, (_, index) => down(`down-${index + 10}`));
    expect(evicting([...up(20), ...large])).toEqual({ names: ["down-10"], waitMs: 100_000 });
    expect(evicting([...up(19), ...large]).names).toEqual([]);
  });

  test("a zone that is down as a whole is evicted while another one is up", () => {
    const dark = ["b", "c", "d"].map((name) => down(name, undefined, "x"));
    expect(evicting([...dark, ...up(3, "y")]).names).toEqual(["b"]);
  });

  test("when all are down nobody is evicted, and who was is let be", () => {
    const nodes = [down("b", unreachable(400), "x"), down("c", undefined, "y")];
    expect(evicting(nodes).names).toEqual([]);
    const silentMs = quiet("b", "c");
    const pods = [pod("p", "b"), pod("q", "c")];
    const steps = plan({ nodes, pods, silentMs });
    expect(steps).toEqual([
      "update b unreachable:NoSchedule@-400",
      "update c unreachable:NoSchedule@0",
    ]);
  });

  test("zones are told apart by region and zone", () => {
    const labels = (region: string, zone: string): Node =>
      build.node({
        name: `${region}${zone}`,
        labels: { "topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone },
      });
    const nodes = [labels("r", "a"), labels("r", "b"), labels("s", "a"), labels("r", "a")];
    expect(zonesOf(nodes, () => true).map(({ nodes: { length } }) => length)).toEqual([2, 1, 1]);
  });
});

describe("evictionAt()", () => {
  const custom = taint("x/maintenance", "NoExecute", 60);
  const anyone: Toleration = { operator: "Exists" };
  const cases: readonly {
    readonly name: string;
    readonly taints: readonly Taint[];
    readonly tolerations?: readonly Toleration[];
    /** Seconds from now. */
    readonly leaves: number | undefined;
  }[] = [
    { name: "no taint", taints: [], leaves: undefined },
    {
      name: "one that only keeps new pods away",
      taints: [taint("x/gpu", "NoSchedule")],
      leaves: undefined,
    },
    { name: "one that is not tolerated: at once", taints: [custom], leaves: -60 },
    {
      name: "one that is tolerated for ever",
      taints: [custom],
      tolerations: [anyone],
      leaves: undefined,
    },
    {
      name: "one that is tolerated for a while, from when it was put on",
      taints: unreachable(10),
      tolerations: [tolerates("unreachable", 30)],
      leaves: 20,
    },
    {
      name: "a silent node, and a pod that says nothing of it",
      taints: unreachable(10),
      leaves: 290,
    },
    {
      name: "two: the first time that is over counts",
      taints: [...unreachable(10), custom],
      tolerations: [
        tolerates("unreachable", 30),
        { key: "x/maintenance", operator: "Exists", tolerationSeconds: 65 },
      ],
      leaves: 5,
    },
    {
      name: "the first toleration that bears it decides",
      taints: unreachable(10),
      tolerations: [tolerates("unreachable", 5), tolerates("unreachable")],
      leaves: -5,
    },
    {
      name: "less than no time is no time",
      taints: unreachable(10),
      tolerations: [tolerates("unreachable", -5)],
      leaves: -10,
    },
  ];
  test.for(cases)("$name", ({ taints, tolerations, leaves }) => {
    const found = evictionAt(pod("p", "a", tolerations), taints, NOW);
    expect(found === undefined ? undefined : (found - NOW) / 1000).toBe(leaves);
  });

  test("a pod that is ending or has ended is left alone", () => {
    expect(evictionAt(build.pod({ name: "p", terminating: true }), [custom], NOW)).toBeUndefined();
    expect(evictionAt(build.pod({ name: "p", phase: "Failed" }), [custom], NOW)).toBeUndefined();
  });
});

describe("planNodes(): evictions", () => {
  test("a pod whose time is over is told why and ended; the next look is when the next one's is", () => {
    const nodes = [node("a"), node("c", { ready: "Unknown", taints: unreachable(100) })];
    const pods = [
      pod("short", "c", [tolerates("unreachable", 100)], false),
      pod("longer", "c", [tolerates("unreachable", 130)], false),
      pod("stays", "c", [{ operator: "Exists" }], false),
      pod("elsewhere", "a", [tolerates("unreachable", 1)]),
    ];
    const input = given({ nodes, pods, silentMs: new Map([...heard("a"), ...quiet("c")]) });
    const { steps, lookAgainAt } = planNodes(input);
    expect(steps.map(render)).toEqual([
      "delete short DeletionByTaintManager",
      "event TaintManagerEviction short",
    ]);
    expect(lookAgainAt).toBe(NOW + 30_000);
  });

  test("a taint of people's evicts from a node that answers", () => {
    const tainted = node("a", { taints: [taint("x/maintenance", "NoExecute", 1)] });
    expect(plan({ nodes: [tainted], pods: [pod("p", "a")] })).toEqual([
      "delete p DeletionByTaintManager",
      "event TaintManagerEviction p",
    ]);
  });
});

describe("planNodes(): the pod network", () => {
  test("gives new nodes a free part", () => {
    const fresh = (name: string): Node => ({ ...node(name), spec: {} });
    const taken: Node = { ...node("a"), spec: { podCIDR: "10.32.0.0/24" } };
    const { steps } = planNodes(given({ nodes: [fresh("b"), taken, fresh("c")] }));
    const parts = steps.map((step) =>
      step.kind === "update" ? (step.object as Node).spec.podCIDR : step.kind,
    );
    expect(parts).toEqual(["10.32.1.0/24", "10.32.2.0/24"]);
  });

  test("ends when all parts are taken", () => {
    const used = new Set(["10.0.0.0/24", "10.0.1.0/24"]);
    expect(allocatePodCidr("10.0.0.0/23", used)).toBeUndefined();
    expect(allocatePodCidr("10.0.0.0/22", used)).toBe("10.0.2.0/24");
    expect(allocatePodCidr("10.0.0.0/25", new Set())).toBeUndefined();
  });
});
