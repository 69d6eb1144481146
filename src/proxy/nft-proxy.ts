import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { tableName } from "../model/instance.ts";
import {
  isWhole,
  renderChange,
  renderCheck,
  renderCleaning,
  renderFull,
  renderGlance,
} from "./nft-ruleset.ts";
import type { Names } from "./nft-own-change.ts";
import type { RulesetChange, RulesetOptions } from "./nft-ruleset.ts";
import type { Nft } from "./nft.ts";
import { serial } from "./serial.ts";
import type { ServiceProxy } from "./service-proxy.ts";
import { EMPTY_TABLE } from "./service-table.ts";
import type { ServiceTable } from "./service-table.ts";

export interface NftProxyOptions {
  readonly nft: Nft;
  readonly ruleset: RulesetOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Frontends per transaction of a first load: the kernel's rule lock is free for others in between. */
const CHUNK_FRONTENDS = 5000;

/** How soon a table that somebody else flushed is put back. */
const GLANCE_INTERVAL_MS = 900;

/** Every so many glances it is asked for each set whether somebody emptied it. */
const CHECK_EVERY = 5;

/** How long what is of no use any more stays, empty. */
const IDLE_MS = 2000;

/** Keeps our nftables table as the last `ServiceTable` that it was given says. */
export class NftProxy implements ServiceProxy {
  readonly #options: NftProxyOptions;
  readonly #inTurn = serial();
  /** What the kernel holds; `undefined` while that is not known for sure. */
  #held: ServiceTable | undefined;
  /** What it shall hold. */
  #wanted: ServiceTable | undefined;
  /** Chains and sets that the kernel holds for nothing, with the time since when. */
  readonly #idle = { chains: new Map<string, Millis>(), sets: new Map<string, Millis>() };

  constructor(options: NftProxyOptions) {
    this.#options = options;
  }

  /** Resolves once the kernel has taken `table`. Throws a `ProxyError`; the next call then replaces everything. */
  apply(table: ServiceTable, signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      this.#wanted = table;
      if (this.#held === undefined) return this.#load(table, signal);
      const change = renderChange(this.#held, table, this.#options.ruleset);
      if (change.script !== "") {
        this.#held = undefined;
        try {
          await this.#options.nft.change(change.script, signal);
          this.#note(change);
        } catch (error) {
          if (signal.aborted) throw error;
          this.#options.logger.warn(
            { error },
            "A change of the nftables table was refused: replacing it",
          );
          return this.#load(table, signal);
        }
      }
      this.#held = table;
    });
  }

  isServing(signal: AbortSignal): Promise<boolean> {
    return this.#options.nft.hasTable(tableName(this.#options.ruleset.clusterId), signal);
  }

  /** Looks all the time whether somebody flushed the table, and puts it back. Until `signal` aborts. */
  async guard(signal: AbortSignal): Promise<void> {
    const { clock, logger, nft } = this.#options;
    for (let glances = 1; !signal.aborted; glances += 1) {
      try {
        await clock.sleep(GLANCE_INTERVAL_MS, signal);
        if (await this.repair(signal, glances % CHECK_EVERY === 0 ? "check" : "glance")) {
          logger.warn({}, "The nftables table was changed by somebody else: put it back");
        }
        await this.#clean(signal);
        nft.rest();
      } catch (error) {
        if (!signal.aborted) logger.error({ error }, "Cannot check the nftables table");
      }
    }
  }

  /** Replaces the whole table if it is not whole. True when that was so. */
  async repair(signal: AbortSignal, how: "check" | "glance" = "check"): Promise<boolean> {
    const { nft, ruleset } = this.#options;
    const script = how === "check" ? renderCheck(ruleset) : renderGlance(ruleset);
    const isWell = async (): Promise<boolean> =>
      this.#wanted === undefined ||
      (this.#held === this.#wanted && isWhole(await nft.look(script, signal)));
    // No change waits for this; one that is under way may mislead it.
    if (await isWell()) return false;
    return this.#inTurn(async () => {
      const wanted = this.#wanted;
      if (wanted === undefined || (await isWell())) return false;
      this.#held = undefined;
      await this.#load(wanted, signal);
      return true;
    });
  }

  #note({ idle, used }: RulesetChange): void {
    const now = this.#options.clock.monotonic();
    for (const part of ["chains", "sets"] as const) {
      for (const name of idle[part]) this.#idle[part].set(name, now);
      for (const name of used[part]) this.#idle[part].delete(name);
    }
  }

  /** Kernels before 6.2 refuse to take away what was in use a moment ago. */
  #clean(signal: AbortSignal): Promise<void> {
    return this.#inTurn(async () => {
      const { nft, ruleset, clock } = this.#options;
      if (this.#held === undefined) return;
      const until = clock.monotonic() - IDLE_MS;
      const old = (names: ReadonlyMap<string, Millis>): readonly string[] =>
        [...names].filter(([, since]) => since <= until).map(([name]) => name);
      const names: Names = { chains: old(this.#idle.chains), sets: old(this.#idle.sets) };
      if (names.chains.length + names.sets.length === 0) return;
      await nft.apply(renderCleaning(names, ruleset), signal);
      for (const chain of names.chains) this.#idle.chains.delete(chain);
      for (const set of names.sets) this.#idle.sets.delete(set);
    });
  }

  /** Over a table that serves already it goes in one transaction; where there is none, in chunks. */
  async #load(table: ServiceTable, signal: AbortSignal): Promise<void> {
    const { nft, ruleset } = this.#options;
    this.#idle.chains.clear();
    this.#idle.sets.clear();
    const isFirst = !(await nft.hasTable(tableName(ruleset.clusterId), signal));
    if (isFirst && table.claims.size > CHUNK_FRONTENDS) {
      await nft.apply(renderFull(EMPTY_TABLE, ruleset), signal);
      let loaded = EMPTY_TABLE;
      for (const part of growingTables(table)) {
        await nft.apply(renderChange(loaded, part, ruleset).script, signal);
        loaded = part;
      }
    } else await nft.apply(renderFull(table, ruleset), signal);
    this.#held = table;
  }
}

/** Tables that lead to `table` step by step; the last one has all of it. */
function* growingTables(table: ServiceTable): Generator<ServiceTable> {
  const claims = [...table.claims.entries()];
  let part = EMPTY_TABLE.claims;
  for (let start = 0; start < claims.length; start += CHUNK_FRONTENDS) {
    const editor = part.edit();
    for (const [key, value] of claims.slice(start, start + CHUNK_FRONTENDS)) editor.set(key, value);
    part = editor.finish();
    yield { ...table, claims: part };
  }
}
