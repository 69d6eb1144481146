import { invariant } from "../base/assert.ts";
import type { Logger } from "../base/logger.ts";
import { compare } from "../base/order.ts";
import type { Problem } from "../model/problem.ts";
import { FileCache } from "../schema/file-cache.ts";
import { fileKey } from "../schema/loaded-file.ts";
import type { FileOptions, KnownFiles, SourceFile } from "../schema/loaded-file.ts";
import type { LoadedManifests, LoadManifests } from "../schema/manifest.ts";
import { accessKey } from "./access.ts";
import { GitError, type GitRepository, type Publication, type TreeEntry } from "./git.ts";
import { checkPath } from "./git-names.ts";
import { normalizeRepo, redactCredentials } from "./git-url.ts";
import { IGNORE_FILE, ignoreRule, MAX_IGNORE_BYTES } from "./ignore-files.ts";
import { lookUp } from "./look-up.ts";
import {
  linkFinding,
  manifestEntries,
  noManifests,
  submoduleWarning,
  suspectLinks,
} from "./manifest-files.ts";
import { openRepository } from "./open-repository.ts";
import { plainRenderer, type Renderer } from "./render.ts";
import { OpenedCache, openFiles, withoutContent, type OpenFiles } from "./sops/open-files.ts";
import { policyKey, type SecretsPolicy } from "./sops/secrets-policy.ts";
import { composeReturn, type ReturnAnswer, type ReturnRequest } from "./revert-folder.ts";
import type { OpenOptions, Revision, Seen, SourceLocation, Wanted } from "./source.ts";
import { TreeSlots } from "./tree-slots.ts";
import { composeEdit } from "./write/compose-edit.ts";
import type { EditAnswer, EditRequest, WritableSources } from "./write/writable-sources.ts";

export interface DirectSourcesOptions extends OpenOptions {
  readonly loadManifests: LoadManifests;
  readonly logger: Logger;
  /** What is known of blobs; in memory when absent. */
  readonly known?: KnownFiles;
  /** Whether warnings about objects together are wanted, which look at all of them for each commit. `true` when absent. */
  readonly treeWarnings?: boolean;
}

/** The last trees that were loaded: Apps go back and forth between few. */
const MAX_CACHED_REVISIONS = 8;
/** How far back `descends` looks: a branch that was left so long ago counts as rewritten. */
const MAX_DESCENT = 5000;
/** The target of a link is a path; longer ones are none. */
const MAX_LINK_BYTES = 4096;

type Loaded = Pick<Revision, "tree" | "loaded" | "files">;

/** Sources in this very thread: for commands, and inside of the worker that serves a control plane. */
export function openDirectSources(options: DirectSourcesOptions): WritableSources {
  return new DirectSources(options);
}

class DirectSources implements WritableSources {
  readonly #options: DirectSourcesOptions;
  readonly #repositories = new Map<string, Promise<GitRepository>>();
  /** By tree, folder and namespace; the latest use last. */
  readonly #cache = new Map<string, Loaded>();
  /** A commit that changes one file among thousands costs one file. */
  readonly #known: KnownFiles;
  readonly #slots = new TreeSlots();
  readonly #opened: OpenedCache = new OpenedCache();
  /** The first one that claims a folder renders it. */
  readonly #renderers: readonly Renderer[];

  constructor(options: DirectSourcesOptions) {
    this.#options = options;
    this.#known = options.known ?? new FileCache();
    this.#renderers = [plainRenderer(options.loadManifests)];
  }

  async head(location: SourceLocation, signal: AbortSignal): ReturnType<GitRepository["head"]> {
    const repository = await this.#open(location, signal);
    if (location.revision === undefined) return repository.head(location.branch, signal);
    const shown = redactCredentials(location.repo);
    const [commit] = await lookUp(repository, shown, [location.revision], signal);
    if (commit === undefined || commit instanceof GitError) throw commit ?? noCommit(shown);
    return commit;
  }

  async look(locations: readonly SourceLocation[], signal: AbortSignal): Promise<readonly Seen[]> {
    const [first] = locations;
    if (first === undefined) return [];
    const repository = await this.#open(first, signal);
    const wanted = locations.map(wantedOf);
    const shown = redactCredentials(first.repo);
    const commits = await lookUp(repository, shown, wanted, signal);
    const trees = new Map<string, Promise<string | GitError>>();
    return Promise.all(
      locations.map(async ({ path }, index): Promise<Seen> => {
        const commit = commits[index];
        if (commit === undefined || commit instanceof GitError) return failed(commit);
        // A commit is asked for each folder once, however many Apps share it.
        const key = `${commit.id} ${path}`;
        const asked = trees.get(key) ?? orGitError(repository.treeId(commit.id, path, signal));
        trees.set(key, asked);
        const tree = await asked;
        return tree instanceof GitError ? failed(tree) : { kind: "seen", commit, tree };
      }),
    );
  }

