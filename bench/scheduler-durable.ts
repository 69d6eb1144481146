import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "../src/base/logger.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { SchedulerDriver } from "../src/controller/scheduler-loop-driver.ts";
import type { Pod } from "../src/model/kinds.gen.ts";
import type { ApiObject } from "../src/model/meta.ts";
import { newSchedulerCore } from "../src/scheduler/core.ts";
import { createScheduler } from "../src/scheduler/create-scheduler.ts";
import { openObjectStore, type OpenObjectStore } from "../src/store/cached-object-store.ts";
import { openLmdbStore } from "../src/store/lmdb-store.ts";
import type { Workload } from "./scheduler-workloads.ts";

/** Objects per transaction while the cluster is set up. */
const BATCH = 100;

/** Pods per second that the control plane's scheduler loop places and binds in an LMDB store; events are left out. */
export async function placeDurably(workload: Workload, signal: AbortSignal): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-scheduler-"));
  try {
    const store = await openLmdbStore({ path: folder, clock: systemClock });
    const objects = await openObjectStore({ store, clock: systemClock });
    try {
      await fill(objects, workload);
      return await bindAll(objects, workload.measured.length, signal);
    } finally {
      await objects.close();
      await store.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(objects: OpenObjectStore, workload: Workload): Promise<void> {
  const { namespaces = [], services = [], nodes, init, measured } = workload;
  const core = newSchedulerCore();
  for (const object of [...services, ...nodes]) core.upsert(object);
  const placed = init.map((pod): Pod => {
    const placement = core.place(pod);
    if (placement.kind === "refused") throw new Error(`${pod.metadata.name} fits nowhere`);
    core.assume(pod, placement.node);
    return { ...pod, spec: { ...pod.spec, nodeName: placement.node } };
  });
  await createAll(objects, [...namespaces, ...services, ...nodes, ...placed, ...measured]);
}

async function createAll(objects: OpenObjectStore, all: readonly ApiObject[]): Promise<void> {
  for (let from = 0; from < all.length; from += BATCH) {
    const batch = all.slice(from, from + BATCH);
    await objects.transact(batch.map((object) => ({ kind: "create", object })));
  }
}

async function bindAll(
  objects: OpenObjectStore,
  count: number,
  signal: AbortSignal,
): Promise<number> {
  const driver = new SchedulerDriver({
    scheduler: createScheduler(),
    objects,
    events: { write: () => undefined },
    clock: systemClock,
    logger: silentLogger,
  });
  await driver.load(signal);
  const stop = new AbortController();
  const ended = AbortSignal.any([signal, stop.signal]);
  let missing = count;
  const startedAt = performance.now();
  let ms = 0;
  const unsubscribe = objects.subscribe((event) => {
    driver.observe(event);
    const pod = event.object as Pod;
    const before = event.previous as Pod | undefined;
    if (pod.kind !== "Pod" || pod.spec.nodeName === undefined) return;
    if (before?.spec.nodeName !== undefined) return;
    missing -= 1;
    if (missing > 0) return;
    ms = performance.now() - startedAt;
    stop.abort();
  });
  await driver.run(ended);
  unsubscribe();
  await driver.settled();
  signal.throwIfAborted();
  return (count * 1000) / ms;
}
