import { GitError, type Commit, type FileChange, type GitRepository } from "./git.ts";
import { planRevert } from "./revert.ts";

/** Going back by Berth itself: one folder of one branch as it was at a commit, provided that it still is what failed. */
export interface ReturnRequest {
  readonly app: string;
  /** The commit whose folder is wanted. */
  readonly to: string;
  /** Object id that the folder must have at the head: whatever else is there came later, and stays. */
  readonly from: string;
  readonly message: string;
  readonly author: { readonly name: string; readonly email: string };
}

export type ReturnAnswer =
  /** On no branch yet: for `publish`. */
  | {
      readonly kind: "composed";
      readonly commit: Commit;
      readonly changes: readonly FileChange[];
    }
  /** The head has the wanted folder already: by this very commit, or by a person's. */
  | { readonly kind: "there"; readonly head: Commit }
  /** The head has something else by now. */
  | { readonly kind: "moved"; readonly head: Commit };

/** Composes the commit that takes the folder back; moves no branch. May be repeated. Throws `GitError`. */
export async function composeReturn(
  repository: GitRepository,
  { branch, path }: { readonly branch: string; readonly path: string },
  request: ReturnRequest,
  signal: AbortSignal,
): Promise<ReturnAnswer> {
  const { app, to, from, message, author } = request;
  const head = await repository.head(branch, signal);
  const tree = await treeAt(repository, head, path, signal);
  const target = await repository.commit(to, signal);
  const wanted = await treeAt(repository, target, path, signal);
  if (tree === wanted) return { kind: "there", head };
  if (tree !== from) return { kind: "moved", head };
  const { target: _, ...plan } = await planRevert(repository, { branch, path, app, to }, signal);
  if (plan.parent !== head.id)
    throw new GitError("conflict", `Cannot revert: branch "${branch}" moved meanwhile; try again`);
  const commit = await repository.compose({ ...plan, message, author }, signal);
  return { kind: "composed", commit, changes: plan.changes };
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
