import { describe, expect, test } from "vitest";
import type {
  Container,
  Node,
  Pod,
  PodSpec,
  Taint,
  Toleration,
} from "../../src/model/kinds.gen.ts";
import { schedule } from "../support/schedule.ts";
import { container, node, NOW, pod, replicaSet, type PodFields } from "../support/builders.ts";

const asks = (requests: Record<string, string>, limits?: Record<string, string>): Container =>
  container({ resources: { requests, ...(limits === undefined ? {} : { limits }) } });

const wanting = (name: string, spec: Partial<PodSpec> = {}, fields: Partial<PodFields> = {}): Pod =>
  pod({ name, node: "", phase: "Pending", spec, ...fields });

const small = (cpu: string, memory = "1Gi"): Partial<PodSpec> => ({
  containers: [asks({ cpu, memory })],
});

function lines(
  pods: readonly Pod[],
  nodes: readonly Node[],
  placed: readonly Pod[] = [],
): readonly string[] {
  const { bindings, unplaced } = schedule({ pods, nodes, placed, now: NOW });
  return [
    ...bindings.map((binding) => `${binding.name} → ${binding.node}`),
    ...unplaced.map(({ name, message }) => `${name}: ${message}`),
  ];
}

const taint = (key: string, effect: Taint["effect"] = "NoSchedule", value?: string): Taint => ({
  key,
  effect,
  ...(value === undefined ? {} : { value }),
});
const tainted = (name: string, ...taints: readonly Taint[]): Node =>
  node({ name, spec: { taints } });
const tolerating = (...tolerations: readonly Toleration[]): Partial<PodSpec> => ({ tolerations });

