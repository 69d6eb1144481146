import { backoffMs } from "../base/backoff.ts";
import { formatTime, type Millis } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type { App, AppQuarantine, Release } from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import { currentRelease } from "../planner/release-rules.ts";
import { COMMITTER } from "../sync/commit-object.ts";
import { GitError } from "../sync/git.ts";
import { revertStory } from "../sync/revert-message.ts";
import type { SourceLocation } from "../sync/source.ts";
import type { WritableSources } from "../sync/write/writable-sources.ts";
import { appRef, getApp, type AppContext } from "./app-context.ts";
import { locationOf, revisionOf } from "./app-location.ts";
import type { Outcome } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";
import { proposeRevert, type ForgeContext } from "./revert-propose.ts";

export interface RevertContext extends Pick<
  AppContext,
  "objects" | "index" | "events" | "clock" | "logger"
> {
  readonly sources: Pick<WritableSources, "goBack" | "publish" | "head">;
  readonly forgeOf?: ForgeContext["forgeOf"];
  /** Looks at the App's source now. */
  readonly lookNow: (app: string) => void;
  /** By App: may be lost at any time. */
  readonly failures: Map<string, PushFailures>;
}

/** Tries in a row that failed. */
export interface PushFailures {
  readonly count: number;
  /** When it is tried again. */
  readonly until: Millis;
  /** Of the App: another one is tried at once. */
  readonly generation: number | undefined;
}

/** Between two tries of a push that was refused. */
const RETRY = { baseMs: 10_000, maxMs: 300_000 };
/** A branch that moved while the commit was made: made again at once. */
const MOVED_MS = 200;
/** After it, a conversation with Git is given up. */
const GIT_MS = 60_000;
/** The revert is made once the way back is applied; other changes of the App wake it, this is for what is missed. */
const WAIT_MS = 1000;

/** The quarantine whose revert commit is still to be made, if any. */
export function pendingRevert({ status }: App): AppQuarantine | undefined {
  const last = status?.quarantine?.at(-1);
  return last?.revert === "Pending" && last.lifted !== true ? last : undefined;
}

/**
 * Makes the revert commit of what was taken back, and brings it onto the branch or into a pull request. Compare and swap:
 * whatever came meanwhile stays. May be repeated, and go on after a crash: a revert that is there is recognised.
 */
export async function pushRevert(
  name: string,
  context: RevertContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const app = getApp(name, context);
  const pending = app === undefined ? undefined : pendingRevert(app);
  if (app === undefined || pending === undefined) return done(name, context);
  const releases = context.index.releases(name);
  const back = currentRelease(releases);
  if (back?.spec.returnsFrom !== pending.release) {
    const message = `not needed: release ${back?.metadata.name ?? "none"} came meanwhile`;
    return settle(
      app,
      pending,
      "Dropped",
      { status: "True", reason: "NewerCommit", message },
      context,
    );
  }
  if (back.status.applied !== true) return { lookAgainAt: context.clock.now() + WAIT_MS };
  const blocked = blockedBy(app);
  if (blocked !== undefined) {
    await tell(app, { status: "False", ...blocked }, context);
    return {};
  }
  const failed = context.failures.get(name);
  if (failed !== undefined && isWaited(failed, app, context)) return { lookAgainAt: failed.until };
  try {
    const end = AbortSignal.any([signal, AbortSignal.timeout(GIT_MS)]);
    return await make(app, pending, releases, context, end);
  } catch (error) {
    if (signal.aborted) return {};
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    if (failure.code === "conflict") return { lookAgainAt: context.clock.now() + MOVED_MS };
    return refused(app, failure, context);
  }
}

/** A changed App is tried at once. */
function isWaited(
  { until, generation }: PushFailures,
  app: App,
  { clock }: RevertContext,
): boolean {
  return generation === app.metadata.generation && clock.now() < until;
}

/** What became of a conversation with Git that was given up counts as its being away. */
function failureOf(error: unknown): GitError | undefined {
  if (error instanceof GitError) return error;
  const isLate = error instanceof DOMException && error.name === "TimeoutError";
  return isLate
    ? new GitError("unreachable", `Git did not answer within ${GIT_MS / 1000} s`)
    : undefined;
}

async function make(
  app: App,
  pending: AppQuarantine,
  releases: readonly Release[],
  context: RevertContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const { sources, objects } = context;
  const { name } = app.metadata;
  const location = locationOf(app, objects);
  const message = storyOf(app, pending, releases);
  const answer = await sources.goBack(
    location,
    { app: name, to: pending.to, from: pending.tree, message, author: COMMITTER },
    signal,
  );
  switch (answer.kind) {
    case "there": {
      const said = `branch "${location.branch}" is back at the content of ${pending.to.slice(0, 12)}, by commit ${short(answer.head.id)}`;
      return settle(
        app,
        pending,
        "Pushed",
        { status: "True", reason: "Pushed", message: said },
        context,
      );
    }
    case "moved": {
      const said = `not pushed: commit ${short(answer.head.id)} came on top of what failed, and Berth takes back no more than that; if it does not mend it, \`berth rollback ${name} --to ${short(pending.to)}\``;
      return settle(
        app,
        pending,
        "Dropped",
        { status: "False", reason: "NewerCommit", message: said },
        context,
      );
    }
    default:
      return bring(app, pending, location, answer, context, signal);
  }
}

