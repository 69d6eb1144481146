import type { SourceFile } from "../schema/manifest.ts";

export interface Commit {
  /** 40 hex digits. */
  readonly id: string;
  /** Object id of the commit's root tree. */
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: { readonly name: string; readonly email: string };
  /** Ms since the epoch, of the committer. */
  readonly committedAt: number;
  /** The whole message. */
  readonly message: string;
}

/** A file of a tree before its content is read. */
export interface TreeEntry {
  /** From the folder that was asked for, with `/`. */
  readonly path: string;
  readonly id: string;
  readonly mode: "file" | "executable" | "symlink" | "submodule";
  readonly size: number;
}

export type GitErrorCode =
  | "not-a-repository"
  | "no-such-branch"
  | "no-such-commit"
  | "no-such-path"
  | "no-commits"
  | "unreachable"
  | "unauthorized"
  | "host-key"
  | "too-large"
  | "not-a-folder"
  | "no-manifests"
  | "nothing-to-revert"
  | "conflict"
  | "dirty"
  | "rejected"
  | "invalid-url"
  | "io";

/** Git said no: `message` says what, where, why and the cure, for people. Losing a ref or a repo is never a deletion. */
export class GitError extends Error {
  override readonly name = "GitError";
  readonly code: GitErrorCode;

  constructor(code: GitErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Limits of what is read from a tree. Beyond them: `GitError` "too-large" that names the file. */
export const MAX_FILE_BYTES = 5_000_000;
export const MAX_TREE_BYTES = 200_000_000;
export const MAX_TREE_FILES = 100_000;

export interface FileChange {
  /** From the root of the repository. */
  readonly path: string;
  /** `null` deletes the file. */
  readonly content: Uint8Array | null;
  /** Left out: an existing file keeps its own, a new one is a plain file. */
  readonly mode?: "file" | "executable" | "symlink";
}

export interface NewCommit {
  readonly branch: string;
  /** The head that the changes were made from: compare-and-swap, "conflict" when the branch has moved. */
  readonly parent: string;
  readonly changes: readonly FileChange[];
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
}

/** A commit that was composed, on its way onto a branch. */
export interface Publication {
  readonly branch: string;
  readonly commit: Commit;
  /** Files that differ from its parent. */
  readonly changes: readonly FileChange[];
  /** The branch must not be there yet; else it must be at the commit's parent. */
  readonly isNew?: boolean;
}

/**
 * One repository through one engine. Two engines, one contract suite: the `git` binary and isomorphic-git.
 *
 * A local repository is read in place. A remote is fetched into a bare mirror of ours. There is never a work tree
 * of ours.
 */
export interface GitRepository {
  /** The branch's head as of now; of a remote: fetches first. */
  head(branch: string, signal: AbortSignal): Promise<Commit>;
  commit(id: string, signal: AbortSignal): Promise<Commit>;
  /** Resolves any revision that git names (`HEAD~1`, a branch, a tag, a short id). */
  resolve(revision: string, signal: AbortSignal): Promise<Commit>;
  /** Object id of the folder `path` in a commit, `.` for the root. "no-such-path" when it is not there. */
  treeId(commit: string, path: string, signal: AbortSignal): Promise<string>;
  /** All entries below a tree, sorted by path. */
  listTree(tree: string, signal: AbortSignal): Promise<readonly TreeEntry[]>;
  readFiles(entries: readonly TreeEntry[], signal: AbortSignal): Promise<readonly SourceFile[]>;
  /** Newest first, at most `limit`, that touched `path`. */
  history(
    commit: string,
    path: string,
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly Commit[]>;
  /**
   * Refs by their full names with what they name (of an annotated tag, the tag itself), as of now; of a remote in one
   * conversation. A pattern is a full name, or a prefix and a closing `*`. What is not there is not in the answer.
   */
  listRefs(patterns: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>>;
  /** The commits of refs that `listRefs` gave, brought in where they are new. What names no commit is not in the answer. */
  fetchRefs(
    refs: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Commit>>;
  /** Keeps a commit from being collected, by a ref of ours `refs/berth/<name>`. */
  pin(name: string, commit: string, signal: AbortSignal): Promise<void>;
  /** Removes the ref that `pin` made. One that is not there is fine. */
  unpin(name: string, signal: AbortSignal): Promise<void>;
  /**
   * Makes a commit and moves the branch to it, in a remote by a push. In a local repository whose work tree has the
   * branch checked out, the touched files there are updated too when they are clean; else "dirty", nothing is changed.
   */
  write(commit: NewCommit, signal: AbortSignal): Promise<Commit>;
  /** The commit that `write` would make, which no branch names yet. The parent itself when it changes nothing. */
  compose(commit: NewCommit, signal: AbortSignal): Promise<Commit>;
  /** Moves a branch to a composed commit, as `write` does, or makes one: "conflict" when it is elsewhere by now. */
  publish(publication: Publication, signal: AbortSignal): Promise<void>;
  /** Calls back when the branches of a local repository may have changed; a remote never does. Returns how to stop it. */
  watch(listener: () => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}
