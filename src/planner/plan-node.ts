import { formatTime, type Millis } from "../base/clock.ts";
import { compare, groupBy } from "../base/order.ts";
import { formatCidr, parseCidr } from "../model/cidr.ts";
import { findCondition, setCondition } from "../model/condition.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import {
  answerOf,
  evictionTaintedAt,
  isEvictionTaint,
  wantedTaints,
  type NodeAnswer,
} from "./node-taints.ts";
import { zonesOf, type Zone } from "./node-zones.ts";
import { evictionAt, evictPod } from "./plan-eviction.ts";
import { earlier } from "./pod-state.ts";

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

/** Kubernetes' default: a node that has sent no heartbeat for this long is silent. */
export const SILENT_AFTER_MS: Millis = 40_000;
/** Bits of a node's part of the pod network. */
const NODE_BITS = 24;

/**
 * What becomes of nodes and of the pods on them. Nodes that fell silent become Unknown, and their pods not Ready; nodes that do
 * not answer, are cordoned or short of something are tainted so; pods leave nodes whose taints they do not tolerate any
 * longer; new nodes get their part of the pod network. Unknown is not dead: evictions begin for one node after the other in
 * each zone, and for none while most of it is silent. Pure.
 */
export function planNodes(input: NodeLifeInput): Plan {
  const nodes = input.nodes.toSorted((a, b) => compare(a.metadata.name, b.metadata.name));
  const answers = new Map(nodes.map((node) => [node, answerOf(node, isSilent(node, input))]));
  const answer = (node: Node): NodeAnswer => answers.get(node) ?? "ready";
  const zones = zonesOf(nodes, (node) => answer(node) === "ready");
  const steps: Step[] = [...planPodCidrs(nodes, input.podCidr)];
  let lookAgainAt: Millis | undefined;
  const podsByNode = groupBy(input.pods, ({ spec }) => spec.nodeName ?? "");
  for (const zone of zones) {
    const evicted = mayEvict(zone, answer, input.now);
    lookAgainAt = earlier(lookAgainAt, evicted.lookAgainAt);
    for (const node of zone.nodes) {
      const isDue = evicted.nodes.has(node);
      const given = { now: input.now, mayEvict: isDue };
      steps.push(...planNode(node, answer(node), given, isSilent(node, input)));
      const pods = podsByNode.get(node.metadata.name) ?? [];
      const plan = planPodsOf(node, pods, zone, isSilent(node, input), input.now);
      steps.push(...plan.steps);
      lookAgainAt = earlier(lookAgainAt, plan.lookAgainAt);
    }
  }
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
}

function isSilent(node: Node, { silentMs, listeningMs }: NodeLifeInput): boolean {
  return Math.min(silentMs.get(node.metadata.name) ?? listeningMs, listeningMs) >= SILENT_AFTER_MS;
}

/**
 * The nodes of a zone that evict: those that do already, and the next one once the zone's interval has gone by since the last
 * one began.
 */
function mayEvict(
  { nodes, intervalMs }: Zone,
  answer: (node: Node) => NodeAnswer,
  now: Millis,
): { readonly nodes: ReadonlySet<Node>; readonly lookAgainAt?: Millis } {
  const down = nodes.filter((node) => answer(node) !== "ready");
  const evicting = down.filter((node) => evictionTaintedAt(node) !== undefined);
  const [next] = down.filter((node) => evictionTaintedAt(node) === undefined);
  // All zones are down: nobody evicts. Part of this one is: those that evict go on to be marked, nobody joins them.
  if (intervalMs === undefined) {
    const isAllDown = down.length === nodes.length;
    return { nodes: new Set(isAllDown ? [] : evicting) };
  }
  if (next === undefined) return { nodes: new Set(evicting) };
  const last = Math.max(...evicting.map((node) => evictionTaintedAt(node) ?? 0), -Infinity);
  const at = last + intervalMs;
  return at > now
    ? { nodes: new Set(evicting), lookAgainAt: at }
    : { nodes: new Set([...evicting, next]), lookAgainAt: now + intervalMs };
}

/** One write at a time: what the node says of itself first, then its taints, at the next look. */
function planNode(
  node: Node,
  answer: NodeAnswer,
  given: { readonly now: Millis; readonly mayEvict: boolean },
  isNodeSilent: boolean,
): readonly Step[] {
  const before = node.status?.conditions;
  const conditions = isNodeSilent ? unknownConditions(node, formatTime(given.now)) : before;
  if (conditions !== before) {
    const object = { ...node, status: { ...node.status, conditions } } as Node;
    const message = `Node ${node.metadata.name} status is now: NodeNotReady`;
    return [
      { kind: "update-status", object, reason: "NodeSilent" },
      { kind: "event", about: node, type: "Normal", reason: "NodeNotReady", message },
    ];
  }
  const taints = wantedTaints(node, answer, given);
  if (taints === undefined) return [];
  const { taints: _, ...spec } = node.spec;
  const object: Node = { ...node, spec: taints.length === 0 ? spec : { ...spec, taints } };
  return [{ kind: "update", object, reason: "NodeTainted" }];
}

/** All that a silent node said of itself is Unknown; a node that never said anything is not Ready for all we know. */
function unknownConditions(node: Node, now: string): readonly Condition[] {
  const known = node.status?.conditions ?? [];
  const ready = findCondition(known, "Ready");
  const silent: Pick<Condition, "status" | "reason" | "message"> = {
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "The agent stopped posting node status.",
  };
  const never: Condition = {
    type: "Ready",
    status: "Unknown",
    reason: "NodeStatusNeverUpdated",
    message: "The agent never posted node status.",
  };
  if (ready === undefined) return setCondition(known, never, now);
  return known.reduce<readonly Condition[]>(
    (conditions, condition) =>
      condition.reason === never.reason
        ? conditions
        : setCondition(conditions, { ...condition, ...silent }, now),
    known,
  );
}

/**
 * A pod on a silent node serves nobody that we know of. In a zone where nobody is evicted it is left as it is all the same: what
 * serves must go on serving.
 */
function planPodsOf(
  node: Node,
  pods: readonly Pod[],
  { intervalMs }: Zone,
  isNodeSilent: boolean,
  now: Millis,
): Plan {
  const steps: Step[] = [];
  let lookAgainAt: Millis | undefined;
  const isFrozen = intervalMs === undefined;
  const taints = (node.spec.taints ?? []).filter((taint) => !isFrozen || !isEvictionTaint(taint));
  for (const pod of pods) {
    const at = evictionAt(pod, taints, now);
    if (at !== undefined && at <= now) {
      steps.push(...evictPod(pod));
      continue;
    }
    lookAgainAt = earlier(lookAgainAt, at);
    if (isNodeSilent && !isFrozen) steps.push(...notReady(pod, now));
  }
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
}

function notReady(pod: Pod, now: Millis): readonly Step[] {
  const ready = findCondition(pod.status?.conditions, "Ready");
  if (pod.status === undefined || ready?.status !== "True") return [];
  const next: Condition = { ...ready, status: "False", reason: "NodeNotReady" };
  const conditions = setCondition(pod.status.conditions, next, formatTime(now));
  const object: Pod = { ...pod, status: { ...pod.status, conditions } };
  return [
    { kind: "update-status", object, reason: "NodeSilent" },
    {
      kind: "event",
      about: pod,
      type: "Warning",
      reason: "NodeNotReady",
      message: "Node is not ready",
    },
  ];
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
