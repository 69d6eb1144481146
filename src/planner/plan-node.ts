import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import { formatCidr, parseCidr } from "../model/cidr.ts";
import { findCondition, setCondition } from "../model/condition.ts";
import type { Node, Pod, Taint, Toleration } from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import { refOf } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { isTerminating } from "./pod-state.ts";

export interface NodeLifeInput {
  readonly now: Millis;
  readonly nodes: readonly Node[];
  /** All pods that have a node. */
  readonly pods: readonly Pod[];
  /** Ms since the last heartbeat of a node, measured where it arrived; a node that is absent has never sent one. */
  readonly silentMs: ReadonlyMap<string, Millis>;
  /** Ms that this control plane has been listening: nobody is silent for longer than that. */
  readonly listeningMs: Millis;
  /** The pod network of the cluster. */
  readonly podCidr: string;
}

/** Kubernetes' defaults: a node is silent after 40 s, its pods are evicted 300 s later. */
export const SILENT_AFTER_MS: Millis = 40_000;
export const EVICT_AFTER_MS: Millis = 300_000;
/** With more than this share of the nodes silent, the fault is likely ours: pods are left as they are. */
const MAX_SILENT_SHARE = 0.55;
/** Bits of a node's part of the pod network. */
const NODE_BITS = 24;

const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";

/**
 * What the heartbeats say: nodes that fell silent become Unknown and tainted, their pods not Ready, and after their
 * tolerated time evicted; nodes that are back lose the taints; new nodes get their part of the pod network.
 * Unknown is not dead: while most nodes are silent, pods are left as they are. Pure.
 */
export function planNodes(input: NodeLifeInput): Plan {
  const nodes = input.nodes.toSorted((a, b) => compare(a.metadata.name, b.metadata.name));
  const silent = new Set(
    nodes.filter((node) => isSilent(node, input)).map(({ metadata }) => metadata.name),
  );
  const steps: Step[] = [
    ...planPodCidrs(nodes, input.podCidr),
    ...nodes.flatMap((node) => planNode(node, silent.has(node.metadata.name), input)),
  ];
  // Frozen: the silence says more about us than about the nodes, and what serves must go on serving.
  if (silent.size / Math.max(1, nodes.length) > MAX_SILENT_SHARE) return { steps };
  const pods = input.pods.filter((pod) => silent.has(pod.spec.nodeName ?? ""));
  for (const pod of pods) steps.push(...planSilentPod(pod, input));
  return { steps };
}

function isSilent(node: Node, { silentMs, listeningMs }: NodeLifeInput): boolean {
  return Math.min(silentMs.get(node.metadata.name) ?? listeningMs, listeningMs) >= SILENT_AFTER_MS;
}

function planNode(node: Node, isNodeSilent: boolean, { now }: NodeLifeInput): readonly Step[] {
  const steps: Step[] = [];
  const ready = findCondition(node.status?.conditions, "Ready");
  const conditions = isNodeSilent
    ? unknownConditions(node, formatTime(now))
    : node.status?.conditions;
  if (conditions !== undefined && conditions !== node.status?.conditions) {
    steps.push({
      kind: "update-status",
      object: { ...node, status: { ...node.status, conditions } } as Node,
      reason: "NodeSilent",
    });
    steps.push({
      kind: "event",
      about: node,
      type: "Warning",
      reason: "NodeNotReady",
      message: `Node ${node.metadata.name} has sent no heartbeat for ${SILENT_AFTER_MS / 1000} s`,
    });
  }
  const wanted = isNodeSilent ? UNREACHABLE : ready?.status === "False" ? NOT_READY : undefined;
  const taints = withLifeTaints(node.spec.taints ?? [], wanted, formatTime(now));
  if (taints !== undefined) {
    steps.push({
      kind: "update",
      object: { ...node, spec: { ...node.spec, taints } } as Node,
      reason: "NodeSilent",
    });
  }
  return steps;
}

function unknownConditions(node: Node, now: string): readonly Condition[] | undefined {
  return node.status?.conditions?.reduce<readonly Condition[]>((conditions, condition) => {
    const next: Condition = {
      ...condition,
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "The agent stopped posting node status.",
    };
    return setCondition(conditions, next, now);
  }, node.status.conditions);
}

