import type { Clock, Millis } from "../base/clock.ts";
import { addressAt, formatCidr, parseCidr, parseIpv4, type Cidr } from "../model/cidr.ts";

/** A released address rests before someone else gets it: nobody still sends to the last owner then. */
export const ADDRESS_REST_MS: Millis = 60_000;
/** The network itself, and the node. */
const FIRST_INDEX = 2;

/** No address is left in the node's network. */
export class AddressesExhaustedError extends Error {
  override readonly name = "AddressesExhaustedError";
}

/** What of a pool must outlive the agent, so that addresses rest as long as they should. */
export interface AddressMemory {
  readonly taken: readonly string[];
  /** When each was released, in ms since the epoch. */
  readonly resting: Readonly<Record<string, Millis>>;
}

/**
 * The addresses of a node's pods: the lowest that is free and has rested. An owner keeps its address until it is
 * released. What runs says what is taken; the memory only says what rests, so losing it loses no address. What was taken
 * then and is not asked for again rests from the start on.
 */
export class AddressPool {
  readonly #cidr: Cidr;
  readonly #clock: Clock;
  readonly #taken = new Map<string, string>();
  /** The same the other way around. */
  readonly #byOwner = new Map<string, string>();
  readonly #releasedAt = new Map<string, Millis>();

  constructor(podCidr: string, clock: Clock, memory?: AddressMemory) {
    const cidr = parseCidr(podCidr);
    if (cidr === undefined || cidr.bits > 29) {
      throw new Error(
        `Cannot hand out addresses: "${podCidr}" is not a network of 8 addresses or more`,
      );
    }
    this.#cidr = cidr;
    this.#clock = clock;
    const [now, today] = [clock.monotonic(), clock.now()];
    for (const address of memory?.taken ?? []) this.#releasedAt.set(address, now);
    for (const [address, at] of Object.entries(memory?.resting ?? {})) {
      const restedMs = Math.min(Math.max(today - at, 0), ADDRESS_REST_MS);
      this.#releasedAt.set(address, now - restedMs);
    }
  }

  /** For a pool that begins where this one ends. */
  remember(): AddressMemory {
    const [now, today] = [this.#clock.monotonic(), this.#clock.now()];
    const resting = [...this.#releasedAt].filter(([, at]) => now - at < ADDRESS_REST_MS);
    return {
      taken: [...this.#taken.keys()],
      resting: Object.fromEntries(resting.map(([address, at]) => [address, today - (now - at)])),
    };
  }

  addressOf(owner: string): string | undefined {
    return this.#byOwner.get(owner);
  }

  /** The owner's address: the one that it has, else `wanted` if nobody has it, else a free one. */
  reserve(owner: string, wanted?: string): string {
    const held = this.addressOf(owner);
    if (held !== undefined) return held;
    const address =
      wanted !== undefined && this.#isUsable(wanted) && !this.#taken.has(wanted)
        ? wanted
        : this.#lowestFree();
    this.#taken.set(address, owner);
    this.#byOwner.set(owner, address);
    this.#releasedAt.delete(address);
    return address;
  }

  release(owner: string): void {
    const address = this.#byOwner.get(owner);
    if (address === undefined) return;
    this.#byOwner.delete(owner);
    this.#taken.delete(address);
    this.#releasedAt.set(address, this.#clock.monotonic());
  }

  #lowestFree(): string {
    const now = this.#clock.monotonic();
    const last = 2 ** (32 - this.#cidr.bits) - 2;
    let longestResting: string | undefined;
    for (let index = FIRST_INDEX; index <= last; index += 1) {
      const address = addressAt(this.#cidr, index);
      if (this.#taken.has(address)) continue;
      const releasedAt = this.#releasedAt.get(address);
      if (releasedAt === undefined || now - releasedAt >= ADDRESS_REST_MS) return address;
      if (releasedAt < (this.#releasedAt.get(longestResting ?? "") ?? Infinity))
        longestResting = address;
    }
    if (longestResting !== undefined) return longestResting;
    throw new AddressesExhaustedError(
      `Cannot give a pod an address: all ${last - FIRST_INDEX + 1} of the node's network ${formatCidr(this.#cidr)} are in use`,
    );
  }

  #isUsable(address: string): boolean {
    const number = parseIpv4(address);
    if (number === undefined) return false;
    const index = number - this.#cidr.base;
    return index >= FIRST_INDEX && index <= 2 ** (32 - this.#cidr.bits) - 2;
  }
}
