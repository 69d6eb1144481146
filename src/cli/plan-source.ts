import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { canonicalJson, sha256 } from "../base/hash.ts";
import { silentLogger } from "../base/logger.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import { formatRef, refOf } from "../model/meta.ts";
import type { AppChange } from "../planner/forecast.ts";
import { currentRelease, releasesOf } from "../planner/release-rules.ts";
import { loadManifests } from "../schema/load-manifests.ts";
import { openDirectSources } from "../sync/direct-sources.ts";
import type { Access } from "../sync/access.ts";
import { GitError, type Commit, type GitRepository } from "../sync/git.ts";
import { subjectOf } from "../sync/commit-object.ts";
import { readFolder } from "../sync/read-folder.ts";
import { openFiles, withoutContent } from "../sync/sops/open-files.ts";
import type { SourceLocation, Sources } from "../sync/source.ts";
import { asCliError, opened } from "./check-source.ts";
import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";
import { isSameRepo, selectApps, type AppChoice, type Selected } from "./plan-apps.ts";
import type { PlanTarget } from "./plan-document.ts";
import { planPolicy, withKnownContent } from "./plan-secrets.ts";
import { accessOfApp } from "./repo-access.ts";
import { readIdentities } from "./secret-key.ts";
import type { ClusterState } from "./snapshot.ts";

export interface PlanRequest extends AppChoice {
  /** A folder, a revision, or two with `..` between them; what the work tree has when absent. */
  readonly target: string | undefined;
  /** The range's end is what a merge gives: told so. */
  readonly isMergeResult?: boolean;
}

/** What is planned: per App what the tree holds, and what it held before. */
export interface PlanSource {
  readonly target: PlanTarget;
  readonly changes: readonly AppChange[];
  /** Where the change starts from, of those Apps that do not run that. */
  readonly base: readonly AppChange[];
  readonly notes: readonly string[];
}

/** Apps within Apps within Apps: deeper ones are left to be planned once they are there. */
const MAX_CHILD_DEPTH = 8;

/** Reads what a plan is about out of folders and repositories. */
export async function readPlanSource(
  dir: DataDir,
  state: ClusterState,
  request: PlanRequest,
  signal: AbortSignal,
): Promise<PlanSource> {
  const keys = await readIdentities(dir, process.env);
  const selected = selectApps(state, request);
  try {
    const folder = await folderOf(selected, request);
    return folder === undefined
      ? await fromGit({ dir, keys }, state, selected, request, signal)
      : await fromFolder({ state, keys }, selected, folder, request, signal);
  } catch (error) {
    throw asCliError(error);
  }
}

/** The folder that is planned, where it is none of Git's. */
async function folderOf(
  { repo }: Selected,
  { target, repo: checkout }: PlanRequest,
): Promise<string | undefined> {
  if (target !== undefined) return (await isFolder(target)) ? resolve(target) : undefined;
  const local = checkout ?? repo;
  const isLocal = !/^([a-z][a-z0-9+.-]*:\/\/|[^/]+@[^/]+:)/i.test(local);
  return isLocal && (await isFolder(resolve(local))) ? resolve(local) : undefined;
}

async function fromFolder(
  { state, keys }: { readonly state: ClusterState; readonly keys: readonly string[] },
  { apps, notes }: Selected,
  folder: string,
  { target }: PlanRequest,
  signal: AbortSignal,
): Promise<PlanSource> {
  if (target !== undefined && apps.length > 1) {
    const names = apps.map(({ metadata }) => metadata.name).join(", ");
    throw new CliError(`Cannot tell which App folder "${target}" is for: ${names}`, {
      cure: "name one: --app NAME, or plan a revision, which has all of them",
    });
  }
  const changes: AppChange[] = [];
  const more = [...notes];
  for (const app of apps) {
    const { namespace, path } = app.spec;
    const place = target === undefined ? resolve(folder, path) : folder;
    if (!(await isFolder(place))) {
      more.push(`App ${app.metadata.name}: there is no folder "${path}"; nothing of it is touched`);
      continue;
    }
    const read = await readFolder(place, signal);
    const filePrefix = path === "." ? "" : `${path.replace(/\/+$/, "")}/`;
    const secrets = planPolicy(app, state, keys);
    const opened = await openFiles(read.files, { prefix: filePrefix, secrets });
    const options = { namespace, filePrefix, plainSecrets: secrets.plain };
    const loaded = loadManifests(opened.files, options);
    const problems = [
      ...read.problems,
      ...opened.problems,
      ...loaded.problems.map((problem) => withoutContent(problem, opened.sealed)),
    ];
    changes.push(toChange({ state, notes: more }, app, { ...loaded, problems }));
  }
  return {
    target: { name: `folder ${folder}`, isMergeResult: false },
    changes,
    base: [],
    notes: more,
  };
}

