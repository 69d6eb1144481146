import { silentLogger } from "../base/logger.ts";
import type { App } from "../model/kinds.gen.ts";
import { refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { loadManifests } from "../schema/load-manifests.ts";
import { openDirectSources } from "../sync/direct-sources.ts";
import { GitError } from "../sync/git.ts";
import { findTarget, type BlameOptions } from "./blame.ts";
import { asCliError } from "./check-source.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { getApp } from "./get-app.ts";
import { digestIn, onlyChangesOf, readHistory, type HistoryEntry } from "./history.ts";
import { readObjects } from "./read-objects.ts";
import { planPolicy } from "./plan-secrets.ts";
import { accessOfApp } from "./repo-access.ts";
import { readIdentities } from "./secret-key.ts";

/** The releases of an App, newest first; of an object only those that changed it. */
export async function historyOf(
  dir: DataDir,
  app: string,
  target: BlameOptions | undefined,
  signal: AbortSignal,
): Promise<readonly HistoryEntry[]> {
  return withClient(dir, async (client) => {
    const releases = await readHistory(client, app, signal);
    if (target === undefined) return releases;
    const objects = await readObjects(client, signal);
    const { object } = findTarget(objects, target);
    const source = await getApp(client, app, signal);
    try {
      return await changesOf(dir, { source, objects, releases, ref: refOf(object) }, signal);
    } catch (error) {
      throw asCliError(error);
    }
  });
}

/** Looks into the commits of the releases. One that is gone from the repository counts as without the object. */
async function changesOf(
  dir: DataDir,
  wanted: {
    readonly source: App;
    readonly objects: readonly ApiObject[];
    readonly releases: readonly HistoryEntry[];
    readonly ref: ObjectRef;
  },
  signal: AbortSignal,
): Promise<readonly HistoryEntry[]> {
  const { repo, branch, path, namespace } = wanted.source.spec;
  const access = accessOfApp(wanted.source, wanted.objects);
  const own = await readIdentities(dir, process.env);
  const state = { kind: "cluster", objects: wanted.objects } as const;
  const secrets = { ...planPolicy(wanted.source, state, own), plain: "allow" } as const;
  const place = { repo, branch, path, namespace, secrets };
  const location = { ...place, ...(access === undefined ? {} : { access }) };
  const settings = {
    mirrorDir: dir.mirrors,
    engine: "auto",
    loadManifests,
    logger: silentLogger,
  } as const;
  const sources = openDirectSources(settings);
  try {
    return await onlyChangesOf(wanted.releases, async (commit) => {
      try {
        const { loaded } = await sources.load(location, commit, signal);
        return digestIn(loaded.manifests, wanted.ref);
      } catch (error) {
        if (error instanceof GitError && error.code.startsWith("no-")) return undefined;
        throw error;
      }
    });
  } finally {
    await sources.close();
  }
}
