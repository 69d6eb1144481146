import { compare } from "../base/order.ts";
import { APP_LABEL, SOURCE_ANNOTATION } from "../model/app.ts";
import type { Propagation } from "../model/deletion.ts";
import type { App, AppQuarantine, Release } from "../model/kinds.gen.ts";
import { refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { Problem } from "../model/problem.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import { checkManifests, planApply, type ApplyOptions } from "./check-manifests.ts";
import { diffObjects, type FieldChange } from "./diff-objects.ts";
import { releasedFirst, withoutObjects, type ReleasedFirst } from "./exclusive.ts";
import { gateOf, type ForecastGate } from "./forecast-gate.ts";
import { releaseHealth } from "./health.ts";
import { warnPodSecurity } from "./pod-security.ts";
import { currentRelease, planPrune, releasesOf } from "./release-rules.ts";
import { rolledBy } from "./restart-on-config.ts";
import type { PlacePods } from "./sim-cluster.ts";
import { SimWorld } from "./sim-world.ts";
import { rollOut, type SimulatedRollout } from "./simulate.ts";
import type { World } from "./world.ts";

/** What a tree holds for one App. */
export interface AppChange {
  readonly app: string;
  /** As the cluster has it, or will have it. */
  readonly spec: App["spec"];
  readonly manifests: readonly DeclaredObject[];
  /** Found before the cluster was looked at: with any, the commit would be Rejected. */
  readonly problems: readonly Problem[];
  /** The App's releases, oldest first. */
  readonly releases: readonly Release[];
  /** Of the commit to come, where there is one. */
  readonly commitMessage: string;
  /** Object id of the App's folder, where it is in Git. */
  readonly tree?: string;
  /** What was taken back before, and is held when it comes again. */
  readonly quarantine?: readonly AppQuarantine[];
}

export interface ForecastInput extends Pick<ApplyOptions, "serviceCidr" | "reservedIps"> {
  readonly apps: readonly AppChange[];
  /** What the change starts from, where that is not what the cluster runs: is applied first, and not told. */
  readonly base?: readonly AppChange[];
  readonly schedule: PlacePods;
}

export interface AddedObject {
  readonly ref: ObjectRef;
  /** `file:line`. */
  readonly at: string;
  /** A Job that ran before, and is gone since: it runs once more. */
  readonly runsAgain?: true;
}

export interface ChangedObject {
  readonly ref: ObjectRef;
  readonly at: string;
  readonly fields: readonly FieldChange[];
  /** The App that it belonged to until now. */
  readonly adoptedFrom?: string;
}

/** An object that only stands elsewhere in Git: nothing happens to it. */
export interface MovedObject {
  readonly ref: ObjectRef;
  readonly from: string;
  readonly to: string;
}

/** A workload that is rolled because of what its pods read. */
export interface ConfigRestart {
  readonly workload: ObjectRef;
  readonly because: ObjectRef;
}

/** What a tree would make of one App's objects. */
export interface AppForecast {
  readonly app: string;
  /** Held: what follows is what happens once somebody consents. */
  readonly outcome: "unchanged" | "applied" | "held" | "rejected";
  readonly problems: readonly Problem[];
  /** What it is taken in spite of; absent: nothing. */
  readonly warnings?: readonly Problem[];
  readonly added: readonly AddedObject[];
  readonly changed: readonly ChangedObject[];
  readonly moved: readonly MovedObject[];
  readonly removed: readonly ObjectRef[];
  /** Those of `removed` that go before what is new serves; absent: none. */
  readonly releasedFirst?: readonly ReleasedFirst[];
  /** What it would wait for: consent, or a time. */
  readonly gate: ForecastGate;
  readonly restarts: readonly ConfigRestart[];
  /** How the App's objects stand at the end, all going well. */
  readonly health: { readonly kind: string; readonly message: string };
  /** False: the removals wait, since what is new does not become healthy. */
  readonly isPruned: boolean;
}

/** What a change of Git would make of a cluster. JSON. */
export interface Forecast {
  readonly apps: readonly AppForecast[];
  readonly rollout: SimulatedRollout;
  /** Objects that the cluster was behind (or beside) the base of the change. */
  readonly baseChanges: number;
}

/** Plans and placements of a forecast at most. */
const MAX_ROUNDS = 50_000;

/** What applying trees would change, by the very planners and the scheduler that would do it. Pure. */
export function forecast(world: World, input: ForecastInput): Forecast {
  const start = SimWorld.from(world);
  if (input.base === undefined) return { ...applyAll(start, input.apps, input), baseChanges: 0 };
  const based = applyAll(start, input.base, input);
  const baseChanges = based.apps.reduce((sum, app) => sum + countChanges(app), 0);
  const bases = new Map(
    input.base
      .filter(({ app }) => based.apps.find((item) => item.app === app)?.outcome !== "rejected")
      .map((change) => [change.app, change]),
  );
  const apps = input.apps.map((change) => {
    const base = bases.get(change.app);
    return base === undefined ? change : { ...change, releases: withReleased(change, base) };
  });
  return { ...applyAll(start, apps, input), baseChanges };
}

/** The releases of an App, and after them one that declares what its base does. */
function withReleased(change: AppChange, base: AppChange): readonly Release[] {
  const { app, releases } = change;
  const inventory = base.manifests.map(({ object }) => refOf(object));
  const sequence = (releases.at(-1)?.spec.sequence ?? 0) + 1;
  const spec = { app, sequence, repo: "", path: "", commit: "", author: "", subject: "" };
  const release: Release = {
    apiVersion: "berth.dev/v1",
    kind: "Release",
    metadata: { name: `${app}-${sequence}` },
    spec: { ...spec, tree: base.tree ?? "", committedAt: "" },
    status: { phase: "Healthy", startedAt: "", inventory },
  };
  return [...releases, release];
}

/** Objects that an App's change touches. Pure. */
export function countChanges({ added, changed, removed }: AppForecast): number {
  return added.length + changed.length + removed.length;
}

/** An App on its way. */
interface Pending {
  readonly change: AppChange;
  readonly inventory: readonly ObjectRef[];
  readonly toPrune: readonly ObjectRef[];
  readonly objects: readonly ApiObject[];
  readonly told: AppForecast;
  isDeclared: boolean;
  isPruned: boolean;
}

/** Applies to a world that it changes, and lets it come to rest. */
function applyAll(
  world: SimWorld,
  changes: readonly AppChange[],
  input: ForecastInput,
): Omit<Forecast, "baseChanges"> {
  const before = SimWorld.from(world);
  const pending: Pending[] = [];
  let isApplied = false;
  const claimant = claimants(before, changes);
  const applyFirst = (): void => {
    for (const change of inOrder(changes)) {
      const isLater = (change.spec.dependsOn ?? []).length > 0;
      const options = { ...pickOptions(input), app: change.app, claimant };
      const judged = judge(isLater ? world : before, world, change, options);
      const first = judged.told.releasedFirst ?? [];
      // What has to make room ends before anything is declared.
      for (const { ref } of first) removeOwn(world, ref, change.app, "Foreground");
      if (first.length === 0) declareAll(world, judged);
      pending.push(judged);
    }
  };
  const whenQuiet = (): boolean => {
    if (!isApplied) {
      isApplied = true;
      applyFirst();
      return true;
    }
    const late = pending.filter(({ isDeclared }) => !isDeclared);
    for (const item of late) declareAll(world, item);
    if (late.length > 0) return true;
    return pending.map((item) => pruneIfHealthy(world, item)).includes(true);
  };
  const options = { schedule: input.schedule, maxRounds: MAX_ROUNDS, keys: [] };
  const rollout = rollOut(world, options, whenQuiet);
  const apps = pending.map(({ told, inventory, isPruned, change }): AppForecast => {
    if (told.outcome === "rejected") return told;
    const restarts = told.changed.flatMap(({ ref }) => restartsOf(world, ref));
    const { kind, message } = releaseHealth(world, inventory);
    const removed = told.removed.filter(
      (ref) => labelOf(world.get(ref)) === change.app || world.get(ref) === undefined,
    );
    return { ...told, removed, restarts, health: { kind, message }, isPruned };
  });
  return { apps: apps.toSorted((a, b) => compare(a.app, b.app)), rollout };
}

/** An App after those that it depends on; else in the given order. A circle ends where it began. */
function inOrder(changes: readonly AppChange[]): readonly AppChange[] {
  const byName = new Map(changes.map((change) => [change.app, change]));
  const done = new Set<AppChange>();
  const visit = (change: AppChange): void => {
    if (done.has(change)) return;
    done.add(change);
    for (const { name } of change.spec.dependsOn ?? []) {
      const other = byName.get(name);
      if (other !== undefined) visit(other);
    }
    ordered.push(change);
  };
  const ordered: AppChange[] = [];
  for (const change of changes) visit(change);
  return ordered;
}

function pickOptions({ serviceCidr, reservedIps }: ForecastInput): Omit<ApplyOptions, "app"> {
  return { serviceCidr, reservedIps };
}

/** Which App declares an object once the change is in: those of the change by their manifests, others as they do now. */
function claimants(
  world: World,
  changes: readonly AppChange[],
): (ref: ObjectRef) => string | undefined {
  const claimed = new Map<string, string>();
  const claim = (app: string, refs: readonly ObjectRef[]): void => {
    for (const ref of refs) if (!claimed.has(refKey(ref))) claimed.set(refKey(ref), app);
  };
  const releases = world.list("berth.dev/v1", "Release") as readonly Release[];
  const decided = changes.filter(({ problems }) => problems.length === 0);
  const names = new Set(decided.map(({ app }) => app));
  for (const { metadata } of world.list("berth.dev/v1", "App")) {
    const { name } = metadata;
    if (!names.has(name))
      claim(name, currentRelease(releasesOf(releases, name))?.status.inventory ?? []);
  }
  for (const { app, manifests } of decided)
    claim(
      app,
      manifests.map(({ object }) => refOf(object)),
    );
  return (ref) => claimed.get(refKey(ref));
}

/** Decides about a tree as the control plane would, and says what it changes. */
function judge(view: World, world: World, change: AppChange, options: ApplyOptions): Pending {
  const { app, manifests, releases, spec } = change;
  const inventory = manifests.map(({ object }) => refOf(object));
  const current = currentRelease(releases);
  const toPrune = (spec.prune ? planPrune(current, inventory) : []).filter(
    (ref) => labelOf(world.get(ref)) === app && [undefined, app].includes(options.claimant?.(ref)),
  );
  const objectsOf = manifests.map(({ object }) => object);
  const first = releasedFirst(world, objectsOf, toPrune);
  const released = first.map(({ ref }) => ref);
  const problems =
    change.problems.length > 0
      ? change.problems
      : checkManifests(withoutObjects(view, released), manifests, options);
  if (problems.length > 0)
    return {
      change,
      inventory,
      toPrune: [],
      objects: [],
      told: rejected(app, problems),
      isDeclared: true,
      isPruned: true,
    };
  const { steps } = planApply(withoutObjects(world, released), manifests, options);
  const gate = gateOf(view.now, change, current, toPrune);
  const objects = steps.map(({ object }) => object);
  const ranBefore = new Set((current?.status.inventory ?? []).map(refKey));
  const warnings = warnPodSecurity(view, manifests);
  const told: AppForecast = {
    ...rejected(app, []),
    ...(warnings.length === 0 ? {} : { warnings }),
    outcome: gate.kind === "open" ? "applied" : "held",
    added: steps
      .filter(({ kind }) => kind === "create")
      .map(({ object }) => ({
        ref: refOf(object),
        at: sourceOf(object),
        ...(object.kind === "Job" && ranBefore.has(refKey(refOf(object)))
          ? { runsAgain: true as const }
          : {}),
      })),
    ...compareUpdates(
      world,
      steps.filter(({ kind }) => kind === "update").map(({ object }) => object),
      app,
    ),
    removed: toPrune,
    ...(first.length === 0 ? {} : { releasedFirst: first }),
    gate,
  };
  const isUnchanged = countChanges(told) === 0;
  return {
    change,
    inventory,
    toPrune,
    objects,
    told: isUnchanged ? { ...told, outcome: "unchanged", gate: { kind: "open" } } : told,
    isDeclared: false,
    isPruned: toPrune.length === 0,
  };
}

function rejected(app: string, problems: readonly Problem[]): AppForecast {
  return {
    app,
    outcome: "rejected",
    problems,
    added: [],
    changed: [],
    moved: [],
    removed: [],
    gate: { kind: "open" },
    restarts: [],
    health: { kind: "Unknown", message: "" },
    isPruned: true,
  };
}

function compareUpdates(
  world: World,
  objects: readonly ApiObject[],
  app: string,
): Pick<AppForecast, "changed" | "moved"> {
  const changed: ChangedObject[] = [];
  const moved: MovedObject[] = [];
  for (const object of objects) {
    const ref = refOf(object);
    const stored = world.get(ref);
    if (stored === undefined) continue;
    const fields = diffObjects(stored, object);
    const from = sourceOf(stored);
    const at = sourceOf(object);
    const owner = labelOf(stored);
    if (owner !== undefined && owner !== app) changed.push({ ref, at, fields, adoptedFrom: owner });
    else if (fields.length > 0) changed.push({ ref, at, fields });
    if (from !== "" && fileOf(from) !== fileOf(at)) moved.push({ ref, from, to: at });
  }
  return { changed, moved };
}

/** New first, healthy, then prune. Objects that another App took over stay. */
function pruneIfHealthy(world: SimWorld, item: Pending): boolean {
  if (item.isPruned || releaseHealth(world, item.inventory).kind !== "Healthy") return false;
  item.isPruned = true;
  for (const ref of item.toPrune) removeOwn(world, ref, item.change.app, "Background");
  return true;
}

function declareAll(world: SimWorld, item: Pending): void {
  item.isDeclared = true;
  for (const object of item.objects) world.declare(object);
}

function removeOwn(world: SimWorld, ref: ObjectRef, app: string, propagation: Propagation): void {
  const object = world.get(ref);
  if (object === undefined || labelOf(object) !== app) return;
  const uid = object.metadata.uid ?? "";
  world.apply([{ kind: "delete", ref, uid, propagation, reason: "NotDeclared" }]);
}

function restartsOf(world: World, ref: ObjectRef): readonly ConfigRestart[] {
  const object = world.get(ref);
  if (object === undefined) return [];
  return rolledBy(world, object).map((workload) => ({ workload, because: ref }));
}

function labelOf(object: ApiObject | undefined): string | undefined {
  return object?.metadata.labels?.[APP_LABEL];
}

function sourceOf(object: ApiObject): string {
  return object.metadata.annotations?.[SOURCE_ANNOTATION] ?? "";
}

function fileOf(source: string): string {
  return source.replace(/:\d+$/, "");
}
