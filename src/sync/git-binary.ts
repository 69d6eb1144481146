import type { SourceFile } from "../schema/manifest.ts";
import { BatchParser, CatFile, type GitObject } from "./cat-file.ts";
import { composeCommit } from "./compose-commit.ts";
import { parseCommit, subjectOf } from "./commit-object.ts";
import {
  type Commit,
  GitError,
  type GitRepository,
  type NewCommit,
  type Publication,
  type TreeEntry,
} from "./git.ts";
import { GitMirror, openMirror } from "./git-mirror.ts";
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
import { Git, lastLine } from "./git-process.ts";
import {
  checkSizes,
  damaged,
  moved,
  noSuchBranch,
  noSuchCommit,
  noSuchPath,
  notAFolder,
  notARepository,
} from "./git-refusals.ts";
import { isRemote, parseRemote } from "./git-url.ts";
import { listLocalRefs } from "./local-refs.ts";
import { moveLocalBranch } from "./local-branch.ts";
import { fileRemote } from "./remote-files.ts";
import { looseObjectWriter } from "./loose-objects.ts";
import { hasRefFiles, writeRef } from "./ref-file.ts";
import { findLayout, type Layout } from "./repository-layout.ts";
import type { OpenOptions } from "./source.ts";
import { isFolder } from "./tree-object.ts";
import { TreeReader } from "./tree-reader.ts";
import { watchLocal } from "./watch-local.ts";

/** Opens a repository through the `git` binary: a local one in place, a remote through a bare mirror. */
export async function openWithGit(
  repo: string,
  options: Pick<OpenOptions, "mirrorDir" | "access">,
  signal: AbortSignal,
): Promise<GitRepository> {
  if (isRemote(repo)) {
    const parsed = parseRemote(repo, options.access);
    const layout = await openMirror(options.mirrorDir, parsed, signal);
    const filed = await fileRemote(options.mirrorDir, parsed);
    const git = new Git(layout);
    return new BinaryRepository(layout, git, new GitMirror(git, layout, filed.remote), () =>
      filed.close(),
    );
  }
  const layout = await findLayout(repo);
  const git = new Git(layout);
  const format = await git.run({ args: ["rev-parse", "--show-object-format"] }, signal);
  if (format.code !== 0)
    throw notARepository(
      repo,
      `git cannot read it: ${lastLine(format.stderr)}${ownerHint(layout)}`,
    );
  if (format.stdout.toString().trim() !== "sha1")
    throw notARepository(
      repo,
      "its objects have SHA-256 names, which Berth does not read yet; use a repository with SHA-1 names",
    );
  return new BinaryRepository(layout, git, undefined);
}

/** More files than this are read by a process of their own, which buffers its answers. */
/** Git's name for the commit of a branch that is not there. */
const NO_COMMIT = "0".repeat(40);
const BULK_FILES = 200;
const MAX_HISTORY = 10_000;
/** Commits that are remembered: every App of a repository asks for the same few. */
const MAX_KNOWN_COMMITS = 500;
const MAX_BRANCHES_LISTED = 1000;

class BinaryRepository implements GitRepository {
  readonly #layout: Layout;
  readonly #git: Git;
  readonly #mirror: GitMirror | undefined;
  readonly #heads: CatFile;
  readonly #objects: CatFile;
  readonly #trees: TreeReader;
  readonly #cleanUp: () => Promise<void>;
  readonly #watches = new Set<() => Promise<void>>();
  /** By id; the oldest first. */
  readonly #commits = new Map<string, Commit>();
  #writing: Promise<unknown> = Promise.resolve();
  #hasRefFiles: Promise<boolean> | undefined;

  constructor(
    layout: Layout,
    git: Git,
    mirror: GitMirror | undefined,
    cleanUp: () => Promise<void> = async () => undefined,
  ) {
    this.#cleanUp = cleanUp;
    this.#layout = layout;
    this.#git = git;
    this.#mirror = mirror;
    this.#heads = new CatFile(git, layout.repo, { contents: false });
    this.#objects = new CatFile(git, layout.repo, { contents: true });
    this.#trees = new TreeReader({
      repo: layout.repo,
      readTrees: (ids, signal) => Promise.all(ids.map((id) => this.#readTree(id, signal))),
      sizesOf: (ids, signal) => this.#sizesOf(ids, signal),
    });
  }

