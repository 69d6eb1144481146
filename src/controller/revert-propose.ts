import { isRemote, redactCredentials } from "../sync/git-url.ts";
import { ForgeError, type ForgeOptions } from "../sync/forge/forge.ts";
import { forgeOfUrl, openForge } from "../sync/forge/open-forge.ts";
import { GitError, type Commit, type FileChange } from "../sync/git.ts";
import type { SourceLocation } from "../sync/source.ts";
import type { WritableSources } from "../sync/write/writable-sources.ts";
import { tokenOf } from "./commit-writes-policy.ts";

export interface ForgeContext {
  readonly sources: Pick<WritableSources, "publish">;
  /** The repository's server, where its address alone does not tell. */
  readonly forgeOf?: ((repo: string) => Omit<ForgeOptions, "token"> | undefined) | undefined;
}

/** The branch that a revert waits on for people: one per commit that is taken back. Pure. */
export function revertBranch(bad: string): string {
  return `berth/revert-${bad.slice(0, 10)}`;
}

/**
 * Pushes the revert as a branch of its own and opens a pull request; says what was done and what is left to do. May be
 * repeated: a branch that is there stays, and its open pull request is found.
 */
export async function proposeRevert(
  location: SourceLocation,
  { commit, changes }: { readonly commit: Commit; readonly changes: readonly FileChange[] },
  bad: string,
  { sources, forgeOf = forgeOfUrl }: ForgeContext,
  signal: AbortSignal,
): Promise<string> {
  const branch = revertBranch(bad);
  const base = location.branch;
  try {
    await sources.publish(location, { branch, commit, changes, isNew: true }, signal);
  } catch (error) {
    if (!(error instanceof GitError) || error.code !== "conflict") throw error;
  }
  if (!isRemote(location.repo))
    return `branch "${branch}" holds the revert: merge it with \`git merge ${branch}\` on branch "${base}"`;
  const forge = forgeOf(location.repo);
  const token = tokenOf(location);
  const pushed = `branch "${branch}" holds the revert: open a pull request from it to "${base}"`;
  if (forge === undefined)
    return `${pushed} (the server ${redactCredentials(location.repo)} is none that Berth knows)`;
  if (token === undefined)
    return `${pushed}, or give the App a secretRef with a token, so that Berth can do it`;
  const [title = "", ...rest] = commit.message.trimEnd().split("\n");
  try {
    const request = { head: branch, base, title, body: rest.join("\n").trim() };
    const { url } = await openForge({ ...forge, token }).openPullRequest(request, signal);
    return `pull request ${url} proposes the revert: merge it`;
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    return `${pushed}; Berth could not: ${error.message}`;
  }
}
