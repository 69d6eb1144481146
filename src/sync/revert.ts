import { compare } from "../base/order.ts";
import { subjectOf } from "./commit-object.ts";
import {
  type Commit,
  type FileChange,
  GitError,
  type GitRepository,
  type NewCommit,
  type TreeEntry,
} from "./git.ts";
import { checkPath, joinPath } from "./git-names.ts";
import { listNames } from "./git-refusals.ts";
import { mergeFile } from "./merge-file.ts";

/** What to go back on, within one folder of one branch. */
export type RevertRequest = {
  readonly branch: string;
  /** The App's folder: files outside of it stay as they are. */
  readonly path: string;
  /** For the trailer `Berth-App:` of the message. */
  readonly app: string;
} & (
  | { /** Undo this one commit. */ readonly commit: string }
  | { /** Go back to the folder as it was at this commit. */ readonly to: string }
);

/** A commit that goes back, still without its author: for `GitRepository.write`. */
export interface RevertPlan extends Omit<NewCommit, "author"> {
  /** The commit that is undone, or gone back to. */
  readonly target: Commit;
}

/** One path in the three trees of a revert. */
interface Versions {
  readonly path: string;
  readonly head: TreeEntry | undefined;
  /** As the commit left it. */
  readonly undone: TreeEntry | undefined;
  /** As it was before, and shall be again. */
  readonly wanted: TreeEntry | undefined;
}

type Tree = ReadonlyMap<string, TreeEntry>;

/**
 * Plans the commit that undoes one commit, or that goes back to an older one, in the App's folder only. Writes
 * nothing. Of a merge, the change against its first parent is undone.
 */
export async function planRevert(
  repo: GitRepository,
  request: RevertRequest,
  signal: AbortSignal,
): Promise<RevertPlan> {
  const path = checkPath(request.path);
  const head = await repo.head(request.branch, signal);
  const revision = "commit" in request ? request.commit : request.to;
  const target = await repo.resolve(revision, signal);
  const headTree = await readTree(repo, head, path, signal);
  const changes =
    "commit" in request
      ? await undoCommit(repo, { target, headTree, path }, signal)
      : await goBack(repo, { target, headTree, path }, signal);
  const message =
    "commit" in request
      ? revertMessage(request.app, target)
      : backMessage(request.app, head, target, path);
  return { branch: request.branch, parent: head.id, changes, message, target };
}

async function undoCommit(
  repo: GitRepository,
  { target, headTree, path }: { target: Commit; headTree: Tree; path: string },
  signal: AbortSignal,
): Promise<readonly FileChange[]> {
  const [firstParent] = target.parents;
  if (firstParent === undefined) {
    throw new GitError(
      "no-such-commit",
      `Cannot revert commit ${name(target)}: it is the first commit of the repository, there is nothing before it to go back to; to remove its files, commit their removal`,
    );
  }
  const parent = await repo.commit(firstParent, signal);
  const [undone, wanted] = await Promise.all([
    readTree(repo, target, path, signal),
    readTree(repo, parent, path, signal),
  ]);
  const touched = differences(undone, wanted);
  if (touched.length === 0) {
    throw nothing(
      `commit ${name(target)} changed no file in folder "${path}"; "berth history" lists the commits that did`,
    );
  }
  const versions = touched.map((file) => ({
    path: file,
    head: headTree.get(file),
    undone: undone.get(file),
    wanted: wanted.get(file),
  }));
  const changes = await revertFiles(repo, versions, { target, path }, signal);
  if (changes.length > 0) return changes;
  throw nothing(`what commit ${name(target)} changed in folder "${path}" is undone already`);
}

async function goBack(
  repo: GitRepository,
  { target, headTree, path }: { target: Commit; headTree: Tree; path: string },
  signal: AbortSignal,
): Promise<readonly FileChange[]> {
  // Here a folder that is not there is a slip: going back to nothing would remove the whole App.
  await repo.treeId(target.id, path, signal);
  const wanted = await readTree(repo, target, path, signal);
  const touched = differences(headTree, wanted);
  if (touched.length === 0)
    throw nothing(`folder "${path}" is already as it was at commit ${name(target)}`);
  const moves = touched.map((file) => ({ file, entry: wanted.get(file) }));
  return Promise.all(
    moves.map(({ file, entry }) => takeVersion(repo, joinPath(path, file), entry, signal)),
  );
}

