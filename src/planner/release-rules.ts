import { shortHash } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import { APPROVED_ANNOTATION } from "../model/app.ts";
import { setCondition } from "../model/condition.ts";
import type { App, Release, ReleasePhase, ReleaseStatus } from "../model/kinds.gen.ts";
import { refKey, type Condition, type ObjectRef } from "../model/meta.ts";
import { RESOURCES, apiVersionOf } from "../model/resources.ts";
import type { Health } from "./health.ts";

/** Releases kept per App; the newest Healthy one and those not at their end are always kept. */
export const RELEASE_HISTORY_LIMIT = 50;

/** Phases whose objects were put into the store: the newest of them is the desired state. */
const ADMITTED: readonly ReleasePhase[] = [
  "Progressing",
  "Healthy",
  "Failed",
  "RolledBack",
  "Superseded",
];

/** The release that says what should run: the newest one that was let in. Pure. */
export function currentRelease(releases: readonly Release[]): Release | undefined {
  return releases.findLast(
    ({ status }) =>
      ADMITTED.includes(status.phase) &&
      // What another release took the place of while it waited was never let in.
      (status.phase !== "Superseded" || status.applied !== undefined),
  );
}

/** The releases of an App, oldest first. Pure. */
export function releasesOf(releases: readonly Release[], app: string): readonly Release[] {
  return releases
    .filter((release) => release.spec.app === app)
    .toSorted((a, b) => a.spec.sequence - b.spec.sequence);
}

/** Whether somebody consents to what the release is held for. Pure. */
export function isApproved({ status, metadata }: Release): boolean {
  return status.phase === "Held" && metadata.annotations?.[APPROVED_ANNOTATION] === "true";
}

/** Whether the release waits for something other than its own mending: then the same commit is judged again. Pure. */
export function isWaiting({ status }: Release): boolean {
  const { phase, reason } = status;
  return phase === "Held" || phase === "Pending" || (phase === "Rejected" && reason === OWNED);
}

/** The reason of a release that declares what another App has: it goes on once that one lets go. */
export const OWNED = "OwnedByOther";

/**
 * The App's status once a commit with the content that it has already was seen: what holds of the one holds of the
 * other. The same App when nothing changes. Pure.
 */
export function withSameContent(app: App, commit: string, release: Release, now: string): App {
  const { status = {} } = app;
  const wasApplied = status.appliedCommit !== undefined && release.status.applied === true;
  const wasHealthy = wasApplied && status.healthyCommit === status.appliedCommit;
  const conditions = setCondition(status.conditions, fetchedAt(commit), now);
  if (status.seenCommit === commit && conditions === status.conditions) return app;
  return {
    ...app,
    status: {
      ...status,
      seenCommit: commit,
      ...(wasApplied ? { appliedCommit: commit } : {}),
      ...(wasHealthy ? { healthyCommit: commit } : {}),
      conditions,
    },
  };
}

/** What the condition of a source says that could be read. Pure. */
export function fetchedAt(commit: string): Condition {
  return {
    type: "SourceReady",
    status: "True",
    reason: "Fetched",
    message: `at ${commit.slice(0, 12)}`,
  };
}

/** What a commit of a source asks for. */
export type CommitVerdict =
  /** Seen and dealt with before. */
  | { readonly kind: "known" }
  /** Another commit with the content that is there already: nothing to do, nothing to tell. */
  | { readonly kind: "same-content" }
  /** New content, or a held release that may go on now. */
  | { readonly kind: "new" };

/** What to do about the newest commit of an App's source. Content counts, not history. Pure. */
export function judgeCommit(
  app: App,
  releases: readonly Release[],
  commit: string,
  tree: string,
): CommitVerdict {
  const latest = releases.at(-1);
  if (latest === undefined) return { kind: "new" };
  if (isApproved(latest)) return { kind: "new" };
  if (isSameContent(app, latest, tree)) {
    return app.status?.seenCommit === commit ? { kind: "known" } : { kind: "same-content" };
  }
  return { kind: "new" };
}

/** Whether a release is of this tree, read as the App says now. Pure. */
export function isSameContent(app: App, { spec, metadata }: Release, tree: string): boolean {
  const reading = metadata.annotations?.[READING_ANNOTATION];
  return (
    spec.tree === tree &&
    spec.path === app.spec.path &&
    spec.repo === app.spec.repo &&
    (reading === undefined || reading === readingOf(app))
  );
}

/** On a Release: a digest of what makes other manifests of the same tree. */
export const READING_ANNOTATION = "berth.dev/reading";

/** The value of `READING_ANNOTATION` for an App as it is now. Pure. */
export function readingOf({ spec }: App): string {
  const { namespace, ignore = "", secrets } = spec;
  return shortHash({ namespace, ignore, ...(secrets === undefined ? {} : { secrets }) });
}

