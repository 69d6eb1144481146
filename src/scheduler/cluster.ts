import { invariant } from "../base/assert.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject, StringMap } from "../model/meta.ts";
import { ChangeLog } from "./change-log.ts";
import { DomainCounter } from "./domain-counter.ts";
import { NodeTable } from "./node-table.ts";
import type { ClusterView, TopologySlot } from "./plugin.ts";
import { allTerms, labelKeysOf, newPodKind, podKindKey, type PodKind } from "./pod-kind.ts";
import { Selectors } from "./selectors.ts";

/** A pod that counts on a node, which need not be there. */
interface Placed {
  readonly pod: Pod;
  readonly node: string;
  kind: PodKind;
}

/** A counter and how many hold it. */
interface Held {
  readonly counter: DomainCounter;
  readonly among: string | undefined;
  holders: number;
}

const NO_LABELS: StringMap = {};
/** The mark that every kind has. */
const ALL = "";

/** All that placements depend on, kept up to date change by change. Each change costs by its own size. */
export class Cluster implements ClusterView {
  readonly nodes: NodeTable;
  readonly selectors: Selectors = new Selectors();
  /** Nodes whose answers may have changed, in order. */
  readonly log: ChangeLog = new ChangeLog();
  readonly #namespaces = new Map<string, StringMap>();
  readonly #placed = new Map<string, Placed>();
  readonly #byNode = new Map<string, Map<string, Placed>>();
  readonly #kinds = new Map<string, PodKind>();
  readonly #termKinds = new Set<PodKind>();
  readonly #counters = new Map<string, Held>();
  /** Kinds that have subscriptions, and counters, by mark; the empty mark stands for all. */
  readonly #kindsByMark = new Map<string, Set<PodKind>>();
  readonly #countersByMark = new Map<string, Set<DomainCounter>>();
  /** Keys of labels that some selector asks for: others do not tell pods apart. */
  readonly #labelKeys = new Set<string>();
  #last: { readonly pod: Pod; readonly kind: PodKind } | undefined;
  #epoch = 0;
  #termVersion = 0;
  #knowledge = 0;

  constructor(seed?: string) {
    this.nodes = new NodeTable(seed);
  }

  /** Bumped when everything that was derived from pods and their kinds is void. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Bumped when a kind with terms has its first pod placed. */
  get termVersion(): number {
    return this.#termVersion;
  }

  namespaceLabels(namespace: string): StringMap {
    return this.#namespaces.get(namespace) ?? NO_LABELS;
  }

  termKinds(): Iterable<PodKind> {
    return this.#termKinds;
  }

  /** Bumped when a plugin's own knowledge changed. */
  get knowledge(): number {
    return this.#knowledge;
  }

  /** Bumped when a plugin's stamp may have changed. */
  get stampVersion(): number {
    return this.selectors.version + this.nodes.imageVersion + this.nodes.membership;
  }

  /** A plugin's own knowledge changed: of one node, or of everything. */
  invalidate(node?: string): void {
    if (node === undefined) this.#knowledge += 1;
    const index = node === undefined ? undefined : this.nodes.indexOf(node);
    if (index !== undefined) this.log.add(index, true);
  }

  setNamespace(name: string, labels: StringMap): void {
    const before = this.namespaceLabels(name);
    this.#namespaces.set(name, labels);
    if (JSON.stringify(before) !== JSON.stringify(labels)) this.#forgetKindsOf(name);
  }

