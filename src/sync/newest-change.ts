import { compare } from "../base/order.ts";
import { GitError, type Commit, type GitRepository } from "./git.ts";

/** Commits that are looked at: whoever goes back further names where to. */
const MAX_COMMITS = 2000;

/**
 * The newest commit along first parents that changed the folder: what was merged counts as its merge. Undoing it gives
 * exactly the folder before it. `undefined` when none of the last `MAX_COMMITS` did.
 */
export async function newestChange(
  repository: GitRepository,
  head: Commit,
  path: string,
  signal: AbortSignal,
): Promise<Commit | undefined> {
  let at = head;
  let tree = await treeAt(repository, at, path, signal);
  for (let seen = 0; seen < MAX_COMMITS; seen += 1) {
    const [parent] = at.parents;
    if (parent === undefined) return tree === undefined ? undefined : at;
    const before = await repository.commit(parent, signal);
    const treeBefore = await treeAt(repository, before, path, signal);
    if (treeBefore !== tree) return at;
    at = before;
    tree = treeBefore;
  }
  return undefined;
}

/** Files that a commit changed outside of a folder, against its first parent. */
export async function changedOutside(
  repository: GitRepository,
  commit: Commit,
  path: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [first] = commit.parents;
  if (path === "." || first === undefined) return [];
  const parent = await repository.commit(first, signal);
  try {
    const [after, before] = await Promise.all(
      [commit, parent].map(async ({ tree }) => {
        const entries = await repository.listTree(tree, signal);
        return new Map(entries.map((entry) => [entry.path, `${entry.mode} ${entry.id}`]));
      }),
    );
    const files = new Set([...(after?.keys() ?? []), ...(before?.keys() ?? [])]);
    const prefix = `${path.replace(/\/+$/, "")}/`;
    return [...files]
      .filter((file) => !file.startsWith(prefix) && after?.get(file) !== before?.get(file))
      .toSorted(compare);
  } catch (error) {
    // A note is not worth a refusal.
    if (error instanceof GitError && error.code === "too-large") return [];
    throw error;
  }
}

async function treeAt(
  repository: GitRepository,
  commit: Commit,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await repository.treeId(commit.id, path, signal);
  } catch (error) {
    if (error instanceof GitError && error.code === "no-such-path") return undefined;
    throw error;
  }
}
