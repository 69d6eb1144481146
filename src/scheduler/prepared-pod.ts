import type { Pod } from "../model/kinds.gen.ts";
import type { Cluster } from "./cluster.ts";
import type { DomainCounter } from "./domain-counter.ts";
import type {
  Dependency,
  PreparedFilter,
  PreparedScore,
  PreparedTopology,
  Refusal,
  SchedulerProfile,
  SlotTotals,
  SlotValues,
  TopologySlot,
} from "./plugin.ts";
import type { PodKind } from "./pod-kind.ts";
import { NO_DOMAIN } from "./topology.ts";

export interface NamedFilter {
  readonly name: string;
  readonly dependsOn: Dependency;
  readonly filter: PreparedFilter;
}

export interface NamedScore {
  readonly name: string;
  readonly weight: number;
  readonly dependsOn: Dependency;
  readonly score: PreparedScore;
}

/** A slot with its counter. */
export interface BoundSlot {
  readonly slot: TopologySlot;
  readonly counter: DomainCounter;
  /** Whether each node carries its own count, because there are too many domains to look at one by one. */
  readonly isWide: boolean;
}

export interface NamedTopology {
  readonly name: string;
  readonly weight: number;
  readonly topology: PreparedTopology;
  /** Its slots are these of all slots. */
  readonly from: number;
  readonly slots: readonly BoundSlot[];
  readonly totals: readonly SlotTotals[];
}

/** Domains that are looked at one by one, at least, and per root of the number of nodes. */
const MIN_NARROW_DOMAINS = 16;
const NARROW_DOMAINS_PER_ROOT = 2;

/** All that the plugins of a profile say of one pod, until the cluster changes in more than pods. */
export class PreparedPod {
  readonly filters: readonly NamedFilter[];
  /** Those of `filters` that ask the node alone, and the others. */
  readonly nodeFilters: readonly NamedFilter[];
  readonly podFilters: readonly NamedFilter[];
  /** Scores that are added up as they are: those that ask the node alone, and the others. */
  readonly nodeScores: readonly NamedScore[];
  readonly podScores: readonly NamedScore[];
  /** Normalized over all nodes that would do. */
  readonly rankedScores: readonly NamedScore[];
  readonly topologies: readonly NamedTopology[];
  readonly slots: readonly BoundSlot[];
  readonly stamps: readonly string[];
  readonly #cluster: Cluster;

  constructor(
    pod: Pod,
    kind: PodKind,
    cluster: Cluster,
    profile: SchedulerProfile,
    maxNarrowDomains?: number,
  ) {
    this.#cluster = cluster;
    this.filters = profile.filters.flatMap((plugin) => {
      const { name, dependsOn } = plugin;
      const filter = plugin.prepare(pod, cluster, kind);
      return filter === undefined ? [] : [{ name, dependsOn, filter }];
    });
    const scores = profile.scores.flatMap((plugin) => {
      const { name, weight, dependsOn } = plugin;
      const score = plugin.prepare(pod, cluster, kind);
      return score === undefined ? [] : [{ name, weight, dependsOn, score }];
    });
    this.nodeFilters = this.filters.filter(({ dependsOn }) => dependsOn === "node");
    this.podFilters = this.filters.filter(({ dependsOn }) => dependsOn === "pods");
    const plain = scores.filter(({ score }) => score.normalize === undefined);
    this.nodeScores = plain.filter(({ dependsOn }) => dependsOn === "node");
    this.podScores = plain.filter(({ dependsOn }) => dependsOn === "pods");
    this.rankedScores = scores.filter(({ score }) => score.normalize !== undefined);
    const narrow =
      maxNarrowDomains ??
      MIN_NARROW_DOMAINS + NARROW_DOMAINS_PER_ROOT * Math.sqrt(cluster.nodes.count);
    const slots: BoundSlot[] = [];
    this.topologies = profile.topologies.flatMap((plugin) => {
      const { name, weight } = plugin;
      const topology = plugin.prepare(pod, cluster, kind);
      if (topology === undefined) return [];
      const bound = topology.slots.map((slot) => bind(slot, cluster, narrow));
      const from = slots.length;
      slots.push(...bound);
      return [
        { name, weight, topology, from, slots: bound, totals: bound.map(({ counter }) => counter) },
      ];
    });
    this.slots = slots;
    this.stamps = stampsOf(pod, cluster, profile);
  }

  /** Gives back the counters. */
  release(): void {
    for (const { slot, counter } of this.slots) this.#cluster.releaseCounter(slot.id, counter);
  }

  /** Why a node does not take the pod: asked now, nothing remembered. */
  refusal(node: number): Refusal | undefined {
    for (const { name, filter } of this.filters)
      if (!filter.passes(node)) return { filter: name, ...filter.refusal(node) };
    for (const { name, topology, slots, totals } of this.topologies) {
      if (topology.refusal === undefined) continue;
      const refusal = topology.refusal(valuesAt(slots, node), totals);
      if (refusal !== undefined) return { filter: name, ...refusal };
    }
    return undefined;
  }
}

/** What the plugins say of their own knowledge. Pure. */
export function stampsOf(pod: Pod, cluster: Cluster, profile: SchedulerProfile): readonly string[] {
  return [...profile.filters, ...profile.topologies, ...profile.scores].map(
    (plugin) => plugin.stamp?.(pod, cluster) ?? "",
  );
}

/** The count that a slot has at a node; 0 where the label is lacking. */
export function countAt({ slot, counter }: BoundSlot, node: number): number {
  const domain = counter.topology.domainOf[node] ?? NO_DOMAIN;
  if (domain === NO_DOMAIN) return 0;
  return slot.perNode === true ? (counter.perNode[node] ?? 0) : (counter.perDomain[domain] ?? 0);
}

function valuesAt(slots: readonly BoundSlot[], node: number): SlotValues {
  return {
    counts: slots.map((bound) => countAt(bound, node)),
    present: slots.map(({ counter }) => (counter.topology.domainOf[node] ?? -1) !== NO_DOMAIN),
  };
}

function bind(slot: TopologySlot, cluster: Cluster, narrow: number): BoundSlot {
  const counter = cluster.holdCounter(slot);
  const isWide =
    slot.perNode === true || (slot.countsDomains !== true && counter.topology.size > narrow);
  return { slot, counter, isWide };
}