  removeNamespace(name: string): void {
    if (this.#namespaces.delete(name)) this.#forgetKindsOf(name);
  }

  setSelector(object: ApiObject): void {
    this.learnKeys(this.selectors.set(object));
  }

  setNode(node: Node): void {
    if (!this.nodes.differs(node)) return;
    const { name } = node.metadata;
    const known = this.nodes.indexOf(name);
    if (known !== undefined) this.#leave(known, name);
    const index = this.nodes.setNode(node);
    this.#enter(index, name, known === undefined);
    this.log.add(index, true);
  }

  removeNode(name: string): void {
    const index = this.nodes.indexOf(name);
    if (index === undefined) return;
    this.#leave(index, name);
    this.nodes.removeNode(name);
    this.log.add(index, true);
  }

  /** Counts a pod on a node. One that is counted already is moved there. */
  addPod(pod: Pod, node: string): void {
    const { uid } = pod.metadata;
    invariant(uid !== undefined, "a pod without a uid cannot be counted");
    const before = this.#placed.get(uid);
    const kind = this.kindOf(pod);
    if (before?.node === node && before.kind === kind) {
      const same = { pod, node, kind };
      this.#placed.set(uid, same);
      this.#byNode.get(node)?.set(uid, same);
      return;
    }
    kind.held += 1;
    if (before !== undefined) this.removePod(uid);
    kind.held -= 1;
    const placed: Placed = { pod, node, kind };
    this.#placed.set(uid, placed);
    let others = this.#byNode.get(node);
    if (others === undefined) {
      others = new Map();
      this.#byNode.set(node, others);
    }
    others.set(uid, placed);
    if (kind.placed === 0) this.#firstOf(kind);
    kind.placed += 1;
    const index = this.nodes.indexOf(node);
    if (index === undefined) return;
    this.nodes.countPod(index, kind.share, 1);
    this.#countKind(index, kind, 1);
    this.log.add(index, false);
  }

  /** Nothing when the pod is not counted. */
  removePod(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return;
    const { kind, node } = placed;
    this.#placed.delete(uid);
    const others = this.#byNode.get(node);
    others?.delete(uid);
    if (others?.size === 0) this.#byNode.delete(node);
    kind.placed -= 1;
    const index = this.nodes.indexOf(node);
    if (index !== undefined) {
      this.nodes.countPod(index, kind.share, -1);
      this.#countKind(index, kind, -1);
      this.log.add(index, false);
    }
    if (kind.placed > 0) return;
    this.#termKinds.delete(kind);
    this.dropIfUnused(kind);
  }

  nodeOf(uid: string): string | undefined {
    return this.#placed.get(uid)?.node;
  }

  podOf(uid: string): Pod | undefined {
    return this.#placed.get(uid)?.pod;
  }

  *podsOn(node: string): Iterable<Pod> {
    for (const { pod } of this.#byNode.get(node)?.values() ?? []) yield pod;
  }

  /** The kind that a pod is of, made when it is the first. */
  kindOf(pod: Pod): PodKind {
    if (this.#last?.pod === pod) return this.#last.kind;
    let key = podKindKey(pod, this.#labelKeys);
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      if (this.learnKeys(labelKeysOf(pod))) key = podKindKey(pod, this.#labelKeys);
      kind = newPodKind(key, pod, this.#labelKeys);
      this.#kinds.set(key, kind);
    }
    this.#last = { pod, kind };
    return kind;
  }

  /** For caches that no longer hold a kind. */
  dropIfUnused(kind: PodKind): void {
    if (kind.placed > 0 || kind.held > 0) return;
    if (this.#kinds.get(kind.key) === kind) this.#kinds.delete(kind.key);
    for (const mark of [ALL, ...kind.marks]) drop(this.#kindsByMark, mark, kind);
    if (this.#last?.kind === kind) this.#last = undefined;
  }

  /** From now on pods are told apart by these labels too. True when that voids what was known of kinds. */
  learnKeys(keys: readonly string[]): boolean {
    const before = this.#labelKeys.size;
    for (const key of keys) this.#labelKeys.add(key);
    if (this.#labelKeys.size === before) return false;
    this.#restart();
    return true;
  }

  /** A counter for a slot, shared by all that hold it. */
  holdCounter(slot: TopologySlot): DomainCounter {
    const known = this.#counters.get(slot.id);
    if (known !== undefined) {
      known.holders += 1;
      return known.counter;
    }
    const topology = this.nodes.topology(slot.topologyKey);
    const counter = new DomainCounter(slot, topology, this.nodes.size);
    for (let node = 0; node < this.nodes.size; node += 1)
      if (this.nodes.isNode(node)) counter.enter(node);
    const { among } = slot;
    for (const kind of this.#kindsByMark.get(among ?? ALL) ?? []) {
      const weight = counter.weigh(kind);
      if (weight === 0) continue;
      kind.subscriptions?.push({ counter, weight });
      for (const [node, pods] of kind.onNodes) counter.add(node, pods * weight);
    }
    this.#counters.set(slot.id, { counter, among, holders: 1 });
    put(this.#countersByMark, among ?? ALL, counter);
    return counter;
  }

  releaseCounter(id: string, counter: DomainCounter): void {
    const held = this.#counters.get(id);
    if (held === undefined || held.counter !== counter) return;
    held.holders -= 1;
    if (held.holders > 0) return;
    this.#counters.delete(id);
    const mark = held.among ?? ALL;
    drop(this.#countersByMark, mark, counter);
    for (const kind of this.#kindsByMark.get(mark) ?? [])
      kind.subscriptions = kind.subscriptions?.filter((item) => item.counter !== counter);
  }

  #firstOf(kind: PodKind): void {
    this.#subscribe(kind);
    if (allTerms(kind.terms).length === 0) return;
    this.#termKinds.add(kind);
    this.#termVersion += 1;
  }

  #subscribe(kind: PodKind): void {
    if (kind.subscriptions !== undefined) return;
    kind.subscriptions = [];
    for (const mark of [ALL, ...kind.marks]) {
      put(this.#kindsByMark, mark, kind);
      for (const counter of this.#countersByMark.get(mark) ?? []) {
        const weight = counter.weigh(kind);
        if (weight !== 0) kind.subscriptions.push({ counter, weight });
      }
    }
  }

  #countKind(node: number, kind: PodKind, sign: 1 | -1): void {
    const pods = (kind.onNodes.get(node) ?? 0) + sign;
    if (pods > 0) kind.onNodes.set(node, pods);
    else kind.onNodes.delete(node);
    for (const { counter, weight } of kind.subscriptions ?? []) counter.add(node, sign * weight);
  }

  /** Before a node goes or its labels change: its pods no longer count in any domain. */
  #leave(index: number, name: string): void {
    for (const { kind } of this.#byNode.get(name)?.values() ?? []) this.#countKind(index, kind, -1);
    for (const { counter } of this.#counters.values()) counter.leave(index);
  }

  #enter(index: number, name: string, isNew: boolean): void {
    for (const { counter } of this.#counters.values()) counter.enter(index);
    for (const { kind } of this.#byNode.get(name)?.values() ?? []) {
      if (isNew) this.nodes.countPod(index, kind.share, 1);
      this.#countKind(index, kind, 1);
    }
  }

  /** Terms that go by the labels of namespaces choose other pods now. */
  #forgetKindsOf(namespace: string): void {
    const kinds = [...this.#kinds.values()];
    if (kinds.some((kind) => kind.namespace === namespace) && kinds.some(usesNamespaceLabels))
      this.#restart();
  }

  /** All kinds anew, and all that was derived from them. */
  #restart(): void {
    this.#epoch += 1;
    this.#last = undefined;
    this.#kinds.clear();
    this.#termKinds.clear();
    this.#counters.clear();
    this.#kindsByMark.clear();
    this.#countersByMark.clear();
    for (const placed of this.#placed.values()) {
      const key = podKindKey(placed.pod, this.#labelKeys);
      let kind = this.#kinds.get(key);
      if (kind === undefined) {
        kind = newPodKind(key, placed.pod, this.#labelKeys);
        this.#kinds.set(key, kind);
      }
      placed.kind = kind;
      if (kind.placed === 0) this.#firstOf(kind);
      kind.placed += 1;
      const index = this.nodes.indexOf(placed.node);
      if (index !== undefined) this.#countKind(index, kind, 1);
    }
  }
}

function usesNamespaceLabels(kind: PodKind): boolean {
  return allTerms(kind.terms).some(({ namespaceSelector }) => namespaceSelector !== undefined);
}

function put<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([item]));
  else set.add(item);
}

function drop<T>(sets: Map<string, Set<T>>, key: string, item: T): void {
  const set = sets.get(key);
  set?.delete(item);
  if (set?.size === 0) sets.delete(key);
}
