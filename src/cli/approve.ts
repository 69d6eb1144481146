import type { Release } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";
import { APPROVED_ANNOTATION } from "../model/app.ts";
import { BERTH_PATHS, type ApiClient } from "../client/client.ts";
import { releasesOf } from "../planner/release-rules.ts";
import { activeQuarantines } from "../planner/revert-rules.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { getApp } from "./get-app.ts";

/** Gives the consent that the App's held release waits for, or that what was taken back last is kept out for. */
export async function approve(
  dir: DataDir,
  app: string,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await withClient(dir, async (client) => {
    const resource = resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" });
    const { items } = await client.list<Release>(resource, undefined, signal);
    const releases = releasesOf(items, app);
    const held = releases.at(-1);
    const waits =
      held?.status.phase === "Held" ? held : await keptOut(client, app, releases, signal);
    if (waits === undefined) {
      throw new CliError(
        `Cannot approve a release of App "${app}": its newest one is ${held?.status.phase ?? "not there"}`,
        {
          cure: "see what waits: berth history",
        },
      );
    }
    const { metadata } = waits;
    const annotations = { ...metadata.annotations, [APPROVED_ANNOTATION]: "true" };
    await client.update({ ...waits, metadata: { ...metadata, annotations } }, signal);
    await client.request("POST", BERTH_PATHS.sync, {}, signal);
    print(`approved: ${metadata.name} (${waits.status.message ?? ""})`);
  });
}

/** The release that was taken back last: approved, its content is let in again. */
async function keptOut(
  client: ApiClient,
  app: string,
  releases: readonly Release[],
  signal: AbortSignal,
): Promise<Release | undefined> {
  if (releases.length === 0) return undefined;
  const found = activeQuarantines(await getApp(client, app, signal), releases).at(-1);
  return releases.find(({ metadata }) => metadata.name === found?.release);
}
