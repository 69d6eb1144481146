import type { Manifest } from "../schema/manifest.ts";
import { shortHash } from "../base/hash.ts";
import { formatTime } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { formatRef, refOf, type Condition, type ObjectRef } from "../model/meta.ts";
import { planApply } from "../planner/check-manifests.ts";
import { applyOptions, appRef, type AppContext } from "./app-context.ts";
import { loadRelease } from "./load-release.ts";
import { mutateStatus } from "./mutate.ts";

/** Objects that one message names. */
const NAMES_SHOWN = 5;

/**
 * Whether there is nothing to put right about an applied release: all its objects are there as it declares them, or the
 * App only wants to be told of what differs. Objects that did not change since they were compared are not compared again.
 */
export async function isAsApplied(
  app: App,
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<boolean> {
  const { name } = app.metadata;
  const state = stateOf(release, context);
  if (context.memory.compared.get(name) === state) return true;
  const manifests = await loadRelease(app, release, context, signal);
  const world = context.world.at(context.clock.now());
  const { steps } = planApply(world, manifests, applyOptions(name, context));
  const differing = steps.map(({ object }) => refOf(object));
  await tellDrift(app, differing, context);
  if (differing.length > 0 && app.spec.drift !== "detect") {
    context.logger.warn(
      { app: name, objects: differing.length },
      `putting back what is gone or changed: ${named(differing)}`,
    );
    return false;
  }
  context.memory.compared.set(name, state);
  return true;
}

/** Notes that a release was just applied, unless something differs already. */
export function rememberAsApplied(
  release: Release,
  manifests: readonly Manifest[],
  context: AppContext,
): void {
  const { app } = release.spec;
  const world = context.world.at(context.clock.now());
  const { steps } = planApply(world, manifests, applyOptions(app, context));
  if (steps.length === 0) context.memory.compared.set(app, stateOf(release, context));
}

/** Equal while no object of the release was made, changed or removed, whatever became of their statuses. */
function stateOf(release: Release, { world, memory }: AppContext): string {
  const parts = release.status.inventory.map((ref) => {
    const object = world.get(ref);
    if (object === undefined) return "-";
    const known = memory.fingerprints.get(object);
    if (known !== undefined) return known;
    const { uid, generation, labels, annotations } = object.metadata;
    const made = shortHash([uid, generation, labels, annotations]);
    memory.fingerprints.set(object, made);
    return made;
  });
  return `${release.metadata.name} ${parts.join(" ")}`;
}

/** The condition `Drifted`, and an event when it begins or changes. */
export async function tellDrift(
  app: App,
  differing: readonly ObjectRef[],
  context: AppContext,
): Promise<void> {
  const isDrifted = differing.length > 0;
  const done = app.spec.drift === "detect" ? "is only told (drift: detect)" : "is put right";
  const condition: Condition = {
    type: "Drifted",
    status: isDrifted ? "True" : "False",
    reason: isDrifted ? "Differs" : "AsDeclared",
    message: isDrifted
      ? `not as Git declares: ${named(differing)}; it ${done}`
      : "all objects are as Git declares",
  };
  const now = formatTime(context.clock.now());
  let isTold = false;
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const known = stored.status?.conditions;
    const isFirst = known?.some(({ type }) => type === condition.type) !== true;
    // Nothing is said of an App that never drifted.
    const conditions = isFirst && !isDrifted ? known : setCondition(known, condition, now);
    isTold = conditions !== known;
    if (conditions === undefined || !isTold) return stored;
    return { ...stored, status: { ...stored.status, conditions } };
  });
  if (isTold && isDrifted) {
    const { message = "" } = condition;
    context.events.write({ about: app, type: "Warning", reason: "Drifted", message });
  }
}

function named(refs: readonly ObjectRef[]): string {
  const names = refs.slice(0, NAMES_SHOWN).map(formatRef).join(", ");
  return refs.length > NAMES_SHOWN ? `${names} and ${refs.length - NAMES_SHOWN} more` : names;
}
