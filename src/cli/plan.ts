import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { silentLogger } from "../base/logger.ts";
import { systemClock } from "../base/system-clock.ts";
import { BERTH_PATHS, type ApiClient, type ClusterInfo } from "../client/client.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { RESOURCES } from "../model/resources.ts";
import { forecast, type Forecast } from "../planner/forecast.ts";
import { releasesOf } from "../planner/release-rules.ts";
import { SimWorld } from "../planner/sim-world.ts";
import { placeAll } from "../scheduler/queue-forecast.ts";
import { loadManifests } from "../schema/load-manifests.ts";
import type { LoadedManifests } from "../schema/manifest.ts";
import { openDirectSources } from "../sync/direct-sources.ts";
import type { Commit } from "../sync/git.ts";
import { readFolder } from "../sync/read-folder.ts";
import { asCliError, opened } from "./check-source.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { formatForecast } from "./format-forecast.ts";
import { getApp } from "./get-app.ts";
import { shortId } from "./table.ts";
import type { Output } from "./validate.ts";

export interface PlanOptions {
  /** A folder or a revision; the working tree of the App's repository when absent. */
  readonly target: string | undefined;
  readonly app: string;
  readonly output: "text" | "json";
}

/** Prints what a tree would change; resolves with the exit code: 0 nothing, 2 something, 1 it would be Rejected. */
export async function plan(
  dir: DataDir,
  options: PlanOptions,
  { out, err }: Output,
  signal: AbortSignal,
): Promise<number> {
  return withClient(dir, async (client) => {
    const app = await getApp(client, options.app, signal);
    const tree = await loadTree(dir, app, options.target, signal).catch((error: unknown) => {
      throw asCliError(error);
    });
    const result = await forecastTree(client, app, tree, signal);
    const invalid = result.problems.length > 0;
    if (options.output === "json") out(JSON.stringify(result, null, 2));
    else (invalid ? err : out)(formatForecast(result, tree.name));
    if (invalid) return 1;
    return result.added.length + result.changed.length + result.removed.length === 0 ? 0 : 2;
  });
}

interface Tree {
  /** For people: a folder, or a commit. */
  readonly name: string;
  readonly commitMessage: string;
  readonly loaded: LoadedManifests;
}

async function loadTree(
  dir: DataDir,
  app: App,
  target: string | undefined,
  signal: AbortSignal,
): Promise<Tree> {
  const { repo, path, namespace, branch } = app.spec;
  const isLocal = !/^[a-z][a-z0-9+.-]*:\/\//i.test(repo);
  const folder = target === undefined && isLocal ? resolve(repo, path) : target;
  if (folder !== undefined && (await isFolder(folder))) {
    const { files, problems } = await readFolder(folder, signal);
    const filePrefix = path === "." ? "" : `${path.replace(/\/+$/, "")}/`;
    const loaded = loadManifests(files, { namespace, filePrefix });
    const all = { ...loaded, problems: [...problems, ...loaded.problems] };
    return { name: `folder ${folder}`, commitMessage: "", loaded: all };
  }
  const commit = await resolveCommit(dir, app, target, signal);
  const settings = {
    mirrorDir: dir.mirrors,
    engine: "auto",
    loadManifests,
    logger: silentLogger,
  } as const;
  const sources = openDirectSources(settings);
  try {
    const { loaded } = await sources.load({ repo, branch, path, namespace }, commit.id, signal);
    return { name: `commit ${shortId(commit.id)}`, commitMessage: commit.message, loaded };
  } finally {
    await sources.close();
  }
}

/** The revision that the user names, or the head of the App's branch. */
async function resolveCommit(
  dir: DataDir,
  app: App,
  target: string | undefined,
  signal: AbortSignal,
): Promise<Commit> {
  await using repository = await opened(app.spec.repo, dir, signal);
  const head = await repository.git.head(app.spec.branch, signal);
  return target === undefined ? head : await repository.git.resolve(target, signal);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function forecastTree(
  client: ApiClient,
  app: App,
  tree: Tree,
  signal: AbortSignal,
): Promise<Forecast> {
  const { manifests, problems } = tree.loaded;
  const [cluster, objects] = await Promise.all([
    client.request<ClusterInfo>("GET", BERTH_PATHS.cluster, undefined, signal),
    snapshot(client, signal),
  ]);
  const world = new SimWorld(objects, systemClock.now());
  const releases = objects.filter((object): object is Release => object.kind === "Release");
  const name = app.metadata.name;
  const result = forecast(world, {
    app: name,
    serviceCidr: cluster.serviceCidr,
    reservedIps: [cluster.dnsIp],
    manifests: problems.length > 0 ? [] : manifests,
    releases: releasesOf(releases, name),
    prune: app.spec.prune,
    commitMessage: tree.commitMessage,
    schedule: placeAll,
  });
  return problems.length === 0 ? result : { ...result, problems, removed: [] };
}

/** All objects that planners look at. Events and heartbeats are none of them. */
async function snapshot(client: ApiClient, signal: AbortSignal): Promise<readonly ApiObject[]> {
  const kinds = RESOURCES.filter(({ kind }) => kind !== "Event" && kind !== "Lease");
  const lists = await Promise.all(
    kinds.map((resource) => client.list(resource, undefined, signal)),
  );
  return lists.flatMap(({ items }) => items);
}