  async head(branch: string, signal: AbortSignal): Promise<Commit> {
    checkBranch(branch);
    if (this.#mirror !== undefined)
      return this.commit(await this.#mirror.refresh(branch, signal), signal);
    const found = await this.#objects.ask(`refs/heads/${branch}`, signal);
    if (found === undefined) throw await this.#explainMissing(branch, signal);
    return this.#parse(found);
  }

  async commit(id: string, signal: AbortSignal): Promise<Commit> {
    return this.#commits.get(checkObjectId(id)) ?? this.#readCommit(id, signal);
  }

  async #readCommit(id: string, signal: AbortSignal): Promise<Commit> {
    let found = await this.#objects.ask(id, signal);
    if (found === undefined && this.#mirror !== undefined) {
      await this.#mirror.fetchCommit(id, signal);
      found = await this.#objects.ask(id, signal);
      while (found === undefined && (await this.#mirror.deepen(signal)))
        found = await this.#objects.ask(id, signal);
    }
    if (found?.kind !== "commit") throw await this.#missingCommit(id);
    const commit = this.#parse(found);
    this.#commits.set(id, commit);
    for (const oldest of this.#commits.keys()) {
      if (this.#commits.size <= MAX_KNOWN_COMMITS) break;
      this.#commits.delete(oldest);
    }
    return commit;
  }

  async resolve(revision: string, signal: AbortSignal): Promise<Commit> {
    checkRevision(revision);
    if (isObjectId(revision)) return this.commit(revision, signal);
    const name =
      this.#mirror === undefined ? revision : await this.#fetchBase(this.#mirror, revision, signal);
    let found = await this.#heads.ask(`${name}^{commit}`, signal);
    // More history helps a short id and a step back, not a name that nobody knows.
    if (name !== revision || /^[0-9a-f]{4,}/.test(revision)) {
      while (found === undefined && (await this.#mirror?.deepen(signal)) === true)
        found = await this.#heads.ask(`${name}^{commit}`, signal);
    }
    if (found?.kind !== "commit") throw await this.#missingCommit(revision);
    return this.commit(found.id, signal);
  }

  async treeId(commit: string, path: string, signal: AbortSignal): Promise<string> {
    checkObjectId(commit);
    const folder = checkPath(path);
    const { tree } = await this.commit(commit, signal);
    if (folder === ".") return tree;
    const found = await this.#trees.find(tree, folder, signal);
    if (found === undefined || found.mode === "160000")
      throw noSuchPath(this.#layout.repo, commit, folder);
    if (isFolder(found)) return found.id;
    throw notAFolder(this.#layout.repo, commit, folder, "file");
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
    const ids = files.map(({ id }) => checkObjectId(id));
    const maxBytes = files.reduce((sum, file) => sum + file.size + 100, 0);
    const objects =
      files.length > BULK_FILES
        ? await this.#askBulk(ids, { contents: true, maxBytes }, signal)
        : await Promise.all(ids.map((id) => this.#objects.ask(id, signal)));
    return files.map(({ path, size }, index) => {
      const found = objects[index];
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
    await this.commit(commit, signal);
    const folder = checkPath(path);
    const count = Math.min(Math.max(limit, 0), MAX_HISTORY);
    const args = ["log", "--format=%H", `-n${count}`, commit, "--"];
    if (folder !== ".") args.push(folder);
    for (;;) {
      const output = (await this.#git.output({ args }, signal)).toString();
      const ids = output.split("\n").filter(Boolean);
      // A commit whose parents were not fetched looks as if it had added everything.
      const shallow = (await this.#mirror?.shallowCommits()) ?? new Set();
      const cut = shallow.size > 0 && (ids.length < count || ids.some((id) => shallow.has(id)));
      if (!cut || (await this.#mirror?.deepen(signal)) !== true)
        return Promise.all(ids.map((id) => this.commit(id, signal)));
    }
  }

  async pin(name: string, commit: string, signal: AbortSignal): Promise<void> {
    checkPinName(name);
    // A ref to what is not there any more would be a broken one: what is remembered does not count.
    await this.#readCommit(checkObjectId(commit), signal);
    const { commonDir, owner } = this.#layout;
    const ref = `refs/berth/${name}`;
    // A thousand Apps pin a thousand commits at once: a file each is cheap, a process each is not.
    if (await (this.#hasRefFiles ??= hasRefFiles(commonDir)))
      await writeRef(commonDir, ref, commit, owner);
    else await this.#git.output({ args: ["update-ref", ref, commit] }, signal);
  }

  async unpin(name: string, signal: AbortSignal): Promise<void> {
    checkPinName(name);
    await this.#git.output({ args: ["update-ref", "-d", `refs/berth/${name}`] }, signal);
  }

  async listRefs(
    patterns: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    for (const pattern of patterns) checkRefPattern(pattern);
    if (this.#mirror !== undefined) return this.#mirror.list(patterns, signal);
    return listLocalRefs(this.#git, this.#heads, patterns, signal);
  }

  async fetchRefs(
    refs: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Commit>> {
    const names = await this.#mirror?.bring(refs, signal);
    const commits = await Promise.all(
      [...refs].map(async ([ref, id]): Promise<[string, Commit][]> => {
        // A branch may have moved on since it was listed: of a remote, what was fetched counts.
        const found = await this.#heads.ask(`${names?.get(ref) ?? id}^{commit}`, signal);
        return found?.kind === "commit" ? [[ref, await this.commit(found.id, signal)]] : [];
      }),
    );
    return new Map(commits.flat());
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
    this.#heads.close();
    this.#objects.close();
    const watches = [...this.#watches];
    this.#watches.clear();
    await Promise.all(watches.map((stop) => stop()));
    await this.#cleanUp();
  }

  async compose(commit: NewCommit, signal: AbortSignal): Promise<Commit> {
    const parent = await this.commit(commit.parent, signal);
    const access = {
      readTree: (id: string, signal: AbortSignal) => this.#readTree(id, signal),
      writeObject: looseObjectWriter(this.#layout.commonDir, this.#layout.owner),
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
    const from = isNew ? undefined : commit.parents[0];
    if (this.#mirror !== undefined)
      return this.#mirror.push(checkBranch(branch), from ?? "", commit.id, signal);
    const files = isNew ? [] : changes.map(({ path }) => path);
    const reason = subjectOf(commit);
    const move = { branch: checkBranch(branch), from: from ?? NO_COMMIT, to: commit.id };
    await moveLocalBranch(this.#layout, { ...move, files, reason }, signal);
  }

  async #write(commit: NewCommit, signal: AbortSignal): Promise<Commit> {
    const parent = await this.head(commit.branch, signal);
    if (parent.id !== commit.parent) throw moved(this.#layout.repo, commit.branch, commit.parent);
    const made = await this.compose(commit, signal);
    if (made.id === parent.id) return parent;
    const { branch, changes } = commit;
    await this.#publish({ branch, changes, commit: made }, signal);
    return made;
  }

  async #readTree(id: string, signal: AbortSignal): Promise<Uint8Array> {
    const found = await this.#objects.ask(id, signal);
    if (found?.kind === "tree") return found.content;
    throw damaged(this.#layout.repo, `tree ${id} is missing`);
  }

  async #sizesOf(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, number>> {
    const unique = [...new Set(ids)];
    const heads =
      unique.length > BULK_FILES
        ? await this.#askBulk(unique, { contents: false, maxBytes: unique.length * 100 }, signal)
        : await Promise.all(unique.map((id) => this.#heads.ask(id, signal)));
    return new Map(heads.flatMap((head) => (head === undefined ? [] : [[head.id, head.size]])));
  }

  /** The objects of many ids, by a process of their own that buffers its answers. */
  async #askBulk(
    ids: readonly string[],
    { contents, maxBytes }: { readonly contents: boolean; readonly maxBytes: number },
    signal: AbortSignal,
  ): Promise<readonly (GitObject | undefined)[]> {
    const input = ids.map((id) => `${checkObjectId(id)}\n`).join("");
    const args = ["cat-file", contents ? "--batch" : "--batch-check", "--buffer"];
    const output = await this.#git.output({ args, input, maxBytes }, signal);
    const answers = new BatchParser(contents).push(output);
    if (answers === "too-large")
      throw damaged(this.#layout.repo, "an object is larger than its tree says");
    return answers;
  }

  /** Brings in what the first word of a revision names, and gives the revision in the mirror's words. */
  async #fetchBase(mirror: GitMirror, revision: string, signal: AbortSignal): Promise<string> {
    const [, base = "", suffix = ""] = /^([^~^:{}]*?)((?:[~^:]|@\{).*)?$/s.exec(revision) ?? [];
    if (isObjectId(base)) {
      await this.commit(base, signal);
      return revision;
    }
    const wanted = base === "" ? "HEAD" : base;
    const name = isRefName(wanted) ? await mirror.fetchNamed(wanted, signal) : undefined;
    return name === undefined ? revision : `${name}${suffix}`;
  }

  async #explainMissing(branch: string, signal: AbortSignal): Promise<GitError> {
    await findLayout(this.#layout.repo); // Tells when the repository itself is gone.
    const args = [
      "for-each-ref",
      "--format=%(refname:lstrip=2)",
      `--count=${MAX_BRANCHES_LISTED}`,
      "refs/heads/",
    ];
    const names = (await this.#git.output({ args }, signal)).toString().split("\n").filter(Boolean);
    if (names.includes(branch))
      return damaged(this.#layout.repo, `the head of branch "${branch}" is missing`);
    return noSuchBranch(this.#layout.repo, branch, names);
  }

  async #missingCommit(revision: string): Promise<GitError> {
    if (this.#mirror === undefined) await findLayout(this.#layout.repo);
    return noSuchCommit(this.#layout.repo, revision);
  }

  #parse(found: GitObject): Commit {
    const commit = found.kind === "commit" ? parseCommit(found.id, found.content) : undefined;
    if (commit === undefined)
      throw damaged(this.#layout.repo, `object ${found.id} is not a commit`);
    return commit;
  }
}

function ownerHint({ owner }: Layout): string {
  return process.getuid?.() === 0 && owner.uid !== 0
    ? `; Berth runs git as the owner of the repository (uid ${owner.uid}), who must be able to enter its folder`
    : "";
}
