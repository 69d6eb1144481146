import { isSameJson } from "../base/same-json.ts";
import { WAVE_ANNOTATION } from "../model/app.ts";
import type { Release, ReleaseCounts } from "../model/kinds.gen.ts";
import { refOf } from "../model/meta.ts";
import { formatProblem, type Problem } from "../model/problem.ts";
import { planApply } from "../planner/check-manifests.ts";
import { releaseHealth, type Health } from "../planner/health.ts";
import type { Manifest } from "../schema/manifest.ts";
import { ObjectStoreError, type Write } from "../store/object-store.ts";
import { applyOptions, getApp, releaseRef, type AppContext } from "./app-context.ts";
import { rememberAsApplied } from "./app-drift.ts";
import { loadRelease } from "./load-release.ts";
import { releaseFirst } from "./release-first.ts";
import { mutateStatus } from "./mutate.ts";
import { pinCommit } from "./pin-commit.ts";

/** Limits of one batch of writes: etcd's, with room for the other half of each. */
const MAX_BATCH_WRITES = 100;
const MAX_BATCH_BYTES = 800_000;

export type ApplyOutcome =
  | { readonly kind: "applied" }
  /** A newer commit has come: that one is looked at first. */
  | { readonly kind: "preempted" }
  /** The objects of a wave are there and not healthy yet: the next wave waits for them. */
  | { readonly kind: "waiting"; readonly health: Health }
  /** The cluster has something against an object by now that it had not when the commit was let in. */
  | { readonly kind: "refused"; readonly message: string };

/**
 * Puts the objects of a release into the store, in their order, in batches; each batch may be repeated. Objects of a
 * higher wave come when those of the lower ones are healthy, except when they are only put back.
 */
export async function applyRelease(
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<ApplyOutcome> {
  const app = getApp(release.spec.app, context);
  if (app === undefined) return { kind: "preempted" };
  const manifests = await loadRelease(app, release, context, signal);
  const ending = await releaseFirst(release, context);
  if (ending !== undefined) return { kind: "waiting", health: ending };
  await pinCommit(app, release, context, signal);
  const counts = { created: 0, changed: 0, removed: release.status.toPrune?.length ?? 0 };
  const waves = inWaves(manifests);
  const isFirst = release.status.applied !== true;
  for (const [index, { wave, members }] of waves.entries()) {
    const outcome = await applyWave(members, release, counts, context, signal);
    if (outcome !== undefined) return outcome;
    if (!isFirst || index === waves.length - 1) continue;
    const world = context.world.at(context.clock.now());
    const health = releaseHealth(
      world,
      members.map(({ object }) => refOf(object)),
    );
    if (health.kind === "Healthy") continue;
    await note(release, counts, { wave }, context);
    const message = `wave ${wave}, ${index + 1} of ${waves.length}: ${health.message}`;
    return { kind: "waiting", health: { ...health, message } };
  }
  rememberAsApplied(release, manifests, context);
  await note(release, counts, { applied: true }, context);
  return { kind: "applied" };
}

async function applyWave(
  manifests: readonly Manifest[],
  release: Release,
  counts: { created: number; changed: number },
  context: AppContext,
  signal: AbortSignal,
): Promise<ApplyOutcome | undefined> {
  const { app } = release.spec;
  const { settled } = context.memory;
  // What is known to be as declared is left out: of ten thousand objects a commit changes few.
  const open = manifests.filter((manifest) => {
    const stored = context.world.get(refOf(manifest.object));
    return stored === undefined || settled.get(stored) !== manifest;
  });
  for (const batch of batches(open)) {
    if (signal.aborted || context.preempted(app)) return { kind: "preempted" };
    const done = await applyBatch(batch, app, context);
    counts.created += done.created;
    counts.changed += done.changed;
    const [first] = done.problems;
    if (first !== undefined) return { kind: "refused", message: formatProblem(first) };
  }
  return undefined;
}

/** Writes how far it is. Later passes of the same release add to the counts of the earlier ones. */
async function note(
  release: Release,
  counts: ReleaseCounts,
  progress: { readonly applied?: true; readonly wave?: number },
  context: AppContext,
): Promise<void> {
  await mutateStatus<Release>(context.objects, releaseRef(release.metadata.name), (stored) => {
    const { status } = stored;
    if (status.applied === true) return stored;
    const { wave: _, ...rest } = status;
    const before = status.counts ?? { created: 0, changed: 0, removed: 0 };
    const summed = {
      created: before.created + counts.created,
      changed: before.changed + counts.changed,
      removed: counts.removed,
    };
    const isSame =
      progress.applied === undefined &&
      progress.wave === status.wave &&
      isSameJson(summed, status.counts);
    return isSame ? stored : { ...stored, status: { ...rest, ...progress, counts: summed } };
  });
}

/** How often a batch that lost a race is planned again. */
const MAX_ATTEMPTS = 10;

interface Done {
  readonly created: number;
  readonly changed: number;
  readonly problems: readonly Problem[];
}

async function applyBatch(
  batch: readonly Manifest[],
  app: string,
  context: AppContext,
): Promise<Done> {
  for (let attempt = 1; ; attempt += 1) {
    const { steps, problems } = planApply(
      context.world.at(context.clock.now()),
      batch,
      applyOptions(app, context),
    );
    const writes = steps.map(({ kind, object }): Write => ({ kind, object }));
    if (writes.length === 0) return { created: 0, changed: 0, problems };
    try {
      await context.objects.transact(writes);
      const created = writes.filter((write) => write.kind === "create").length;
      return { created, changed: writes.length - created, problems };
    } catch (error) {
      const raced =
        error instanceof ObjectStoreError &&
        ["conflict", "already-exists", "not-found"].includes(error.code);
      if (!raced || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}

interface Wave {
  readonly wave: number;
  readonly members: readonly Manifest[];
}

/** Manifests by wave, the lowest first; within one in the order of their kinds. */
function inWaves(manifests: readonly Manifest[]): readonly Wave[] {
  const waves = Map.groupBy(manifests, waveOf);
  return [...waves]
    .map(([wave, members]) => ({ wave, members }))
    .toSorted((a, b) => a.wave - b.wave);
}

/** The wave that an object says, else the first of all that have none: 0. */
function waveOf({ object }: Manifest): number {
  const wave = Number(object.metadata.annotations?.[WAVE_ANNOTATION] ?? 0);
  return Number.isSafeInteger(wave) ? wave : 0;
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
