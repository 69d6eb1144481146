import { APP_FINALIZER, APP_LABEL } from "../model/app.ts";
import { withoutFinalizer } from "../model/deletion.ts";
import type { App } from "../model/kinds.gen.ts";
import { refKey, type ObjectRef } from "../model/meta.ts";
import { planPrune, currentRelease } from "../planner/release-rules.ts";
import { ObjectStoreError } from "../store/object-store.ts";
import { GitError } from "../sync/git.ts";
import { appRef, getApp, getReleases, type AppContext } from "./app-context.ts";
import { locationOf } from "./app-location.ts";
import { executePlan } from "./execute.ts";
import type { Outcome } from "./loop.ts";
import { pinName } from "./pin-commit.ts";

/** Makes an App's deletion wait until its objects are gone. */
export async function ensureFinalizer(app: App, context: AppContext): Promise<void> {
  const { finalizers = [] } = app.metadata;
  const metadata = { ...app.metadata, finalizers: [...finalizers, APP_FINALIZER] };
  await unlessOvertaken(context.objects.update({ ...app, metadata }));
}

/**
 * An App that is deleted takes its objects along, by its own inventory, last applied first; then it goes itself. Whoever
 * deletes it consents to that: in Git the guard of the App that holds it asked before. Without `prune` they stay.
 */
export async function removeApp(
  app: App,
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name } = app.metadata;
  if (app.metadata.finalizers?.includes(APP_FINALIZER) !== true) return {};
  const left = app.spec.prune ? ownObjects(name, context) : [];
  if (left.length > 0) {
    const steps = left.flatMap((ref) => {
      const object = context.world.get(ref);
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return [];
      const uid = object.metadata.uid ?? "";
      return [{ kind: "delete" as const, ref, uid, reason: "NotDeclared" as const }];
    });
    if (steps.length > 0)
      context.logger.info({ app: name, objects: steps.length }, "removing the App's objects");
    await executePlan({ steps }, context);
    // Each one that goes wakes the App again.
    if (ownObjects(name, context).length > 0) return {};
  }
  await unpinAll(app, context, signal);
  const stored = getApp(name, context);
  if (stored !== undefined) {
    const released = withoutFinalizer(stored, APP_FINALIZER);
    await unlessOvertaken(context.objects.update(released));
  }
  context.logger.info({ app: name }, "App removed");
  return context.objects.get(appRef(name)) === undefined
    ? {}
    : { lookAgainAt: context.clock.now() + AGAIN_MS };
}

/** When the removal was overtaken by another write of the App. */
const AGAIN_MS = 1000;

/** What the App's releases put into the store and nobody else declares, last applied first. */
function ownObjects(app: string, context: AppContext): readonly ObjectRef[] {
  const releases = getReleases(app, context);
  const all = new Map(
    releases
      .flatMap(({ status }) => [...status.inventory, ...(status.toPrune ?? [])])
      .map((ref) => [refKey(ref), ref]),
  );
  const current = currentRelease(releases);
  if (current === undefined) return [];
  const inventory = [...all.values()].filter((ref) => {
    const claimant = context.index.claimant(ref);
    const isOurs = context.world.get(ref)?.metadata.labels?.[APP_LABEL] === app;
    return isOurs && (claimant === undefined || claimant === app);
  });
  return planPrune({ ...current, status: { ...current.status, inventory, toPrune: [] } }, []);
}

async function unpinAll(app: App, context: AppContext, signal: AbortSignal): Promise<void> {
  for (const release of getReleases(app.metadata.name, context)) {
    if (release.status.applied === undefined) continue;
    try {
      const location = { ...locationOf(app, context.objects), repo: release.spec.repo };
      await context.sources.unpin(location, pinName(release), signal);
    } catch (error) {
      if (!(error instanceof GitError)) throw error; // Git is away: refs too many do no harm.
      return;
    }
  }
}

async function unlessOvertaken(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error; // The write that overtook it wakes the App.
  }
}
