import type { ApiClient } from "../client/client.ts";
import type { Release } from "../model/kinds.gen.ts";
import { refKey, refOf, type ObjectRef } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import { releasesOf } from "../planner/release-rules.ts";
import { viewRelease, type ReleaseView } from "./release-view.ts";
import { formatTable, shortId } from "./table.ts";

/** A release as `berth history --output json` prints it. */
export interface HistoryEntry extends ReleaseView {
  /** Objects that it changed; absent until it was applied. */
  readonly counts: Release["status"]["counts"];
}

/** The releases of an App, newest first. */
export async function readHistory(
  client: ApiClient,
  app: string,
  signal: AbortSignal,
): Promise<readonly HistoryEntry[]> {
  const resource = resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" });
  const { items } = await client.list<Release>(resource, undefined, signal);
  return releasesOf(items, app).toReversed().map(toEntry);
}

function toEntry(release: Release): HistoryEntry {
  return { ...viewRelease(release), counts: release.status.counts };
}

/** Digests of an object in the manifests of commits; `undefined` where one has it not, or cannot be read. */
export type DigestAt = (commit: string) => Promise<string | undefined>;

/** Only the releases whose commit has another version of an object than the release before. */
export async function onlyChangesOf(
  releases: readonly HistoryEntry[],
  digestAt: DigestAt,
): Promise<readonly HistoryEntry[]> {
  const changed: HistoryEntry[] = [];
  let before: string | undefined;
  for (const release of releases.toReversed()) {
    if (release.phase === "Rejected") continue;
    const digest = await digestAt(release.commit);
    if (digest !== before) changed.push(release);
    before = digest;
  }
  return changed.toReversed();
}

/** The digest of one object among manifests. Pure. */
export function digestIn(
  manifests: readonly { readonly object: Parameters<typeof refOf>[0]; readonly hash: string }[],
  ref: ObjectRef,
): string | undefined {
  const key = refKey(ref);
  return manifests.find(({ object }) => refKey(refOf(object)) === key)?.hash;
}

/** What `berth history` shows. Pure. */
export function formatHistory(releases: readonly HistoryEntry[], isWide = false): string {
  if (releases.length === 0) return "No release yet";
  const wide = isWide ? ["PLAN", "FINISHED"] : [];
  return formatTable(
    ["#", "COMMIT", "PHASE", "STARTED", "TOOK", "AUTHOR", "CHANGES", ...wide, "SUBJECT", "MESSAGE"],
    releases.map((release) => [
      String(release.sequence),
      shortId(release.commit),
      release.phase,
      release.startedAt,
      formatDuration(release),
      release.author.replace(/ <.*>$/, ""),
      formatCounts(release.counts),
      ...(isWide ? [formatPlanned(release), release.finishedAt ?? "-"] : []),
      release.subject,
      messageOf(release),
    ]),
  );
}

function messageOf({ phase, message = "", returnsFrom }: ReleaseView): string {
  const back = returnsFrom === undefined ? "" : `back by itself from ${returnsFrom}`;
  if (phase === "Healthy") return back;
  return back === "" ? message : `${back}: ${message}`;
}

function formatDuration({ startedAt, finishedAt }: ReleaseView): string {
  if (finishedAt === undefined) return "-";
  const seconds = Math.max(0, Math.round((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}

/** Created, changed and removed objects. */
function formatCounts(counts: HistoryEntry["counts"]): string {
  if (counts === undefined) return "-";
  return `+${counts.created} ~${counts.changed} -${counts.removed}`;
}

function formatPlanned({ plan, planned }: HistoryEntry): string {
  if (planned === undefined || plan === undefined) return "-";
  return planned === plan ? "as planned" : "not as planned";
}
