import { grown } from "./columns.ts";

/** In no domain: the node lacks the label. */
export const NO_DOMAIN = -1;

/**
 * The nodes by their value of one label: a domain is a number, taken anew when its last node left. Kept up to date by
 * the table.
 */
export class Topology {
  readonly key: string;
  /** Domain of each node by index, or `NO_DOMAIN`. Replaced when it grows. */
  domainOf: Int32Array;
  /** Nodes of each domain; empty for numbers that are free. */
  readonly members: number[][] = [];
  readonly #ids = new Map<string, number>();
  readonly #values: string[] = [];
  readonly #free: number[] = [];

  constructor(key: string, capacity: number) {
    this.key = key;
    this.domainOf = new Int32Array(capacity).fill(NO_DOMAIN);
  }

  /** Number of domains that hold a node. */
  get size(): number {
    return this.#ids.size;
  }

  /** One more than the highest number of a domain. */
  get limit(): number {
    return this.members.length;
  }

  valueOf(domain: number): string {
    return this.#values[domain] ?? "";
  }

  set(node: number, value: string | undefined): void {
    if (node >= this.domainOf.length) this.domainOf = grown(this.domainOf, node + 1, NO_DOMAIN);
    const before = this.domainOf[node] ?? NO_DOMAIN;
    if (before !== NO_DOMAIN) {
      if (this.#values[before] === value) return;
      this.#leave(node, before);
    }
    if (value === undefined) return;
    const domain = this.#ids.get(value) ?? this.#open(value);
    this.domainOf[node] = domain;
    this.members[domain]?.push(node);
  }

  #leave(node: number, domain: number): void {
    this.domainOf[node] = NO_DOMAIN;
    const members = this.members[domain] ?? [];
    members.splice(members.indexOf(node), 1);
    if (members.length > 0) return;
    this.#ids.delete(this.#values[domain] ?? "");
    this.#values[domain] = "";
    this.#free.push(domain);
  }

  #open(value: string): number {
    const domain = this.#free.pop() ?? this.members.length;
    this.#ids.set(value, domain);
    this.#values[domain] = value;
    this.members[domain] ??= [];
    return domain;
  }
}
