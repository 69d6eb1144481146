import type { Pod } from "../model/kinds.gen.ts";
import type { Refusal, Refusals, SchedulerCore } from "./core.ts";

/** Kinds of refused pods that are remembered. */
const MAX_KINDS = 64;
/** Nodes that changed since a kind was looked at last, as a share of all, beyond which it is looked at anew. */
const MAX_CHANGED_SHARE = 0.5;

/** What each node said against a kind of pods, and what that adds up to. */
class Remembered implements Refusals {
  readonly byNode: Map<string, Refusal> = new Map();
  readonly changed: Set<string> = new Set();
  readonly reasons: Map<string, number> = new Map();
  readonly #filters = new Map<string, number>();

  get nodes(): number {
    return this.byNode.size;
  }

  get filters(): ReadonlySet<string> {
    return new Set(this.#filters.keys());
  }

  get candidates(): readonly string[] {
    return [...this.byNode].filter(([, { unresolvable }]) => !unresolvable).map(([node]) => node);
  }

  set(node: string, refusal: Refusal | undefined): void {
    const before = this.byNode.get(node);
    if (before !== undefined) this.#count(before, -1);
    if (refusal === undefined) this.byNode.delete(node);
    else {
      this.byNode.set(node, refusal);
      this.#count(refusal, 1);
    }
  }

  #count({ filter, reasons }: Refusal, sign: 1 | -1): void {
    add(this.#filters, filter, sign);
    for (const reason of reasons) add(this.reasons, reason, sign);
  }
}

/**
 * Refusals of pods whose kind was refused by all nodes before: only nodes that changed since are asked again. For pods
 * that no rule about other nodes' pods concerns.
 */
export class RefusalMemo {
  readonly #core: SchedulerCore;
  readonly #kinds = new Map<string, Remembered>();

  constructor(core: SchedulerCore) {
    this.#core = core;
  }

  /** A node changed, or the pods on it did. */
  touch(node: string): void {
    for (const known of this.#kinds.values()) known.changed.add(node);
  }

  clear(): void {
    this.#kinds.clear();
  }

  /** Why still no node takes a pod of the kind; `undefined` when that is not known, or one may. */
  recall(key: string, pod: Pod): Refusals | undefined {
    const known = this.#kinds.get(key);
    if (known === undefined) return undefined;
    this.#kinds.delete(key);
    if (known.changed.size > known.nodes * MAX_CHANGED_SHARE + 1) return undefined;
    for (const node of known.changed) {
      if (this.#core.node(node) === undefined) {
        known.set(node, undefined);
        continue;
      }
      const refusal = this.#core.check(pod, node);
      if (refusal === undefined) return undefined;
      known.set(node, refusal);
    }
    known.changed.clear();
    // The one that was used last is forgotten last.
    this.#kinds.set(key, known);
    return known;
  }

  /** All nodes have just refused a pod of the kind. */
  learn(key: string, pod: Pod): void {
    const known = new Remembered();
    for (const node of this.#core.nodeNames()) {
      const refusal = this.#core.check(pod, node);
      if (refusal === undefined) return;
      known.set(node, refusal);
    }
    const [oldest] = this.#kinds.keys();
    if (this.#kinds.size >= MAX_KINDS && oldest !== undefined) this.#kinds.delete(oldest);
    this.#kinds.set(key, known);
  }

  /** Whether pods leaving the node could let a pod of the kind in, as far as is remembered. */
  isCandidate(refusals: Refusals): (node: string) => boolean {
    if (refusals instanceof Remembered)
      return (node) => refusals.byNode.get(node)?.unresolvable === false;
    const candidates = new Set(refusals.candidates);
    return (node) => candidates.has(node);
  }
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
