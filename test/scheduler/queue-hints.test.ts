import { describe, expect, test } from "vitest";
import type { Node, Pod } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { concernedPlugins, toClusterEvent, type Change } from "../../src/scheduler/events.ts";
import { mayHelp } from "../../src/scheduler/queue-hints.ts";
import { node } from "../support/builders.ts";
import { waitingPod, type PodFields } from "../support/scheduler.ts";

const pod = (fields: Partial<PodFields> = {}): Pod => waitingPod({ name: "p", ...fields });
const on = (fields: Partial<PodFields> = {}): Pod => pod({ node: "a", ...fields });
const a = node({ name: "a" });
const withStatus = (status: Node["status"]): Node => ({
  ...a,
  ...(status === undefined ? {} : { status }),
});
const service: ApiObject = { apiVersion: "v1", kind: "Service", metadata: { name: "s" } };
const claim = (name: string): ApiObject => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "shop" },
});

const CHANGES: readonly (Change & { readonly name: string; readonly is: string })[] = [
  { name: "a new pod without a node", kind: "added", object: pod(), is: "nothing" },
  {
    name: "a pod's status",
    kind: "modified",
    object: pod({ status: { message: "x" } }),
    previous: pod(),
    is: "nothing",
  },
  {
    name: "a pod that was placed",
    kind: "modified",
    object: on(),
    previous: pod(),
    is: "pod-there",
  },
  {
    name: "a placed pod that runs",
    kind: "modified",
    object: on({ status: { phase: "Running" } }),
    previous: on(),
    is: "nothing",
  },
  {
    name: "a placed pod with new labels",
    kind: "modified",
    object: on({ labels: { a: "b" } }),
    previous: on(),
    is: "pod-there",
  },
  {
    name: "a placed pod that has ended",
    kind: "modified",
    object: on({ status: { phase: "Failed" } }),
    previous: on(),
    is: "pod-gone",
  },
  {
    name: "an ended pod that is removed",
    kind: "deleted",
    object: on({ status: { phase: "Failed" } }),
    previous: on({ status: { phase: "Failed" } }),
    is: "nothing",
  },
  {
    name: "a placed pod that is gone",
    kind: "deleted",
    object: on(),
    previous: on(),
    is: "pod-gone",
  },
  {
    name: "a pod without a node that is gone",
    kind: "deleted",
    object: pod(),
    previous: pod(),
    is: "nothing",
  },
  { name: "a new node", kind: "added", object: a, is: "node added" },
  { name: "a node that is gone", kind: "deleted", object: a, previous: a, is: "node removed" },
  {
    name: "a heartbeat",
    kind: "modified",
    object: withStatus({
      ...a.status,
      conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: "x" }],
    }),
    previous: a,
    is: "nothing",
  },
  {
    name: "a node that became ready",
    kind: "modified",
    object: a,
    previous: node({ name: "a", ready: "False" }),
    is: "node ready",
  },
  {
    name: "a node that was uncordoned",
    kind: "modified",
    object: a,
    previous: { ...a, spec: { unschedulable: true } } as Node,
    is: "node unschedulable",
  },
  {
    name: "a node without its taint",
    kind: "modified",
    object: a,
    previous: { ...a, spec: { taints: [{ key: "x", effect: "NoSchedule" }] } } as Node,
    is: "node taints",
  },
  {
    name: "a node with another label",
    kind: "modified",
    object: node({ name: "a", labels: { b: "c" } }),
    previous: a,
    is: "node labels",
  },
  {
    name: "a node that grew",
    kind: "modified",
    object: node({ name: "a", cpu: "8" }),
    previous: a,
    is: "node allocatable",
  },
  { name: "a claim", kind: "added", object: claim("data"), is: "volume" },
  { name: "something else", kind: "added", object: service, is: "nothing" },
];

describe("toClusterEvent()", () => {
  test.each(CHANGES)("$name is $is", ({ is, ...change }) => {
    const event = toClusterEvent(change);
    const said =
      event?.kind === "node" ? `node ${event.aspects.join(" ")}` : (event?.kind ?? "nothing");
    expect(said).toBe(is);
  });
});

describe("concernedPlugins()", () => {
  const all = ["NodeResourcesFit", "TaintToleration", "InterPodAffinity", "VolumeBinding", "Mine"];
  test.each([
    { change: { kind: "added", object: a }, plugins: all.join(" ") },
    {
      change: { kind: "modified", object: node({ name: "a", cpu: "8" }), previous: a },
      plugins: "NodeResourcesFit Mine",
    },
    {
      change: { kind: "deleted", object: on(), previous: on() },
      plugins: "NodeResourcesFit InterPodAffinity VolumeBinding Mine",
    },
    {
      change: { kind: "modified", object: on(), previous: pod() },
      plugins: "InterPodAffinity Mine",
    },
    { change: { kind: "added", object: claim("x") }, plugins: "VolumeBinding Mine" },
  ] as const)("case %#", ({ change, plugins }) => {
    const event = toClusterEvent(change);
    expect(event && concernedPlugins(event, all).join(" ")).toBe(plugins);
  });
});

describe("mayHelp()", () => {
  const selector = { matchLabels: { app: "db" } };
  const term = { topologyKey: "kubernetes.io/hostname", labelSelector: selector };
  const averse = pod({
    spec: {
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    },
  });
  const claiming = pod({
    spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] },
  });
  const gone = (fields: Partial<PodFields>): Change => ({
    kind: "deleted",
    object: on(fields),
    previous: on(fields),
  });
  test.each([
    {
      name: "room where it would fit",
      of: pod(),
      by: "NodeResourcesFit",
      change: gone({}),
      fits: true,
      helps: true,
    },
    {
      name: "room that is too small",
      of: pod(),
      by: "NodeResourcesFit",
      change: gone({}),
      fits: false,
      helps: false,
    },
    {
      name: "a disliked pod that left",
      of: averse,
      by: "InterPodAffinity",
      change: gone({ labels: { app: "db" } }),
      fits: false,
      helps: true,
    },
    {
      name: "another pod that left",
      of: averse,
      by: "InterPodAffinity",
      change: gone({ labels: { app: "x" } }),
      fits: true,
      helps: false,
    },
    {
      name: "its claim",
      of: claiming,
      by: "VolumeBinding",
      change: { kind: "added", object: claim("data") },
      fits: false,
      helps: true,
    },
    {
      name: "another claim",
      of: claiming,
      by: "VolumeBinding",
      change: { kind: "added", object: claim("x") },
      fits: true,
      helps: false,
    },
    {
      name: "anything, for a plugin that is not known",
      of: pod(),
      by: "Mine",
      change: gone({}),
      fits: false,
      helps: true,
    },
    {
      name: "a node that is gone, for spreading",
      of: pod(),
      by: "PodTopologySpread",
      change: { kind: "deleted", object: a, previous: a },
      fits: false,
      helps: true,
    },
  ] as const)("$name: $helps", ({ of, by, change, fits, helps }) => {
    const event = toClusterEvent(change);
    expect(event && mayHelp(event, of, [by], { mayFit: () => fits })).toBe(helps);
  });
});
