import type { Logger } from "../base/logger.ts";
import { compare } from "../base/order.ts";
import type { Problem } from "../model/problem.ts";
import { FileCache } from "../schema/file-cache.ts";
import { fileKey } from "../schema/loaded-file.ts";
import type { FileOptions, KnownFiles, SourceFile } from "../schema/loaded-file.ts";
import type { LoadedManifests, LoadManifests } from "../schema/manifest.ts";
import type { GitRepository, TreeEntry } from "./git.ts";
import { checkPath } from "./git-names.ts";
import { redactCredentials } from "./git-url.ts";
import {
  linkFinding,
  manifestEntries,
  noManifests,
  submoduleWarning,
  suspectLinks,
} from "./manifest-files.ts";
import { openRepository } from "./open-repository.ts";
import type { OpenOptions, Revision, SourceLocation, Sources } from "./source.ts";

export interface DirectSourcesOptions extends OpenOptions {
  readonly loadManifests: LoadManifests;
  readonly logger: Logger;
  /** What is known of blobs; in memory when absent. */
  readonly known?: KnownFiles;
}

/** The last trees that were loaded: Apps go back and forth between few. */
const MAX_CACHED_REVISIONS = 8;
/** The target of a link is a path; longer ones are none. */
const MAX_LINK_BYTES = 4096;

type Loaded = Pick<Revision, "tree" | "loaded" | "files">;

/** Sources in this very thread: for commands, and inside of the worker that serves a control plane. */
export function openDirectSources(options: DirectSourcesOptions): Sources {
  return new DirectSources(options);
}

class DirectSources implements Sources {
  readonly #options: DirectSourcesOptions;
  readonly #repositories = new Map<string, Promise<GitRepository>>();
  /** By tree, folder and namespace; the latest use last. */
  readonly #cache = new Map<string, Loaded>();
  /** A commit that changes one file among thousands costs one file. */
  readonly #known: KnownFiles;

  constructor(options: DirectSourcesOptions) {
    this.#options = options;
    this.#known = options.known ?? new FileCache();
  }

  async head(location: SourceLocation, signal: AbortSignal): ReturnType<GitRepository["head"]> {
    return (await this.#open(location, signal)).head(location.branch, signal);
  }

  async treeId(location: SourceLocation, commit: string, signal: AbortSignal): Promise<string> {
    return (await this.#open(location, signal)).treeId(commit, location.path, signal);
  }

  async load(location: SourceLocation, commit: string, signal: AbortSignal): Promise<Revision> {
    const repository = await this.#open(location, signal);
    const tree = await repository.treeId(commit, location.path, signal);
    const key = [tree, checkPath(location.path), location.namespace].join("\0");
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

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#repositories.values());
    this.#repositories.clear();
    this.#cache.clear();
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
    const entries = await repository.listTree(tree, signal);
    const prefix = folder === "." ? "" : `${folder}/`;
    const options = { namespace: location.namespace, prefix };
    const files = await this.#files(repository, manifestEntries(entries), options, signal);
    const { problems, warnings } = await inspectEntries(repository, folder, entries, signal);
    if (files.length === 0 && problems.length === 0) {
      throw noManifests(`folder "${folder}" of repository "${redactCredentials(location.repo)}"`);
    }
    const loaded = this.#options.loadManifests(files, {
      namespace: location.namespace,
      filePrefix: prefix,
      known: this.#known,
    });
    this.#options.logger.debug({ tree, files: files.length }, "Loaded manifests");
    return { tree, files: files.length, loaded: merge(loaded, problems, warnings) };
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

  async #open({ repo }: SourceLocation, signal: AbortSignal): Promise<GitRepository> {
    signal.throwIfAborted();
    const known = this.#repositories.get(repo);
    if (known !== undefined) return known;
    // Callers share it, so that none of them may cancel it.
    const opening = openRepository(repo, this.#options, AbortSignal.timeout(OPEN_TIMEOUT_MS));
    this.#repositories.set(repo, opening);
    opening.catch(() => this.#repositories.delete(repo)); // The next call tries again.
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
