import { formatTime, type Millis } from "../base/clock.ts";
import { APP_FINALIZER } from "../model/app.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { setCondition } from "../model/condition.ts";
import type { Condition } from "../model/meta.ts";
import {
  expiredReleases,
  fetchedAt,
  isApproved,
  isWaiting,
  judgeCommit,
  OWNED,
} from "../planner/release-rules.ts";
import { mayGoOn } from "../planner/release-gates.ts";
import { quarantineOfTree } from "../planner/revert-rules.ts";
import { syncWindowVerdict } from "../planner/sync-window.ts";
import { GitError } from "../sync/git.ts";
import type { Seen } from "../sync/source.ts";
import { admitCommit } from "./admit-commit.ts";
import { advanceRelease } from "./advance-release.ts";
import { appRef, getApp, getReleases, type AppContext } from "./app-context.ts";
import { locationOf } from "./app-location.ts";
import type { Outcome } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";
import { pinName } from "./pin-commit.ts";
import { ensureFinalizer, removeApp } from "./remove-app.ts";
import { revertFailed } from "./revert-release.ts";

/**
 * One look at one App: is there a new commit to let in, and how does the release that is in go on. Git being away never
 * stops the last part.
 */
export async function reconcileApp(
  name: string,
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const app = getApp(name, context);
  if (app === undefined) return {};
  if (app.metadata.deletionTimestamp !== undefined) return removeApp(app, context, signal);
  if (app.metadata.finalizers?.includes(APP_FINALIZER) !== true)
    await ensureFinalizer(app, context);
  const seen = context.seen(app);
  if (seen !== undefined) await takeSeen(app, seen, context, signal);
  const advanced = await advanceRelease(name, context, signal);
  const reverted = await revertFailed(name, context, signal);
  await forgetOldReleases(app, context, signal);
  const at = Math.min(
    waitsUntil(app, context),
    advanced.lookAgainAt ?? Number.POSITIVE_INFINITY,
    reverted.lookAgainAt ?? Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(at) ? { lookAgainAt: at } : {};
}

type SeenCommit = Seen & { readonly kind: "seen" };

async function takeSeen(
  app: App,
  seen: Seen,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  if (seen.kind === "failed") {
    await tellFailure(app, context, seen.code, seen.message);
    return;
  }
  if (app.spec.suspend === true) {
    await tellSource(app, context, fetchedAt(seen.commit.id));
    return;
  }
  try {
    await takeCommit(app, seen, context, signal);
  } catch (error) {
    // Git may go away between the look at the head and the reading of the tree.
    if (!(error instanceof GitError)) throw error;
    await tellFailure(app, context, error.code, error.message);
  }
}

const SOURCE_REASONS: Readonly<Record<string, string>> = {
  "not-a-repository": "NotARepository",
  "no-such-branch": "NoSuchBranch",
  "no-such-commit": "NoSuchRevision",
  "no-such-path": "NoSuchPath",
  "no-commits": "NoCommits",
  unreachable: "Unreachable",
  unauthorized: "Unauthorized",
  "host-key": "HostKeyRefused",
  "invalid-url": "InvalidAddress",
  "too-large": "TooLarge",
};

/** What Git says against it, in the App's conditions: what runs stays as it is. */
async function tellFailure(
  app: App,
  context: AppContext,
  code: string,
  message: string,
): Promise<void> {
  const reason = SOURCE_REASONS[code] ?? "SourceError";
  await tellSource(app, context, { type: "SourceReady", status: "False", reason, message });
}

async function tellSource(app: App, context: AppContext, condition: Condition): Promise<void> {
  const now = formatTime(context.clock.now());
  let changed = false;
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const conditions = setCondition(stored.status?.conditions, condition, now);
    changed = conditions !== stored.status?.conditions;
    return changed ? { ...stored, status: { ...stored.status, conditions } } : stored;
  });
  const { status, reason = "SourceError", message = "" } = condition;
  if (changed && status === "False")
    context.events.write({ about: app, type: "Warning", reason, message });
}

