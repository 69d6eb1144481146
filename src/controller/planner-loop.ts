import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { parseRefKey, refKey, refOf } from "../model/meta.ts";
import { RESOURCES } from "../model/resources.ts";
import { planObject, wakeKeys } from "../planner/plan-object.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { EventWriter } from "./event-writer.ts";
import { executePlan } from "./execute.ts";
import { Loop } from "./loop.ts";
import type { StoreWorld } from "./store-world.ts";

export interface PlannerLoopOptions {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Objects planned at the same time. Planning is synchronous; this bounds the writes under way. */
const WORKERS = 16;

/** Plans every object that something happened to, and all of them once at the start. Runs until `signal` aborts. */
export async function runPlannerLoop(
  options: PlannerLoopOptions,
  signal: AbortSignal,
): Promise<void> {
  const { objects, world, clock, logger } = options;
  const loop = new Loop({
    name: "planner",
    clock,
    logger,
    workers: WORKERS,
    reconcile: async (key) => {
      const plan = planObject(world.at(clock.now()), parseRefKey(key));
      const complete = await executePlan(plan, options);
      if (!complete) return { lookAgainAt: clock.now() };
      return plan.lookAgainAt === undefined ? {} : { lookAgainAt: plan.lookAgainAt };
    },
  });
  const unsubscribe = objects.subscribe((event) => {
    const now = world.at(clock.now());
    for (const key of wakeKeys(now, event.object)) loop.add(key);
    if (event.previous !== undefined)
      for (const key of wakeKeys(now, event.previous)) loop.add(key);
  });
  for (const resource of RESOURCES) {
    for (const { object } of objects.list(resource).items) {
      loop.add(refKey(refOf(object)));
    }
  }
  try {
    await loop.run(signal);
  } finally {
    unsubscribe();
  }
}
