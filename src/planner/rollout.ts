import { compare } from "../base/order.ts";
import type { RolloutLimits } from "../model/int-or-percent.ts";

/** A ReplicaSet of a Deployment as a rollout sees it. */
export interface RolloutSet {
  readonly name: string;
  /** `spec.replicas`: what it is asked to have. */
  readonly size: number;
  /** Pods that it has, whatever it is asked for; ending ones do not count. */
  readonly active: number;
  /** Those of them that have been Ready for long enough. */
  readonly available: number;
  /** Ms since the epoch; `Infinity` for one that is yet to be made. */
  readonly createdAt: number;
  /** Replicas and surge of the Deployment when the set was sized last; `undefined` when nobody wrote it down. */
  readonly desiredBefore?: number;
  readonly maxBefore?: number;
}

export interface Rollout {
  readonly replicas: number;
  /** Nothing at all for Recreate. */
  readonly limits: RolloutLimits;
  readonly isRolling: boolean;
  /** The set of the current template. */
  readonly next: RolloutSet | undefined;
  readonly old: readonly RolloutSet[];
  /** The pods of all sets that the Deployment last reported: stands in for `maxBefore`. */
  readonly reported: number;
}

/** New sizes by name; sets that keep theirs are absent. */
export type Sizes = ReadonlyMap<string, number>;

const NO_CHANGE: Sizes = new Map();

/** Whether the Deployment was scaled since its sets were sized. Pure. */
export function isScaled({ next, old, replicas }: Rollout): boolean {
  return [...(next === undefined ? [] : [next]), ...old].some(
    (set) => set.size > 0 && set.desiredBefore !== undefined && set.desiredBefore !== replicas,
  );
}

/**
 * Sizes after a change of `spec.replicas`, without rolling on: one set takes all of it, several share it by their
 * sizes, and what is old goes once the new set is whole. Pure.
 */
export function scaleSets(rollout: Rollout): Sizes {
  const { next, old, replicas } = rollout;
  const single = activeOrLatest(rollout);
  if (single !== undefined)
    return single.size === replicas ? NO_CHANGE : new Map([[single.name, replicas]]);
  if (next !== undefined && isSaturated(next, replicas))
    return new Map(old.filter((set) => set.size > 0).map((set) => [set.name, 0]));
  return rollout.isRolling ? shareProportionally(rollout) : NO_CHANGE;
}

/** The next step of a rolling update: the new set up as far as surge allows, else old ones down. Pure. */
export function rollSets(rollout: Rollout): Sizes {
  const { next } = rollout;
  if (next === undefined) return NO_CHANGE;
  const size = nextSize(rollout, next);
  return size === next.size ? shrinkOld(rollout, next) : new Map([[next.name, size]]);
}

/**
 * The size of the new set: room is what surge leaves beside every pod that is there or asked for, so that a set
 * that has yet to end its surplus holds the new one back. Pure.
 */
export function nextSize({ replicas, limits, old }: Rollout, next: RolloutSet): number {
  if (next.size >= replicas) return replicas;
  const taken = [next, ...old].reduce((sum, set) => sum + Math.max(set.size, set.active), 0);
  const room = replicas + limits.maxSurge - taken;
  return next.size + Math.max(0, Math.min(room, replicas - next.size));
}

/** Old sets down: first what is not available there anyway, so that a broken rollout can be replaced, then the oldest. */
function shrinkOld({ replicas, limits, old }: Rollout, next: RolloutSet): Sizes {
  const minAvailable = replicas - limits.maxUnavailable;
  const unavailable = next.size - availableOf(next);
  const total = [next, ...old].reduce((sum, set) => sum + set.size, 0);
  const spare = total - minAvailable - unavailable;
  if (spare <= 0) return NO_CHANGE;

  const sizes = new Map(old.map((set) => [set.name, set.size]));
  const oldest = old.toSorted((a, b) => a.createdAt - b.createdAt || compare(a.name, b.name));
  let broken = spare;
  for (const set of oldest) {
    const cut = Math.min(broken, set.size - availableOf(set));
    sizes.set(set.name, set.size - cut);
    broken -= cut;
  }
  let surplus = [next, ...old].reduce((sum, set) => sum + availableOf(set), 0) - minAvailable;
  for (const set of oldest) {
    const size = sizes.get(set.name) ?? 0;
    const cut = Math.max(0, Math.min(size, surplus));
    sizes.set(set.name, size - cut);
    surplus -= cut;
  }
  return changedSizes(old, sizes);
}

/** A set that is to have fewer pods than it has ends the worst first: at most its size is available afterwards. */
function availableOf(set: RolloutSet): number {
  return Math.min(set.size, set.available);
}

/** The one set that is in use; of none the newest; `undefined` while several are. */
function activeOrLatest({ next, old }: Rollout): RolloutSet | undefined {
  const active = [...(next === undefined ? [] : [next]), ...old].filter((set) => set.size > 0);
  if (active.length === 1) return active[0];
  if (active.length > 1) return undefined;
  return next ?? old.toSorted((a, b) => b.createdAt - a.createdAt || compare(a.name, b.name))[0];
}

function isSaturated(set: RolloutSet, replicas: number): boolean {
  return set.size === replicas && set.desiredBefore === replicas && set.available >= replicas;
}

/** Kubernetes' proportional scaling: every set in use grows or shrinks by its share; what rounding leaves goes to the first. */
function shareProportionally(rollout: Rollout): Sizes {
  const { next, old, replicas, limits } = rollout;
  const sets = [...(next === undefined ? [] : [next]), ...old].filter((set) => set.size > 0);
  const total = sets.reduce((sum, set) => sum + set.size, 0);
  const allowed = replicas > 0 ? replicas + limits.maxSurge : 0;
  const toAdd = allowed - total;
  if (toAdd === 0) return NO_CHANGE;
  const ordered = sets.toSorted(
    (a, b) =>
      b.size - a.size ||
      (toAdd > 0 ? b.createdAt - a.createdAt : a.createdAt - b.createdAt) ||
      compare(a.name, b.name),
  );
  const sizes = new Map<string, number>();
  let added = 0;
  for (const set of ordered) {
    const share = toAdd === added ? 0 : shareOf(set, rollout);
    const part = toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
    sizes.set(set.name, set.size + part);
    added += part;
  }
  const [first] = ordered;
  if (first !== undefined)
    sizes.set(first.name, Math.max(0, (sizes.get(first.name) ?? 0) + toAdd - added));
  return changedSizes(sets, sizes);
}

function changedSizes(sets: readonly RolloutSet[], sizes: Sizes): Sizes {
  return new Map(
    sets
      .map((set) => ({ ...set, to: sizes.get(set.name) ?? set.size }))
      .filter(({ size, to }) => size !== to)
      .map(({ name, to }) => [name, to]),
  );
}

function shareOf(set: RolloutSet, { replicas, limits, reported }: Rollout): number {
  if (replicas === 0) return -set.size;
  const before = set.maxBefore === undefined || set.maxBefore === 0 ? reported : set.maxBefore;
  if (before === 0) return 0;
  return Math.round((set.size * (replicas + limits.maxSurge)) / before) - set.size;
}
