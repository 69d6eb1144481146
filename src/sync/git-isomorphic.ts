import { join } from "node:path";
import git from "isomorphic-git";
import type { SourceFile } from "../schema/manifest.ts";
import { composeCommit } from "./compose-commit.ts";
import { parseCommit } from "./commit-object.ts";
import { createEmbeddedBranch, findEntry, moveEmbeddedBranch } from "./embedded-branch.ts";
import { refuseFiles, refuseForeignFormats } from "./embedded-limits.ts";
import { EmbeddedMirror, openEmbeddedMirror } from "./embedded-mirror.ts";
import { EmbeddedStore } from "./embedded-store.ts";
import {
  type Commit,
  type GitRepository,
  type NewCommit,
  type Publication,
  type TreeEntry,
} from "./git.ts";
import {
  checkBranch,
  checkObjectId,
  checkPath,
  checkPinName,
  checkRefPattern,
  checkRevision,
  isObjectId,
  isRefName,
} from "./git-names.ts";
import {
  checkSizes,
  damaged,
  moved,
  noSuchBranch,
  noSuchCommit,
  noSuchPath,
  notAFolder,
} from "./git-refusals.ts";
import { isRemote, parseRemote } from "./git-url.ts";
import { looseObjectWriter } from "./loose-objects.ts";
import { ObjectSizes } from "./object-size.ts";
import { readRef, writeRef } from "./ref-file.ts";
import { findLayout, type Layout, readPointer } from "./repository-layout.ts";
import { parseRevision, refCandidates } from "./revision-syntax.ts";
import type { OpenOptions } from "./source.ts";
import { entryMode } from "./tree-object.ts";
import { TreeReader } from "./tree-reader.ts";
import { walkHistory } from "./walk-history.ts";
import { watchLocal } from "./watch-local.ts";

/** Opens a repository without the `git` binary, through isomorphic-git and files of Git's formats. */
export async function openWithIsomorphic(
  repo: string,
  options: Pick<OpenOptions, "mirrorDir" | "access">,
  signal: AbortSignal,
): Promise<GitRepository> {
  signal.throwIfAborted();
  if (isRemote(repo)) {
    const remote = parseRemote(repo, options.access);
    refuseFiles(remote);
    const layout = await openEmbeddedMirror(options.mirrorDir, remote);
    const store = new EmbeddedStore(layout.repo, layout.commonDir, layout.owner);
    const mirror = new EmbeddedMirror(store, layout, remote);
    await mirror.prepare();
    return new EmbeddedRepository(layout, store, mirror);
  }
  const layout = await findLayout(repo);
  await refuseForeignFormats(layout);
  const store = new EmbeddedStore(layout.repo, layout.commonDir, layout.owner);
  return new EmbeddedRepository(layout, store, undefined);
}

const CONCURRENT_READS = 32;
const MAX_HISTORY = 10_000;

class EmbeddedRepository implements GitRepository {
  readonly #layout: Layout;
  readonly #store: EmbeddedStore;
  readonly #mirror: EmbeddedMirror | undefined;
  readonly #sizes: ObjectSizes;
  readonly #trees: TreeReader;
  readonly #watches = new Set<() => Promise<void>>();
  #writing: Promise<unknown> = Promise.resolve();