type Composed = Extract<Awaited<ReturnType<WritableSources["goBack"]>>, { kind: "composed" }>;

/** Onto the branch; where people must agree first, or the branch takes no push, as a pull request. */
async function bring(
  app: App,
  pending: AppQuarantine,
  location: SourceLocation,
  { commit, changes }: Composed,
  context: RevertContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const { branch } = location;
  let why = `App "${app.metadata.name}" takes writes as pull requests`;
  if (app.spec.write !== "pull-request") {
    try {
      await context.sources.publish(location, { branch, commit, changes }, signal);
      const message = `commit ${short(commit.id)} of branch "${branch}" takes commit ${short(pending.commit)} back`;
      return await settle(
        app,
        pending,
        "Pushed",
        { status: "True", reason: "Pushed", message },
        context,
      );
    } catch (error) {
      if (!(error instanceof GitError) || error.code !== "rejected") throw error;
      why = error.message;
    }
  }
  const message = await proposeRevert(
    location,
    { commit, changes },
    pending.commit,
    context,
    signal,
  );
  return settle(
    app,
    pending,
    "Proposed",
    { status: "False", reason: "Proposed", message: `${why}; ${message}` },
    context,
  );
}

function storyOf(app: App, pending: AppQuarantine, releases: readonly Release[]): string {
  const failed = releases.find(({ metadata }) => metadata.name === pending.release);
  return revertStory({
    app: app.metadata.name,
    release: pending.release,
    bad: { id: pending.commit, message: failed?.spec.subject ?? short(pending.commit) },
    to: pending.to,
    why: pending.message,
    logs: failed?.status.logs ?? [],
  });
}

/** What no retry mends, only a change of the App. */
function blockedBy({ metadata, spec }: App): Pick<Condition, "reason" | "message"> | undefined {
  const cure = "revert the commit in Git yourself; what runs was taken back already";
  if (spec.write === "deny")
    return {
      reason: "WriteDenied",
      message: `App "${metadata.name}" takes no writes (write: deny): ${cure}`,
    };
  if (revisionOf(spec) === undefined) return undefined;
  return {
    reason: "NoBranch",
    message: `App "${metadata.name}" follows no branch that a revert could go to: point it at another revision; what runs was taken back already`,
  };
}

const REASONS: Readonly<Record<string, string>> = {
  dirty: "DirtyWorkTree",
  unreachable: "Unreachable",
  unauthorized: "Unauthorized",
  rejected: "PushRefused",
};

async function refused(app: App, error: GitError, context: RevertContext): Promise<Outcome> {
  const { name } = app.metadata;
  const count = (context.failures.get(name)?.count ?? 0) + 1;
  const until = context.clock.now() + backoffMs(RETRY, count);
  context.failures.set(name, { count, until, generation: app.metadata.generation });
  const reason = REASONS[error.code] ?? "GitError";
  const message = `what runs was taken back, its revert is not in Git: ${error.message}; it is tried again`;
  await tell(app, { status: "False", reason, message }, context);
  return { lookAgainAt: until };
}

async function settle(
  app: App,
  pending: AppQuarantine,
  revert: AppQuarantine["revert"],
  told: Pick<Condition, "status" | "reason" | "message">,
  context: RevertContext,
): Promise<Outcome> {
  const { name } = app.metadata;
  await mutateStatus<App>(context.objects, appRef(name), (stored) => {
    const known = stored.status?.quarantine ?? [];
    const quarantine = known.map((one) =>
      one.release === pending.release && one.revert === "Pending" ? { ...one, revert } : one,
    );
    return { ...stored, status: { ...stored.status, quarantine } };
  });
  await tell(app, told, context);
  context.lookNow(name);
  return done(name, context);
}

function done(name: string, { failures }: RevertContext): Outcome {
  failures.delete(name);
  return {};
}

/** The condition `RevertPushed`, and an event when it changes. */
async function tell(
  app: App,
  told: Pick<Condition, "status" | "reason" | "message">,
  context: RevertContext,
): Promise<void> {
  const now = formatTime(context.clock.now());
  let isNews = false;
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const known = stored.status?.conditions;
    const conditions = setCondition(known, { type: "RevertPushed", ...told }, now);
    isNews = conditions !== known;
    return isNews ? { ...stored, status: { ...stored.status, conditions } } : stored;
  });
  if (!isNews) return;
  const { status, message = "" } = told;
  const type = status === "True" ? "Normal" : "Warning";
  const reason = status === "True" ? "RevertPushed" : "RevertNotPushed";
  context.events.write({ about: app, type, reason, message });
  context.logger[type === "Normal" ? "info" : "warn"]({ app: app.metadata.name }, message);
}

function short(id: string): string {
  return id.slice(0, 12);
}
