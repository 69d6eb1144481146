import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { parseRefKey, refKey, refOf } from "../model/meta.ts";
import { RESOURCES } from "../model/resources.ts";
import { planObject, wakeKeysOfChange } from "../planner/plan-object.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { Admission } from "./admission.ts";
import type { EventWriter } from "./event-writer.ts";
import { executePlan } from "./execute.ts";
import { Loop, type Outcome } from "./loop.ts";
import { PLANNER_QUEUES, queueOf } from "./planner-queues.ts";
import type { QueueMetrics } from "./queue-metrics.ts";
import type { StoreWorld } from "./store-world.ts";

export interface PlannerLoopOptions {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly events: EventWriter;
  readonly admission?: Admission | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: QueueMetrics | undefined;
}

/**
 * Plans every object that something happened to, and all of them once at the start. Runs until `signal` aborts.
 *
 * What Kubernetes' controllers call expectations holds by construction: a write's promise resolves once the cache shows
 * it, and a key is looked at again only after that; so a plan never misses what the one before it created. Should two
 * control planes overlap, the names of new pods are derived from the owner's revision, so that both make the same ones.
 */
export async function runPlannerLoop(
  options: PlannerLoopOptions,
  signal: AbortSignal,
): Promise<void> {
  const { objects, world, clock, logger } = options;
  const reconcile = async (key: string): Promise<Outcome> => {
    const plan = planObject(world.at(clock.now()), parseRefKey(key));
    const complete = await executePlan(plan, options);
    if (!complete) return { lookAgainAt: clock.now() };
    return plan.lookAgainAt === undefined ? {} : { lookAgainAt: plan.lookAgainAt };
  };
  const { metrics } = options;
  const loops = new Map(
    PLANNER_QUEUES.map(({ name, workers }) => {
      return [name, new Loop({ name, clock, logger, workers, reconcile, metrics })];
    }),
  );
  const add = (key: string): void => loops.get(queueOf(key))?.add(key);
  const unsubscribe = objects.subscribe((event) => {
    const now = world.at(clock.now());
    const { kind, previous } = event;
    const after = kind === "deleted" && previous !== undefined ? undefined : event.object;
    for (const key of wakeKeysOfChange(now, previous, after)) add(key);
  });
  for (const resource of RESOURCES) {
    for (const { object } of objects.list(resource).items) {
      add(refKey(refOf(object)));
    }
  }
  try {
    await Promise.all([...loops.values()].map((loop) => loop.run(signal)));
  } finally {
    unsubscribe();
  }
}
