import { formatTime } from "../base/clock.ts";
import type { App, Release, ReleasePhase, ReleaseStatus } from "../model/kinds.gen.ts";
import { refOf, type ObjectRef } from "../model/meta.ts";
import { formatProblem, type Problem } from "../model/problem.ts";
import { checkManifests } from "../planner/check-manifests.ts";
import { formatReleasedFirst, releasedFirst, withoutObjects } from "../planner/exclusive.ts";
import { plannedIn, planId } from "../planner/plan-id.ts";
import { guardPrune } from "../planner/prune-guard.ts";
import { releaseGate } from "../planner/release-gates.ts";
import { carriedQuarantine, lifted, revertedCommit } from "../planner/revert-rules.ts";
import {
  currentRelease,
  endOfReplaced,
  isApproved,
  isSameContent,
  isWaiting,
  OWNED,
  owedBy,
  planPrune,
  READING_ANNOTATION,
  readingOf,
} from "../planner/release-rules.ts";
import type { Manifest } from "../schema/manifest.ts";
import type { Commit } from "../sync/git.ts";
import type { Revision } from "../sync/source.ts";
import { GitError } from "../sync/git.ts";
import { appRef, applyOptions, getReleases, releaseRef, type AppContext } from "./app-context.ts";
import { locationOf, revisionOf } from "./app-location.ts";
import { mutateStatus } from "./mutate.ts";

/** What Git says of a commit that no retry can mend: it is the commit's own fault. */
const HOPELESS: ReadonlySet<string> = new Set(["too-large", "not-a-folder", "no-manifests"]);
/** The decision is one write of the Release: what it names must fit into a transaction of the store. */
const MAX_INVENTORY_BYTES = 900_000;
/** Problems kept in a Release; the rest is counted in its message. */
const MAX_PROBLEMS = 100;

/**
 * Decides about a commit with new content: Rejected, Held, or in. All checks come before the first write; being let in
 * is one write of the Release, with everything that it will do. What runs is not touched here.
 */
export async function admitCommit(
  app: App,
  commit: Commit,
  tree: string,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const releases = getReleases(app.metadata.name, context);
  const judged = await judge(app, commit, tree, releases, context, signal);
  const verdict = { ...judged, plan: planOf(app, tree, releases, context) };
  const latest = releases.at(-1);
  const isAgain = latest !== undefined && isWaiting(latest) && isSameContent(app, latest, tree);
  if (isAgain && (latest.spec.commit === commit.id || verdict.phase === latest.status.phase)) {
    const { phase, reason, message } = latest.status;
    if (verdict.phase === phase && verdict.reason === reason && verdict.message === message) return;
    await replaceEarlier(releases.slice(0, -1), tree, verdict.phase, context);
    await setStatus(latest, { ...latest.status, ...verdict }, context);
  } else {
    await replaceEarlier(releases, tree, verdict.phase, context);
    const sequence = (latest?.spec.sequence ?? 0) + 1;
    await context.objects.create(toRelease(app, commit, tree, sequence, verdict));
  }
  tell(app, commit, verdict, context);
}

/** What a plan of this commit would be called now: what it was decided from. */
function planOf(app: App, tree: string, releases: readonly Release[], context: AppContext): string {
  const current = currentRelease(releases);
  return planId(context.world.at(context.clock.now()), {
    app: app.metadata.name,
    baseTree: current?.spec.tree ?? "",
    headTree: tree,
    inventory: current?.status.inventory ?? [],
    version: context.version ?? "",
  });
}

type Verdict = Omit<ReleaseStatus, "startedAt"> & { readonly startedAt: string };

