import { formatTime, type Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { setCondition } from "../model/condition.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";
import { couldHelp } from "../scheduler/could-help.ts";
import { schedule, type Binding, type Unplaced } from "../scheduler/schedule.ts";
import { ObjectStoreError, type ObjectStore } from "../store/object-store.ts";
import type { EventWriter } from "./event-writer.ts";
import { Loop } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";
import type { StoreWorld } from "./store-world.ts";

export interface SchedulerLoopOptions {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The one key of this loop: all pending pods are placed together. */
const ALL = "pending";

/** Places pods that have no node, whenever one appears or something changed that could help. Until `signal` aborts. */
export async function runSchedulerLoop(
  options: SchedulerLoopOptions,
  signal: AbortSignal,
): Promise<void> {
  const { objects, clock, logger } = options;
  const loop = new Loop({
    name: "scheduler",
    clock,
    logger,
    workers: 1,
    reconcile: async () => {
      const settled = await placePending(options);
      return settled ? {} : { lookAgainAt: clock.now() };
    },
  });
  const unsubscribe = objects.subscribe((event) => {
    if (couldHelp(event)) loop.add(ALL);
  });
  loop.add(ALL);
  try {
    await loop.run(signal);
  } finally {
    unsubscribe();
  }
}

/** Whether nothing overtook the placement. */
async function placePending(options: SchedulerLoopOptions): Promise<boolean> {
  const { world, clock } = options;
  const all = world.list("v1", "Pod") as readonly Pod[];
  const pending = all.filter(
    (pod) =>
      pod.spec.nodeName === undefined &&
      pod.metadata.deletionTimestamp === undefined &&
      !isFinished(pod),
  );
  if (pending.length === 0) return true;
  const placed = all.filter((pod) => pod.spec.nodeName !== undefined && !isFinished(pod));
  const nodes = world.list("v1", "Node") as readonly Node[];
  const { bindings, unplaced } = schedule({ pods: pending, nodes, placed, now: clock.now() });
  const bound = await Promise.all(bindings.map((binding) => bind(binding, options)));
  await Promise.all(unplaced.map((pod) => tellUnplaced(pod, options)));
  return bound.every(Boolean);
}

/** Compare-and-swap on the very pod that was placed; false when it changed meanwhile and must be placed anew. */
async function bind(
  binding: Binding,
  { world, objects, events, logger }: SchedulerLoopOptions,
): Promise<boolean> {
  const ref = podRef(binding);
  const pod = world.get(ref) as Pod | undefined;
  if (pod === undefined || pod.metadata.uid !== binding.uid || pod.spec.nodeName !== undefined)
    return true;
  try {
    await objects.update({ ...pod, spec: { ...pod.spec, nodeName: binding.node } } as Pod);
  } catch (error) {
    if (
      error instanceof ObjectStoreError &&
      (error.code === "conflict" || error.code === "not-found")
    )
      return false;
    throw error;
  }
  logger.info({ pod: `${binding.namespace}/${binding.name}`, node: binding.node }, "placed");
  const message = `Successfully assigned ${binding.namespace}/${binding.name} to ${binding.node}`;
  events.write({ about: pod, type: "Normal", reason: "Scheduled", message });
  return true;
}

async function tellUnplaced(
  pod: Unplaced,
  { objects, events, clock }: SchedulerLoopOptions,
): Promise<void> {
  const now = formatTime(clock.now());
  let changed = false;
  const stored = await mutateStatus<Pod>(objects, podRef(pod), (current) => {
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message: pod.message,
    } as const;
    const conditions = setCondition(current.status?.conditions, condition, now);
    changed = conditions !== current.status?.conditions && current.spec.nodeName === undefined;
    return changed
      ? { ...current, status: { ...(current.status ?? { phase: "Pending" }), conditions } }
      : current;
  });
  if (!changed || stored === undefined) return;
  events.write({
    about: stored,
    type: "Warning",
    reason: "FailedScheduling",
    message: pod.message,
  });
}

function podRef(pod: { readonly namespace: string; readonly name: string }): ObjectRef {
  return { apiVersion: "v1", kind: "Pod", namespace: pod.namespace, name: pod.name };
}