interface Case {
  readonly name: string;
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly placed?: readonly Pod[];
  readonly lines: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "no node at all",
    pods: [wanting("p")],
    nodes: [],
    lines: ["p: no nodes available to schedule pods"],
  },
  {
    name: "exactly what is left fits",
    pods: [wanting("p", small("1500m"))],
    nodes: [node({ name: "a", cpu: "2" })],
    placed: [pod({ name: "q", spec: small("500m") })],
    lines: ["p → a"],
  },
  {
    name: "a thousandth more does not",
    pods: [wanting("p", small("1501m"))],
    nodes: [node({ name: "a", cpu: "2" })],
    placed: [pod({ name: "q", spec: small("500m") })],
    lines: ["p: 0/1 nodes are available: 1 Insufficient cpu."],
  },
  {
    name: "every reason is counted, in the order of its text, as Kubernetes says it",
    pods: [wanting("p", small("2", "9Gi"))],
    nodes: [
      node({ name: "a" }),
      node({ name: "b", cpu: "1" }),
      node({ name: "c" }),
      tainted("d", taint("gpu", "NoSchedule", "yes")),
      node({ name: "e", spec: { unschedulable: true } }),
    ],
    lines: [
      "p: 0/5 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable, 3 Insufficient memory.",
    ],
  },
  {
    name: "pods are counted too",
    pods: [wanting("p")],
    nodes: [node({ name: "a", pods: "1" })],
    placed: [pod({ name: "q" })],
    lines: ["p: 0/1 nodes are available: 1 Too many pods."],
  },
  {
    name: "a pod that has come to its end takes nothing",
    pods: [wanting("p")],
    nodes: [node({ name: "a", pods: "1" })],
    placed: [pod({ name: "q", phase: "Succeeded" }), pod({ name: "r", phase: "Failed" })],
    lines: ["p → a"],
  },
  {
    name: "a pod that is ending still takes its share",
    pods: [wanting("p")],
    nodes: [node({ name: "a", pods: "1" })],
    placed: [pod({ name: "q", terminating: true })],
    lines: ["p: 0/1 nodes are available: 1 Too many pods."],
  },
  {
    name: "containers add up",
    pods: [wanting("p", { containers: [asks({ cpu: "2" }), asks({ cpu: "2001m" })] })],
    nodes: [node({ name: "a" })],
    lines: ["p: 0/1 nodes are available: 1 Insufficient cpu."],
  },
  {
    name: "init containers do not: the largest counts",
    pods: [
      wanting("p", {
        containers: [asks({ cpu: "1" })],
        initContainers: [asks({ cpu: "4" }), asks({ cpu: "4" })],
      }),
      wanting("q", { containers: [asks({ cpu: "1" })], initContainers: [asks({ cpu: "4001m" })] }),
    ],
    nodes: [node({ name: "a" }), node({ name: "b", cpu: "0" })],
    lines: ["p → a", "q: 0/2 nodes are available: 2 Insufficient cpu."],
  },
  {
    name: "a limit stands in for a request",
    pods: [wanting("p", { containers: [container({ resources: { limits: { cpu: "5" } } })] })],
    nodes: [node({ name: "a" })],
    lines: ["p: 0/1 nodes are available: 1 Insufficient cpu."],
  },
  {
    name: "what nobody has cannot be given",
    pods: [wanting("p", { containers: [asks({ "nvidia.com/gpu": "1" })] })],
    nodes: [node({ name: "a" })],
    lines: ["p: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."],
  },
  {
    name: "a node without a resource takes pods that do not ask for it",
    pods: [wanting("p")],
    nodes: [node({ name: "a", cpu: "0", memory: "0" })],
    lines: ["p → a"],
  },
  {
    name: "what was placed a moment ago counts",
    pods: [wanting("p", small("3")), wanting("q", small("3"))],
    nodes: [node({ name: "a" })],
    lines: ["p → a", "q: 0/1 nodes are available: 1 Insufficient cpu."],
  },
  {
    name: "a node selector",
    pods: [
      wanting("p", { nodeSelector: { disk: "ssd" } }),
      wanting("q", { nodeSelector: { disk: "tape" } }),
    ],
    nodes: [node({ name: "a" }), node({ name: "b", labels: { disk: "ssd" } })],
    lines: [
      "p → b",
      "q: 0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    ],
  },
  {
    name: "a node name",
    pods: [wanting("p", { nodeName: "b" }), wanting("q", { nodeName: "c" })],
    nodes: [node({ name: "a" }), node({ name: "b" })],
    lines: ["p → b", "q: 0/2 nodes are available: 2 node(s) didn't match the requested node name."],
  },
  {
    name: "a node that is not Ready",
    pods: [wanting("p")],
    nodes: [node({ name: "a", ready: "False" }), node({ name: "b", ready: "Unknown" })],
    lines: ["p: 0/2 nodes are available: 2 node(s) were not ready."],
  },
  {
    name: "a cordoned node takes what tolerates it",
    pods: [
      wanting("p"),
      wanting("q", tolerating({ key: "node.kubernetes.io/unschedulable", operator: "Exists" })),
    ],
    nodes: [node({ name: "a", spec: { unschedulable: true } })],
    lines: ["q → a", "p: 0/1 nodes are available: 1 node(s) were unschedulable."],
  },
  {
    name: "PreferNoSchedule keeps nobody away",
    pods: [wanting("p")],
    nodes: [tainted("a", taint("x", "PreferNoSchedule"))],
    lines: ["p → a"],
  },
  ...(
    [
      ["Equal", taint("k", "NoSchedule", "v"), { key: "k", operator: "Equal", value: "v" }, true],
      ["no operator is Equal", taint("k", "NoSchedule", "v"), { key: "k", value: "v" }, true],
      ["Equal, other value", taint("k", "NoSchedule", "v"), { key: "k", value: "w" }, false],
      ["Exists", taint("k", "NoSchedule", "v"), { key: "k", operator: "Exists" }, true],
      ["Exists, other key", taint("k"), { key: "l", operator: "Exists" }, false],
      ["everything", taint("k", "NoExecute", "v"), { operator: "Exists" }, true],
      ["no key without Exists", taint("k"), { value: "" }, false],
      [
        "the effect",
        taint("k", "NoExecute"),
        { key: "k", operator: "Exists", effect: "NoExecute" },
        true,
      ],
      [
        "another effect",
        taint("k", "NoExecute"),
        { key: "k", operator: "Exists", effect: "NoSchedule" },
        false,
      ],
    ] as const
  ).map(([name, mark, toleration, fits]) => ({
    name: `toleration: ${name}`,
    pods: [wanting("p", tolerating(toleration))],
    nodes: [tainted("a", mark)],
    lines: [
      fits
        ? "p → a"
        : `p: 0/1 nodes are available: 1 node(s) had untolerated taint {k: ${mark.value ?? ""}}.`,
    ],
  })),
  {
    name: "every taint must be tolerated",
    pods: [wanting("p", tolerating({ key: "k", operator: "Exists" }))],
    nodes: [tainted("a", taint("k"), taint("l"))],
    lines: ["p: 0/1 nodes are available: 1 node(s) had untolerated taint {l: }."],
  },
  {
    name: "the emptier node is better",
    pods: [wanting("p", small("1"))],
    nodes: [node({ name: "a" }), node({ name: "b" })],
    placed: [pod({ name: "q", spec: small("1") })],
    lines: ["p → b"],
  },
  {
    name: "pods that ask for nothing spread all the same",
    pods: [wanting("p"), wanting("q")],
    nodes: [node({ name: "a" }), node({ name: "b" })],
    lines: ["p → a", "q → b"],
  },
  {
    name: "of equally free nodes the better balanced one",
    pods: [wanting("p", small("1", "2Gi"))],
    nodes: [
      node({ name: "a", cpu: "4", memory: "8Gi" }),
      node({ name: "b", cpu: "4", memory: "8Gi" }),
    ],
    placed: [
      pod({ name: "cpu", node: "a", spec: small("2", "1Gi") }),
      pod({ name: "mem", node: "a", spec: small("0", "1Gi") }),
      pod({ name: "both", node: "b", spec: small("1500m", "3Gi") }),
    ],
    lines: ["p → b"],
  },
  {
    name: "replicas of one set go apart, though one node is larger",
    pods: ["p1", "p2", "p3"].map((name) =>
      wanting(name, small("100m", "64Mi"), { owner: replicaSet() }),
    ),
    nodes: [
      node({ name: "large", cpu: "64", memory: "256Gi" }),
      node({ name: "s1" }),
      node({ name: "s2" }),
    ],
    lines: ["p1 → large", "p2 → s1", "p3 → s2"],
  },
  {
    name: "of equal nodes the first by name",
    pods: [wanting("p")],
    nodes: [node({ name: "c" }), node({ name: "b" }), node({ name: "a" })],
    lines: ["p → a"],
  },
  {
    name: "the more important pod first, then the older one",
    pods: [
      wanting("young", small("4"), { created: -1 }),
      wanting("old", small("4"), { created: -2 }),
      wanting("vip", { ...small("4"), priority: 5 }, { created: -1 }),
    ],
    nodes: [node({ name: "a" }), node({ name: "b" })],
    lines: ["vip → a", "old → b", "young: 0/2 nodes are available: 2 Insufficient cpu."],
  },
];

describe("schedule()", () => {
  test.for(CASES)("$name", ({ pods, nodes, placed = [], lines: expected }) => {
    expect(lines(pods, nodes, placed)).toEqual(expected);
    const mirrored = lines(pods.toReversed(), nodes.toReversed(), placed.toReversed());
    expect(mirrored).toEqual(expected);
  });
});
