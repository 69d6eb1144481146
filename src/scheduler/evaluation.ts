import type { Bucket } from "./bucket.ts";
import type { NamedTopology, PreparedPod } from "./prepared-pod.ts";
import { NO_DOMAIN } from "./topology.ts";

/** Lowest and highest raw score of the nodes that would do. */
export interface Range {
  lowest: number;
  highest: number;
}

/** One look at all buckets: which would do, and between which bounds their raw scores lie. */
export interface Evaluation {
  readonly feasible: readonly Bucket[];
  /** Number of nodes in them. */
  readonly nodes: number;
  /** By ranked score. */
  readonly ranked: readonly Range[];
  /** By topology plugin. */
  readonly topologies: readonly Range[];
}

/** Looks at every bucket that holds a node, and notes in it the raw scores of this look. */
export function evaluate(prepared: PreparedPod, buckets: readonly Bucket[]): Evaluation {
  const feasible: Bucket[] = [];
  const ranked = prepared.rankedScores.map(newRange);
  let nodes = 0;
  for (const bucket of buckets) {
    if (bucket.live === 0) continue;
    readCounts(prepared, bucket);
    if (!passes(prepared, bucket)) continue;
    feasible.push(bucket);
    nodes += bucket.live;
    for (let index = 0; index < ranked.length; index += 1)
      widen(ranked[index], bucket.raws[index] ?? 0);
  }
  const topologies = prepared.topologies.map((named, index) => score(named, index, feasible));
  return { feasible, nodes, ranked, topologies };
}

/** Weighted points that all nodes of a bucket have in common, by the last look. */
export function commonPoints(
  prepared: PreparedPod,
  { ranked, topologies }: Evaluation,
  bucket: Bucket,
): number {
  let points = 0;
  for (let index = 0; index < ranked.length; index += 1)
    points += rankedPoints(prepared, ranked, bucket, index);
  for (let index = 0; index < topologies.length; index += 1)
    points += topologyPoints(prepared, topologies, bucket, index);
  return points;
}

export function rankedPoints(
  { rankedScores }: PreparedPod,
  ranges: readonly Range[],
  bucket: Bucket,
  index: number,
): number {
  const named = rankedScores[index];
  const range = ranges[index];
  if (named === undefined || range === undefined) return 0;
  const raw = bucket.raws[index] ?? 0;
  return named.weight * (named.score.normalize?.(raw, range.lowest, range.highest) ?? raw);
}

export function topologyPoints(
  { topologies }: PreparedPod,
  ranges: readonly Range[],
  bucket: Bucket,
  index: number,
): number {
  const named = topologies[index];
  const range = ranges[index];
  const raw = bucket.topologyRaws[index];
  if (named?.topology.scoring === undefined || range === undefined || raw === undefined) return 0;
  return named.weight * named.topology.scoring.normalize(raw, range.lowest, range.highest);
}

function readCounts({ topologies }: PreparedPod, { views }: Bucket): void {
  for (let index = 0; index < topologies.length; index += 1) {
    const slots = topologies[index]?.slots ?? [];
    const view = views[index];
    if (view === undefined) continue;
    for (let at = 0; at < slots.length; at += 1) {
      const bound = slots[at];
      if (bound === undefined || bound.isWide) continue;
      const domain = view.domains[at] ?? NO_DOMAIN;
      view.counts[at] = domain === NO_DOMAIN ? 0 : (bound.counter.perDomain[domain] ?? 0);
    }
  }
}

function passes({ topologies }: PreparedPod, { views }: Bucket): boolean {
  for (let index = 0; index < topologies.length; index += 1) {
    const named = topologies[index];
    const view = views[index];
    if (view === undefined || named?.topology.refusal === undefined) continue;
    if (named.topology.refusal(view, named.totals) !== undefined) return false;
  }
  return true;
}

function score(named: NamedTopology, index: number, feasible: readonly Bucket[]): Range {
  const range = newRange();
  const { scoring } = named.topology;
  if (scoring === undefined) return range;
  const domains = named.slots.map((bound, at) =>
    bound.slot.countsDomains === true
      ? countDomains(feasible, index, at, named, bound.slot.perNode === true)
      : 0,
  );
  for (const bucket of feasible) {
    const view = bucket.views[index];
    const raw = view === undefined ? undefined : scoring.raw(view, domains);
    bucket.topologyRaws[index] = raw;
    if (raw !== undefined) widen(range, raw);
  }
  return range;
}

/** How many domains the nodes have that would do and count: those without the label are one. */
function countDomains(
  feasible: readonly Bucket[],
  index: number,
  at: number,
  { topology }: NamedTopology,
  isPerNode: boolean,
): number {
  const found = new Set<number>();
  let nodes = 0;
  for (const { views, live } of feasible) {
    const view = views[index];
    if (view === undefined || topology.scoring?.isCounted(view) !== true) continue;
    if (!isPerNode) found.add(view.domains[at] ?? NO_DOMAIN);
    nodes += live;
  }
  return isPerNode ? nodes : found.size;
}

function newRange(): Range {
  return { lowest: Infinity, highest: -Infinity };
}

function widen(range: Range | undefined, raw: number): void {
  if (range === undefined) return;
  if (raw < range.lowest) range.lowest = raw;
  if (raw > range.highest) range.highest = raw;
}
