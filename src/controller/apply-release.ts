import type { Release } from "../model/kinds.gen.ts";
import { planApply } from "../planner/check-manifests.ts";
import type { Manifest } from "../schema/manifest.ts";
import { ObjectStoreError, type Write } from "../store/object-store.ts";
import { GitError } from "../sync/git.ts";
import type { SourceLocation } from "../sync/source.ts";
import { getApp, locationOf, releaseRef, type AppContext } from "./app-context.ts";
import { mutateStatus } from "./mutate.ts";

/** Limits of one batch of writes: etcd's, with room for the other half of each. */
const MAX_BATCH_WRITES = 100;
const MAX_BATCH_BYTES = 800_000;

/**
 * Puts the objects of a release into the store, in their order, in batches; each batch may be repeated. False when a
 * newer commit has come in the meantime: then that one is looked at first.
 */
export async function applyRelease(
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<boolean> {
  const app = getApp(release.spec.app, context);
  if (app === undefined) return false;
  const { repo, path, commit } = release.spec;
  const location = { ...locationOf(app), repo, path };
  const revision = await context.sources.load(location, commit, signal);
  await pinCommit(location, release, context, signal);
  const counts = { created: 0, changed: 0, removed: release.status.toPrune?.length ?? 0 };
  for (const batch of batches(revision.loaded.manifests)) {
    if (signal.aborted || context.preempted(release.spec.app)) return false;
    const done = await applyBatch(batch, release.spec.app, context);
    counts.created += done.created;
    counts.changed += done.changed;
  }
  await mutateStatus<Release>(context.objects, releaseRef(release.metadata.name), (stored) =>
    stored.status.applied === true
      ? stored
      : { ...stored, status: { ...stored.status, applied: true, counts } },
  );
  return true;
}

/**
 * Keeps the commit from being collected after a force-push, by a ref of ours: it may have to be read again. A repository
 * that we may not write to is no reason not to go on.
 */
async function pinCommit(
  location: SourceLocation,
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const { app, commit } = release.spec;
  try {
    await context.sources.pin(location, `${app}/applied`, commit, signal);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    context.logger.warn({ app, commit, error }, "commit not pinned");
  }
}

/** How often a batch that lost a race is planned again. */
const MAX_ATTEMPTS = 10;

async function applyBatch(
  batch: readonly Manifest[],
  app: string,
  context: AppContext,
): Promise<{ readonly created: number; readonly changed: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const writes = planWrites(batch, app, context);
    if (writes.length === 0) return { created: 0, changed: 0 };
    try {
      await context.objects.transact(writes);
      const created = writes.filter((write) => write.kind === "create").length;
      return { created, changed: writes.length - created };
    } catch (error) {
      const raced =
        error instanceof ObjectStoreError &&
        ["conflict", "already-exists", "not-found"].includes(error.code);
      if (!raced || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

function planWrites(
  batch: readonly Manifest[],
  app: string,
  context: AppContext,
): readonly Write[] {
  const world = context.world.at(context.clock.now());
  const { steps } = planApply(world, batch, {
    app,
    serviceCidr: context.serviceCidr,
    reservedIps: context.reservedIps,
  });
  return steps.map(({ kind, object }) => ({ kind, object }));
}

/** Manifests in batches; Namespaces go ahead of what lives in them. */
function batches(manifests: readonly Manifest[]): readonly (readonly Manifest[])[] {
  const result: Manifest[][] = [];
  let bytes = 0;
  let kind = "";
  for (const manifest of manifests) {
    const size = JSON.stringify(manifest.object).length;
    const full = (result.at(-1)?.length ?? 0) >= MAX_BATCH_WRITES || bytes + size > MAX_BATCH_BYTES;
    const afterNamespaces = kind === "Namespace" && manifest.object.kind !== kind;
    if (result.length === 0 || full || afterNamespaces) {
      result.push([]);
      bytes = 0;
    }
    result.at(-1)?.push(manifest);
    bytes += size;
    kind = manifest.object.kind;
  }
  return result;
}