async function revertFiles(
  repo: GitRepository,
  versions: readonly Versions[],
  { target, path }: { target: Commit; path: string },
  signal: AbortSignal,
): Promise<readonly FileChange[]> {
  const changes: FileChange[] = [];
  const conflicts: string[] = [];
  for (const version of versions) {
    if (sameEntry(version.head, version.wanted)) continue; // Someone has undone it by hand.
    const full = joinPath(path, version.path);
    const change = sameEntry(version.head, version.undone)
      ? await takeVersion(repo, full, version.wanted, signal)
      : await mergeVersions(repo, full, version, signal);
    if (change === undefined) conflicts.push(full);
    else changes.push(change);
  }
  if (conflicts.length === 0) return changes;
  throw new GitError(
    "conflict",
    `Cannot revert commit ${name(target)}: later commits changed the same places of ${listNames(conflicts, conflicts.length)}; go back to an older state as a whole, or run "git revert ${target.id.slice(0, 12)}" and resolve the conflict`,
  );
}

async function takeVersion(
  repo: GitRepository,
  path: string,
  entry: TreeEntry | undefined,
  signal: AbortSignal,
): Promise<FileChange> {
  if (entry === undefined) return { path, content: null };
  if (entry.mode === "submodule") {
    throw new GitError(
      "conflict",
      `Cannot revert "${path}": it is a submodule; run "git revert" in a work tree instead`,
    );
  }
  return { path, mode: entry.mode, content: await readContent(repo, entry, signal) };
}

/** The head's version with the change taken out of it; `undefined` when that is for a person to decide. */
async function mergeVersions(
  repo: GitRepository,
  path: string,
  { head, undone, wanted }: Versions,
  signal: AbortSignal,
): Promise<FileChange | undefined> {
  if (!isText(head) || !isText(undone) || !isText(wanted)) return undefined;
  const [ours, base, theirs] = await Promise.all(
    [head, undone, wanted].map((entry) => readContent(repo, entry, signal)),
  );
  if (ours === undefined || base === undefined || theirs === undefined) return undefined;
  const merged = await mergeFile({ ours, base, theirs }, signal);
  return merged === undefined ? undefined : { path, content: merged };
}

async function readContent(
  repo: GitRepository,
  entry: TreeEntry,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const [file] = await repo.readFiles([entry], signal);
  return file?.content ?? new Uint8Array();
}

/** The files of a folder in a commit; none when the commit has no such folder. */
async function readTree(
  repo: GitRepository,
  commit: Commit,
  path: string,
  signal: AbortSignal,
): Promise<Tree> {
  try {
    const tree = await repo.treeId(commit.id, path, signal);
    const entries = await repo.listTree(tree, signal);
    return new Map(entries.map((entry) => [entry.path, entry]));
  } catch (error) {
    if (error instanceof GitError && error.code === "no-such-path") return new Map();
    throw error;
  }
}

function differences(left: Tree, right: Tree): string[] {
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].filter((path) => !sameEntry(left.get(path), right.get(path))).toSorted(compare);
}

function sameEntry(left: TreeEntry | undefined, right: TreeEntry | undefined): boolean {
  return left?.id === right?.id && left?.mode === right?.mode;
}

function isText(entry: TreeEntry | undefined): entry is TreeEntry {
  return entry !== undefined && (entry.mode === "file" || entry.mode === "executable");
}

function revertMessage(app: string, target: Commit): string {
  return `Revert "${subjectOf(target)}"\n\nThis reverts commit ${target.id}.\n\n${revertTrailers(app, target.id)}\n`;
}

function backMessage(app: string, head: Commit, target: Commit, path: string): string {
  const folder = path === "." ? "the repository" : `folder "${path}"`;
  return `Go back to "${subjectOf(target)}"\n\nThis puts ${folder} back to commit ${target.id}.\n\n${revertTrailers(app, head.id)}\n`;
}

/** How a message says which App was taken back, and from which commit: tools read it, people need not. Pure. */
export function revertTrailers(app: string, from: string): string {
  return `Berth-App: ${app}\nBerth-Reverts: ${from}`;
}

function name(commit: Commit): string {
  return `${commit.id.slice(0, 12)} ("${subjectOf(commit)}")`;
}

function nothing(why: string): GitError {
  return new GitError("nothing-to-revert", `Nothing to revert: ${why}`);
}
