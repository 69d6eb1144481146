import { unreachable } from "../base/assert.ts";
import { formatTime, type Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { markForDeletion } from "../model/deletion.ts";
import { formatRef, refOf, type ApiObject } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { withDisruption } from "../model/pod-disruption.ts";
import { ObjectStoreError, type ObjectStore } from "../store/object-store.ts";
import type { Admission } from "./admission.ts";
import type { EventWriter } from "./event-writer.ts";

export interface ExecuteOptions {
  readonly objects: ObjectStore;
  readonly events: EventWriter;
  /** Keeps quotas where several create at the same time; the planner asks the same rules before. */
  readonly admission?: Admission | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Carries a plan out: changes first, all at once, then statuses, then events. A step that the world has overtaken
 * (a conflict, something gone or there already) is dropped: the change that overtook it wakes the planner again.
 * Returns whether every step was carried out.
 */
export async function executePlan(plan: Plan, options: ExecuteOptions): Promise<boolean> {
  const changes = plan.steps.filter(
    (step) => step.kind !== "event" && step.kind !== "update-status",
  );
  const statuses = plan.steps.filter((step) => step.kind === "update-status");
  const done = [
    ...(await Promise.all(changes.map((step) => executeStep(step, options)))),
    ...(await Promise.all(statuses.map((step) => executeStep(step, options)))),
  ];
  for (const step of plan.steps) if (step.kind === "event") options.events.write(step);
  return done.every(Boolean);
}

async function executeStep(step: Step, options: ExecuteOptions): Promise<boolean> {
  try {
    return await carryOut(step, options);
  } catch (error) {
    if (!(error instanceof ObjectStoreError) || !isOvertaken(error)) throw error;
    options.logger.debug({ step: step.kind, code: error.code }, "step was overtaken");
    return false;
  }
}

function isOvertaken({ code }: ObjectStoreError): boolean {
  return code === "conflict" || code === "not-found" || code === "already-exists";
}

/** False when the step was refused: the planner looks again, and sees why. */
async function carryOut(step: Step, options: ExecuteOptions): Promise<boolean> {
  const { objects, clock, logger } = options;
  switch (step.kind) {
    case "create":
      logger.info({ object: formatRef(refOf(step.object)), reason: step.reason }, "creating");
      return createObject(step.object, options);
    case "update":
      await objects.update(step.object);
      return true;
    case "update-status":
      await objects.updateStatus(step.object);
      return true;
    case "delete":
      logger.info({ object: formatRef(step.ref), reason: step.reason }, "deleting");
      await deleteObject(step, objects, clock);
      return true;
    case "event":
      return true;
    default:
      return unreachable(step);
  }
}

async function createObject(
  object: ApiObject,
  { objects, admission, logger }: ExecuteOptions,
): Promise<boolean> {
  const verdict = admission?.admit(object);
  if (verdict?.kind === "refused") {
    logger.debug({ object: formatRef(refOf(object)), why: verdict.message }, "creation refused");
    return false;
  }
  try {
    await objects.create(verdict?.object ?? object);
    return true;
  } finally {
    verdict?.settle();
  }
}

/** As `markForDeletion` has it: what has to wait is marked, anything else is removed. A disruption is told first. */
async function deleteObject(
  step: Step & { readonly kind: "delete" },
  objects: ObjectStore,
  clock: Clock,
): Promise<void> {
  const stored = objects.get(step.ref);
  if (stored === undefined || stored.object.metadata.uid !== step.uid) return;
  const now = clock.now();
  const told = withDisruption(stored.object, step.disruption, formatTime(now));
  const object = told === stored.object ? stored.object : (await objects.updateStatus(told)).object;
  const { graceSeconds, propagation } = step;
  const isEnded = graceSeconds === 0;
  const next = markForDeletion(object, { now, graceSeconds, isEnded, propagation });
  if (next === object) return;
  if (next === undefined) await objects.remove(step.ref, { uid: step.uid });
  else await objects.update(next);
}