  constructor(layout: Layout, store: EmbeddedStore, mirror: EmbeddedMirror | undefined) {
    this.#layout = layout;
    this.#store = store;
    this.#mirror = mirror;
    this.#sizes = new ObjectSizes(layout.commonDir);
    this.#trees = new TreeReader({
      repo: layout.repo,
      readTrees: (ids, signal) => mapBounded(ids, signal, (id) => this.#readTree(id)),
      sizesOf: (ids, signal) => this.#sizesOf(ids, signal),
    });
  }

  async head(branch: string, signal: AbortSignal): Promise<Commit> {
    checkBranch(branch);
    signal.throwIfAborted();
    if (this.#mirror !== undefined)
      return this.commit(await this.#mirror.refresh(branch, signal), signal);
    const id = await readRef(this.#layout.commonDir, `refs/heads/${branch}`);
    if (id === undefined) throw await this.#explainMissing(branch);
    const commit = await this.#readCommit(id);
    if (commit === undefined)
      throw damaged(this.#layout.repo, `the head of branch "${branch}" is missing`);
    return commit;
  }

  async commit(id: string, signal: AbortSignal): Promise<Commit> {
    checkObjectId(id);
    signal.throwIfAborted();
    let found = await this.#readCommit(id);
    if (found === undefined && this.#mirror !== undefined) {
      await this.#mirror.fetchCommit(id, signal);
      found = await this.#readCommit(id);
      while (found === undefined && (await this.#mirror.deepen(signal)))
        found = await this.#readCommit(id);
    }
    if (found === undefined) throw await this.#missingCommit(id);
    return found;
  }

  async resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    checkRevision(revision);
    const parsed = parseRevision(revision);
    const id = parsed && (await this.#resolveBase(parsed.base, signal));
    if (parsed === undefined || id === undefined) throw await this.#missingCommit(revision);
    let commit = await this.commit(id, signal);
    for (const { kind, count } of parsed.steps) {
      for (let step = kind === "back" ? count : 1; step > 0; step--) {
        const parent = commit.parents[kind === "back" ? 0 : count - 1];
        if (parent === undefined) throw noSuchCommit(this.#layout.repo, revision);
        commit = await this.commit(parent, signal);
      }
    }
    return commit;
  }

  async treeId(commit: string, path: string, signal: AbortSignal): Promise<string> {
    const folder = checkPath(path);
    const { tree } = await this.commit(commit, signal);
    if (folder === ".") return tree;
    const entry = await findEntry(this.#store, tree, folder);
    if (entry === undefined) throw noSuchPath(this.#layout.repo, commit, folder);
    const mode = entryMode(entry.mode);
    if (mode === undefined) return entry.id;
    throw mode === "submodule"
      ? noSuchPath(this.#layout.repo, commit, folder)
      : notAFolder(this.#layout.repo, commit, folder, "file");
  }

  async listTree(tree: string, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    return this.#trees.list(tree, signal);
  }

  async readFiles(
    entries: readonly TreeEntry[],
    signal: AbortSignal,
  ): Promise<readonly SourceFile[]> {
    const files = entries.filter(({ mode }) => mode !== "submodule");
    checkSizes(this.#layout.repo, files);
    return mapBounded(files, signal, async ({ path, id, size }) => {
      const found = await this.#store.read(checkObjectId(id));
      if (found?.kind !== "blob" || found.size !== size)
        throw damaged(this.#layout.repo, `the object of file "${path}" is missing`);
      return { path, content: found.content };
    });
  }

  async history(
    commit: string,
    path: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly Commit[]> {
    const query = { path: checkPath(path), limit: Math.min(Math.max(limit, 0), MAX_HISTORY) };
    const access = {
      commit: (id: string, signal: AbortSignal) => this.commit(id, signal),
      pathId: async ({ tree }: Commit, path: string) =>
        path === "." ? tree : (await findEntry(this.#store, tree, path))?.id,
    };
    return walkHistory(access, await this.commit(commit, signal), query, signal);
  }

  async pin(name: string, commit: string, signal: AbortSignal): Promise<void> {
    checkPinName(name);
    await this.commit(commit, signal);
    const { commonDir, owner } = this.#layout;
    await writeRef(commonDir, `refs/berth/${name}`, commit, owner);
  }

  async unpin(name: string, signal: AbortSignal): Promise<void> {
    checkPinName(name);
    signal.throwIfAborted();
    const { fs } = this.#store;
    await git.deleteRef({ fs, gitdir: this.#layout.commonDir, ref: `refs/berth/${name}` });
  }

  async listRefs(
    patterns: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    for (const pattern of patterns) checkRefPattern(pattern);
    if (this.#mirror !== undefined) return this.#mirror.list(patterns, signal);
    const { fs, gitdir } = this.#store;
    const refs = new Map<string, string>();
    for (const pattern of patterns) {
      const isPrefix = pattern.endsWith("*");
      const names = isPrefix
        ? (await git.listRefs({ fs, gitdir, filepath: pattern.slice(0, -2) })).map(
            (name) => `${pattern.slice(0, -1)}${name}`,
          )
        : [pattern];
      for (const name of names) {
        const id = await readRef(this.#layout.commonDir, name);
        if (id !== undefined) refs.set(name, id);
      }
    }
    return refs;
  }

  async fetchRefs(
    refs: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Commit>> {
    const brought = await this.#mirror?.bring(refs, signal);
    const commits = new Map<string, Commit>();
    for (const [ref, id] of refs) {
      const target = await this.#peel(brought?.get(ref) ?? id);
      const commit = target === undefined ? undefined : await this.#readCommit(target);
      if (commit !== undefined) commits.set(ref, commit);
    }
    return commits;
  }

  write(commit: NewCommit, signal: AbortSignal): Promise<Commit> {
    const written = this.#writing.then(() => this.#write(commit, signal));
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async watch(listener: () => void): Promise<() => Promise<void>> {
    if (this.#mirror !== undefined) return async () => undefined;
    const stop = await watchLocal(this.#layout.repo, listener);
    this.#watches.add(stop);
    return async () => {
      this.#watches.delete(stop);
      await stop();
    };
  }

  async close(): Promise<void> {
    this.#store.forget();
    const watches = [...this.#watches];
    this.#watches.clear();
    await Promise.all(watches.map((stop) => stop()));
  }

  async compose(commit: NewCommit, signal: AbortSignal): Promise<Commit> {
    const { commonDir, owner } = this.#layout;
    const parent = await this.commit(commit.parent, signal);
    const access = {
      readTree: (id: string) => this.#readTree(id),
      writeObject: looseObjectWriter(commonDir, owner),
    };
    const composed = await composeCommit(access, parent, commit, signal);
    return composed.tree === parent.tree ? parent : this.commit(composed.id, signal);
  }

  publish(publication: Publication, signal: AbortSignal): Promise<void> {
    const published = this.#writing.then(() => this.#publish(publication, signal));
    this.#writing = published.catch(() => undefined);
    return published;
  }

  async #publish(
    { branch, commit, changes, isNew = false }: Publication,
    signal: AbortSignal,
  ): Promise<void> {
    checkBranch(branch);
    const from = isNew ? "" : (commit.parents[0] ?? "");
    if (this.#mirror !== undefined) return this.#mirror.push(branch, from, commit, signal);
    if (isNew) return createEmbeddedBranch(this.#layout, branch, commit);
    const move = { branch, from: await this.commit(from, signal), to: commit, changes };
    await moveEmbeddedBranch(this.#store, this.#layout, move, signal);
  }

  async #write(commit: NewCommit, signal: AbortSignal): Promise<Commit> {
    const { branch, changes } = commit;
    const parent = await this.head(branch, signal);
    if (parent.id !== commit.parent) throw moved(this.#layout.repo, branch, commit.parent);
    const made = await this.compose(commit, signal);
    if (made.id !== parent.id) await this.#publish({ branch, changes, commit: made }, signal);
    return made;
  }

  async #sizesOf(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    const sizes = await this.#sizes.sizesOf(ids, signal);
    return new Map(
      ids.flatMap((id, index): [string, number][] => {
        const size = sizes[index];
        return size === undefined ? [] : [[id, size]];
      }),
    );
  }

  async #resolveBase(base: string, signal: AbortSignal): Promise<string | undefined> {
    if (isObjectId(base)) return base;
    const found =
      this.#mirror !== undefined && isRefName(base)
        ? await this.#mirror.fetchNamed(base, signal)
        : await this.#findRef(base);
    return this.#peel(found ?? (await this.#expand(base, signal)));
  }

  async #findRef(name: string): Promise<string | undefined> {
    const { gitDir, commonDir } = this.#layout;
    if (name === "HEAD") {
      const head = (await readPointer(join(gitDir, "HEAD"))) ?? "";
      return head.startsWith("ref: ") ? readRef(commonDir, head.slice(5)) : head;
    }
    if (!isRefName(name)) return undefined;
    for (const ref of refCandidates(name)) {
      const found = ref.startsWith("refs/") ? await readRef(commonDir, ref) : undefined;
      if (found !== undefined && isObjectId(found)) return found;
    }
    return undefined;
  }

  async #expand(short: string, signal: AbortSignal): Promise<string | undefined> {
    if (!/^[0-9a-f]{4,39}$/.test(short)) return undefined;
    const { fs, gitdir, cache } = this.#store;
    for (;;) {
      try {
        return await git.expandOid({ fs, gitdir, cache, oid: short });
      } catch (error) {
        if (error instanceof git.Errors.AmbiguousError) return undefined;
        if (!(error instanceof git.Errors.NotFoundError)) throw error;
      }
      if ((await this.#mirror?.deepen(signal)) !== true) return undefined;
    }
  }

  /** Follows annotated tags to what they name. */
  async #peel(id: string | undefined): Promise<string | undefined> {
    const found = id === undefined ? undefined : await this.#store.read(id);
    if (found?.kind !== "tag") return found?.id;
    const target = /^object ([0-9a-f]{40})$/m.exec(Buffer.from(found.content).toString());
    return this.#peel(target?.[1]);
  }

  async #readCommit(id: string): Promise<Commit | undefined> {
    const found = await this.#store.read(id);
    return found?.kind === "commit" ? parseCommit(id, found.content) : undefined;
  }

  async #readTree(id: string): Promise<Uint8Array> {
    const found = await this.#store.read(id);
    if (found?.kind === "tree") return found.content;
    throw damaged(this.#layout.repo, `tree ${id} is missing`);
  }

  async #explainMissing(branch: string): Promise<Error> {
    await findLayout(this.#layout.repo); // Tells when the repository itself is gone.
    const { fs, gitdir } = this.#store;
    const names = await git.listBranches({ fs, gitdir });
    return noSuchBranch(this.#layout.repo, branch, names);
  }

  async #missingCommit(revision: string): Promise<Error> {
    if (this.#mirror === undefined) await findLayout(this.#layout.repo);
    return noSuchCommit(this.#layout.repo, revision);
  }
}

async function mapBounded<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += CONCURRENT_READS) {
    signal.throwIfAborted();
    results.push(...(await Promise.all(items.slice(at, at + CONCURRENT_READS).map(work))));
  }
  return results;
}
