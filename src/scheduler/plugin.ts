import type { Pod } from "../model/kinds.gen.ts";
import type { StringMap } from "../model/meta.ts";
import type { CounterRequest } from "./domain-counter.ts";
import type { NodeTable } from "./node-table.ts";
import type { PodKind } from "./pod-kind.ts";
import type { Selectors } from "./selectors.ts";

/** Why one node does not take a pod. */
export interface Refusal {
  /** Name of the filter. */
  readonly filter: string;
  /** For people, as Kubernetes says it: `Insufficient cpu`. At least one. */
  readonly reasons: readonly string[];
  /** Whether it stays refused even when all pods left the node, so that preemption cannot help. */
  readonly unresolvable: boolean;
}

/** What plugins may look at. */
export interface ClusterView {
  readonly nodes: NodeTable;
  readonly selectors: Selectors;
  namespaceLabels(namespace: string): StringMap;
  /** Kinds of placed pods that have terms of pod (anti-)affinity. */
  termKinds(): Iterable<PodKind>;
}

/**
 * What an answer of a plugin about a pod and a node depends on besides the pod, so that it is asked no more often than
 * needed: `node`, that node itself; `pods`, also the pods on that very node. What depends on pods elsewhere is a
 * `TopologyPlugin`. When a plugin's own knowledge changes, its owner calls `invalidate` of the core.
 */
export type Dependency = "node" | "pods";

interface Plugin {
  readonly name: string;
  /**
   * What of the pod the plugin looks at beyond namespace, labels that selectors ask for, owner, requests, ports,
   * images, node selector, affinity, tolerations and spread constraints. Pods of equal text get equal answers.
   */
  podKey?(pod: Pod): string;
  /**
   * Equal as long as what was prepared for the pod holds, apart from nodes that changed. Asked again when Services,
   * workloads, images or the number of nodes changed.
   */
  stamp?(pod: Pod, cluster: ClusterView): string;
}

/** Decides where a pod may run. Pure: the same pod and cluster give the same answers. */
export interface FilterPlugin extends Plugin {
  readonly dependsOn: Dependency;
  /** Looks at the pod once; `undefined` when every node will do. */
  prepare(pod: Pod, cluster: ClusterView, kind: PodKind): PreparedFilter | undefined;
}

/** What a filter says of one pod, asked for many nodes by their index in the table. */
export interface PreparedFilter {
  passes(node: number): boolean;
  /** Why the node was refused. Asked only where `passes` said no. */
  refusal(node: number): Omit<Refusal, "filter">;
}

/** Decides where a pod runs best. Pure: the same pod and cluster give the same answers. */
export interface ScorePlugin extends Plugin {
  readonly weight: number;
  readonly dependsOn: Dependency;
  /** Looks at the pod once; `undefined` when all nodes are alike. */
  prepare(pod: Pod, cluster: ClusterView, kind: PodKind): PreparedScore | undefined;
}

export interface PreparedScore {
  /** Whole points, more is better: 0 to 100, or what `normalize` makes points of. */
  score(node: number): number;
  readonly normalize?: Normalize;
}

/** Points, 0 to 100, of a raw score, given the lowest and highest of all nodes that would do. Pure. */
export type Normalize = (raw: number, lowest: number, highest: number) => number;

/**
 * Filters and scores by counts of pods per topology domain. It says once what to count; the counts are kept up to date
 * pod by pod, and nodes with equal counts are judged once together.
 */
export interface TopologyPlugin extends Plugin {
  readonly weight: number;
  /** Keys of labels by which it tells other pods apart, beyond those of the pod's own affinity and spread constraints. */
  labelKeys?(pod: Pod): readonly string[];
  /** Looks at the pod once; `undefined` when every node will do and all are alike. */
  prepare(pod: Pod, cluster: ClusterView, kind: PodKind): PreparedTopology | undefined;
}

/** One thing to count for a pod. */
export interface TopologySlot extends CounterRequest {
  /** Equal for requests that count alike. */
  readonly id: string;
  /** Kinds without this mark count nothing and are not asked: see `labelMark` and `ownerMark`. Absent: all are. */
  readonly among?: string;
  /** Whether the pods of the node alone count, not those of its domain. */
  readonly perNode?: boolean;
  /** Whether the plugin's scoring needs `domains` of this slot. */
  readonly countsDomains?: boolean;
}

/** Sums of one slot over all domains. */
export interface SlotTotals {
  /** Of the domain that has least; Infinity when there is no domain. */
  least(): number;
  readonly total: number;
  readonly domains: number;
}

/** What a group of nodes has in common, slot by slot. */
export interface SlotValues {
  /** The count; 0 where the nodes lack the label. */
  readonly counts: readonly number[];
  /** Whether the nodes have the label. */
  readonly present: readonly boolean[];
}

export interface PreparedTopology {
  readonly slots: readonly TopologySlot[];
  /** Undefined: the nodes will do. `totals` is by slot. */
  refusal?(values: SlotValues, totals: readonly SlotTotals[]): Omit<Refusal, "filter"> | undefined;
  readonly scoring?: TopologyScoring;
  /** Whether a kind of pods that was placed after `prepare` is counted rightly; if not, the pod is prepared anew. */
  covers?(kind: PodKind): boolean;
}

export interface TopologyScoring {
  /** Undefined: no points, and not looked at by `normalize`. `domains` is by slot: how many the nodes that would do have. */
  raw(values: SlotValues, domains: readonly number[]): number | undefined;
  /** Whether the nodes count for `domains`. */
  isCounted(values: SlotValues): boolean;
  readonly normalize: Normalize;
}

export interface SchedulerProfile {
  /** In this order, before those of `topologies`; the first that refuses a node says why. */
  readonly filters: readonly FilterPlugin[];
  readonly topologies: readonly TopologyPlugin[];
  readonly scores: readonly ScorePlugin[];
}
