import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import { findCondition, setCondition } from "../model/condition.ts";
import type { Condition } from "../model/kinds.gen.ts";
import { refKey, refOf, type ApiObject } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { admitObject, forbiddenMessage } from "./admit-object.ts";
import { earlier } from "./pod-state.ts";
import { openLedger, type QuotaLedger } from "./quota-ledger.ts";
import type { World } from "./world.ts";

/** Kinds that say in a condition that pods are missing which must not be made. The others say it in Events alone. */
const TELLING: ReadonlySet<string> = new Set(["ReplicaSet", "ReplicationController"]);
/** A refused creation is tried again after as long as it has been refused already, within these bounds. */
const RETRY_AFTER_MS: Millis = 5000;
const RETRY_WITHIN_MS: Millis = 300_000;
const FAILURE = "ReplicaFailure";

type CreateStep = Extract<Step, { readonly kind: "create" }>;
type WithConditions = ApiObject & {
  readonly status?: { readonly conditions?: readonly Condition[] };
};

/**
 * A controller's plan as the rules of its namespace let it be: what it creates is completed, and what is refused is left
 * out, with an Event and, where the kind has one, a condition of the owner; to be tried again. Pure.
 */
export function admitPlan(world: World, owner: ApiObject, plan: Plan): Plan {
  const ledgers = new Map<string, QuotaLedger>();
  const refusals = new Map<string, string>();
  const admitted = plan.steps.map((step): Step => {
    if (step.kind !== "create") return step;
    const verdict = admitObject(world, step.object, ledgerOf(world, step, ledgers));
    if (verdict.kind === "refused")
      refusals.set(keyOf(step), forbiddenMessage(step.object, verdict.why));
    else if (verdict.object !== step.object) return { ...step, object: verdict.object };
    return step;
  });
  const [first] = refusals.values();
  if (first === undefined) return { ...plan, steps: admitted };
  const message = sameOrNew(owner, first);
  const refused = new Set(refusals.keys());
  const names = plan.steps.flatMap((step) =>
    step.kind === "create" && refused.has(keyOf(step)) ? [step.object.metadata.name] : [],
  );
  const kept = admitted.filter(
    (step) =>
      !(step.kind === "create" && refused.has(keyOf(step))) &&
      !(step.kind === "event" && tellsOf(step, names)),
  );
  const steps: Step[] = [...withFailure(world, owner, kept, message), failedCreate(owner, message)];
  const lookAgainAt = earlier(plan.lookAgainAt, retryAt(world.now, owner)) ?? world.now;
  return { steps, lookAgainAt };
}

/** Each attempt has a name of its own: with nothing else new, what was told already stands, so that it is counted up. */
function sameOrNew({ status }: WithConditions, message: string): string {
  const told = findCondition(status?.conditions, FAILURE)?.message;
  return told !== undefined && withoutName(told) === withoutName(message) ? told : message;
}

function withoutName(message: string): string {
  return message.replace(/"[^"]*"/, "");
}

function keyOf({ object }: CreateStep): string {
  return refKey(refOf(object));
}

/** One ledger a namespace and plan: what is counted in for one creation counts for the next. */
function ledgerOf(
  world: World,
  { object }: CreateStep,
  ledgers: Map<string, QuotaLedger>,
): QuotaLedger {
  const { namespace = "" } = object.metadata;
  const ledger = ledgers.get(namespace) ?? openLedger(world, namespace);
  ledgers.set(namespace, ledger);
  return ledger;
}

/** Whether the Event tells that one of these was made. */
function tellsOf(
  { reason, message }: Extract<Step, { readonly kind: "event" }>,
  names: readonly string[],
): boolean {
  if (reason !== "SuccessfulCreate") return false;
  const words = new Set(message.split(/[\s,"]+/));
  return names.some((name) => words.has(name));
}

function failedCreate(owner: ApiObject, message: string): Step {
  return {
    kind: "event",
    about: owner,
    type: "Warning",
    reason: "FailedCreate",
    message: `Error creating: ${message}`,
  };
}

/** The steps with the condition in the owner's next status; without a status step when that changes nothing. */
function withFailure(
  world: World,
  owner: WithConditions,
  steps: readonly Step[],
  message: string,
): readonly Step[] {
  if (!TELLING.has(owner.kind)) return steps;
  const isOwn = (step: Step): boolean =>
    step.kind === "update-status" && refKey(refOf(step.object)) === refKey(refOf(owner));
  const planned = steps.findLast(isOwn);
  const next = (planned?.kind === "update-status" ? planned.object : owner) as WithConditions;
  const others = (next.status?.conditions ?? []).filter(({ type }) => type !== FAILURE);
  const before = findCondition(owner.status?.conditions, FAILURE);
  const failure: Condition = { type: FAILURE, status: "True", reason: "FailedCreate", message };
  const [condition = failure] = setCondition(
    before === undefined ? [] : [before],
    failure,
    formatTime(world.now),
  );
  const status = { ...next.status, conditions: [...others, condition] };
  const rest = steps.filter((step) => !isOwn(step));
  if (isSameJson(status, owner.status)) return rest;
  const object: WithConditions = { ...owner, status };
  return [...rest, { kind: "update-status", object, reason: "StatusChanged" }];
}

function retryAt(now: Millis, owner: WithConditions): Millis {
  const since = parseTime(findCondition(owner.status?.conditions, FAILURE)?.lastTransitionTime);
  const lasted = since === undefined ? 0 : now - since;
  return now + Math.min(RETRY_WITHIN_MS, Math.max(RETRY_AFTER_MS, lasted));
}
