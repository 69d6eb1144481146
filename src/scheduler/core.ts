import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import type { SchedulerProfile } from "./plugin.ts";

/** Why one node does not take a pod: the first filter that refused it. */
export interface Refusal {
  /** Name of the filter. */
  readonly filter: string;
  /** For people, as Kubernetes says it: `Insufficient cpu`. At least one. */
  readonly reasons: readonly string[];
  /** Whether it stays refused even when all pods left the node, so that preemption cannot help. */
  readonly unresolvable: boolean;
}

/** Why no node takes a pod. */
export interface Refusals {
  /** Number of nodes that were asked: all there are. */
  readonly nodes: number;
  /** Reason → number of nodes. A node with two reasons (cpu and memory) counts in both. */
  readonly reasons: ReadonlyMap<string, number>;
  /** Names of the filters that refused at least one node: what an event must touch to help. */
  readonly filters: ReadonlySet<string>;
  /** Names of the nodes on which preemption might help, in the order of their names. */
  readonly candidates: readonly string[];
}

export type Placement =
  | {
      readonly kind: "placed";
      readonly node: string;
      /** Weighted sum of all scores of that node. */
      readonly score: number;
      /** Number of nodes that would have done. */
      readonly feasible: number;
    }
  | { readonly kind: "refused"; readonly refusals: Refusals };

/** How one node is judged for a pod, for `berth explain-scheduling`. */
export interface NodeVerdict {
  readonly node: string;
  readonly refusal?: Refusal;
  /** Name of the score → weighted points; absent when the node is refused. */
  readonly scores?: ReadonlyMap<string, number>;
  readonly total?: number;
}

/** A pod as if it ran on a node. */
export interface Presence {
  readonly pod: Pod;
  readonly node: string;
}

export interface CoreOptions {
  /** Orders equally good nodes. Absent or empty: by name. */
  readonly seed?: string;
  /** By schedulerName; absent: `default-scheduler` and `binpack`. A pod of another name gets `default-scheduler`. */
  readonly profiles?: ReadonlyMap<string, SchedulerProfile>;
}

/**
 * The nodes, what runs on them, and where one more pod fits best. Kept up to date change by change; each change costs
 * by its own size, not by the cluster's. The order of changes does not show in the answers. Objects that are handed in
 * are kept and must not be changed afterwards.
 */
export interface SchedulerCore {
  /**
   * Takes in an object of any kind that matters (Node, Pod, Namespace, Service, ReplicaSet, StatefulSet,
   * ReplicationController) as it is now; others are ignored. A Pod counts on `spec.nodeName` unless it is finished;
   * one without a node is not counted, except while it is assumed.
   */
  upsert(object: ApiObject): void;
  /** Forgets an object. Nothing when it is not known. */
  remove(object: ApiObject): void;
  /** Pods of a removed node stay known by its name, should it come back. */
  removeNode(name: string): void;
  removePod(uid: string): void;

  /** Counts a pod on a node before the store says so. `upsert` of the pod with a nodeName makes it definite. */
  assume(pod: Pod, node: string): void;
  /** Takes back `assume`; nothing when the pod is not assumed, or definite by now. */
  forget(uid: string): void;

  /** The best of all nodes for a pod; does not count it there. */
  place(pod: Pod): Placement;
  /** Why a node does not take the pod, or undefined when it does, or a refusal by `NodeName` when there is no such node. */
  check(pod: Pod, node: string): Refusal | undefined;
  /** Every node in the order of names, with points or a refusal: slow, for people. */
  explain(pod: Pod): readonly NodeVerdict[];

  /**
   * What `ask` answers when the pods named by uid were gone and others were there. All is as before afterwards, also
   * when `ask` throws. Costs by the number of pods named.
   */
  whatIf<T>(change: { remove?: readonly string[]; add?: readonly Presence[] }, ask: () => T): T;

  /** A plugin's own knowledge changed: of one node, or of everything. */
  invalidate(node?: string): void;

  nodeNames(): readonly string[];
  node(name: string): Node | undefined;
  /** Every counted pod on a node, assumed ones too, in no order. */
  podsOn(node: string): Iterable<Pod>;
  /** Where a pod counts, or undefined. */
  nodeOf(uid: string): string | undefined;
}
