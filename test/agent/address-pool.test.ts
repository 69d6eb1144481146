import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ADDRESS_REST_MS,
  AddressesExhaustedError,
  AddressPool,
} from "../../src/agent/address-pool.ts";
import { ManualClock } from "../support/manual-clock.ts";

test("gives the lowest address, from .2 on", () => {
  const pool = new AddressPool("10.1.2.0/24", new ManualClock());
  expect([pool.reserve("a"), pool.reserve("b"), pool.reserve("a")]).toEqual([
    "10.1.2.2",
    "10.1.2.3",
    "10.1.2.2",
  ]);
});

test("gives the wanted address if nobody has it", () => {
  const pool = new AddressPool("10.1.2.0/24", new ManualClock());
  expect(pool.reserve("a", "10.1.2.9")).toBe("10.1.2.9");
  expect(pool.reserve("b", "10.1.2.9")).toBe("10.1.2.2");
  expect(pool.reserve("c", "10.9.9.9")).toBe("10.1.2.3");
  expect(pool.reserve("d", "10.1.2.1")).toBe("10.1.2.4");
});

test("a released address rests a minute, but goes back to who wants it", async () => {
  const clock = new ManualClock();
  const pool = new AddressPool("10.1.2.0/24", clock);
  pool.reserve("a");
  pool.release("a");
  await clock.advance(ADDRESS_REST_MS - 1);
  expect(pool.reserve("b")).toBe("10.1.2.3");
  await clock.advance(1);
  expect(pool.reserve("c")).toBe("10.1.2.2");
  pool.release("c");
  expect(pool.reserve("d", "10.1.2.2")).toBe("10.1.2.2");
});

test("a resting address is better than none; then it says that there is none", () => {
  const pool = new AddressPool("10.1.2.0/29", new ManualClock());
  for (const owner of ["a", "b", "c", "d", "e"]) pool.reserve(owner);
  expect(() => pool.reserve("f")).toThrow(AddressesExhaustedError);
  pool.release("c");
  expect(pool.reserve("f")).toBe("10.1.2.4");
});

test("released addresses rest on after a restart, as long as they would have", async () => {
  const clock = new ManualClock();
  const before = new AddressPool("10.1.2.0/24", clock);
  before.reserve("a");
  before.reserve("b");
  before.release("a");
  await clock.advance(ADDRESS_REST_MS - 1);
  const after = new AddressPool("10.1.2.0/24", clock, before.remember());
  expect(after.reserve("b", "10.1.2.3")).toBe("10.1.2.3");
  expect(after.reserve("c")).toBe("10.1.2.4");
  await clock.advance(1);
  expect(after.reserve("d")).toBe("10.1.2.2");
});

test("what was taken before a restart and is not there any more rests from then on", async () => {
  const clock = new ManualClock();
  const before = new AddressPool("10.1.2.0/24", clock);
  before.reserve("crashed");
  await clock.advance(ADDRESS_REST_MS * 10);
  const after = new AddressPool("10.1.2.0/24", clock, before.remember());
  expect(after.reserve("a")).toBe("10.1.2.3");
  await clock.advance(ADDRESS_REST_MS);
  expect(after.reserve("b")).toBe("10.1.2.2");
});

interface Step {
  readonly kind: "reserve" | "release" | "wait" | "restart";
  readonly owner: string;
  readonly wanted: string | undefined;
  readonly ms: number;
}

const step = fc.record<Step>({
  kind: fc.constantFrom("reserve", "reserve", "release", "wait", "restart"),
  owner: fc.constantFrom("a", "b", "c", "d", "e", "f"),
  wanted: fc.constantFrom(undefined, undefined, "10.1.2.0", "10.1.2.3", "10.1.2.7"),
  ms: fc.constantFrom(1, ADDRESS_REST_MS / 2, ADDRESS_REST_MS),
});

/** What a pool must keep to, whatever comes. */
class PoolJudge {
  readonly clock: ManualClock = new ManualClock();
  readonly #held = new Map<string, string>();
  readonly #releasedAt = new Map<string, number>();
  #pool = new AddressPool("10.1.2.0/29", this.clock);

  async take({ kind, owner, wanted, ms }: Step): Promise<void> {
    if (kind === "wait") await this.clock.advance(ms);
    else if (kind === "restart") this.#restart();
    else if (kind === "release") this.#release(owner);
    else if (this.#held.size === 5 && !this.#held.has(owner)) {
      expect(() => this.#pool.reserve(owner, wanted)).toThrow(AddressesExhaustedError);
    } else this.#reserve(owner, wanted);
    expect(new Set(this.#held.values()).size).toBe(this.#held.size);
  }

  /** The agent begins anew: what runs says again which addresses it has. */
  #restart(): void {
    this.#pool = new AddressPool("10.1.2.0/29", this.clock, this.#pool.remember());
    for (const [owner, address] of this.#held)
      expect(this.#pool.reserve(owner, address)).toBe(address);
  }

  #release(owner: string): void {
    this.#pool.release(owner);
    const address = this.#held.get(owner);
    if (address !== undefined) this.#releasedAt.set(address, this.clock.now());
    this.#held.delete(owner);
  }

  #reserve(owner: string, wanted: string | undefined): void {
    const free = ["10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"].filter(
      (address) => ![...this.#held.values()].includes(address),
    );
    const rested = free.filter((address) => this.#hasRested(address));
    const address = this.#pool.reserve(owner, wanted);
    expect(["10.1.2.0", "10.1.2.1", "10.1.2.7"]).not.toContain(address);
    expect(this.#held.get(owner) ?? address).toBe(address);
    if (!this.#held.has(owner) && address !== wanted && rested.length > 0)
      expect(rested).toContain(address);
    this.#held.set(owner, address);
  }

  #hasRested(address: string): boolean {
    return this.clock.now() - (this.#releasedAt.get(address) ?? -Infinity) >= ADDRESS_REST_MS;
  }
}

test("whatever happens, no two owners share an address, and no address is given away unrested", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const judge = new PoolJudge();
      for (const next of steps) await judge.take(next);
    }),
    { numRuns: 100 },
  );
});
