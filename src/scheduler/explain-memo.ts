import type { Pod } from "../model/kinds.gen.ts";
import type { Refusal, Refusals, SchedulerCore } from "./core.ts";

/** Kinds of refused pods that are remembered. */
const MAX_KINDS = 64;
/** Nodes asked in one go while a kind is learned. */
const LEARN_NODES = 250;
/** Nodes that changed since a kind was looked at last, as a share of all, beyond which it is looked at anew. */
const MAX_CHANGED_SHARE = 0.5;

/** What each node said against a kind of pods, and what that adds up to. */
class Remembered implements Refusals {
  readonly byNode: Map<string, Refusal> = new Map();
  readonly changed: Set<string> = new Set();
  readonly pending: Set<string>;
  readonly reasons: Map<string, number> = new Map();
  readonly filters: Set<string> = new Set();
  readonly #filterCounts = new Map<string, number>();

  constructor(nodes: Iterable<string>) {
    this.pending = new Set(nodes);
  }

  get nodes(): number {
    return this.byNode.size;
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
    add(this.#filterCounts, filter, sign);
    if (this.#filterCounts.has(filter)) this.filters.add(filter);
    else this.filters.delete(filter);
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
    if (!this.#follow(known, pod)) return undefined;
    // The one that was used last is forgotten last.
    this.#kinds.set(key, known);
    return known.pending.size === 0 ? known : undefined;
  }

  /** All nodes have just refused a pod of the kind: what each says is asked bit by bit, with each further pod. */
  learn(key: string): void {
    if (this.#kinds.has(key)) return;
    const [oldest] = this.#kinds.keys();
    if (this.#kinds.size >= MAX_KINDS && oldest !== undefined) this.#kinds.delete(oldest);
    this.#kinds.set(key, new Remembered(this.#core.nodeNames()));
  }

  /** Asks the nodes that changed, and some that were not asked yet. False when a node would take the pod. */
  #follow(known: Remembered, pod: Pod): boolean {
    const { changed, pending } = known;
    if (changed.size > (known.nodes + pending.size) * MAX_CHANGED_SHARE + 1) return false;
    for (const node of changed) {
      changed.delete(node);
      pending.delete(node);
      if (!this.#ask(known, pod, node)) return false;
    }
    let asks = 0;
    for (const node of pending) {
      if (asks >= LEARN_NODES) break;
      asks += 1;
      pending.delete(node);
      if (!this.#ask(known, pod, node)) return false;
    }
    return true;
  }

  #ask(known: Remembered, pod: Pod, node: string): boolean {
    const isThere = this.#core.node(node) !== undefined;
    const refusal = isThere ? this.#core.check(pod, node) : undefined;
    known.set(node, refusal);
    return !isThere || refusal !== undefined;
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
