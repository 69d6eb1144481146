import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { Loop, type Outcome } from "../../src/controller/loop.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";

describe("Loop", () => {
  let clock: ManualClock;
  let looks: string[];
  let answer: (key: string) => Outcome | Error;
  let loop: Loop;
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(() => {
    clock = new ManualClock();
    looks = [];
    answer = () => ({});
    stop = new AbortController();
    loop = new Loop({
      name: "test",
      clock,
      logger: silentLogger,
      workers: 2,
      reconcile: (key) => {
        looks.push(key);
        const result = answer(key);
        return result instanceof Error ? Promise.reject(result) : Promise.resolve(result);
      },
    });
    running = loop.run(stop.signal);
  });

  afterEach(async () => {
    stop.abort();
    await running;
    expect(clock.sleeping, "alarms left after the end").toBe(0);
  });

  test("looks at each key that was added", async () => {
    loop.add("a");
    loop.add("b");
    await settle();
    expect(looks).toEqual(["a", "b"]);
  });

  test("looks again at the time that a look asked for, and not before", async () => {
    answer = () => (looks.length === 1 ? { lookAgainAt: clock.now() + 1000 } : {});
    loop.add("a");
    await settle();
    await clock.advance(999);
    expect(looks).toEqual(["a"]);
    await clock.advance(1);
    expect(looks).toEqual(["a", "a"]);
  });

  test("keeps the nearer of two alarms of a key", async () => {
    const times = [5000, 1000, undefined, undefined];
    answer = () => {
      const ms = times.shift();
      return ms === undefined ? {} : { lookAgainAt: clock.now() + ms };
    };
    loop.add("a");
    await settle();
    loop.add("a");
    await settle();
    await clock.advance(1000);
    expect(looks).toHaveLength(3);
    await clock.advance(10_000);
    expect(looks, "the later alarm was replaced").toHaveLength(3);
  });

  test("tries again later and later after failures, and from the start after a success", async () => {
    answer = () => new Error("no");
    loop.add("a");
    await settle();
    await clock.advance(50);
    expect(looks).toHaveLength(2);
    await clock.advance(50);
    expect(looks).toHaveLength(2);
    await clock.advance(50);
    expect(looks).toHaveLength(3);
    answer = () => ({});
    await clock.advance(200);
    expect(looks).toHaveLength(4);
    answer = () => new Error("no");
    loop.add("a");
    await settle();
    await clock.advance(50);
    expect(looks).toHaveLength(6);
  });
});
