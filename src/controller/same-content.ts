import { formatTime } from "../base/clock.ts";
import type { App } from "../model/kinds.gen.ts";
import { isSameContent, isWaiting, withSameContent } from "../planner/release-rules.ts";
import { ObjectStoreError, type Write } from "../store/object-store.ts";
import { getApp, getReleases, type AppContext } from "./app-context.ts";
import type { News } from "./app-heads.ts";

/** Limits of one batch of writes: the store's, with room. An App with its status has some KB. */
const MAX_BATCH_WRITES = 100;
const MAX_BATCH_BYTES = 800_000;

/**
 * Notes a commit that changes nothing for its Apps in their statuses, a hundred in one write: a commit in a repository
 * of a thousand Apps is a look at those that it changes. `now`: Apps that need a look of their own; `later`: those whose
 * status another write overtook.
 */
export function noteSameContent(
  news: readonly News[],
  context: AppContext,
): { readonly now: readonly string[]; readonly later: Promise<readonly string[]> } {
  const at = formatTime(context.clock.now());
  const looks: string[] = [];
  const noted: App[] = [];
  for (const { app: name, seen } of news) {
    const app = getApp(name, context);
    const latest = getReleases(name, context).at(-1);
    const isPlain =
      app !== undefined &&
      latest !== undefined &&
      seen.kind === "seen" &&
      app.spec.suspend !== true &&
      // Without a first condition there is something to tell.
      app.status?.seenTree === seen.tree &&
      isSameContent(app, latest, seen.tree) &&
      !isWaiting(latest);
    if (!isPlain) {
      looks.push(name);
      continue;
    }
    const next = withSameContent(app, seen.commit.id, latest, at);
    if (next !== app) noted.push(next);
  }
  return { now: looks, later: writeAll(noted, context) };
}

async function writeAll(apps: readonly App[], context: AppContext): Promise<readonly string[]> {
  const batches = inBatches(apps);
  const overtaken = await Promise.all(
    batches.map(async (batch) => {
      const writes = batch.map((object): Write => ({ kind: "replace", object }));
      try {
        await context.objects.transact(writes);
        return [];
      } catch (error) {
        if (!(error instanceof ObjectStoreError)) throw error;
        return batch.map(({ metadata }) => metadata.name);
      }
    }),
  );
  return overtaken.flat();
}

function inBatches(apps: readonly App[]): readonly (readonly App[])[] {
  const batches: App[][] = [];
  let bytes = 0;
  for (const app of apps) {
    const size = JSON.stringify(app).length;
    const batch = batches.at(-1);
    if (batch === undefined || batch.length >= MAX_BATCH_WRITES || bytes + size > MAX_BATCH_BYTES) {
      batches.push([app]);
      bytes = size;
    } else {
      batch.push(app);
      bytes += size;
    }
  }
  return batches;
}
