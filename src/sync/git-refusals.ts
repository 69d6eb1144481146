import { compare } from "../base/order.ts";
import { GitError, MAX_FILE_BYTES, MAX_TREE_BYTES, MAX_TREE_FILES, type TreeEntry } from "./git.ts";

/** As many names as a message lists before it says "and more". */
const MAX_NAMES = 5;

/** Pure. `repo` is as shown to people, without credentials, in all of these. */
export function noSuchBranch(repo: string, branch: string, available: readonly string[]): GitError {
  if (available.length === 0) return noCommits(repo, branch);
  const names = nearest(branch, available);
  return new GitError(
    "no-such-branch",
    `Cannot read branch "${branch}" of repository "${repo}": there is no such branch; branches there: ${listNames(names, available.length)}`,
  );
}

/** Pure. */
export function noCommits(repo: string, branch: string): GitError {
  return new GitError(
    "no-commits",
    `Cannot read branch "${branch}" of repository "${repo}": the repository has no commits yet; commit the manifests first`,
  );
}

/** Pure. */
export function noSuchCommit(repo: string, revision: string): GitError {
  return new GitError(
    "no-such-commit",
    `Cannot read revision "${revision}" of repository "${repo}": there is no such commit; check the name, "git log" shows the commits`,
  );
}

/** Pure. */
export function noSuchPath(repo: string, commit: string, path: string): GitError {
  return new GitError(
    "no-such-path",
    `Cannot read folder "${path}" of repository "${repo}": commit ${commit.slice(0, 12)} has no such folder; check the path, or restore the folder with a commit`,
  );
}

/** Pure. */
export function notAFolder(repo: string, commit: string, path: string, kind: string): GitError {
  return new GitError(
    "not-a-folder",
    `Cannot read folder "${path}" of repository "${repo}": in commit ${commit.slice(0, 12)} it is a ${kind}; give the folder that holds it`,
  );
}

/** Pure. */
export function notARepository(repo: string, why: string): GitError {
  return new GitError("not-a-repository", `Cannot open repository "${repo}": ${why}`);
}

/** Pure. */
export function damaged(repo: string, what: string): GitError {
  return new GitError(
    "io",
    `Cannot read repository "${repo}": ${what}; "git fsck" in the repository shows what is damaged`,
  );
}

/** The branch is not where the change was made from. Pure. */
export function moved(repo: string, branch: string, parent: string): GitError {
  return new GitError(
    "conflict",
    `Cannot commit to branch "${branch}" of repository "${repo}": it has moved on from ${parent.slice(0, 12)}; read the new head and make the change again`,
  );
}

/** Pure. */
export function dirty(repo: string, files: readonly string[]): GitError {
  return new GitError(
    "dirty",
    `Cannot commit to repository "${repo}": its work tree has changes of its own in ${listNames(files, files.length)}; commit or stash them first`,
  );
}

/** Pure. */
export function tooManyFiles(repo: string): GitError {
  return new GitError(
    "too-large",
    `Cannot read the tree in repository "${repo}": it has more than ${MAX_TREE_FILES} files; give a smaller folder as the path`,
  );
}

/** Refuses, by their sizes alone, entries that must not be read. Pure. */
export function checkSizes(repo: string, entries: readonly TreeEntry[]): void {
  let total = 0;
  for (const { path, size } of entries) {
    if (size > MAX_FILE_BYTES) {
      throw new GitError(
        "too-large",
        `Cannot read file "${path}" of repository "${repo}": it has ${size} bytes, the limit is ${MAX_FILE_BYTES}; split it, or keep it out of the folder`,
      );
    }
    total += size;
  }
  if (total <= MAX_TREE_BYTES) return;
  throw new GitError(
    "too-large",
    `Cannot read ${entries.length} files of repository "${repo}": they have ${total} bytes together, the limit is ${MAX_TREE_BYTES}; give a smaller folder as the path`,
  );
}

/** `"a", "b" and 3 more`. Pure. */
export function listNames(names: readonly string[], total: number): string {
  const shown = names.slice(0, MAX_NAMES).map((name) => `"${name}"`);
  const rest = total - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}

function nearest(wanted: string, names: readonly string[]): string[] {
  const scored = names.map((name) => ({ name, distance: distance(wanted, name) }));
  return scored
    .toSorted((a, b) => a.distance - b.distance || compare(a.name, b.name))
    .slice(0, MAX_NAMES)
    .map(({ name }) => name);
}

/** Levenshtein's distance, of the first characters only: it orders a hint. */
function distance(a: string, b: string): number {
  const [left, right] = [a.slice(0, 60), b.slice(0, 60)];
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const same = left[i - 1] === right[j - 1] ? 0 : 1;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + same));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
