import { compare } from "../../src/base/order.ts";
import { formatRef, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan, Step } from "../../src/model/plan.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { NOW } from "./builders.ts";

/** A world of these objects, which nobody may change in place. */
export function worldOf(objects: readonly ApiObject[], now: number = NOW): SimWorld {
  return new SimWorld(objects.map(deepFreeze), now);
}

/** A plan as lines, statuses left out: `delete Pod shop/web-1 (SurplusReplica)`. */
export function render(plan: Plan): readonly string[] {
  return plan.steps.filter((step) => step.kind !== "update-status").map(renderStep);
}

/** A plan's changes as lines, without statuses and events, in the order of their text. */
export function renderChanges(plan: Plan): readonly string[] {
  return plan.steps
    .filter((step) => step.kind !== "update-status" && step.kind !== "event")
    .map(renderStep)
    .toSorted(compare);
}

/** The status that a plan writes, or `undefined`. */
export function statusIn(plan: Plan): Readonly<Record<string, unknown>> | undefined {
  const step = plan.steps.find((item) => item.kind === "update-status");
  return step === undefined
    ? undefined
    : (step.object as unknown as { readonly status: Readonly<Record<string, unknown>> }).status;
}

/** The messages of a plan's events. */
export function eventsIn(plan: Plan): readonly string[] {
  return plan.steps.flatMap((step) =>
    step.kind === "event" ? [`${step.type} ${step.reason}: ${step.message}`] : [],
  );
}

export function renderStep(step: Step): string {
  switch (step.kind) {
    case "create":
    case "update":
    case "update-status":
      return `${step.kind} ${formatRef(refOf(step.object))}${sizeOf(step.object)} (${step.reason})`;
    case "delete":
      return `delete ${formatRef(step.ref)} (${step.reason})`;
    default:
      return `event ${step.type} ${step.reason}: ${step.message}`;
  }
}

function sizeOf(object: ApiObject): string {
  if (object.kind !== "ReplicaSet") return "";
  const { spec } = object as ApiObject & { readonly spec: { readonly replicas: number } };
  return ` to ${spec.replicas}`;
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