async function takeCommit(
  app: App,
  seen: SeenCommit,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const { commit, tree } = seen;
  const releases = getReleases(app.metadata.name, context);
  const latest = releases.at(-1);
  const verdict = judgeCommit(app, releases, commit.id, tree);
  if (verdict.kind === "new" && isKeptOut(app, releases, tree)) {
    await noteSeen(app, seen, context);
    return;
  }
  const isAgain = verdict.kind !== "new" && latest !== undefined && isWaiting(latest);
  if (verdict.kind === "new") await admitCommit(app, commit, tree, context, signal);
  else if (isAgain && canGoOn(app, latest, commit.id, context))
    await admitCommit(app, commit, tree, context, signal);
  await noteSeen(app, seen, context);
}

/** Whether the head is what was taken back: it has its Release already. Another one that waits ends first. */
function isKeptOut(app: App, releases: readonly Release[], tree: string): boolean {
  const latest = releases.at(-1);
  const waits = latest !== undefined && isWaiting(latest);
  return !waits && quarantineOfTree(app, releases, tree) !== undefined;
}

async function noteSeen(
  app: App,
  { commit, tree }: SeenCommit,
  context: AppContext,
): Promise<void> {
  const { name } = app.metadata;
  const now = formatTime(context.clock.now());
  const release = getReleases(name, context).at(-1)?.metadata.name;
  await mutateStatus<App>(context.objects, appRef(name), (stored) => {
    const { status } = stored;
    const conditions = setCondition(status?.conditions, fetchedAt(commit.id), now);
    const isNoted =
      status?.seenCommit === commit.id &&
      status.seenTree === tree &&
      status.release === release &&
      conditions === status.conditions;
    if (isNoted) return stored;
    return {
      ...stored,
      status: {
        ...status,
        seenCommit: commit.id,
        seenTree: tree,
        ...(release === undefined ? {} : { release }),
        conditions,
      },
    };
  });
}

/** Whether what the release waits for may have come; where it has not, other Apps wake this one when they change. */
function canGoOn(app: App, latest: Release, commit: string, context: AppContext): boolean {
  const { name } = app.metadata;
  // Another commit with the same content may say what the first one did not: its trailer counts.
  if (latest.spec.commit !== commit && app.status?.seenCommit !== commit) return true;
  if (latest.status.reason === OWNED) {
    const owned = context.memory.owned.get(name) ?? [];
    const claimants = owned.flatMap((ref) => context.index.claimant(ref) ?? []);
    const others = [...new Set(claimants)].filter((other) => other !== name);
    context.waitFor(name, others);
    return others.length === 0;
  }
  const input = {
    app,
    commit,
    now: context.clock.now(),
    apps: context.index.apps(),
    approved: isApproved(latest),
  };
  if (latest.status.phase === "Pending")
    context.waitFor(
      name,
      (app.spec.dependsOn ?? []).map((dependency) => dependency.name),
    );
  return mayGoOn(latest, input);
}

/** When a window opens or closes for what waits. */
function waitsUntil(app: App, context: AppContext): Millis {
  const latest = getReleases(app.metadata.name, context).at(-1);
  if (latest === undefined || !isWaiting(latest)) return Number.POSITIVE_INFINITY;
  const window = syncWindowVerdict(app.spec.syncWindows, context.clock.now());
  return window.kind === "closed"
    ? (window.changesAt ?? Number.POSITIVE_INFINITY)
    : Number.POSITIVE_INFINITY;
}

async function forgetOldReleases(
  app: App,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const expired = expiredReleases(getReleases(app.metadata.name, context));
  for (const release of expired) {
    await context.objects.remove({
      apiVersion: "berth.dev/v1",
      kind: "Release",
      name: release.metadata.name,
    });
    try {
      await context.sources.unpin(locationOf(app, context.objects), pinName(release), signal);
    } catch (error) {
      if (!(error instanceof GitError)) throw error; // A ref too many does no harm.
    }
  }
}
