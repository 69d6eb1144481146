import { unreachable } from "../base/assert.ts";
import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { APP_LABEL } from "../model/app.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { findCondition, setCondition } from "../model/condition.ts";
import type { Condition } from "../model/meta.ts";
import { releaseHealth, type Health } from "../planner/health.ts";
import { earlier } from "../planner/pod-state.ts";
import { readyDeadline, tooLate } from "../planner/release-gates.ts";
import { currentRelease, nextReleaseStatus } from "../planner/release-rules.ts";
import { GitError } from "../sync/git.ts";
import { appRef, getApp, getReleases, releaseRef, type AppContext } from "./app-context.ts";
import { isAsApplied, tellDrift } from "./app-drift.ts";
import { applyRelease } from "./apply-release.ts";
import { executePlan } from "./execute.ts";
import type { Outcome } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";

/**
 * Takes the App's current release one look further: its objects into the store (again, where some are gone or changed),
 * then its health, and when that is good, away with what it no longer declares. Safe to be cut off at any point.
 */
export async function advanceRelease(
  name: string,
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const release = currentRelease(getReleases(name, context));
  const app = getApp(name, context);
  if (release === undefined || app === undefined) return {};
  const progress = await ensureApplied(app, release, context, signal);
  if (progress.kind === "preempted") return {};
  if (progress.kind === "unreachable") return { lookAgainAt: context.clock.now() + RETRY_MS };
  const { now, health, deadline } = judgeHealth(app, release, progress, context);
  const isPruned = health.kind !== "Healthy" || (await prune(release, context));
  await settle(release.metadata.name, health, context);
  await tellApp(name, release, health, context);
  const alarms = [health.lookAgainAt, deadline, isPruned ? undefined : now + HAND_OVER_LOOK_MS];
  const at = alarms.reduce(earlier, undefined);
  return at === undefined ? {} : { lookAgainAt: at };
}

/** The next look when objects could not be applied because Git is away. */
const RETRY_MS = 5000;
/** How long objects that a release no longer declares wait for another App of the repository to take them over. */
const HAND_OVER_MS = 10_000;
const HAND_OVER_LOOK_MS = 500;

type Progress =
  | { readonly kind: "applied" }
  | { readonly kind: "preempted" }
  | { readonly kind: "unreachable" }
  /** Not all is there, and this is how what is there stands. */
  | { readonly kind: "partly"; readonly health: Health };

/** How the release stands now, and when it must be healthy. */
function judgeHealth(
  app: App,
  release: Release,
  progress: Progress,
  context: AppContext,
): { readonly now: Millis; readonly health: Health; readonly deadline: Millis | undefined } {
  const now = context.clock.now();
  const found =
    progress.kind === "partly"
      ? progress.health
      : releaseHealth(context.world.at(now), release.status.inventory);
  const deadline =
    release.status.phase === "Progressing" && found.kind === "Progressing"
      ? readyDeadline(app, parseTime(release.status.startedAt))
      : undefined;
  if (deadline === undefined || now < deadline) return { now, health: found, deadline };
  const message = tooLate(app, deadline, found.message);
  const health: Health = { ...found, kind: "Degraded", reason: "ReadyTimeout", message };
  return { now, health, deadline: undefined };
}

/** Whether all objects of the release are in the store now, as it declares them. */
async function ensureApplied(
  app: App,
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<Progress> {
  try {
    if (release.status.applied === true && (await isAsApplied(app, release, context, signal)))
      return { kind: "applied" };
    const outcome = await applyRelease(release, context, signal);
    switch (outcome.kind) {
      case "applied":
        await tellDrift(app, [], context);
        return outcome;
      case "preempted":
        return outcome;
      case "waiting":
        return { kind: "partly", health: outcome.health };
      case "refused":
        return {
          kind: "partly",
          health: { kind: "Degraded", reason: "ApplyRefused", message: outcome.message },
        };
      default:
        return unreachable(outcome);
    }
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    context.logger.warn(
      { app: release.spec.app, code: error.code },
      `objects not applied yet: ${error.message}`,
    );
    // What is there is still judged, and told.
    return release.status.applied === true ? { kind: "applied" } : { kind: "unreachable" };
  }
}

/**
 * Removes what the release no longer declares. False while another App of the repository may still take some of it over:
 * then it is never removed and made again.
 */
async function prune(release: Release, context: AppContext): Promise<boolean> {
  const { toPrune, pruned, startedAt } = release.status;
  if (toPrune === undefined || toPrune.length === 0 || pruned === true) return true;
  const waitedMs = context.clock.now() - (parseTime(startedAt) ?? 0);
  if (waitedMs < HAND_OVER_MS && context.othersDecide(release.spec.app)) return false;
  const steps = toPrune.flatMap((ref) => {
    const object = context.world.get(ref);
    const isOurs =
      object?.metadata.labels?.[APP_LABEL] === release.spec.app &&
      context.index.claimant(ref) === undefined;
    if (object === undefined || !isOurs) return [];
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
  return true;
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
