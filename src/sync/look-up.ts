import { maxSatisfying, validRange } from "semver";
import { unreachable } from "../base/assert.ts";
import type { Commit, GitRepository } from "./git.ts";
import { GitError } from "./git.ts";
import { checkBranch, checkObjectId, checkRefPattern, quote } from "./git-names.ts";
import { listNames, noSuchBranch, noSuchCommit } from "./git-refusals.ts";
import type { Wanted } from "./source.ts";

const TAGS = "refs/tags/";

/**
 * The commits that several Apps of one repository ask for, with one listing of its refs and one fetch for all. Each
 * answer is a commit or what is against it: one App's lost tag is no other App's trouble. Throws when the repository
 * cannot be talked to at all.
 */
export async function lookUp(
  git: GitRepository,
  repo: string,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<readonly (Commit | GitError)[]> {
  const patterns = wanted.map((want) => attempt(() => patternOf(want)));
  const valid = patterns.filter((pattern) => typeof pattern === "string");
  // Also of those that stay at a commit: it is the proof that this access may read the repository.
  const listed = await git.listRefs([...new Set(valid)], signal);
  const refs = wanted.map((want, index) => {
    const pattern = patterns[index];
    return pattern instanceof GitError ? pattern : attempt(() => refOf(want, listed, repo));
  });
  const needed = new Map<string, string>();
  for (const ref of refs) {
    const id = ref instanceof GitError || ref === undefined ? undefined : listed.get(ref);
    if (id !== undefined && ref !== undefined && !(ref instanceof GitError)) needed.set(ref, id);
  }
  const commits = await git.fetchRefs(needed, signal);
  let branches: Promise<readonly string[]> | undefined;
  return Promise.all(
    wanted.map(async (want, index) => {
      const ref = refs[index];
      if (ref instanceof GitError) return ref;
      if (want.kind === "commit") return caught(git.commit(want.id, signal));
      const commit = ref === undefined ? undefined : commits.get(ref);
      if (commit !== undefined) return commit;
      return want.kind === "branch"
        ? noSuchBranch(repo, want.name, await (branches ??= branchesOf(git, signal)))
        : noSuchCommit(repo, nameOf(want));
    }),
  );
}

/** What is followed, for people: `branch "main"`. Pure. */
export function nameOf(want: Wanted): string {
  switch (want.kind) {
    case "branch":
    case "tag":
    case "ref":
      return want.name;
    case "semver":
      return want.range;
    case "commit":
      return want.id;
    default:
      return unreachable(want);
  }
}

function patternOf(want: Wanted): string {
  switch (want.kind) {
    case "branch":
      return `refs/heads/${checkBranch(want.name)}`;
    case "tag":
      return checkRefPattern(`${TAGS}${want.name}`);
    case "ref":
      return checkRefPattern(want.name);
    case "semver":
      if (validRange(want.range) !== null) return `${TAGS}*`;
      throw new GitError(
        "no-such-commit",
        `Cannot follow tags in the range ${quote(want.range)}: not a range of semantic versions; give one such as ">=1.2.0 <2"`,
      );
    case "commit":
      checkObjectId(want.id);
      return "refs/heads/HEAD";
    default:
      return unreachable(want);
  }
}

/** The ref that is wanted; `undefined` for a commit, which needs none. */
function refOf(
  want: Wanted,
  listed: ReadonlyMap<string, string>,
  repo: string,
): string | undefined {
  if (want.kind === "commit") return undefined;
  if (want.kind !== "semver") return patternOf(want);
  const tags = [...listed.keys()].filter((ref) => ref.startsWith(TAGS) && !ref.endsWith("^{}"));
  // The plain version stands for its tag: `v1.2.0` and `1.2.0` are the same one.
  const versions = new Map(tags.map((ref) => [ref.slice(TAGS.length), ref]));
  const best = maxSatisfying([...versions.keys()].toSorted(), want.range);
  const ref = best === null ? undefined : versions.get(best);
  if (ref !== undefined) return ref;
  const names = [...versions.keys()];
  const there =
    names.length === 0 ? "it has no tags" : `tags there: ${listNames(names, names.length)}`;
  throw new GitError(
    "no-such-commit",
    `Cannot read repository "${repo}": no tag is in the range "${want.range}"; ${there}`,
  );
}

async function branchesOf(git: GitRepository, signal: AbortSignal): Promise<readonly string[]> {
  const refs = await git.listRefs(["refs/heads/*"], signal);
  return [...refs.keys()].map((ref) => ref.slice("refs/heads/".length));
}

function attempt<T>(work: () => T): T | GitError {
  try {
    return work();
  } catch (error) {
    if (error instanceof GitError) return error;
    throw error;
  }
}

async function caught<T>(work: Promise<T>): Promise<T | GitError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof GitError) return error;
    throw error;
  }
}
