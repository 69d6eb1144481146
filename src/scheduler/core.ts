import { invariant } from "../base/assert.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";
import { Cluster } from "./cluster.ts";
import type { Refusal, SchedulerProfile } from "./plugin.ts";
import { PodClass } from "./pod-class.ts";
import type { PodKind } from "./pod-kind.ts";
import { DEFAULT_SCHEDULER, PROFILES } from "./profile-plugins.ts";
import type { Refusals } from "./refusals.ts";
import { hasPodSelector } from "./selectors.ts";

export type { Refusal, Refusals };

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
  /** Topologies with more domains are counted node by node, not domain by domain; absent: by the number of nodes. */
  readonly maxNarrowDomains?: number;
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

/** Pod classes are remembered for at most so many (class, node) pairs: about 40 bytes each, and as much for their counters. */
const MAX_CELLS = 1_500_000;
/** And at most so many classes, on however few nodes. */
const MAX_CLASSES = 10_000;

/** A core that knows nothing yet. */
export function newSchedulerCore(options: CoreOptions = {}): SchedulerCore {
  return new Core(options);
}

interface CachedClass {
  readonly podClass: PodClass;
  readonly key: string;
  usedAt: number;
}

class Core implements SchedulerCore {
  readonly #cluster: Cluster;
  readonly #profiles: ReadonlyMap<string, SchedulerProfile>;
  readonly #maxNarrowDomains: number | undefined;
  readonly #assumed = new Set<string>();
  #classes = new Map<PodKind, CachedClass[]>();
  #classCount = 0;
  #epoch = 0;
  #uses = 0;

  constructor({ seed, profiles = PROFILES, maxNarrowDomains }: CoreOptions) {
    this.#cluster = new Cluster(seed);
    this.#profiles = profiles;
    this.#maxNarrowDomains = maxNarrowDomains;
  }

  upsert(object: ApiObject): void {
    const { kind, metadata } = object;
    if (kind === "Node") this.#cluster.setNode(object as Node);
    else if (kind === "Pod") this.#upsertPod(object as Pod);
    else if (kind === "Namespace") this.#cluster.setNamespace(metadata.name, metadata.labels ?? {});
    else if (hasPodSelector(kind)) this.#cluster.setSelector(object);
  }

  remove(object: ApiObject): void {
    const { kind, metadata } = object;
    if (kind === "Node") this.removeNode(metadata.name);
    else if (kind === "Pod") this.removePod(metadata.uid ?? "");
    else if (kind === "Namespace") this.#cluster.removeNamespace(metadata.name);
    else if (hasPodSelector(kind)) this.#cluster.selectors.delete(object);
  }

  removeNode(name: string): void {
    this.#cluster.removeNode(name);
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    this.#cluster.removePod(uid);
  }

  assume(pod: Pod, node: string): void {
    this.#cluster.addPod(pod, node);
    this.#assumed.add(pod.metadata.uid ?? "");
  }