/**
 * What must go once a release is healthy: all that earlier releases put there and this one does not declare.
 * In the reverse of the order of applying. Pure.
 */
export function planPrune(
  current: Release | undefined,
  inventory: readonly ObjectRef[],
): readonly ObjectRef[] {
  if (current === undefined) return [];
  const owed = owedBy(current);
  const before = current.status.inventory;
  // Of ten thousand objects most commits change none: what both lists begin and end with needs no keys.
  const { first, last } = owed.length > 0 ? { first: 0, last: 0 } : commonEnds(before, inventory);
  const declared = new Set(inventory.slice(first, inventory.length - last).map(refKey));
  const others = new Map(
    [...before.slice(first, before.length - last), ...owed].map((ref) => [refKey(ref), ref]),
  );
  return [...others.values()]
    .filter((ref) => !declared.has(refKey(ref)))
    .toSorted((a, b) => kindOrder(b) - kindOrder(a) || compare(refKey(a), refKey(b)));
}

/** How many references two lists begin with in common, and how many of the rest they end with. */
function commonEnds(
  a: readonly ObjectRef[],
  b: readonly ObjectRef[],
): { readonly first: number; readonly last: number } {
  const most = Math.min(a.length, b.length);
  let first = 0;
  while (first < most && isSameRef(a[first], b[first])) first += 1;
  let last = 0;
  while (last < most - first && isSameRef(a.at(-1 - last), b.at(-1 - last))) last += 1;
  return { first, last };
}

/** Whether two references name the same object. Pure. */
export function isSameRef(a: ObjectRef | undefined, b: ObjectRef | undefined): boolean {
  return (
    a?.name === b?.name &&
    a?.namespace === b?.namespace &&
    a?.kind === b?.kind &&
    a?.apiVersion === b?.apiVersion
  );
}

/** What a release was let in to remove and has not removed yet: whoever consented to that is not asked again. Pure. */
export function owedBy(release: Release | undefined): readonly ObjectRef[] {
  const { toPrune = [], pruned = false } = release?.status ?? {};
  return pruned ? [] : toPrune;
}

/**
 * How an unfinished or failed release ends when another one takes its place: going back to the content before it
 * is a roll-back. Ends stay as they are. Pure.
 */
export function endOfReplaced(
  replaced: Release,
  releases: readonly Release[],
  nextTree: string,
): ReleasePhase {
  const { phase } = replaced.status;
  if (
    phase === "Healthy" ||
    phase === "Rejected" ||
    phase === "RolledBack" ||
    phase === "Superseded"
  )
    return phase;
  if (phase === "Held" || phase === "Pending") return "Superseded";
  const before = releases.findLast(
    (release) =>
      release.spec.sequence < replaced.spec.sequence && release.status.phase === "Healthy",
  );
  return before?.spec.tree === nextTree
    ? "RolledBack"
    : phase === "Failed"
      ? "Failed"
      : "Superseded";
}

/**
 * How the current release stands by the health of its objects, at `now` (RFC 3339). An end stays an end, except that a
 * failed rollout may still come good. The same status when nothing changes. Pure.
 */
export function nextReleaseStatus(
  status: ReleaseStatus,
  health: Health,
  now: string,
): ReleaseStatus {
  if (status.phase !== "Progressing" && status.phase !== "Failed") return status;
  const { message } = health;
  switch (health.kind) {
    case "Healthy":
      return { ...status, phase: "Healthy", reason: "Healthy", message, finishedAt: now };
    case "Degraded":
      if (status.phase === "Failed" && status.message === message) return status;
      return {
        ...status,
        phase: "Failed",
        reason: health.reason,
        message,
        finishedAt: status.finishedAt ?? now,
      };
    case "Progressing":
      if (
        status.phase === "Failed" ||
        (status.reason === health.reason && status.message === message)
      )
        return status;
      return { ...status, reason: health.reason, message };
    default:
      return status;
  }
}

/** The releases that history no longer needs, oldest first. Pure. */
export function expiredReleases(releases: readonly Release[]): readonly Release[] {
  const keep = new Set([
    currentRelease(releases)?.metadata.name,
    releases.findLast((release) => release.status.phase === "Healthy")?.metadata.name,
  ]);
  return releases
    .slice(0, -RELEASE_HISTORY_LIMIT)
    .filter((release) => !keep.has(release.metadata.name));
}

function kindOrder(ref: ObjectRef): number {
  return RESOURCES.findIndex(
    (resource) => apiVersionOf(resource) === ref.apiVersion && resource.kind === ref.kind,
  );
}
