import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { createScheduler } from "../scheduler/create-scheduler.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { EventWriter } from "./event-writer.ts";
import { SchedulerDriver } from "./scheduler-loop-driver.ts";

export interface SchedulerLoopOptions {
  readonly objects: ObjectStore;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A fresh one; Berth's own unless given. */
  readonly scheduler?: Scheduler;
}

/** Places pods that have no node, whenever one appears or something changed that could help. Until `signal` aborts. */
export async function runSchedulerLoop(
  options: SchedulerLoopOptions,
  signal: AbortSignal,
): Promise<void> {
  const { objects, scheduler = createScheduler() } = options;
  const driver = new SchedulerDriver({ ...options, scheduler });
  const unsubscribe = objects.subscribe((event) => driver.observe(event));
  try {
    await driver.load(signal);
    await driver.run(signal);
  } finally {
    unsubscribe();
    await driver.settled();
  }
}