async function judge(
  app: App,
  commit: Commit,
  tree: string,
  releases: readonly Release[],
  context: AppContext,
  signal: AbortSignal,
): Promise<Verdict> {
  const startedAt = formatTime(context.clock.now());
  const { name } = app.metadata;
  const current = currentRelease(releases);
  const revision = await loadRevision(app, commit, context, signal);
  if (revision instanceof GitError)
    return { ...rejected(startedAt, [], revision.message), inventory: [] };
  const rewritten = await findRewrite(app, commit, current, context, signal);
  const { manifests, problems } = revision.loaded;
  if (problems.length > 0) return rejected(startedAt, problems);
  const world = context.world.at(context.clock.now());
  const inventory = manifests.map((manifest) => refOf(manifest.object));
  const toPrune = app.spec.prune ? planPrune(current, inventory) : [];
  // What another App declares now stays where it is.
  const ours = toPrune.filter((ref) => isOursToPrune(ref, name, context));
  const objects = manifests.map((manifest) => manifest.object);
  const first = releasedFirst(world, objects, ours);
  const view = withoutObjects(
    world,
    first.map(({ ref }) => ref),
  );
  const found = checkManifests(view, manifests, applyOptions(name, context));
  if (found.length > 0) return refused(app, startedAt, found, manifests, context);

  const bytes = JSON.stringify([inventory, toPrune]).length;
  if (bytes > MAX_INVENTORY_BYTES) {
    const message = `the commit declares ${inventory.length} objects, and a release can name about ${Math.floor((inventory.length * MAX_INVENTORY_BYTES) / bytes)} of them; declare fewer in this folder`;
    return { ...rejected(startedAt, [], message), reason: "TooManyObjects" };
  }
  const told = first.map(formatReleasedFirst).join("; ");
  const base = {
    startedAt,
    inventory,
    toPrune,
    ...(first.length === 0 ? {} : { releasedFirst: first }),
  };
  const latest = releases.at(-1);
  const apps = context.index.apps();
  const gate = releaseGate({
    app,
    commit: commit.id,
    now: context.clock.now(),
    apps,
    guard: guardPrune({
      app: name,
      previous: current?.status.inventory ?? [],
      next: inventory,
      toPrune: ours,
      owed: owedBy(current),
      commitMessage: commit.message,
      returning: releases.some(
        (release) => release.status.phase === "Healthy" && release.spec.tree === tree,
      ),
    }),
    rewritten,
    quarantine: carriedQuarantine(app, releases, tree, manifests),
    approved: latest !== undefined && isSameContent(app, latest, tree) && isApproved(latest),
  });
  if (gate.kind === "open") await lift(app, tree, manifests, context);
  if (gate.kind === "open")
    return {
      ...base,
      phase: "Progressing",
      reason: "Admitted",
      ...(told === "" ? {} : { message: told }),
      applied: false,
    };
  if (gate.phase === "Pending") {
    const others = (app.spec.dependsOn ?? []).map((dependency) => dependency.name);
    context.waitFor(name, others);
  }
  const { phase, reason } = gate;
  const message = told === "" ? gate.message : `${gate.message}; ${told}`;
  return { ...base, phase, reason, message };
}

function isOursToPrune(ref: ObjectRef, app: string, context: AppContext): boolean {
  const claimant = context.index.claimant(ref);
  return claimant === undefined || claimant === app;
}

/** What the cluster has against a commit. What only waits for another App to let go is told apart: it may come good. */
function refused(
  app: App,
  startedAt: string,
  found: readonly Problem[],
  manifests: readonly Manifest[],
  context: AppContext,
): Verdict {
  const verdict = rejected(startedAt, found);
  if (found.some(({ code }) => code !== "apply/other-app")) return verdict;
  const { name } = app.metadata;
  const owned = manifests
    .map(({ object }) => refOf(object))
    .filter((ref) => ![undefined, name].includes(context.index.claimant(ref)));
  context.memory.owned.set(name, owned);
  context.waitFor(
    name,
    owned.flatMap((ref) => context.index.claimant(ref) ?? []),
  );
  return { ...verdict, reason: OWNED };
}

/** Consent to a commit is consent to what it carries: it is not asked for again. */
async function lift(
  app: App,
  tree: string,
  manifests: readonly Manifest[],
  context: AppContext,
): Promise<void> {
  await mutateStatus<App>(context.objects, appRef(app.metadata.name), (stored) => {
    const { quarantine = [] } = stored.status ?? {};
    const next = lifted(quarantine, tree, manifests);
    return next === quarantine || next.length === 0
      ? stored
      : { ...stored, status: { ...stored.status, quarantine: next } };
  });
}

