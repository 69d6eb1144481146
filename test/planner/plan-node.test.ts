import { describe, expect, test } from "vitest";
import { formatTime } from "../../src/base/clock.ts";
import type { Node, Pod, Taint, Toleration } from "../../src/model/kinds.gen.ts";
import type { Step } from "../../src/model/plan.ts";
import { allocatePodCidr, planNodes, type NodeLifeInput } from "../../src/planner/plan-node.ts";

const NOW = Date.UTC(2026, 0, 2);

function node(
  name: string,
  more: {
    readonly taints?: readonly Taint[];
    readonly ready?: "True" | "False" | "Unknown";
    readonly podCIDR?: string;
  } = {},
): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `uid-${name}`, resourceVersion: "1" },
    spec: {
      podCIDR: more.podCIDR ?? `10.32.${name.charCodeAt(0)}.0/24`,
      ...(more.taints === undefined ? {} : { taints: more.taints }),
    },
    status: { conditions: [{ type: "Ready", status: more.ready ?? "True" }] },
  };
}

function pod(
  name: string,
  nodeName: string,
  more: { readonly ready?: boolean; readonly tolerations?: readonly Toleration[] } = {},
): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", uid: `uid-${name}`, resourceVersion: "1" },
    spec: {
      containers: [],
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      schedulerName: "default-scheduler",
      nodeName,
      ...(more.tolerations === undefined ? {} : { tolerations: more.tolerations }),
    },
    status: {
      phase: "Running",
      conditions: [{ type: "Ready", status: more.ready === false ? "False" : "True" }],
    },
  };
}

const unreachable = (agoMs: number): Taint[] => [
  {
    key: "node.kubernetes.io/unreachable",
    effect: "NoSchedule",
    timeAdded: formatTime(NOW - agoMs),
  },
  {
    key: "node.kubernetes.io/unreachable",
    effect: "NoExecute",
    timeAdded: formatTime(NOW - agoMs),
  },
];

function plan(input: Partial<NodeLifeInput>): string[] {
  return planNodes({
    now: NOW,
    nodes: [],
    pods: [],
    silentMs: new Map(),
    listeningMs: 3_600_000,
    podCidr: "10.32.0.0/11",
    ...input,
  }).steps.map(render);
}

