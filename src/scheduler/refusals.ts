import type { NodeTable } from "./node-table.ts";
import type { Refusal } from "./plugin.ts";

/** Why no node takes a pod. */
export interface Refusals {
  /** Number of nodes that were asked: all there are. */
  readonly nodes: number;
  /** Reason → number of nodes. A node with two reasons (cpu and memory) counts in both. */
  readonly reasons: ReadonlyMap<string, number>;
  /** Names of the filters that refused at least one node: what an event must touch to help. */
  readonly filters: ReadonlySet<string>;
  /** Names of the nodes on which preemption might help, in the order of their names. */
  readonly candidates: readonly string[];
}

/** What every node says against a kind of pods, counted. A node that changes is asked again, the others are not. */
export class RefusalTable {
  readonly #nodes: NodeTable;
  readonly #byNode: (Refusal | undefined)[] = [];
  readonly #reasons = new Map<string, number>();
  readonly #filters = new Map<string, number>();
  #candidates: readonly string[] | undefined;

  constructor(nodes: NodeTable) {
    this.#nodes = nodes;
  }

  set(node: number, refusal: Refusal | undefined): void {
    const before = this.#byNode[node];
    if (before === undefined && refusal === undefined) return;
    this.#byNode[node] = refusal;
    if (isCandidate(before) !== isCandidate(refusal)) this.#candidates = undefined;
    this.#count(before, -1);
    this.#count(refusal, 1);
  }

  /** As of now: later changes do not show in it. */
  summary(): Refusals {
    this.#candidates ??= this.#nodes.names().filter((name) => {
      const index = this.#nodes.indexOf(name);
      return index !== undefined && isCandidate(this.#byNode[index]);
    });
    return {
      nodes: this.#nodes.count,
      reasons: new Map(this.#reasons),
      filters: new Set(this.#filters.keys()),
      candidates: this.#candidates,
    };
  }

  #count(refusal: Refusal | undefined, sign: 1 | -1): void {
    if (refusal === undefined) return;
    add(this.#filters, refusal.filter, sign);
    for (const reason of refusal.reasons) add(this.#reasons, reason, sign);
  }
}

/** Whether the node might take the pod if others left it. */
function isCandidate(refusal: Refusal | undefined): boolean {
  return refusal !== undefined && !refusal.unresolvable;
}

function add(counts: Map<string, number>, key: string, sign: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + sign;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
