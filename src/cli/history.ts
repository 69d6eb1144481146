import type { ApiClient } from "../client/client.ts";
import type { Release } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";
import { releasesOf } from "../planner/release-rules.ts";
import { viewRelease, type ReleaseView } from "./cluster-view.ts";
import { formatTable, shortId } from "./table.ts";

/** The releases of an App, newest first. */
export async function readHistory(
  client: ApiClient,
  app: string,
  signal: AbortSignal,
): Promise<readonly ReleaseView[]> {
  const resource = resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" });
  const { items } = await client.list<Release>(resource, undefined, signal);
  return releasesOf(items, app).toReversed().map(viewRelease);
}

/** What `berth history` shows. Pure. */
export function formatHistory(releases: readonly ReleaseView[]): string {
  if (releases.length === 0) return "No release yet";
  return formatTable(
    ["#", "COMMIT", "PHASE", "STARTED", "AUTHOR", "SUBJECT", "MESSAGE"],
    releases.map((release) => [
      String(release.sequence),
      shortId(release.commit),
      release.phase,
      release.startedAt,
      release.author.replace(/ <.*>$/, ""),
      release.subject,
      release.phase === "Healthy" ? "" : (release.message ?? ""),
    ]),
  );
}