function render(step: Step): string {
  switch (step.kind) {
    case "event":
      return `event ${step.reason} ${step.about.metadata.name}`;
    case "delete":
      return `delete ${step.ref.name}`;
    case "update": {
      const { spec } = step.object as Node;
      return `update ${step.object.metadata.name} ${spec.podCIDR ?? ""} [${(spec.taints ?? []).map(({ key, effect }) => `${key.replace(/^.*\//, "")}:${effect}`).join(" ")}]`;
    }
    case "update-status": {
      const { conditions } = (step.object as Node | Pod).status ?? {};
      return `status ${step.object.metadata.name} ${(conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason ?? ""}`).join()}`;
    }
    default:
      return step.kind;
  }
}

const alive = (...names: string[]): Map<string, number> =>
  new Map(names.map((name) => [name, 1000]));

describe("planNodes()", () => {
  test("leaves living nodes alone", () => {
    expect(plan({ nodes: [node("a"), node("b")], silentMs: alive("a", "b") })).toEqual([]);
  });

  test.for([
    { silentMs: 39_999, steps: 0 },
    { silentMs: 40_000, steps: 3 },
  ])("a node silent for $silentMs ms brings $steps steps", ({ silentMs, steps }) => {
    const seen = new Map([...alive("a", "b"), ["c", silentMs] as const]);
    expect(plan({ nodes: [node("a"), node("b"), node("c")], silentMs: seen })).toHaveLength(steps);
  });

  test("a silent node becomes Unknown and tainted, its pods not ready, and nobody else's", () => {
    const seen = new Map([...alive("a", "b"), ["c", 41_000] as const]);
    const pods = [pod("on-a", "a"), pod("on-c", "c"), pod("idle-on-c", "c", { ready: false })];
    expect(plan({ nodes: [node("a"), node("b"), node("c")], pods, silentMs: seen })).toEqual([
      "status c Ready=Unknown NodeStatusUnknown",
      "event NodeNotReady c",
      "update c 10.32.99.0/24 [unreachable:NoSchedule unreachable:NoExecute]",
      "status on-c Ready=False NodeNotReady",
    ]);
  });

  test.for([
    { agoMs: 299_000, tolerations: undefined, evicted: false },
    { agoMs: 300_000, tolerations: undefined, evicted: true },
    {
      agoMs: 10_000,
      tolerations: [{ key: "node.kubernetes.io/unreachable", tolerationSeconds: 10 } as const],
      evicted: true,
    },
    { agoMs: 900_000, tolerations: [{ operator: "Exists" } as const], evicted: false },
  ])(
    "tainted $agoMs ms ago with tolerations $tolerations: evicted $evicted",
    ({ agoMs, tolerations, evicted }) => {
      const silent = node("c", { ready: "Unknown", taints: unreachable(agoMs) });
      const steps = plan({
        nodes: [
          node("a"),
          node("b"),
          {
            ...silent,
            status: {
              conditions: [
                {
                  type: "Ready",
                  status: "Unknown",
                  reason: "NodeStatusUnknown",
                  message: "The agent stopped posting node status.",
                },
              ],
            },
          },
        ],
        pods: [
          pod("p", "c", { ready: false, ...(tolerations === undefined ? {} : { tolerations }) }),
        ],
        silentMs: new Map([...alive("a", "b"), ["c", agoMs + 40_000] as const]),
      });
      expect(steps).toEqual(evicted ? ["delete p", "event NodeSilent p"] : []);
    },
  );

  test("while most nodes are silent, pods are left as they are", () => {
    const seen = new Map([
      ["a", 1000],
      ["b", 50_000],
      ["c", 50_000],
    ]);
    const steps = plan({
      nodes: [node("a"), node("b"), node("c")],
      pods: [pod("p", "b"), pod("q", "c")],
      silentMs: seen,
    });
    expect(steps.filter((step) => step.includes("status p") || step.startsWith("delete"))).toEqual(
      [],
    );
    expect(
      plan({
        nodes: [node("a")],
        pods: [pod("p", "a")],
        silentMs: new Map([["a", 90_000]]),
      }).join(),
    ).not.toContain("status p");
  });

  test("a control plane that has just come up calls nobody silent", () => {
    expect(plan({ nodes: [node("a"), node("b")], listeningMs: 39_999 })).toEqual([]);
    expect(plan({ nodes: [node("a"), node("b")], listeningMs: 40_000 })).not.toEqual([]);
  });

  test("a node that is back loses the taints of its silence, and keeps the others", () => {
    const taints: Taint[] = [{ key: "gpu", effect: "NoSchedule" }, ...unreachable(1000)];
    const back = { ...node("a"), spec: { podCIDR: "10.32.1.0/24", taints } };
    expect(plan({ nodes: [back], silentMs: alive("a") })).toEqual([
      "update a 10.32.1.0/24 [gpu:NoSchedule]",
    ]);
  });

  test("gives new nodes a free part of the pod network", () => {
    const fresh = (name: string): Node => ({ ...node(name), spec: {} });
    const nodes = [fresh("b"), node("a", { podCIDR: "10.32.0.0/24" }), fresh("c")];
    expect(plan({ nodes, silentMs: alive("a", "b", "c") })).toEqual([
      "update b 10.32.1.0/24 []",
      "update c 10.32.2.0/24 []",
    ]);
  });
});

describe("allocatePodCidr()", () => {
  test("ends when all parts are taken", () => {
    const used = new Set(["10.0.0.0/24", "10.0.1.0/24"]);
    expect(allocatePodCidr("10.0.0.0/23", used)).toBeUndefined();
    expect(allocatePodCidr("10.0.0.0/22", used)).toBe("10.0.2.0/24");
    expect(allocatePodCidr("10.0.0.0/25", new Set())).toBeUndefined();
  });
});
