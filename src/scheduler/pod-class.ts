import type { Pod } from "../model/kinds.gen.ts";
import { Bucket, placeKey, pointsOfKey, rankOfKey, type SlotView } from "./bucket.ts";
import type { Cluster } from "./cluster.ts";
import {
  commonPoints,
  evaluate,
  rankedPoints,
  topologyPoints,
  type Evaluation,
} from "./evaluation.ts";
import type { SchedulerProfile } from "./plugin.ts";
import type { PodKind } from "./pod-kind.ts";
import { countAt, PreparedPod, stampsOf, type NamedScore } from "./prepared-pod.ts";
import { RefusalTable, type Refusals } from "./refusals.ts";
import { NO_DOMAIN } from "./topology.ts";

export interface PodClassOptions {
  readonly pod: Pod;
  readonly kind: PodKind;
  readonly cluster: Cluster;
  readonly profile: SchedulerProfile;
  readonly maxNarrowDomains?: number | undefined;
}

export interface Best {
  readonly node: number;
  readonly points: number;
  /** Number of nodes that would do. */
  readonly feasible: number;
}

const NOWHERE = -1;
/** New buckets, at least, before the empty ones are dropped. */
const SPARE_BUCKETS = 256;

/**
 * Where pods that are alike fit best, remembered for all nodes: after a change only the nodes that it touched are
 * looked at again. The answer is always that of a look at every node.
 */
