import type { SlotValues } from "./plugin.ts";

export interface SlotView extends SlotValues {
  readonly counts: number[];
  /** Domain by slot. */
  readonly domains: readonly number[];
}

/** More ranks than there can be nodes; points times this must stay a whole number in a double. */
const RANKS = 2 ** 22;

/** A heap is swept when it holds more than so many times what is alive, and at least so many entries. */
const MAX_STALE_FACTOR = 4;
const MIN_SWEEP = 256;

/** Points and rank of a node as one number: more points first, then the lower rank. Pure. */
export function placeKey(points: number, rank: number): number {
  return points * RANKS + (RANKS - 1 - rank);
}

/** Counterpart of `placeKey`. Pure. */
export function pointsOfKey(key: number): number {
  return Math.floor(key / RANKS);
}

/** Counterpart of `placeKey`. Pure. */
export function rankOfKey(key: number): number {
  return RANKS - 1 - (key - pointsOfKey(key) * RANKS);
}

/**
 * Nodes that differ only in their own points: equal in domains, counts and raw scores. Knows the best of them. A node
 * that changes is put in anew; its old entry is left behind and dropped when it comes up.
 */
export class Bucket {
  /** What the nodes have in common, by topology plugin; counts of narrow slots are filled in at each look. */
  readonly views: readonly SlotView[];
  /** Raw node scores that are normalized, in the order of the profile. */
  readonly raws: readonly number[];
  /** Raw topology scores at the last look, by topology plugin. */
  readonly topologyRaws: (number | undefined)[] = [];
  /** Nodes in it. */
  live = 0;
  #keys: number[] = [];

  constructor(views: readonly SlotView[], raws: readonly number[]) {
    this.views = views;
    this.raws = raws;
  }

  /** Key of the best node, or -Infinity. `isCurrent` says whether a node still stands here with that key. */
  best(isCurrent: (key: number) => boolean): number {
    const keys = this.#keys;
    for (;;) {
      const top = keys[0];
      if (top === undefined) return -Infinity;
      if (isCurrent(top)) return top;
      this.#pop();
    }
  }

  push(key: number, isCurrent: (key: number) => boolean): void {
    const keys = this.#keys;
    if (keys.length >= MIN_SWEEP && keys.length > this.live * MAX_STALE_FACTOR) {
      this.#keys = [...new Set(keys)].filter(isCurrent);
      this.arrange();
    }
    this.#keys.push(key);
    this.#siftUp(this.#keys.length - 1);
  }

  /** Takes in a node's key without order; `arrange` must follow. */
  collect(key: number): void {
    this.live += 1;
    this.#keys.push(key);
  }

  arrange(): void {
    for (let at = (this.#keys.length >> 1) - 1; at >= 0; at -= 1) this.#siftDown(at);
  }

  #pop(): void {
    const last = this.#keys.pop();
    if (last === undefined || this.#keys.length === 0) return;
    this.#keys[0] = last;
    this.#siftDown(0);
  }

  #siftUp(from: number): void {
    const keys = this.#keys;
    const key = keys[from] ?? 0;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = keys[parent] ?? 0;
      if (other >= key) break;
      keys[at] = other;
      at = parent;
    }
    keys[at] = key;
  }

  #siftDown(from: number): void {
    const keys = this.#keys;
    const { length } = keys;
    const key = keys[from] ?? 0;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      let other = keys[child] ?? 0;
      const right = keys[child + 1] ?? 0;
      if (child + 1 < length && right > other) {
        child += 1;
        other = right;
      }
      if (other <= key) break;
      keys[at] = other;
      at = child;
    }
    keys[at] = key;
  }
}