/** The taints with those of the node's life as wanted; `undefined` when they are so already. */
function withLifeTaints(
  taints: readonly Taint[],
  wanted: string | undefined,
  now: string,
): readonly Taint[] | undefined {
  const others = taints.filter(({ key }) => key !== NOT_READY && key !== UNREACHABLE);
  const life = taints.filter(({ key }) => key === NOT_READY || key === UNREACHABLE);
  if (wanted === undefined) return life.length === 0 ? undefined : others;
  if (life.length === 2 && life.every(({ key }) => key === wanted)) return undefined;
  return [
    ...others,
    { key: wanted, effect: "NoSchedule", timeAdded: now },
    { key: wanted, effect: "NoExecute", timeAdded: now },
  ];
}

/** A pod on a silent node serves nobody that we know of, and is replaced elsewhere in its time. */
function planSilentPod(pod: Pod, { now, nodes }: NodeLifeInput): readonly Step[] {
  const steps: Step[] = [];
  const ready = findCondition(pod.status?.conditions, "Ready");
  if (pod.status !== undefined && ready?.status === "True") {
    const next: Condition = { ...ready, status: "False", reason: "NodeNotReady" };
    const conditions = setCondition(pod.status.conditions, next, formatTime(now));
    steps.push({
      kind: "update-status",
      object: { ...pod, status: { ...pod.status, conditions } } as Pod,
      reason: "NodeSilent",
    });
  }
  const node = nodes.find(({ metadata }) => metadata.name === pod.spec.nodeName);
  const taint = node?.spec.taints?.find(
    ({ key, effect }) => key === UNREACHABLE && effect === "NoExecute",
  );
  const since = parseTime(taint?.timeAdded);
  const toleratedMs = toleratedFor(pod.spec.tolerations ?? []);
  if (isTerminating(pod) || since === undefined || now < since + toleratedMs) return steps;
  const message = `Evicted: node ${pod.spec.nodeName ?? ""} has been silent for ${Math.round(toleratedMs / 1000)} s`;
  return [
    ...steps,
    { kind: "delete", ref: refOf(pod), uid: pod.metadata.uid ?? "", reason: "NodeSilent", message },
    { kind: "event", about: pod, type: "Warning", reason: "NodeSilent", message },
  ];
}

/** How long the pod tolerates an unreachable node: its own word, else Kubernetes' default. */
function toleratedFor(tolerations: readonly Toleration[]): Millis {
  const matching = tolerations.filter(
    ({ key, effect }) =>
      (key === undefined || key === UNREACHABLE) &&
      (effect === undefined || effect === "NoExecute"),
  );
  if (matching.length === 0) return EVICT_AFTER_MS;
  return Math.min(
    ...matching.map(({ tolerationSeconds }) =>
      tolerationSeconds === undefined
        ? Number.POSITIVE_INFINITY
        : Math.max(0, tolerationSeconds) * 1000,
    ),
  );
}

function planPodCidrs(nodes: readonly Node[], podCidr: string): readonly Step[] {
  const used = new Set(nodes.flatMap(({ spec }) => spec.podCIDR ?? []));
  return nodes.flatMap((node): readonly Step[] => {
    if (node.spec.podCIDR !== undefined) return [];
    const part = allocatePodCidr(podCidr, used);
    if (part === undefined) {
      const message = `Cannot give node ${node.metadata.name} a part of the pod network ${podCidr}: all are taken`;
      return [{ kind: "event", about: node, type: "Warning", reason: "CIDRNotAvailable", message }];
    }
    used.add(part);
    const spec = { ...node.spec, podCIDR: part, podCIDRs: [part] };
    return [{ kind: "update", object: { ...node, spec } as Node, reason: "Declared" }];
  });
}

/** The first free /24 of the pod network; `undefined` when all are taken. Pure. */
export function allocatePodCidr(podCidr: string, used: ReadonlySet<string>): string | undefined {
  const network = parseCidr(podCidr);
  if (network === undefined || network.bits > NODE_BITS) return undefined;
  const parts = 2 ** (NODE_BITS - network.bits);
  for (let index = 0; index < parts; index += 1) {
    const part = formatCidr({ base: network.base + index * 256, bits: NODE_BITS });
    if (!used.has(part)) return part;
  }
  return undefined;
}
