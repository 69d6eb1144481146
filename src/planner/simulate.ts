import type { Millis } from "../base/clock.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { ForecastRecord, type Recorded } from "./forecast-record.ts";
import type { AgentPace, PodFate } from "./sim-agent.ts";
import { SimCluster, type Placement, type PlacePods } from "./sim-cluster.ts";
import { SimWorld } from "./sim-world.ts";
import type { World } from "./world.ts";

export interface SimulateOptions {
  readonly schedule: PlacePods;
  /** Plans, placements and moves of the clock at most. */
  readonly maxRounds: number;
  /** `refKey`s of what changed; everything, unless given. */
  readonly keys?: readonly string[];
  readonly pace?: AgentPace;
}

export interface SimulatedRollout extends Recorded {
  /** Pods that have no node at the end, with the reason. */
  readonly unplaced: Placement["unplaced"];
  /** Whether it came to rest within `maxRounds`. */
  readonly isSettled: boolean;
  /** Virtual time that it took. */
  readonly elapsedMs: Millis;
}

/** Times of a forecast: what matters is their order, not their length. */
const PACE: AgentPace = { startMs: 2000, stopMs: 1000, workMs: 5000 };
/** What happens later than this is no part of a rollout. */
const HORIZON_MS: Millis = 3_600_000;

/**
 * What becomes of a world, by the very planners and the scheduler it is given, when all goes well: every pod that finds
 * a node serves or does its work. `world` is not changed. Pure.
 */
export function simulateRollout(world: World, options: SimulateOptions): SimulatedRollout {
  return rollOut(SimWorld.from(world), options);
}

/**
 * The same on a world of one's own, which it changes. Whenever nothing more happens at a moment, `whenQuiet` may change
 * the world, and says whether it did.
 */
export function rollOut(
  world: SimWorld,
  options: SimulateOptions,
  whenQuiet: () => boolean = () => false,
): SimulatedRollout {
  const startedAt = world.now;
  const record = new ForecastRecord(world);
  const cluster = new SimCluster(world, {
    ...(options.pace ?? PACE),
    schedule: options.schedule,
    fateOf: usualFate,
    onChange: (change) => record.see(change),
    onPreempt: (preemption) => record.preempt(preemption),
  });
  if (options.keys === undefined) cluster.wakeAll();
  else for (const key of options.keys) cluster.wake(key);
  const isSettled = settle(cluster, startedAt + HORIZON_MS, options.maxRounds, whenQuiet);
  return {
    ...record.result(),
    unplaced: cluster.unplaced,
    isSettled,
    elapsedMs: record.lastAt - startedAt,
  };
}

function settle(
  cluster: SimCluster,
  limit: Millis,
  maxRounds: number,
  whenQuiet: () => boolean,
): boolean {
  for (let round = 0; round < maxRounds; round += 1) {
    if (!cluster.work() && !whenQuiet() && !cluster.sleep(limit)) return true;
  }
  return false;
}

function usualFate({ spec }: Pod): PodFate {
  return spec.restartPolicy === "Always" ? "serves" : "succeeds";
}