/** The applied commit that the new one does not come from, where the App wants to be asked about that. */
async function findRewrite(
  app: App,
  commit: Commit,
  current: Release | undefined,
  context: AppContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (app.spec.forcePush !== "hold" || current === undefined) return undefined;
  // Tags and pinned commits go where they are put.
  if (revisionOf(app.spec) !== undefined || current.spec.repo !== app.spec.repo) return undefined;
  const from = app.status?.appliedCommit ?? current.spec.commit;
  const location = locationOf(app, context.objects);
  const descends = await context.sources.descends(location, commit.id, from, signal);
  return descends ? undefined : from;
}

/** Content that no retry can mend (too large a file, say) rejects the commit; an unreachable Git is only waited for. */
async function loadRevision(
  app: App,
  commit: Commit,
  context: AppContext,
  signal: AbortSignal,
): Promise<Revision | GitError> {
  try {
    return await context.sources.load(locationOf(app, context.objects), commit.id, signal);
  } catch (error) {
    if (error instanceof GitError && HOPELESS.has(error.code)) return error;
    throw error;
  }
}

function rejected(startedAt: string, problems: readonly Problem[], message?: string): Verdict {
  const count = problems.length;
  const first = problems[0];
  const summary = message ?? (first === undefined ? "" : formatProblem(first));
  return {
    phase: "Rejected",
    reason: "InvalidManifests",
    message: count > 1 ? `${summary} (and ${count - 1} more)` : summary,
    problems: problems.slice(0, MAX_PROBLEMS).map(formatProblem),
    startedAt,
    finishedAt: startedAt,
    inventory: [],
  };
}

function toRelease(
  app: App,
  commit: Commit,
  tree: string,
  sequence: number,
  status: Verdict,
): Release {
  const planned = plannedIn(commit.message, app.metadata.name);
  const reverts = revertedCommit(commit.message);
  return {
    apiVersion: "berth.dev/v1",
    kind: "Release",
    metadata: {
      name: `${app.metadata.name}-${sequence}`,
      labels: { "berth.dev/app": app.metadata.name },
      annotations: { [READING_ANNOTATION]: readingOf(app) },
      ownerReferences: [
        {
          apiVersion: app.apiVersion,
          kind: app.kind,
          name: app.metadata.name,
          uid: app.metadata.uid ?? "",
        },
      ],
    },
    spec: {
      app: app.metadata.name,
      sequence,
      repo: app.spec.repo,
      path: app.spec.path,
      commit: commit.id,
      tree,
      author: `${commit.author.name} <${commit.author.email}>`,
      subject: commit.message.split("\n", 1)[0] ?? "",
      committedAt: formatTime(commit.committedAt),
      ...(planned === undefined ? {} : { planned }),
      ...(reverts === undefined ? {} : { reverts }),
    },
    status,
  };
}

/** A release that another one replaces comes to its end; a rejected or held newcomer replaces only waiting ones. */
async function replaceEarlier(
  releases: readonly Release[],
  nextTree: string,
  nextPhase: ReleasePhase,
  context: AppContext,
): Promise<void> {
  const admitted = nextPhase === "Progressing";
  for (const release of releases) {
    const waiting = release.status.phase === "Held" || release.status.phase === "Pending";
    if (!admitted && !waiting) continue;
    const phase = endOfReplaced(release, releases, nextTree);
    if (phase === release.status.phase) continue;
    await setStatus(
      release,
      {
        ...release.status,
        phase,
        finishedAt: release.status.finishedAt ?? formatTime(context.clock.now()),
      },
      context,
    );
  }
}

async function setStatus(
  release: Release,
  status: ReleaseStatus,
  context: AppContext,
): Promise<void> {
  await mutateStatus<Release>(context.objects, releaseRef(release.metadata.name), (stored) => ({
    ...stored,
    status,
  }));
}

function tell(app: App, commit: Commit, verdict: Verdict, context: AppContext): void {
  const short = commit.id.slice(0, 12);
  const bad = verdict.phase !== "Progressing";
  const message = bad
    ? `commit ${short} is ${verdict.phase}: ${verdict.message ?? ""}`
    : `commit ${short} is let in${verdict.message === undefined ? "" : `: ${verdict.message}`}`;
  context.logger[bad ? "warn" : "info"](
    { app: app.metadata.name, commit: commit.id, phase: verdict.phase },
    message,
  );
  context.events.write({
    about: app,
    type: bad ? "Warning" : "Normal",
    reason: verdict.phase,
    message,
  });
}
