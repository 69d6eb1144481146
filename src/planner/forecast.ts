import type { Release } from "../model/kinds.gen.ts";
import { refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { Problem } from "../model/problem.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import { checkManifests, planApply, type ApplyOptions } from "./check-manifests.ts";
import { diffObjects, type FieldChange } from "./diff-objects.ts";
import { guardPrune, type GuardVerdict } from "./prune-guard.ts";
import { currentRelease, planPrune } from "./release-rules.ts";
import { rolledBy } from "./restart-on-config.ts";
import type { PlacePods } from "./sim-cluster.ts";
import { SimWorld } from "./sim-world.ts";
import { simulateRollout, type SimulatedRollout } from "./simulate.ts";
import type { World } from "./world.ts";

export interface ForecastInput extends ApplyOptions {
  readonly manifests: readonly DeclaredObject[];
  /** The App's releases, oldest first. */
  readonly releases: readonly Release[];
  readonly prune: boolean;
  /** Of the commit to come, where there is one. */
  readonly commitMessage: string;
  readonly schedule: PlacePods;
}

export interface ChangedObject {
  readonly ref: ObjectRef;
  readonly fields: readonly FieldChange[];
}

/** What a tree would make of a cluster. JSON. */
export interface Forecast {
  /** With any, the commit would be Rejected and the rest is empty. */
  readonly problems: readonly Problem[];
  readonly added: readonly ObjectRef[];
  readonly changed: readonly ChangedObject[];
  readonly removed: readonly ObjectRef[];
  /** Whether the removals would wait for consent. */
  readonly guard: GuardVerdict;
  readonly rollout: SimulatedRollout;
}

/** Plans and placements of a forecast at most. */
const MAX_ROUNDS = 20_000;
const NOTHING: SimulatedRollout = {
  created: [],
  deleted: [],
  bindings: [],
  unplaced: [],
  deployments: [],
  isSettled: true,
  elapsedMs: 0,
};

/** What applying a tree would change, by the very planners and the scheduler that would do it. Pure. */
export function forecast(world: World, input: ForecastInput): Forecast {
  const problems = checkManifests(world, input.manifests, input);
  if (problems.length > 0) {
    return {
      problems,
      added: [],
      changed: [],
      removed: [],
      guard: { kind: "allow" },
      rollout: NOTHING,
    };
  }
  const { steps } = planApply(world, input.manifests, input);
  const current = currentRelease(input.releases);
  const inventory = input.manifests.map(({ object }) => refOf(object));
  const removed = (input.prune ? planPrune(current, inventory) : []).filter(
    (ref) => world.get(ref) !== undefined,
  );
  const guard = guardPrune({
    app: input.app,
    previous: current?.status.inventory ?? [],
    next: inventory,
    toPrune: removed,
    commitMessage: input.commitMessage,
    returning: false,
  });
  const changed = steps
    .filter(({ kind }) => kind === "update")
    .map(({ object }) => ({ ref: refOf(object), fields: fieldsOf(world, object) }))
    .filter(({ fields }) => fields.length > 0);
  const touched = [...steps.map(({ object }) => refOf(object)), ...removed];
  return {
    problems,
    added: steps.filter(({ kind }) => kind === "create").map(({ object }) => refOf(object)),
    changed,
    removed,
    guard,
    rollout: simulate(
      world,
      steps.map(({ object }) => object),
      removed,
      touched,
      input.schedule,
    ),
  };
}

function fieldsOf(world: World, object: ApiObject): readonly FieldChange[] {
  const stored = world.get(refOf(object));
  return stored === undefined ? [] : diffObjects(stored, object);
}

/** Applies and prunes on a copy of the world and lets it come to rest. (A release prunes only once it is healthy.) */
function simulate(
  world: World,
  objects: readonly ApiObject[],
  removed: readonly ObjectRef[],
  touched: readonly ObjectRef[],
  schedule: PlacePods,
): SimulatedRollout {
  if (touched.length === 0) return NOTHING;
  const copy = SimWorld.from(world);
  for (const object of objects) copy.declare(object);
  for (const ref of removed) {
    const uid = copy.get(ref)?.metadata.uid ?? "";
    copy.apply([{ kind: "delete", ref, uid, reason: "NotDeclared" }]);
  }
  const orphans = removed.flatMap((ref) =>
    world.ownedBy(world.get(ref)?.metadata.uid ?? "").map(refOf),
  );
  // What is rolled with its configuration is touched by a change of that.
  const rolled = touched.flatMap((ref) => {
    const object = copy.get(ref);
    return object === undefined ? [] : rolledBy(copy, object);
  });
  const keys = [...touched, ...orphans, ...rolled].map(refKey);
  return simulateRollout(copy, { schedule, maxRounds: MAX_ROUNDS, keys });
}
