import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { CALM, Chance } from "../../src/agent/hollow-chance.ts";
import { HollowRuntime } from "../../src/agent/hollow-runtime.ts";
import { describeRuntime } from "../support/runtime-contract.ts";

const SIGNAL = AbortSignal.timeout(30_000);
const AT_ONCE = [0, 1] as const;
const QUICK = { ...CALM, pull: AT_ONCE, create: AT_ONCE, start: AT_ONCE, stop: AT_ONCE };

describeRuntime("The hollow runtime", async () => {
  const runtime = new HollowRuntime({
    behavior: QUICK,
    clock: systemClock,
    cpus: 2,
    memoryBytes: 2 ** 32,
  });
  await runtime.pull("app:1", SIGNAL);
  return {
    runtime,
    image: "app:1",
    clusterId: "hollow",
    [Symbol.asyncDispose]: () => Promise.resolve(runtime.close()),
  };
});

describe("Chance", () => {
  test("gives the same for the same seed, and something else for another", () => {
    const draw = (seed: number): readonly number[] => {
      const chance = new Chance(seed);
      return Array.from({ length: 100 }, () => chance.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(7).every((value) => value >= 0 && value < 1)).toBe(true);
  });

  test("keeps to its spans, its probabilities and its rates", () => {
    const chance = new Chance(42);
    const many = Array.from({ length: 20_000 }, () => chance);
    expect(many.every((one) => one.within([5, 9]) >= 5 && one.within([5, 9]) <= 9)).toBe(true);
    const share = many.filter((one) => one.happens(0.3)).length / many.length;
    expect(share).toBeCloseTo(0.3, 1);
    const sum = many.reduce((total, one) => total + (one.untilNext(60) ?? 0), 0);
    expect(sum / many.length / 60_000).toBeCloseTo(1, 1);
    expect(chance.untilNext(0)).toBeUndefined();
    expect(chance.happens(0)).toBe(false);
  });
});
