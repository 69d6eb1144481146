import { formatTime } from "../base/clock.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { findCondition, setCondition } from "../model/condition.ts";
import { formatRef, type Condition } from "../model/meta.ts";
import { releaseHealth, type Health } from "../planner/health.ts";
import { currentRelease, nextReleaseStatus } from "../planner/release-rules.ts";
import { GitError } from "../sync/git.ts";
import { appRef, getReleases, releaseRef, type AppContext } from "./app-context.ts";
import { applyRelease } from "./apply-release.ts";
import { executePlan } from "./execute.ts";
import type { Outcome } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";

/**
 * Takes the App's current release one look further: its objects into the store (again, where some are gone), then its
 * health, and when that is good, away with what it no longer declares. Safe to be cut off at any point.
 */
export async function advanceRelease(
  app: string,
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const release = currentRelease(getReleases(app, context));
  if (release === undefined) return {};
  const ready = await ensureApplied(release, context, signal);
  if (!ready) return { lookAgainAt: context.clock.now() + RETRY_MS };
  const world = context.world.at(context.clock.now());
  const health = releaseHealth(world, release.status.inventory);
  if (health.kind === "Healthy") await prune(release, context);
  await settle(release.metadata.name, health, context);
  await tellApp(app, release, health, context);
  return health.lookAgainAt === undefined ? {} : { lookAgainAt: health.lookAgainAt };
}

/** The next look when objects could not be applied because Git is away. */
const RETRY_MS = 5000;

/** Whether all objects of the release are in the store now. */
async function ensureApplied(
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<boolean> {
  const missing = release.status.inventory.filter((ref) => context.world.get(ref) === undefined);
  if (release.status.applied === true && missing.length === 0) return true;
  if (release.status.applied === true) {
    const names = missing.slice(0, 5).map(formatRef).join(", ");
    context.logger.warn(
      { app: release.spec.app, missing: missing.length },
      `putting back what is gone: ${names}`,
    );
  }
  try {
    return await applyRelease(release, context, signal);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    context.logger.warn(
      { app: release.spec.app, code: error.code },
      `objects not applied yet: ${error.message}`,
    );
    return false;
  }
}

async function prune(release: Release, context: AppContext): Promise<void> {
  const { toPrune, pruned } = release.status;
  if (toPrune === undefined || toPrune.length === 0 || pruned === true) return;
  const steps = toPrune.flatMap((ref) => {
    const object = context.world.get(ref);
    const owned = object?.metadata.labels?.["berth.dev/app"] === release.spec.app;
    if (object === undefined || !owned) return [];
    return [
      {
        kind: "delete" as const,
        ref,
        uid: object.metadata.uid ?? "",
        reason: "NotDeclared" as const,
      },
    ];
  });
  await executePlan({ steps }, context);
  await mutateStatus<Release>(context.objects, releaseRef(release.metadata.name), (stored) => ({
    ...stored,
    status: { ...stored.status, pruned: true },
  }));
}

/** Writes how the release stands, and tells it when that is an end. */
async function settle(name: string, health: Health, context: AppContext): Promise<void> {
  const now = formatTime(context.clock.now());
  let told: Release | undefined;
  const release = await mutateStatus<Release>(context.objects, releaseRef(name), (stored) => {
    const status = nextReleaseStatus(stored.status, health, now);
    told = status === stored.status ? undefined : { ...stored, status };
    return told ?? stored;
  });
  if (told === undefined || release === undefined || told.status.phase === "Progressing") return;
  const { phase, message } = told.status;
  const text = `commit ${release.spec.commit.slice(0, 12)} is ${phase}: ${message ?? ""}`;
  context.logger[phase === "Failed" ? "warn" : "info"]({ app: release.spec.app, phase }, text);
  context.events.write({
    about: release,
    type: phase === "Failed" ? "Warning" : "Normal",
    reason: phase,
    message: text,
  });
}

/** The App's view of its current release: which commit runs, which one was healthy last, and is all well now. */
async function tellApp(
  app: string,
  release: Release,
  health: Health,
  context: AppContext,
): Promise<void> {
  const now = formatTime(context.clock.now());
  const condition: Condition = {
    type: "Ready",
    status: health.kind === "Healthy" ? "True" : "False",
    reason: health.reason,
    message: health.message,
  };
  await mutateStatus<App>(context.objects, appRef(app), (stored) => {
    const known = stored.status;
    // A later commit with the same content is applied by having been seen.
    const sameContent = known?.seenTree === release.spec.tree;
    const applied = sameContent ? (known.seenCommit ?? release.spec.commit) : release.spec.commit;
    const healthyCommit = health.kind === "Healthy" ? applied : known?.healthyCommit;
    const conditions = setCondition(known?.conditions, condition, now);
    const same =
      known?.appliedCommit === applied &&
      known?.healthyCommit === healthyCommit &&
      findCondition(known?.conditions, "Ready") === findCondition(conditions, "Ready");
    if (same) return stored;
    return {
      ...stored,
      status: {
        ...known,
        appliedCommit: applied,
        ...(healthyCommit === undefined ? {} : { healthyCommit }),
        conditions,
      },
    };
  });
}
