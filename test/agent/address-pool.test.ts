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

interface Step {
  readonly kind: "reserve" | "release" | "wait";
  readonly owner: string;
  readonly wanted: string | undefined;
  readonly ms: number;
}

const step = fc.record<Step>({
  kind: fc.constantFrom("reserve", "reserve", "release", "wait"),
  owner: fc.constantFrom("a", "b", "c", "d", "e", "f"),
  wanted: fc.constantFrom(undefined, "10.1.2.0", "10.1.2.3", "10.1.2.7"),
  ms: fc.constantFrom(1, ADDRESS_REST_MS),
});

test("whatever happens, no two owners share an address and none is reserved for the network", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new ManualClock();
      const pool = new AddressPool("10.1.2.0/29", clock);
      const held = new Map<string, string>();
      for (const next of steps) {
        if (next.kind === "wait") await clock.advance(next.ms);
        else if (next.kind === "release") {
          pool.release(next.owner);
          held.delete(next.owner);
        } else if (held.size === 5 && !held.has(next.owner)) {
          expect(() => pool.reserve(next.owner, next.wanted)).toThrow(AddressesExhaustedError);
        } else {
          const address = pool.reserve(next.owner, next.wanted);
          expect(["10.1.2.0", "10.1.2.1", "10.1.2.7"]).not.toContain(address);
          expect(held.get(next.owner) ?? address).toBe(address);
          held.set(next.owner, address);
        }
        expect(new Set(held.values()).size).toBe(held.size);
      }
    }),
    { numRuns: 50 },
  );
});
