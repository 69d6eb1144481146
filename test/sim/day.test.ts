import { describe, expect, test } from "vitest";
import { NOW } from "../support/builders.ts";
import { disturb, makePeace } from "./day-history.ts";
import { seeded } from "./day-random.ts";
import { DayRig } from "./day-rig.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The longest pause between two disturbances; every other one comes while the last is still felt. */
const LONG_PAUSE_MS = 12 * MINUTE;
const SHORT_PAUSE_MS = 20_000;

/** `BERTH_SIM_SEEDS=1,7,20-40` lives whole days; without it a few short ones, the same ones every time. */
const asked = process.env["BERTH_SIM_SEEDS"];
const seeds = asked === undefined ? [1, 2, 3] : parseSeeds(asked);
const hours = Number(process.env["BERTH_SIM_HOURS"] ?? (asked === undefined ? 1 : 24));

function parseSeeds(text: string): readonly number[] {
  return text.split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

describe("a day of a cluster", () => {
  test.for(seeds)(
    "seed %i: what must never be never is, and all is well when the trouble is over",
    { timeout: 120_000 },
    (seed) => {
      const startedAt = performance.now();
      const rig = new DayRig(seeded(seed));
      const log: string[] = [];
      try {
        rig.runUntil(NOW + 10 * MINUTE);
        expect(rig.unhealthy().filter((line) => !line.startsWith("Job "))).toEqual([]);
        while (rig.world.now < NOW + hours * HOUR) {
          log.push(`${new Date(rig.world.now).toISOString()} ${disturb(rig)}`);
          const pauseMs = rig.random.next() < 0.5 ? SHORT_PAUSE_MS : LONG_PAUSE_MS;
          rig.runUntil(rig.world.now + rig.random.below(pauseMs));
          expect(rig.judge.broken).toEqual([]);
          if (rig.world.now > rig.lossyUntil + 1000) expect(rig.restless()).toEqual([]);
        }
        makePeace(rig);
        rig.runUntil(rig.world.now + 90 * MINUTE);
        const { created } = rig.judge;
        rig.runUntil(rig.world.now + 30 * MINUTE);
        expect(rig.judge.broken).toEqual([]);
        expect(rig.unhealthy()).toEqual([]);
        expect(rig.restless()).toEqual([]);
        expect(rig.judge.created - created, "pods made without a reason").toBe(0);
      } catch (error) {
        const replay = `BERTH_SIM_SEEDS=${seed} BERTH_SIM_HOURS=${hours} npx vitest run --project unit test/sim/day.test.ts`;
        console.error([...log.slice(-8), `replay with: ${replay}`].join("\n"));
        throw error;
      }
      if (asked !== undefined)
        console.info(
          `seed ${seed}: ${hours} h, ${log.length} disturbances, ${rig.judge.created} pods in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
        );
    },
  );
});