  forget(uid: string): void {
    if (this.#assumed.delete(uid)) this.#cluster.removePod(uid);
  }

  place(pod: Pod): Placement {
    const podClass = this.#classOf(pod);
    const best = podClass.best();
    const { nodes } = this.#cluster;
    if (best === undefined) return { kind: "refused", refusals: podClass.refusals() };
    const { node, points, feasible } = best;
    return { kind: "placed", node: nodes.nameOf(node), score: points, feasible };
  }

  check(pod: Pod, node: string): Refusal | undefined {
    const index = this.#cluster.nodes.indexOf(node);
    return index === undefined
      ? { filter: "NodeName", reasons: [`node "${node}" was not found`], unresolvable: true }
      : this.#classOf(pod).prepared().refusal(index);
  }

  explain(pod: Pod): readonly NodeVerdict[] {
    const podClass = this.#classOf(pod);
    const points = podClass.points();
    const prepared = podClass.prepared();
    return this.#cluster.nodes.names().map((node): NodeVerdict => {
      const index = this.#cluster.nodes.indexOf(node) ?? -1;
      const scores = points.get(index);
      if (scores !== undefined)
        return { node, scores, total: scores.values().reduce((sum, score) => sum + score, 0) };
      const refusal = prepared.refusal(index);
      return refusal === undefined ? { node } : { node, refusal };
    });
  }

  whatIf<T>(
    { remove = [], add = [] }: { remove?: readonly string[]; add?: readonly Presence[] },
    ask: () => T,
  ): T {
    const cluster = this.#cluster;
    const undo: (() => void)[] = [];
    const change = (uid: string, apply: () => void): void => {
      const pod = cluster.podOf(uid);
      const node = cluster.nodeOf(uid);
      undo.push(() => {
        if (pod === undefined || node === undefined) cluster.removePod(uid);
        else cluster.addPod(pod, node);
      });
      apply();
    };
    try {
      for (const uid of remove) change(uid, () => cluster.removePod(uid));
      for (const { pod, node } of add)
        change(pod.metadata.uid ?? "", () => cluster.addPod(pod, node));
      return ask();
    } finally {
      for (const step of undo.toReversed()) step();
    }
  }

  invalidate(node?: string): void {
    this.#cluster.invalidate(node);
  }

  nodeNames(): readonly string[] {
    return this.#cluster.nodes.names();
  }

  node(name: string): Node | undefined {
    const index = this.#cluster.nodes.indexOf(name);
    return index === undefined ? undefined : this.#cluster.nodes.nodeOf(index);
  }

  podsOn(node: string): Iterable<Pod> {
    return this.#cluster.podsOn(node);
  }

  nodeOf(uid: string): string | undefined {
    return this.#cluster.nodeOf(uid);
  }

  #upsertPod(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    const { nodeName = "" } = pod.spec;
    if (isFinished(pod)) this.removePod(uid);
    else if (nodeName !== "") {
      this.#assumed.delete(uid);
      this.#cluster.addPod(pod, nodeName);
    } else if (!this.#assumed.has(uid)) this.#cluster.removePod(uid);
  }

  #classOf(pod: Pod): PodClass {
    const profile = this.#profileOf(pod);
    const plugins = [...profile.filters, ...profile.topologies, ...profile.scores];
    for (const plugin of profile.topologies)
      if (plugin.labelKeys !== undefined) this.#cluster.learnKeys(plugin.labelKeys(pod));
    const kind = this.#cluster.kindOf(pod);
    if (this.#epoch !== this.#cluster.epoch) this.#forgetClasses();
    let key = "";
    for (const plugin of plugins)
      if (plugin.podKey !== undefined) key = `${key}\n${plugin.podKey(pod)}`;
    const known = this.#classes.get(kind)?.find((item) => item.key === key);
    this.#uses += 1;
    if (known !== undefined) {
      known.usedAt = this.#uses;
      return known.podClass;
    }
    return this.#newClass(pod, kind, profile, key);
  }

  #newClass(pod: Pod, kind: PodKind, profile: SchedulerProfile, key: string): PodClass {
    const maxClasses = Math.min(MAX_CLASSES, MAX_CELLS / Math.max(1, this.#cluster.nodes.size));
    if (this.#classCount >= maxClasses) this.#dropOldest();
    const podClass = new PodClass({
      pod,
      kind,
      cluster: this.#cluster,
      profile,
      maxNarrowDomains: this.#maxNarrowDomains,
    });
    kind.held += 1;
    this.#classCount += 1;
    const others = this.#classes.get(kind) ?? [];
    others.push({ podClass, key, usedAt: this.#uses });
    this.#classes.set(kind, others);
    return podClass;
  }

  #profileOf({ spec }: Pod): SchedulerProfile {
    const profile = this.#profiles.get(spec.schedulerName) ?? this.#profiles.get(DEFAULT_SCHEDULER);
    invariant(profile !== undefined, `there is no profile "${DEFAULT_SCHEDULER}"`);
    return profile;
  }

  #forgetClasses(): void {
    this.#epoch = this.#cluster.epoch;
    for (const items of this.#classes.values())
      for (const { podClass } of items) podClass.release();
    this.#classes = new Map();
    this.#classCount = 0;
  }

  /** The half that was not used for longest. */
  #dropOldest(): void {
    const all = [...this.#classes.values()].flat().toSorted((a, b) => a.usedAt - b.usedAt);
    for (const { podClass } of all.slice(0, Math.ceil(all.length / 2))) {
      const { kind } = podClass;
      const others = (this.#classes.get(kind) ?? []).filter((item) => item.podClass !== podClass);
      if (others.length > 0) this.#classes.set(kind, others);
      else this.#classes.delete(kind);
      podClass.release();
      this.#classCount -= 1;
      kind.held -= 1;
      this.#cluster.dropIfUnused(kind);
    }
  }
}