async function fromGit(
  { dir, keys }: { readonly dir: DataDir; readonly keys: readonly string[] },
  state: ClusterState,
  selected: Selected,
  request: PlanRequest,
  signal: AbortSignal,
): Promise<PlanSource> {
  const repo = request.repo ?? selected.repo;
  const access = accessTo(state, selected, request);
  await using repository = await opened(repo, dir, signal, access);
  const { base, head } = await resolveRange(repository.git, selected, request.target, signal);
  const settings = {
    mirrorDir: dir.mirrors,
    engine: "auto",
    loadManifests,
    logger: silentLogger,
  } as const;
  const sources = openDirectSources(settings);
  const notes = [...selected.notes];
  const reader: Reader = { sources, git: repository.git, repo, state, keys, notes };
  try {
    const changes = await readHead(reader, selected.apps, head, base, signal);
    const bases: AppChange[] = [];
    for (const app of selected.apps) {
      if (base === undefined || !changes.some((change) => change.app === app.metadata.name))
        continue;
      const change = await readBase(reader, app, base, signal);
      if (change !== undefined) bases.push(change);
    }
    return { target: toTarget(head, base, request), changes, base: bases, notes: reader.notes };
  } finally {
    await sources.close();
  }
}

/** A checkout asks for nothing, and a snapshot has no Secrets. */
function accessTo(
  { kind, objects }: ClusterState,
  { apps }: Selected,
  { repo }: PlanRequest,
): Access | undefined {
  if (repo !== undefined || kind !== "cluster") return undefined;
  return apps.map((app) => accessOfApp(app, objects)).find((access) => access !== undefined);
}

interface Reader {
  readonly access?: Access;
  readonly sources: Sources;
  readonly git: GitRepository;
  readonly repo: string;
  readonly state: ClusterState;
  /** Private keys of whoever plans. */
  readonly keys: readonly string[];
  readonly notes: string[];
}

async function resolveRange(
  git: GitRepository,
  { apps }: Selected,
  target: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly base: Commit | undefined; readonly head: Commit }> {
  const [first = "", second] = (target ?? "").split(/\.{2,3}/, 2);
  const head = async (revision: string): Promise<Commit> =>
    revision === ""
      ? await git.head(apps[0]?.spec.branch ?? "main", signal)
      : await git.resolve(revision, signal);
  if (second === undefined) return { base: undefined, head: await head(first) };
  return { base: await head(first), head: await head(second) };
}

function toTarget(head: Commit, base: Commit | undefined, request: PlanRequest): PlanTarget {
  return {
    name: `commit ${head.id.slice(0, 12)} "${subjectOf(head)}"`,
    head: head.id,
    ...(base === undefined ? {} : { base: base.id }),
    isMergeResult: request.isMergeResult === true,
  };
}

/** Every App whose folder differs, and the Apps that those declare. */
async function readHead(
  reader: Reader,
  apps: readonly App[],
  head: Commit,
  base: Commit | undefined,
  signal: AbortSignal,
): Promise<readonly AppChange[]> {
  const changes = new Map<string, AppChange>();
  let round = [...apps];
  for (let depth = 0; depth < MAX_CHILD_DEPTH && round.length > 0; depth += 1) {
    const next: App[] = [];
    for (const app of round) {
      const change = await readChange(reader, app, head, base, signal);
      if (change === undefined) continue;
      changes.set(change.app, change);
      next.push(...childrenOf(reader, change));
    }
    round = next;
  }
  return [...changes.values()];
}