  async treeId(location: SourceLocation, commit: string, signal: AbortSignal): Promise<string> {
    return (await this.#open(location, signal)).treeId(commit, location.path, signal);
  }

  async load(location: SourceLocation, commit: string, signal: AbortSignal): Promise<Revision> {
    const repository = await this.#open(location, signal);
    const tree = await repository.treeId(commit, location.path, signal);
    const { path, namespace, ignore = "" } = location;
    const policy = policyKey(location.secrets);
    const key = [tree, checkPath(path), namespace, ignore, policy].join("\0");
    const found = this.#cache.get(key) ?? (await this.#load(repository, location, tree, signal));
    this.#remember(key, found);
    return { ...found, commit: await repository.commit(commit, signal) };
  }

  async watch(location: SourceLocation, listener: () => void): Promise<() => Promise<void>> {
    const repository = await this.#open(location, AbortSignal.timeout(OPEN_TIMEOUT_MS));
    return repository.watch(listener);
  }

  async pin(
    location: SourceLocation,
    name: string,
    commit: string,
    signal: AbortSignal,
  ): Promise<void> {
    await (await this.#open(location, signal)).pin(name, commit, signal);
  }

  async unpin(location: SourceLocation, name: string, signal: AbortSignal): Promise<void> {
    await (await this.#open(location, signal)).unpin(name, signal);
  }

  async descends(
    location: SourceLocation,
    commit: string,
    from: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (commit === from) return true;
    const repository = await this.#open(location, signal);
    const history = await repository.history(commit, ".", MAX_DESCENT, signal);
    return history.some(({ id }) => id === from);
  }

  async edit(
    location: SourceLocation,
    request: EditRequest,
    signal: AbortSignal,
  ): Promise<EditAnswer> {
    const { manifests } = (await this.load(location, request.parent, signal)).loaded;
    const repository = await this.#open(location, signal);
    const secrets = this.#policyOf(location);
    const place = secrets === undefined ? location : { ...location, secrets };
    return composeEdit(repository, place, { ...request, manifests }, signal);
  }

  async goBack(
    location: SourceLocation,
    request: ReturnRequest,
    signal: AbortSignal,
  ): Promise<ReturnAnswer> {
    return composeReturn(await this.#open(location, signal), location, request, signal);
  }

  async publish(
    location: SourceLocation,
    publication: Publication,
    signal: AbortSignal,
  ): Promise<void> {
    await (await this.#open(location, signal)).publish(publication, signal);
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#repositories.values());
    this.#repositories.clear();
    this.#cache.clear();
    this.#slots.clear();
    const open = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    await Promise.all(open.map((repository) => repository.close()));
  }

  async #load(
    repository: GitRepository,
    location: SourceLocation,
    tree: string,
    signal: AbortSignal,
  ): Promise<Loaded> {
    const folder = checkPath(location.path);
    const listed = await repository.listTree(tree, signal);
    const isCounted = await readIgnore(repository, listed, location.ignore, signal);
    const entries = listed.filter(({ path }) => isCounted(path));
    const filePrefix = folder === "." ? "" : `${folder}/`;
    const { namespace } = location;
    const manifests = manifestEntries(entries);
    const options = { namespace, prefix: filePrefix };
    const read = await this.#files(repository, manifests, options, signal);
    const opened = await this.#openFiles(read, filePrefix, this.#policyOf(location));
    const { files, sealed } = opened;
    const inspected = await inspectEntries(repository, folder, entries, signal);
    const problems = [...inspected.problems, ...opened.problems];
    if (files.length === 0 && problems.length === 0) {
      throw noManifests(`folder "${folder}" of repository "${redactCredentials(location.repo)}"`);
    }
    const paths = files.map(({ path }) => path);
    const renderer = this.#renderers.find((candidate) => candidate.claims(paths));
    invariant(renderer !== undefined, "no renderer claims the folder");
    const plainSecrets = location.secrets?.plain ?? "allow";
    const known = this.#known;
    const { treeWarnings = true } = this.#options;
    const how = { namespace, filePrefix, known, plainSecrets, treeWarnings };
    const loaded = this.#slots.with(placeOf(location), (slot) =>
      renderer.render({ files, ...how, slot }),
    );
    this.#options.logger.debug({ tree, files: files.length }, "Loaded manifests");
    const told: LoadedManifests = {
      manifests: problems.length > 0 ? [] : loaded.manifests,
      problems: loaded.problems.map((problem) => withoutContent(problem, sealed)),
      warnings: loaded.warnings.map((warning) => withoutContent(warning, sealed)),
    };
    return { tree, files: read.length, loaded: merge(told, problems, inspected.warnings) };
  }

  #openFiles(
    files: readonly SourceFile[],
    prefix: string,
    policy: SecretsPolicy | undefined,
  ): Promise<OpenFiles> {
    return openFiles(files, { prefix, secrets: policy, cache: this.#opened });
  }

  /** The App's, with the cluster's keys where it has none of its own. */
  #policyOf({ secrets }: SourceLocation): SecretsPolicy | undefined {
    const identities = secrets?.identities ?? this.#options.identities;
    if (secrets === undefined || identities === undefined) return secrets;
    return { ...secrets, identities };
  }

  /** Reads the files that are not known yet. */
  async #files(
    repository: GitRepository,
    entries: readonly TreeEntry[],
    options: FileOptions,
    signal: AbortSignal,
  ): Promise<readonly SourceFile[]> {
    const known: SourceFile[] = [];
    const unknown: TreeEntry[] = [];
    for (const entry of entries) {
      const file = this.#known.get(fileKey(entry, options) ?? "");
      if (file === undefined) unknown.push(entry);
      else known.push(file.source);
    }
    const ids = new Map(unknown.map(({ path, id }) => [path, id]));
    const read = await repository.readFiles(unknown, signal);
    return [
      ...known,
      ...read.map((file) => {
        const id = ids.get(file.path);
        return id === undefined ? file : { ...file, id };
      }),
    ];
  }

  async #open({ repo, access }: SourceLocation, signal: AbortSignal): Promise<GitRepository> {
    signal.throwIfAborted();
    const key = `${normalizeRepo(repo)} ${accessKey(access)}`;
    const known = this.#repositories.get(key);
    if (known !== undefined) return known;
    const { mirrorDir, engine } = this.#options;
    const options = { mirrorDir, engine, ...(access === undefined ? {} : { access }) };
    // Callers share it, so that none of them may cancel it.
    const opening = openRepository(repo, options, AbortSignal.timeout(OPEN_TIMEOUT_MS));
    this.#repositories.set(key, opening);
    opening.catch(() => this.#repositories.delete(key)); // The next call tries again.
    return opening;
  }

  #remember(key: string, loaded: Loaded): void {
    this.#cache.delete(key);
    this.#cache.set(key, loaded);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= MAX_CACHED_REVISIONS) return;
      this.#cache.delete(oldest);
    }
  }
}

