import type { Frontend } from "./frontend.ts";
import { ownParts } from "./nft-own.ts";
import type { OwnParts } from "./nft-own.ts";
import { frontendsInForce } from "./service-table.ts";
import type { ServiceTable } from "./service-table.ts";

/** Names of chains and sets of our table. */
export interface Names {
  readonly chains: readonly string[];
  readonly sets: readonly string[];
}

/** Collects how the parts that frontends have for themselves differ. */
export class OwnChange {
  readonly #next: ServiceTable;
  readonly #podCidr: string;
  readonly #chains = new Map<string, readonly string[]>();
  readonly #clients = new Map<string, number>();
  readonly #left = { chains: new Set<string>(), sets: new Map<string, string>() };
  readonly #used = { chains: new Set<string>(), sets: new Set<string>() };

  constructor(next: ServiceTable, podCidr: string) {
    this.#next = next;
    this.#podCidr = podCidr;
  }

  compare(
    before: Frontend | undefined,
    after: Frontend | undefined,
  ): { readonly had: OwnParts | undefined; readonly has: OwnParts | undefined } {
    const had = before === undefined ? undefined : ownParts(before, this.#podCidr);
    const has = after === undefined ? undefined : ownParts(after, this.#podCidr);
    if (has !== undefined) this.#use(has, had);
    if (had !== undefined) this.#leave(had, has, before?.service ?? "");
    return { had, has };
  }

  #use(has: OwnParts, had: OwnParts | undefined): void {
    for (const [chain, rules] of has.chains) {
      this.#used.chains.add(chain);
      if (had?.chains.get(chain)?.join("\n") !== rules.join("\n")) this.#chains.set(chain, rules);
    }
    for (const [set, seconds] of has.clients) {
      this.#used.sets.add(set);
      if (had?.clients.get(set) !== seconds) this.#clients.set(set, seconds);
    }
  }

  #leave(had: OwnParts, has: OwnParts | undefined, service: string): void {
    for (const chain of had.chains.keys())
      if (has?.chains.has(chain) !== true) this.#left.chains.add(chain);
    for (const set of had.clients.keys()) this.#left.sets.set(set, service);
  }

  result(): {
    readonly idle: Names;
    readonly used: Names;
    readonly chains: ReadonlyMap<string, readonly string[]>;
    readonly clients: ReadonlyMap<string, number>;
  } {
    const sets = [...this.#left.sets].filter(([set, service]) => !this.#isUsed(set, service));
    return {
      chains: this.#chains,
      clients: this.#clients,
      idle: {
        chains: [...this.#left.chains].filter((chain) => !this.#used.chains.has(chain)),
        sets: sets.map(([set]) => set),
      },
      used: { chains: [...this.#used.chains], sets: [...this.#used.sets] },
    };
  }

  /** Other frontends of the Service may know the same clients. */
  #isUsed(set: string, service: string): boolean {
    if (this.#used.sets.has(set)) return true;
    return frontendsInForce(this.#next, service).some((frontend) =>
      ownParts(frontend, this.#podCidr).clients.has(set),
    );
  }
}