export class PodClass {
  readonly #options: PodClassOptions;
  #prepared: PreparedPod | undefined;
  /** What `#prepared` is good for. */
  #seen = { version: -1, terms: -1, stamps: -1, knowledge: -1 };
  /** How far the cluster's log has been read. */
  #position = 0;
  /** Nodes to look at again though neither they nor their pods changed. */
  #dirty: number[] = [];
  /** By node: 1 when the node itself will do. */
  #passes = new Uint8Array(0);
  /** By node: points that depend on the node alone. */
  #base = new Float64Array(0);
  /** By ranked score, by node. */
  #raws: readonly Float64Array[] = [];
  /** By node: where it is, and with which key (NaN when nowhere). */
  #bucketOf = new Int32Array(0);
  #keyOf = new Float64Array(0);
  #ranks: Int32Array = new Int32Array(0);
  #nodeAtRank: Int32Array = new Int32Array(0);
  #buckets: Bucket[] = [];
  /** With more buckets, most of them empty, everything is looked at again. */
  #maxBuckets = 0;
  readonly #bucketIds = new Map<string | number, number>();
  /** What nodes said when none would do, and those that changed since. */
  #refusals: RefusalTable | undefined;
  readonly #unasked = new Set<number>();
  readonly #onDomain = (members: readonly number[]): void => {
    if (members.length > 1) for (const node of members) this.#dirty.push(node);
  };

  constructor(options: PodClassOptions) {
    this.#options = options;
  }

  get kind(): PodKind {
    return this.#options.kind;
  }

  /** Gives back what it holds of the cluster; it is made anew when it is used again. */
  release(): void {
    for (const { counter, isWide } of this.#prepared?.slots ?? [])
      if (isWide) counter.listeners.delete(this.#onDomain);
    this.#prepared?.release();
    this.#prepared = undefined;
  }

  /** What the plugins say of the pod, good now. */
  prepared(): PreparedPod {
    const { cluster } = this.#options;
    const known = this.#prepared;
    if (known !== undefined && this.#holds(known)) return known;
    this.release();
    const { pod, kind, profile, maxNarrowDomains } = this.#options;
    const made = new PreparedPod(pod, kind, cluster, profile, maxNarrowDomains);
    this.#prepared = made;
    this.#seen = {
      version: cluster.nodes.version,
      terms: cluster.termVersion,
      stamps: cluster.stampVersion,
      knowledge: cluster.knowledge,
    };
    for (const { counter, isWide } of made.slots) if (isWide) counter.listeners.add(this.#onDomain);
    this.#position = -1;
    return made;
  }

  /** The best node of all that would do: most points, then the lowest rank. */
  best(): Best | undefined {
    const prepared = this.#catchUp();
    const evaluation = evaluate(prepared, this.#buckets);
    let bestKey = -Infinity;
    let bestPoints = -Infinity;
    for (const bucket of evaluation.feasible) {
      const key = bucket.best(this.#isCurrentIn(bucket));
      if (key === -Infinity) continue;
      const points = pointsOfKey(key) + commonPoints(prepared, evaluation, bucket);
      if (points < bestPoints) continue;
      if (points === bestPoints && rankOfKey(key) > rankOfKey(bestKey)) continue;
      bestKey = key;
      bestPoints = points;
    }
    if (bestKey === -Infinity) return undefined;
    const node = this.#nodeAtRank[rankOfKey(bestKey)] ?? NOWHERE;
    return { node, points: bestPoints, feasible: evaluation.nodes };
  }

  /** Weighted points of every node that would do, by name of the score. */
  points(): ReadonlyMap<number, ReadonlyMap<string, number>> {
    const prepared = this.#catchUp();
    const evaluation = evaluate(prepared, this.#buckets);
    const feasible = new Set(evaluation.feasible);
    const all = new Map<number, ReadonlyMap<string, number>>();
    for (let node = 0; node < this.#bucketOf.length; node += 1) {
      const bucket = this.#buckets[this.#bucketOf[node] ?? NOWHERE];
      if (bucket !== undefined && feasible.has(bucket))
        all.set(node, pointsByName(prepared, evaluation, bucket, node));
    }
    return all;
  }

  /** What every node says against the pod, when none would do. */
  refusals(): Refusals {
    const prepared = this.#catchUp();
    const { nodes } = this.#options.cluster;
    // What pods elsewhere decide may change for nodes that did not.
    const isLocal = prepared.topologies.every(({ topology }) => topology.refusal === undefined);
    let table = isLocal ? this.#refusals : undefined;
    if (table === undefined) {
      table = new RefusalTable(nodes);
      for (let node = 0; node < nodes.size; node += 1)
        if (nodes.isNode(node)) table.set(node, prepared.refusal(node));
    } else {
      for (const node of this.#unasked)
        table.set(node, nodes.isNode(node) ? prepared.refusal(node) : undefined);
    }
    this.#refusals = table;
    this.#unasked.clear();
    return table.summary();
  }

  /** Whether what was prepared still stands, apart from nodes that changed. */
  #holds(prepared: PreparedPod): boolean {
    const { cluster, pod, profile } = this.#options;
    const { nodes, termVersion, stampVersion, knowledge } = cluster;
    if (this.#seen.version !== nodes.version || this.#seen.knowledge !== knowledge) return false;
    if (this.#seen.terms !== termVersion) {
      this.#seen.terms = termVersion;
      const asking = prepared.topologies.filter(({ topology }) => topology.covers !== undefined);
      for (const kind of cluster.termKinds())
        if (asking.some(({ topology }) => topology.covers?.(kind) === false)) return false;
    }
    if (this.#seen.stamps !== stampVersion) {
      this.#seen.stamps = stampVersion;
      const stamps = stampsOf(pod, cluster, profile);
      if (stamps.some((stamp, index) => stamp !== prepared.stamps[index])) return false;
    }
    return true;
  }

  #catchUp(): PreparedPod {
    const prepared = this.prepared();
    const { log, nodes } = this.#options.cluster;
    const behind = log.end - this.#position + this.#dirty.length;
    const isFar = this.#position < 0 || behind > nodes.size || !log.reaches(this.#position);
    if (isFar || this.#buckets.length > this.#maxBuckets) {
      this.#rebuild(prepared);
      return prepared;
    }
    for (let position = this.#position; position < log.end; position += 1) {
      const entry = log.entry(position);
      this.#look(prepared, entry >> 1, (entry & 1) === 1);
    }
    this.#position = log.end;
    if (this.#dirty.length === 0) return prepared;
    for (const node of this.#dirty) this.#look(prepared, node, false);
    this.#dirty = [];
    return prepared;
  }

  /** Looks at every node. */
  #rebuild(prepared: PreparedPod): void {
    this.#refusals = undefined;
    this.#unasked.clear();
    const { nodes, log } = this.#options.cluster;
    const { size } = nodes;
    this.#passes = new Uint8Array(size);
    this.#base = new Float64Array(size);
    this.#raws = prepared.rankedScores.map(() => new Float64Array(size));
    this.#bucketOf = new Int32Array(size).fill(NOWHERE);
    this.#keyOf = new Float64Array(size).fill(Number.NaN);
    this.#ranks = nodes.ranks();
    this.#nodeAtRank = nodes.nodesByRank();
    this.#buckets = [];
    this.#bucketIds.clear();
    this.#dirty = [];
    this.#position = log.end;
    for (let node = 0; node < size; node += 1) {
      if (!nodes.isNode(node)) continue;
      this.#lookAtNode(prepared, node);
      const bucket = this.#bucketFor(prepared, node);
      if (bucket === NOWHERE) continue;
      const key = this.#keyFor(prepared, node);
      this.#bucketOf[node] = bucket;
      this.#keyOf[node] = key;
      this.#buckets[bucket]?.collect(key);
    }
    for (const bucket of this.#buckets) bucket.arrange();
    this.#maxBuckets = SPARE_BUCKETS + 2 * this.#buckets.length;
  }

  #look(prepared: PreparedPod, node: number, isNodeItself: boolean): void {
    if (this.#refusals !== undefined) this.#unasked.add(node);
    if (isNodeItself) this.#lookAtNode(prepared, node);
    const id = this.#bucketFor(prepared, node);
    const key = id === NOWHERE ? Number.NaN : this.#keyFor(prepared, node);
    const before = this.#bucketOf[node] ?? NOWHERE;
    if (id === before && (id === NOWHERE || key === this.#keyOf[node])) return;
    const left = this.#buckets[before];
    if (left !== undefined) left.live -= 1;
    this.#bucketOf[node] = id;
    this.#keyOf[node] = key;
    const bucket = this.#buckets[id];
    if (bucket === undefined) return;
    bucket.live += 1;
    bucket.push(key, this.#isCurrentIn(bucket));
  }

  /** Notes what depends on the node alone. */
  #lookAtNode(prepared: PreparedPod, node: number): void {
    this.#passes[node] = 0;
    if (!this.#options.cluster.nodes.isNode(node)) return;
    for (const { filter } of prepared.nodeFilters) if (!filter.passes(node)) return;
    this.#passes[node] = 1;
    this.#base[node] = sumPoints(prepared.nodeScores, node);
    for (const [index, { dependsOn, score }] of prepared.rankedScores.entries()) {
      const raws = this.#raws[index];
      if (raws !== undefined && dependsOn === "node") raws[node] = score.score(node);
    }
  }

  #keyFor(prepared: PreparedPod, node: number): number {
    const points = (this.#base[node] ?? 0) + sumPoints(prepared.podScores, node);
    return placeKey(points, this.#ranks[node] ?? 0);
  }

  /** The bucket that a node belongs in, or NOWHERE when it will not do. */
  #bucketFor(prepared: PreparedPod, node: number): number {
    if (this.#passes[node] !== 1) return NOWHERE;
    for (const { filter } of prepared.podFilters) if (!filter.passes(node)) return NOWHERE;
    const id = this.#bucketKey(prepared, node);
    const known = this.#bucketIds.get(id);
    if (known !== undefined) return known;
    const made = this.#buckets.length;
    this.#bucketIds.set(id, made);
    this.#buckets.push(this.#newBucket(prepared, node));
    return made;
  }

  /** Equal for nodes that differ in their own points only. */
  #bucketKey(prepared: PreparedPod, node: number): string | number {
    const { rankedScores, slots } = prepared;
    let key: string | number = 0;
    let isFirst = true;
    for (let index = 0; index < rankedScores.length; index += 1) {
      const raw = this.#rawOf(prepared, index, node);
      key = isFirst ? raw : `${key} ${raw}`;
      isFirst = false;
    }
    for (const bound of slots) {
      const domain = bound.counter.topology.domainOf[node] ?? NO_DOMAIN;
      const part = !bound.isWide || domain === NO_DOMAIN ? domain : countAt(bound, node);
      // Of a wide slot, "none" must differ from any count.
      const text = bound.isWide && domain === NO_DOMAIN ? "none" : part;
      key = isFirst ? text : `${key} ${text}`;
      isFirst = false;
    }
    return key;
  }

  #rawOf({ rankedScores }: PreparedPod, index: number, node: number): number {
    const named = rankedScores[index];
    return named?.dependsOn === "pods" ? named.score.score(node) : (this.#raws[index]?.[node] ?? 0);
  }

  #newBucket(prepared: PreparedPod, node: number): Bucket {
    const views = prepared.topologies.map(({ slots }): SlotView => {
      const domains = slots.map(({ counter }) => counter.topology.domainOf[node] ?? NO_DOMAIN);
      return {
        counts: slots.map((bound) => countAt(bound, node)),
        present: domains.map((domain) => domain !== NO_DOMAIN),
        domains,
      };
    });
    const raws = prepared.rankedScores.map((_score, index) => this.#rawOf(prepared, index, node));
    return new Bucket(views, raws);
  }

  #isCurrentIn(bucket: Bucket): (key: number) => boolean {
    return (key) => {
      const node = this.#nodeAtRank[rankOfKey(key)] ?? NOWHERE;
      return this.#keyOf[node] === key && this.#buckets[this.#bucketOf[node] ?? NOWHERE] === bucket;
    };
  }
}

function sumPoints(scores: readonly NamedScore[], node: number): number {
  let points = 0;
  for (const { weight, score } of scores) points += weight * score.score(node);
  return points;
}

function pointsByName(
  prepared: PreparedPod,
  evaluation: Evaluation,
  bucket: Bucket,
  node: number,
): ReadonlyMap<string, number> {
  const points = new Map<string, number>();
  const add = (name: string, more: number): void => {
    points.set(name, (points.get(name) ?? 0) + more);
  };
  for (const { name, weight, score } of [...prepared.nodeScores, ...prepared.podScores])
    add(name, weight * score.score(node));
  for (const [index, { name }] of prepared.rankedScores.entries())
    add(name, rankedPoints(prepared, evaluation.ranked, bucket, index));
  for (const [index, { name, topology }] of prepared.topologies.entries())
    if (topology.scoring !== undefined)
      add(name, topologyPoints(prepared, evaluation.topologies, bucket, index));
  return points;
}
