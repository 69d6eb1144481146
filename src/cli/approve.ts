import type { Release } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";
import { BERTH_PATHS } from "../client/client.ts";
import { releasesOf } from "../planner/release-rules.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";

/** Gives the consent that the App's held release waits for. */
export async function approve(
  dir: DataDir,
  app: string,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await withClient(dir, async (client) => {
    const resource = resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" });
    const { items } = await client.list<Release>(resource, undefined, signal);
    const held = releasesOf(items, app).at(-1);
    if (held?.status.phase !== "Held") {
      throw new CliError(
        `Cannot approve a release of App "${app}": its newest one is ${held?.status.phase ?? "not there"}`,
        {
          cure: "see what waits: berth history",
        },
      );
    }
    const { metadata } = held;
    const annotations = { ...metadata.annotations, "berth.dev/approved": "true" };
    await client.update({ ...held, metadata: { ...metadata, annotations } }, signal);
    await client.request("POST", BERTH_PATHS.sync, {}, signal);
    print(`approved: ${metadata.name} (${held.status.message ?? ""})`);
  });
}
