import { formatTime } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type { App, AppQuarantine, Release } from "../model/kinds.gen.ts";
import { formatRef, type Condition } from "../model/meta.ts";
import { planReturn, type PlannedReturn } from "../planner/plan-return.ts";
import { currentRelease } from "../planner/release-rules.ts";
import { findFaults, type Fault } from "../planner/revert-fault.ts";
import { judgeRevert, makeQuarantine, withQuarantine } from "../planner/revert-rules.ts";
import { ObjectStoreError, type Write } from "../store/object-store.ts";
import { GitError } from "../sync/git.ts";
import { appRef, getApp, getReleases, releaseRef, type AppContext } from "./app-context.ts";
import { loadRelease } from "./load-release.ts";
import type { Outcome } from "./loop.ts";
import { mutateStatus } from "./mutate.ts";
import { readFailedLogs } from "./revert-logs.ts";

/** The next look when the content to go back to could not be read. */
const RETRY_MS = 5000;
/** What one write of the store takes, with room: larger releases are written one after another. */
const MAX_WRITE_BYTES = 800_000;

/**
 * Takes the App's current release back when it failed by its own fault and the App asks for that: its content is kept
 * out, and the last healthy one is let in again, in one write. The revert commit is made elsewhere, after it.
 */
export async function revertFailed(
  name: string,
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const app = getApp(name, context);
  const releases = getReleases(name, context);
  const current = currentRelease(releases);
  if (app === undefined || current === undefined) return {};
  if (current.spec.returnsFrom !== undefined) await endReturned(current.spec.returnsFrom, context);
  const faults = faultsOf(app, current, context);
  const verdict = judgeRevert(app, releases, current, faults, context.clock.now());
  if (verdict.kind === "none") {
    if (current.status.phase === "Healthy" && current.spec.returnsFrom === undefined)
      await forgetVerdict(app, context);
    return {};
  }
  if (verdict.kind === "refused") {
    const { reason, message, lookAgainAt } = verdict;
    await tellVerdict(app, { status: "False", reason, message }, context);
    return lookAgainAt === undefined ? {} : { lookAgainAt };
  }
  try {
    return await goBack(app, current, verdict.target, faults, context, signal);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    context.logger.warn({ app: name, code: error.code }, `not taken back yet: ${error.message}`);
    return { lookAgainAt: context.clock.now() + RETRY_MS };
  }
}

function faultsOf(app: App, { status }: Release, context: AppContext): readonly Fault[] {
  if (app.spec.autoRevert !== true || status.phase !== "Failed") return [];
  const world = context.world.at(context.clock.now());
  return findFaults(world, status.inventory, status.reason === "ReadyTimeout");
}

async function goBack(
  app: App,
  failed: Release,
  target: Release,
  faults: readonly Fault[],
  context: AppContext,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name } = app.metadata;
  const good = await loadRelease(app, target, context, signal);
  const bad = await loadRelease(app, failed, context, signal);
  const logs = await readFailedLogs(faults, context, signal);
  // A newer commit is looked at first; and what was read above may be old by now.
  if (context.preempted(name) || signal.aborted) return {};
  const releases = getReleases(name, context);
  const stored = getApp(name, context);
  const still = currentRelease(releases);
  if (stored === undefined || still !== failed) return { lookAgainAt: context.clock.now() };
  const now = context.clock.now();
  const quarantine = makeQuarantine(failed, target, faults, { bad, good }, now);
  const { message } = quarantine;
  const planned = planReturn(context.world.at(now), {
    app: stored,
    releases,
    failed,
    target,
    message,
    manifests: good,
  });
  try {
    await write(stored, failed, { planned, quarantine, logs }, context);
  } catch (error) {
    const raced =
      error instanceof ObjectStoreError && ["conflict", "already-exists"].includes(error.code);
    if (!raced) throw error;
    return { lookAgainAt: context.clock.now() };
  }
  await tellReturn(stored, failed, target, { planned, quarantine }, context);
  // The release that goes back is taken up at once.
  return { lookAgainAt: context.clock.now() };
}

interface Back {
  readonly planned: PlannedReturn;
  readonly quarantine: AppQuarantine;
  readonly logs: readonly string[];
}

async function write(
  app: App,
  failed: Release,
  { planned, quarantine, logs }: Back,
  { objects }: AppContext,
): Promise<void> {
  const known = app.status?.quarantine;
  const status = { ...app.status, quarantine: withQuarantine(known, quarantine) };
  const ended = { ...planned.failed, ...(logs.length === 0 ? {} : { logs }) };
  const writes: readonly Write[] = [
    { kind: "replace", object: { ...app, status } as App },
    { kind: "create", object: planned.back },
    { kind: "replace", object: { ...failed, status: ended } as Release },
  ];
  const bytes = JSON.stringify(writes).length;
  if (bytes <= MAX_WRITE_BYTES) await objects.transact(writes);
  // Cut off in between, the next look finds the quarantine and goes on.
  else for (const one of writes) await objects.transact([one]);
}

/** Ends the release that was gone back from, where a crash came between. */
async function endReturned(name: string, context: AppContext): Promise<void> {
  await mutateStatus<Release>(context.objects, releaseRef(name), (stored) =>
    stored.status.phase === "Failed"
      ? { ...stored, status: { ...stored.status, phase: "RolledBack" } }
      : stored,
  );
}

async function tellReturn(
  app: App,
  failed: Release,
  target: Release,
  { planned, quarantine }: Pick<Back, "planned" | "quarantine">,
  context: AppContext,
): Promise<void> {
  const [from, to] = [failed, target].map(({ spec }) => spec.commit.slice(0, 12));
  const kept =
    planned.kept.length === 0
      ? ""
      : `; left in place, since only people remove such: ${planned.kept.map(formatRef).join(", ")}`;
  const message = `commit ${from} failed and was taken back to commit ${to}: ${quarantine.message}${kept}`;
  await tellVerdict(app, { status: "True", reason: "Returned", message }, context);
  context.events.write({ about: failed, type: "Warning", reason: "RolledBack", message });
  context.logger.warn({ app: app.metadata.name, from, to }, message);
}

type Told = Pick<Condition, "status"> & { readonly reason: string; readonly message: string };

/** The condition `AutoReverted`, and an event when it changes. */
async function tellVerdict(app: App, told: Told, context: AppContext): Promise<void> {
  const now = formatTime(context.clock.now());
  let isNews = false;
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const known = stored.status?.conditions;
    const conditions = setCondition(known, { type: AUTO_REVERTED, ...told }, now);
    isNews = conditions !== known;
    return isNews ? { ...stored, status: { ...stored.status, conditions } } : stored;
  });
  if (!isNews) return;
  const reason = told.status === "True" ? "AutoReverted" : "NotReverted";
  context.events.write({ about: app, type: "Warning", reason, message: told.message });
}

/** Why the last failed release was not taken back is of no interest once another one is healthy. */
async function forgetVerdict(app: App, context: AppContext): Promise<void> {
  if (app.status?.conditions?.some(({ type }) => type === AUTO_REVERTED) !== true) return;
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const conditions = (stored.status?.conditions ?? []).filter(
      ({ type }) => type !== AUTO_REVERTED,
    );
    return { ...stored, status: { ...stored.status, conditions } };
  });
}

const AUTO_REVERTED = "AutoReverted";
