import type { Millis } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import { FILTERS } from "./filters.ts";
import { NodeTable } from "./node-table.ts";
import type { PreparedFilter, SchedulerProfile } from "./plugin.ts";
import { SCORES } from "./scores.ts";

export interface ScheduleInput {
  /** Pods that want a node. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Pods that have one; finished ones take nothing. */
  readonly placed: readonly Pod[];
  readonly now: Millis;
}

/** Names the very pod. */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface Binding extends PodIdentity {
  readonly node: string;
}

export interface Unplaced extends PodIdentity {
  /** As Kubernetes says it: `0/5 nodes are available: 3 Insufficient memory, 2 node(s) were unschedulable.` */
  readonly message: string;
}

export interface Schedule {
  readonly bindings: readonly Binding[];
  readonly unplaced: readonly Unplaced[];
}

/** What Kubernetes does unless it is told otherwise. */
export const DEFAULT_PROFILE: SchedulerProfile = { filters: FILTERS, scores: SCORES };

/** A node for every pod that fits on one, all nodes looked at; a reason for every other. Pure. */
export function schedule(input: ScheduleInput): Schedule {
  const table = new NodeTable();
  for (const node of input.nodes) table.setNode(node);
  for (const pod of input.placed) {
    const { nodeName } = pod.spec;
    if (nodeName !== undefined && !isFinished(pod)) table.addPod(pod, nodeName);
  }
  return placePods(table, input.pods);
}

/**
 * Places pods on the nodes of a table, each counted there as soon as it is placed: the more important first, then the
 * older. Of equally good nodes the first by name. The order of the input does not show.
 */
export function placePods(
  table: NodeTable,
  pods: readonly Pod[],
  profile: SchedulerProfile = DEFAULT_PROFILE,
): Schedule {
  const bindings: Binding[] = [];
  const unplaced: Unplaced[] = [];
  for (const pod of pods.toSorted(compareUrgency)) {
    const { namespace = "", name, uid = "" } = pod.metadata;
    const filters = profile.filters.flatMap((plugin) => plugin.prepare(pod, table) ?? []);
    const node = chooseNode(table, pod, filters, profile);
    if (node === undefined) {
      unplaced.push({ namespace, name, uid, message: explain(table, filters) });
    } else {
      table.addPod(pod, node);
      bindings.push({ namespace, name, uid, node });
    }
  }
  return { bindings, unplaced };
}

function compareUrgency(a: Pod, b: Pod): number {
  return (
    (b.spec.priority ?? 0) - (a.spec.priority ?? 0) ||
    compare(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
    compare(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compare(a.metadata.name, b.metadata.name)
  );
}

function chooseNode(
  table: NodeTable,
  pod: Pod,
  filters: readonly PreparedFilter[],
  profile: SchedulerProfile,
): string | undefined {
  const scores = profile.scores.flatMap((plugin) => {
    const score = plugin.prepare(pod, table);
    return score === undefined ? [] : [{ score, weight: plugin.weight }];
  });
  let best: string | undefined;
  let bestScore = -Infinity;
  for (let node = 0; node < table.size; node += 1) {
    if (!table.isNode(node) || !passesAll(filters, node)) continue;
    let score = 0;
    for (const item of scores) score += item.weight * item.score(node);
    if (score < bestScore) continue;
    const name = table.nameOf(node);
    if (score === bestScore && best !== undefined && compare(name, best) > 0) continue;
    best = name;
    bestScore = score;
  }
  return best;
}

function passesAll(filters: readonly PreparedFilter[], node: number): boolean {
  for (const filter of filters) if (!filter.passes(node)) return false;
  return true;
}

/** How many nodes were refused for which reason, the most frequent first. */
function explain(table: NodeTable, filters: readonly PreparedFilter[]): string {
  if (table.count === 0) return "no nodes available to schedule pods";
  const counts = new Map<string, number>();
  for (let node = 0; node < table.size; node += 1) {
    if (!table.isNode(node)) continue;
    const refusal = filters.find((filter) => !filter.passes(node));
    for (const reason of refusal?.reasons(node) ?? [])
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const reasons = [...counts]
    .toSorted(([a, countA], [b, countB]) => countB - countA || compare(a, b))
    .map(([reason, count]) => `${count} ${reason}`);
  return `0/${table.count} nodes are available: ${reasons.join(", ")}.`;
}
