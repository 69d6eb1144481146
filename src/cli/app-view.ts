import { findCondition } from "../model/condition.ts";
import { APP_LABEL } from "../model/app.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { activeQuarantines } from "../planner/revert-rules.ts";
import { viewRelease, type ReleaseView } from "./release-view.ts";

/**
 * How an App stands to its source. Synced: what was seen last is applied. Unreadable: Git cannot be read; what runs goes
 * on. RolledBack: what was seen last was taken back by itself.
 */
export type Sync =
  | "Synced"
  | "Applying"
  | "Held"
  | "Pending"
  | "Rejected"
  | "RolledBack"
  | "Suspended"
  | "Unreadable"
  | "Unknown";

/** An App as `berth status --output json` prints it. */
export interface AppView {
  readonly name: string;
  readonly repo: string;
  readonly branch: string;
  readonly path: string;
  /** What of the repository is followed: `branch main`, `tag v1`, `tags in >=1.2.0 <2`, `commit 1a2b…`, `ref refs/…`. */
  readonly follows: string;
  /** The App in whose folder it stands. */
  readonly parent: string | undefined;
  readonly sync: Sync;
  /** Of what is applied, now. Degraded: waiting does not help. */
  readonly health: "Healthy" | "Progressing" | "Degraded" | "Unknown";
  /** What the newest release waits for, with the command that lets it go on where there is one. */
  readonly waitsFor: string | undefined;
  /** All that is not well, for people. */
  readonly problems: readonly string[];
  readonly seenCommit: string | undefined;
  readonly appliedCommit: string | undefined;
  readonly healthyCommit: string | undefined;
  /** What was taken back last, is kept out, and how it is let in. */
  readonly quarantine?: string | undefined;
  /** The newest release. */
  readonly release: ReleaseView | undefined;
  /** Whether what is applied is healthy now, and what is not. */
  readonly ready: boolean;
  readonly message: string;
  /** Why Git cannot be read, if it cannot. */
  readonly sourceProblem: string | undefined;
}

/** What is told of an App and its releases, oldest first. Pure. */
export function viewApp(app: App, releases: readonly Release[]): AppView {
  const { spec, status, metadata } = app;
  const latest = releases.at(-1);
  const source = findCondition(status?.conditions, "SourceReady");
  const ready = findCondition(status?.conditions, "Ready");
  const sourceProblem = source?.status === "False" ? source.message : undefined;
  const waits = latest?.status.phase === "Held" || latest?.status.phase === "Pending";
  const message = ready?.message ?? "";
  const isReady = ready?.status === "True";
  return {
    name: metadata.name,
    repo: spec.repo,
    branch: spec.branch,
    path: spec.path,
    follows: followed(app),
    parent: metadata.labels?.[APP_LABEL],
    sync: syncOf(app, latest, sourceProblem),
    health: healthOf(app, releases),
    waitsFor: waits ? (latest.status.message ?? latest.status.reason) : undefined,
    problems: problemsOf(app, latest),
    seenCommit: status?.seenCommit,
    appliedCommit: status?.appliedCommit,
    healthyCommit: status?.healthyCommit,
    quarantine: quarantineOf(app, releases),
    release: latest === undefined ? undefined : viewRelease(latest),
    ready: isReady,
    message,
    sourceProblem,
  };
}

function problemsOf({ status }: App, latest: Release | undefined): readonly string[] {
  const types = ["SourceReady", "Ready", "Drifted", "AutoReverted", "RevertPushed"];
  const [source, ready, drifted, taken, pushed] = types.map((type) =>
    findCondition(status?.conditions, type),
  );
  return [
    ...(source?.status === "False" ? [`Git: ${source.message ?? ""}`] : []),
    ...(latest?.status.problems ?? []),
    ...(ready?.status === "False" ? [ready.message ?? ""] : []),
    ...(taken?.status === "False" ? [`not taken back: ${taken.message ?? ""}`] : []),
    ...(pushed?.status === "False" ? [`revert: ${pushed.message ?? ""}`] : []),
    ...(drifted?.status === "True" ? [`drift: ${drifted.message ?? ""}`] : []),
  ].filter((line) => line !== "");
}

/** Nothing once it was approved. */
function quarantineOf(app: App, releases: readonly Release[]): string | undefined {
  const found = activeQuarantines(app, releases).at(-1);
  if (found === undefined) return undefined;
  const { commit, release, message } = found;
  return `commit ${commit.slice(0, 12)} (${release}) is kept out: ${message}; let it in as it is: \`berth approve ${app.metadata.name}\``;
}

function followed({ spec }: App): string {
  const { commit, tag, semver, ref, branch } = spec;
  if (commit !== undefined) return `commit ${commit.slice(0, 12)}`;
  if (tag !== undefined) return `tag ${tag}`;
  if (semver !== undefined) return `tags in ${semver}`;
  return ref === undefined ? `branch ${branch}` : `ref ${ref}`;
}

function syncOf(
  { spec, status }: App,
  latest: Release | undefined,
  sourceProblem: string | undefined,
): Sync {
  if (spec.suspend === true) return "Suspended";
  if (sourceProblem !== undefined) return "Unreadable";
  if (latest === undefined) return "Unknown";
  const { phase, applied } = latest.status;
  if (phase === "Held" || phase === "Pending" || phase === "Rejected" || phase === "RolledBack")
    return phase;
  if (latest.spec.returnsFrom !== undefined && status?.seenTree !== latest.spec.tree)
    return "RolledBack";
  return applied === true && status?.appliedCommit === status?.seenCommit ? "Synced" : "Applying";
}

function healthOf({ status }: App, releases: readonly Release[]): AppView["health"] {
  const ready = findCondition(status?.conditions, "Ready");
  if (ready === undefined) return "Unknown";
  if (ready.status === "True") return "Healthy";
  const current = releases.findLast(({ status: { applied } }) => applied !== undefined);
  return current?.status.phase === "Progressing" ? "Progressing" : "Degraded";
}
