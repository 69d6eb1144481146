import { join } from "node:path";
import { subjectOf } from "./commit-object.ts";
import type { EmbeddedStore } from "./embedded-store.ts";
import { type Commit, type FileChange, GitError } from "./git.ts";
import { moved } from "./git-refusals.ts";
import { appendReflog, LockFile, readRef } from "./ref-file.ts";
import { type Checkout, findCheckouts, type Layout } from "./repository-layout.ts";
import { entryMode, isFolder, parseTree, type RawEntry } from "./tree-object.ts";
import { type CommittedFile, type FileMove, WorkTreeFiles } from "./work-tree-files.ts";

export interface EmbeddedMove {
  readonly branch: string;
  readonly from: Commit;
  readonly to: Commit;
  readonly changes: readonly FileChange[];
}

/**
 * As `moveLocalBranch`, without the git binary: with Git's own lock files on the branch and, where the branch is
 * checked out, on the index.
 */
export async function moveEmbeddedBranch(
  store: EmbeddedStore,
  layout: Layout,
  move: EmbeddedMove,
  signal: AbortSignal,
): Promise<void> {
  const { branch, from, to } = move;
  const checkouts = await findCheckouts(layout, branch);
  if (checkouts.length > 1) {
    const places = checkouts.map(({ workTree }) => workTree).join(", ");
    throw new GitError(
      "dirty",
      `Cannot commit to branch "${branch}" of repository "${layout.repo}": it is checked out in several work trees (${places}); switch all but one to another branch`,
    );
  }
  const ref = `refs/heads/${branch}`;
  const lock = await LockFile.take(join(layout.commonDir, ref), layout.owner);
  let landed = false;
  try {
    if ((await readRef(layout.commonDir, ref)) !== from.id)
      throw moved(layout.repo, branch, from.id);
    signal.throwIfAborted();
    await switchFiles(store, layout, checkouts[0], move, async () => {
      await lock.commit(`${to.id}\n`);
      landed = true;
    });
  } finally {
    if (!landed) await lock.release();
  }
  const line = { from: from.id, to: to.id, reason: subjectOf(to) };
  await appendReflog(layout.commonDir, ref, line);
  if (checkouts[0] !== undefined) await appendReflog(checkouts[0].gitDir, "HEAD", line);
}

/** Makes a branch at a commit: "conflict" when there is one of that name. */
export async function createEmbeddedBranch(
  layout: Layout,
  branch: string,
  commit: Commit,
): Promise<void> {
  const ref = `refs/heads/${branch}`;
  const lock = await LockFile.take(join(layout.commonDir, ref), layout.owner);
  let landed = false;
  try {
    const found = await readRef(layout.commonDir, ref);
    if (found !== undefined) throw moved(layout.repo, branch, commit.id);
    await lock.commit(`${commit.id}\n`);
    landed = true;
  } finally {
    if (!landed) await lock.release();
  }
}

/** Changes the files of the work tree, then lands the commit; when that fails, changes them back. */
async function switchFiles(
  store: EmbeddedStore,
  layout: Layout,
  checkout: Checkout | undefined,
  move: EmbeddedMove,
  land: () => Promise<void>,
): Promise<void> {
  if (checkout === undefined) {
    await land();
    return;
  }
  const index = await LockFile.take(join(checkout.gitDir, "index"), layout.owner);
  try {
    const moves = await Promise.all(move.changes.map((change) => toFileMove(store, move, change)));
    const files = new WorkTreeFiles(store.fs, layout, checkout);
    await files.check(moves);
    // What goes comes first: a folder may take the place of a file.
    await files.apply(
      moves.toSorted((a, b) => Number(b.content === null) - Number(a.content === null)),
    );
    await land();
  } finally {
    await index.release();
  }
}

async function toFileMove(
  store: EmbeddedStore,
  { from, to }: EmbeddedMove,
  { path, content }: FileChange,
): Promise<FileMove> {
  const [before, after] = await Promise.all([
    committedFile(store, from.tree, path),
    committedFile(store, to.tree, path),
  ]);
  return { path, content, before, after };
}

async function committedFile(
  store: EmbeddedStore,
  tree: string,
  path: string,
): Promise<CommittedFile | undefined> {
  const entry = await findEntry(store, tree, path);
  const mode = entry === undefined ? undefined : entryMode(entry.mode);
  return entry === undefined || mode === undefined || mode === "submodule"
    ? undefined
    : { id: entry.id, mode };
}

/** The entry at a path of a tree; `undefined` when nothing is there. */
export async function findEntry(
  store: EmbeddedStore,
  tree: string,
  path: string,
): Promise<RawEntry | undefined> {
  let entry: RawEntry = { mode: "40000", name: "", id: tree };
  for (const name of path.split("/")) {
    const object = isFolder(entry) ? await store.read(entry.id) : undefined;
    const found = parseTree(object?.content ?? new Uint8Array()).find((item) => item.name === name);
    if (found === undefined) return undefined;
    entry = found;
  }
  return entry;
}
