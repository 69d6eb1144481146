import type { Millis } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import type { Namespace, Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { newSchedulerCore, type Refusals, type SchedulerCore } from "./core.ts";

export interface ScheduleInput {
  /** Pods that want a node. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Pods that have one; finished ones take nothing. */
  readonly placed: readonly Pod[];
  readonly now: Millis;
  /** Services and workloads, by which pods without constraints are kept apart. */
  readonly selectors?: readonly ApiObject[];
  readonly namespaces?: readonly Namespace[];
  /** Orders equally good nodes; absent: by name. */
  readonly seed?: string;
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

/** A node for every pod that fits on one, all nodes looked at; a reason for every other. Pure. */
export function schedule(input: ScheduleInput): Schedule {
  const { nodes, placed, pods, namespaces = [], selectors = [], seed = "" } = input;
  const core = newSchedulerCore({ seed });
  for (const object of [...namespaces, ...selectors, ...nodes, ...placed]) core.upsert(object);
  return placePods(core, pods);
}

/**
 * Places pods, each counted as soon as it is placed: the more important first, then the older. The order of the input
 * does not show.
 */
export function placePods(core: SchedulerCore, pods: readonly Pod[]): Schedule {
  const bindings: Binding[] = [];
  const unplaced: Unplaced[] = [];
  for (const pod of pods.toSorted(compareUrgency)) {
    const { namespace = "", name, uid = "" } = pod.metadata;
    const placement = core.place(pod);
    if (placement.kind === "refused") {
      unplaced.push({ namespace, name, uid, message: formatRefusals(placement.refusals) });
    } else {
      core.assume(pod, placement.node);
      bindings.push({ namespace, name, uid, node: placement.node });
    }
  }
  return { bindings, unplaced };
}

/** The more important pod first, then the older, then by name: below 0 when `a` is placed before `b`. Pure. */
export function compareUrgency(a: Pod, b: Pod): number {
  return (
    (b.spec.priority ?? 0) - (a.spec.priority ?? 0) ||
    compare(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
    compare(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compare(a.metadata.name, b.metadata.name)
  );
}

/** How many nodes were refused for which reason, the most frequent first. */
function formatRefusals({ nodes, reasons }: Refusals): string {
  if (nodes === 0) return "no nodes available to schedule pods";
  const parts = [...reasons]
    .toSorted(([a, countA], [b, countB]) => countB - countA || compare(a, b))
    .map(([reason, count]) => `${count} ${reason}`);
  return `0/${nodes} nodes are available: ${parts.join(", ")}.`;
}