/** Opening makes a mirror at most; it talks to no server. */
const OPEN_TIMEOUT_MS = 30_000;

/** The rule of the folder's own list and the App's; the App's comes last, and wins. */
async function readIgnore(
  repository: GitRepository,
  entries: readonly TreeEntry[],
  ignore: string | undefined,
  signal: AbortSignal,
): Promise<(path: string) => boolean> {
  const own = entries.find(({ path, mode }) => path === IGNORE_FILE && mode === "file");
  if (own !== undefined && own.size > MAX_IGNORE_BYTES)
    throw new GitError(
      "too-large",
      `Cannot read file "${IGNORE_FILE}": it has ${own.size} bytes, the limit is ${MAX_IGNORE_BYTES}; ignore folders rather than files`,
    );
  const read = own === undefined ? [] : await repository.readFiles([own], signal);
  const texts = read.map(({ content }) => Buffer.from(content).toString());
  return ignoreRule(ignore === undefined ? texts : [...texts, ignore]);
}

/** What is read in the same way, commit after commit. Pure. */
function placeOf({ repo, path, namespace, ignore = "", secrets }: SourceLocation): string {
  return [repo, path, namespace, ignore, secrets?.plain ?? ""].join("\0");
}

/** What an App follows. Pure. */
function wantedOf({ branch, revision }: SourceLocation): Wanted {
  return revision ?? { kind: "branch", name: branch };
}

async function orGitError(work: Promise<string>): Promise<string | GitError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GitError) return error;
    throw error;
  }
}

function failed(error: GitError | undefined): Seen {
  const { code, message } = error ?? noCommit("");
  return { kind: "failed", code, message };
}

function noCommit(repo: string): GitError {
  return new GitError("no-such-commit", `Cannot read repository "${repo}": no commit came`);
}

/** What there is to say about links and submodules. Neither is followed. */
async function inspectEntries(
  repository: GitRepository,
  folder: string,
  entries: readonly TreeEntry[],
  signal: AbortSignal,
): Promise<{ problems: Problem[]; warnings: Problem[] }> {
  const links = suspectLinks(entries).filter(({ size }) => size <= MAX_LINK_BYTES);
  const targets = await repository.readFiles(links, signal);
  const findings = targets.map(({ path, content }) =>
    linkFinding(folder, path, Buffer.from(content).toString()),
  );
  const submodules = entries.filter(({ mode }) => mode === "submodule");
  return {
    problems: findings.filter(({ out }) => out).map(({ problem }) => problem),
    warnings: [
      ...findings.filter(({ out }) => !out).map(({ problem }) => problem),
      ...submodules.map(({ path }) => submoduleWarning(folder, path)),
    ],
  };
}

function merge(
  loaded: LoadedManifests,
  problems: readonly Problem[],
  warnings: readonly Problem[],
): LoadedManifests {
  return {
    manifests: loaded.manifests,
    problems: inOrder([...loaded.problems, ...problems]),
    warnings: inOrder([...loaded.warnings, ...warnings]),
  };
}

function inOrder(findings: readonly Problem[]): readonly Problem[] {
  return findings.toSorted(
    ({ at: a }, { at: b }) => compare(a.file, b.file) || a.line - b.line || a.column - b.column,
  );
}