/** Apps of this repository that a tree declares anew or otherwise. */
function childrenOf({ state, repo, notes }: Reader, change: AppChange): readonly App[] {
  return change.manifests
    .map(({ object }) => object)
    .filter((object): object is App => object.kind === "App")
    .filter((app) => {
      const stored = state.objects.find(
        (object) => object.kind === "App" && object.metadata.name === app.metadata.name,
      ) as App | undefined;
      const isSame =
        stored !== undefined && JSON.stringify(stored.spec.path) === JSON.stringify(app.spec.path);
      if (isSame && isSameRepo(stored.spec.repo, app.spec.repo)) return false;
      if (isSameRepo(app.spec.repo, stored?.spec.repo ?? repo) || isSameRepo(app.spec.repo, repo))
        return true;
      notes.push(`App ${app.metadata.name} is left out: it is of another repository`);
      return false;
    });
}

async function readChange(
  reader: Reader,
  app: App,
  head: Commit,
  base: Commit | undefined,
  signal: AbortSignal,
): Promise<AppChange | undefined> {
  const { name } = app.metadata;
  const { path } = app.spec;
  const releases = releasesOfApp(reader.state, name);
  const tree = await treeAt(reader.git, head, path, signal);
  if (tree === undefined) {
    reader.notes.push(
      `App ${name}: there is no folder "${path}" any more; what runs stays as it is`,
    );
    return undefined;
  }
  const before =
    base === undefined
      ? currentRelease(releases)?.spec.tree
      : await treeAt(reader.git, base, path, signal);
  if (tree === before) return undefined;
  if (app.spec.suspend === true)
    reader.notes.push(`App ${name} is suspended: nothing of this happens until it is resumed`);
  return await load(reader, app, head, tree, signal);
}

/** What an App held before, unless that is what the cluster runs. */
async function readBase(
  reader: Reader,
  app: App,
  base: Commit,
  signal: AbortSignal,
): Promise<AppChange | undefined> {
  const tree = await treeAt(reader.git, base, app.spec.path, signal);
  const current = currentRelease(releasesOfApp(reader.state, app.metadata.name));
  if (tree === undefined || tree === current?.spec.tree) return undefined;
  return await load(reader, app, base, tree, signal);
}

async function load(
  { sources, repo, state, keys, notes, access }: Reader,
  app: App,
  commit: Commit,
  tree: string,
  signal: AbortSignal,
): Promise<AppChange> {
  const { branch, path, namespace, ignore } = app.spec;
  const location: SourceLocation = {
    repo,
    branch,
    path,
    namespace,
    ...(ignore === undefined ? {} : { ignore }),
    ...(access === undefined ? {} : { access }),
    secrets: planPolicy(app, state, keys),
  };
  try {
    const { loaded } = await sources.load(location, commit.id, signal);
    return toChange({ state, notes }, app, loaded, commit, tree);
  } catch (error) {
    if (!(error instanceof GitError) || error.code !== "no-manifests") throw error;
    notes.push(`App ${app.metadata.name}: ${error.message}`);
    const at = { file: path, line: 1, column: 1 };
    const problem = { code: "git/no-manifests", message: error.message, at, path: "" };
    return toChange({ state, notes }, app, { manifests: [], problems: [problem] }, commit, tree);
  }
}

async function treeAt(
  git: GitRepository,
  commit: Commit,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await git.treeId(commit.id, path, signal);
  } catch (error) {
    if (error instanceof GitError && error.code === "no-such-path") return undefined;
    throw error;
  }
}

function toChange(
  { state, notes }: Pick<Reader, "state" | "notes">,
  app: App,
  { manifests, problems }: Pick<AppChange, "manifests" | "problems">,
  commit?: Commit,
  tree?: string,
): AppChange {
  const { name } = app.metadata;
  return {
    app: name,
    spec: app.spec,
    manifests: manifests.map((manifest) => {
      const { object, isHidden } = withKnownContent(manifest.object, state);
      const note = `${formatRef(refOf(object))}: encrypted, not compared`;
      if (isHidden && !notes.includes(note)) notes.push(note);
      if (!isHidden) return { ...manifest, object: state.masked(object) };
      return { ...manifest, object, hash: sha256(canonicalJson(object)) };
    }),
    problems,
    releases: releasesOfApp(state, name),
    commitMessage: commit?.message ?? "",
    ...(app.status?.quarantine === undefined ? {} : { quarantine: app.status.quarantine }),
    ...(tree === undefined ? {} : { tree }),
  };
}

function releasesOfApp(state: ClusterState, app: string): readonly Release[] {
  const releases = state.objects.filter((object): object is Release => object.kind === "Release");
  return releasesOf(releases, app);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
