import { addTo, grown } from "./columns.ts";
import type { PodKind } from "./pod-kind.ts";
import { NO_DOMAIN, type Topology } from "./topology.ts";

/** What is counted per node and per domain of a topology. */
export interface CounterRequest {
  readonly topologyKey: string;
  /** What one pod of a kind counts; 0 for those that do not matter. Asked once per kind. */
  readonly weigh: (kind: PodKind) => number;
  /** Whether a node's pods count in its domain, and the node for the domain; absent: every node's do. */
  readonly accepts?: (node: number) => boolean;
}

/** Told when the sum of a domain changed. */
export type DomainListener = (members: readonly number[]) => void;

/** A weighted count of pods per node and per domain of one topology, kept up to date pod by pod. */
export class DomainCounter {
  readonly topology: Topology;
  readonly weigh: (kind: PodKind) => number;
  readonly #accepts: ((node: number) => boolean) | undefined;
  /** By node, also where the node is not accepted. Replaced when it grows. */
  perNode: Float64Array;
  /** By domain, accepted nodes only. Replaced when it grows. */
  perDomain: Float64Array = new Float64Array(16);
  /** Accepted nodes by domain. */
  #members = new Int32Array(16);
  #accepted: Uint8Array;
  #domains = 0;
  #total = 0;
  #least = 0;
  /** Domains that have the least; 0: not known, look for it. */
  #atLeast = 0;
  /** Bumped on every change of a domain's sum. */
  version = 0;
  readonly listeners: Set<DomainListener> = new Set();

  constructor(request: CounterRequest, topology: Topology, capacity: number) {
    this.topology = topology;
    this.weigh = request.weigh;
    this.#accepts = request.accepts;
    this.perNode = new Float64Array(capacity);
    this.#accepted = new Uint8Array(capacity);
  }

  /** Domains with an accepted node. */
  get domains(): number {
    return this.#domains;
  }

  /** Sum over all domains. */
  get total(): number {
    return this.#total;
  }

  /** The sum of the domain that has least; Infinity without a domain. */
  least(): number {
    if (this.#atLeast === 0) this.#findLeast();
    return this.#least;
  }

  isAccepted(node: number): boolean {
    return this.#accepted[node] === 1;
  }

  add(node: number, weight: number): void {
    addTo(this.perNode, node, weight);
    if (this.#accepted[node] === 1) this.#addToDomain(this.topology.domainOf[node] ?? -1, weight);
  }

  /** The node is there, with its labels; its pods are added afterwards. */
  enter(node: number): void {
    if (node >= this.perNode.length) {
      this.perNode = grown(this.perNode, node + 1);
      this.#accepted = grown(this.#accepted, node + 1);
    }
    const domain = this.topology.domainOf[node] ?? NO_DOMAIN;
    if (domain === NO_DOMAIN || this.#accepts?.(node) === false) return;
    if (domain >= this.perDomain.length) {
      this.perDomain = grown(this.perDomain, domain + 1);
      this.#members = grown(this.#members, domain + 1);
    }
    this.#accepted[node] = 1;
    addTo(this.#members, domain, 1);
    if (this.#members[domain] === 1) this.#domains += 1;
    this.#atLeast = 0;
    this.version += 1;
  }

  /** The node goes, or its labels do; its pods were taken away before. */
  leave(node: number): void {
    if (this.#accepted[node] !== 1) return;
    this.#accepted[node] = 0;
    const domain = this.topology.domainOf[node] ?? NO_DOMAIN;
    addTo(this.#members, domain, -1);
    if (this.#members[domain] === 0) this.#domains -= 1;
    this.#atLeast = 0;
    this.version += 1;
  }

  #addToDomain(domain: number, weight: number): void {
    const before = this.perDomain[domain] ?? 0;
    const after = before + weight;
    this.perDomain[domain] = after;
    this.#total += weight;
    this.version += 1;
    if (this.#atLeast > 0) {
      if (before === this.#least) this.#atLeast -= 1;
      if (after < this.#least) {
        this.#least = after;
        this.#atLeast = 1;
      } else if (after === this.#least) this.#atLeast += 1;
    }
    for (const listener of this.listeners) listener(this.topology.members[domain] ?? []);
  }

  #findLeast(): void {
    this.#least = Infinity;
    for (let domain = 0; domain < this.#members.length; domain += 1) {
      if ((this.#members[domain] ?? 0) === 0) continue;
      const sum = this.perDomain[domain] ?? 0;
      if (sum === this.#least) this.#atLeast += 1;
      if (sum >= this.#least) continue;
      this.#least = sum;
      this.#atLeast = 1;
    }
  }
}
