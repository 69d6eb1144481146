import { formatTime } from "../base/clock.ts";
import type { App } from "../model/kinds.gen.ts";
import { setCondition } from "../model/condition.ts";
import { expiredReleases, judgeCommit } from "../planner/release-rules.ts";
import { GitError, type Commit } from "../sync/git.ts";
import { admitCommit } from "./admit-commit.ts";
import { advanceRelease } from "./advance-release.ts";
import { appRef, getApp, getReleases, locationOf, type AppContext } from "./app-context.ts";
import type { Outcome } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";

/**
 * One look at one App: what does its source say now, is there a new commit to let in, and how does the release that
 * is in go on. Git being away never stops the last part.
 */
export async function reconcileApp(
  name: string,
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const app = getApp(name, context);
  if (app === undefined) return {};
  const nextPollAt = context.clock.now() + app.spec.intervalSeconds * 1000;
  if (app.spec.suspend !== true) {
    const seen = await lookAtSource(app, context, signal);
    if (seen !== undefined) await takeCommitOrTell(app, seen, context, signal);
  }
  const advanced = await advanceRelease(name, context, signal);
  await forgetOldReleases(name, context);
  return { lookAgainAt: Math.min(nextPollAt, advanced.lookAgainAt ?? Number.POSITIVE_INFINITY) };
}

interface SeenCommit {
  readonly commit: Commit;
  readonly tree: string;
}

/** The head of the App's branch; `undefined`, and told in the App's conditions, when Git cannot say. */
async function lookAtSource(
  app: App,
  context: AppContext,
  signal: AbortSignal,
): Promise<SeenCommit | undefined> {
  try {
    const location = locationOf(app);
    const commit = await context.sources.head(location, signal);
    const tree = await context.sources.treeId(location, commit.id, signal);
    await tellSource(app, context, "True", "Fetched", `at ${commit.id.slice(0, 12)}`);
    return { commit, tree };
  } catch (error) {
    await tellGitError(app, context, error);
    return undefined;
  }
}

const SOURCE_REASONS: Readonly<Record<string, string>> = {
  "not-a-repository": "NotARepository",
  "no-such-branch": "NoSuchBranch",
  "no-such-path": "NoSuchPath",
  "no-commits": "NoCommits",
  unreachable: "Unreachable",
  unauthorized: "Unauthorized",
  "too-large": "TooLarge",
};

/** What Git says, in the App's conditions; anything else is thrown on. */
async function tellGitError(app: App, context: AppContext, error: unknown): Promise<void> {
  if (!(error instanceof GitError)) throw error;
  const reason = SOURCE_REASONS[error.code] ?? "SourceError";
  await tellSource(app, context, "False", reason, error.message);
}

async function tellSource(
  app: App,
  context: AppContext,
  status: "True" | "False",
  reason: string,
  message: string,
): Promise<void> {
  const now = formatTime(context.clock.now());
  let changed = false;
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const conditions = setCondition(
      stored.status?.conditions,
      { type: "SourceReady", status, reason, message },
      now,
    );
    changed = conditions !== stored.status?.conditions;
    return changed ? { ...stored, status: { ...stored.status, conditions } } : stored;
  });
  if (changed && status === "False")
    context.events.write({ about: app, type: "Warning", reason, message });
}

/** Git may go away between the look at the head and the reading of the tree. */
async function takeCommitOrTell(
  app: App,
  seen: SeenCommit,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  try {
    await takeCommit(app, seen, context, signal);
  } catch (error) {
    await tellGitError(app, context, error);
  }
}

async function takeCommit(
  app: App,
  seen: SeenCommit,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const { commit, tree } = seen;
  const releases = getReleases(app.metadata.name, context);
  const verdict = judgeCommit(app, releases, commit.id, tree);
  if (verdict.kind === "known") return;
  if (verdict.kind === "new") await admitCommit(app, commit, tree, context, signal);
  const latest = getReleases(app.metadata.name, context).at(-1);
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => ({
    ...stored,
    status: {
      ...stored.status,
      seenCommit: commit.id,
      seenTree: tree,
      ...(latest === undefined ? {} : { release: latest.metadata.name }),
    },
  }));
}

async function forgetOldReleases(app: string, context: AppContext): Promise<void> {
  for (const release of expiredReleases(getReleases(app, context))) {
    await context.objects.remove({
      apiVersion: "berth.dev/v1",
      kind: "Release",
      name: release.metadata.name,
    });
  }
}
