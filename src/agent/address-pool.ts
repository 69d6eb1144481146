import type { Clock, Millis } from "../base/clock.ts";
import { addressAt, parseCidr, parseIpv4, type Cidr } from "../model/cidr.ts";

/** A released address rests before someone else gets it: nobody still sends to the last owner then. */
export const ADDRESS_REST_MS: Millis = 60_000;
/** The network itself, and the node. */
const FIRST_INDEX = 2;

/** No address is left in the node's network. */
export class AddressesExhaustedError extends Error {
  override readonly name = "AddressesExhaustedError";
}

/**
 * The addresses of a node's pods: the lowest that is free and has rested. An owner keeps its address until it is
 * released. Nothing is stored: what runs says what is taken.
 */
export class AddressPool {
  readonly #cidr: Cidr;
  readonly #clock: Clock;
  readonly #taken = new Map<string, string>();
  readonly #releasedAt = new Map<string, Millis>();

  constructor(podCidr: string, clock: Clock) {
    const cidr = parseCidr(podCidr);
    if (cidr === undefined || cidr.bits > 29) {
      throw new Error(
        `Cannot hand out addresses: "${podCidr}" is not a network of 8 addresses or more`,
      );
    }
    this.#cidr = cidr;
    this.#clock = clock;
  }

  /** The owner's address: the one that it has, else `wanted` if nobody has it, else a free one. */
  reserve(owner: string, wanted?: string): string {
    const held = [...this.#taken].find(([, by]) => by === owner)?.[0];
    if (held !== undefined) return held;
    const address =
      wanted !== undefined && this.#isUsable(wanted) && !this.#taken.has(wanted)
        ? wanted
        : this.#lowestFree();
    this.#taken.set(address, owner);
    this.#releasedAt.delete(address);
    return address;
  }

  release(owner: string): void {
    for (const [address, by] of this.#taken) {
      if (by !== owner) continue;
      this.#taken.delete(address);
      this.#releasedAt.set(address, this.#clock.monotonic());
    }
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
      `Cannot give a pod an address: all ${last - FIRST_INDEX + 1} of the node's network are in use`,
    );
  }

  #isUsable(address: string): boolean {
    const number = parseIpv4(address);
    if (number === undefined) return false;
    const index = number - this.#cidr.base;
    return index >= FIRST_INDEX && index <= 2 ** (32 - this.#cidr.bits) - 2;
  }
}
