import { execFile } from "node:child_process";
import { CliError } from "./cli-error.ts";

/** What merging one commit into another gives. */
export type MergeResult =
  | { readonly kind: "merged"; readonly commit: string }
  | { readonly kind: "conflict"; readonly files: readonly string[] };

const MERGE_TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 10_000_000;

/**
 * Merges `head` into `base` in the checkout, as the server would: into a commit that no branch has. Neither the work
 * tree nor a branch changes. Needs git 2.38, and the history of both.
 */
export async function mergeResult(
  checkout: string,
  base: string,
  head: string,
  signal: AbortSignal,
): Promise<MergeResult> {
  const git = (...args: readonly string[]): Promise<GitAnswer> => runGit(checkout, args, signal);
  const merged = await git("merge-tree", "--write-tree", "--name-only", "-z", base, head);
  const [tree = "", ...rest] = merged.stdout.split("\0");
  if (merged.code === 1) {
    const end = rest.indexOf("");
    return { kind: "conflict", files: rest.slice(0, end < 0 ? rest.length : end) };
  }
  if (merged.code !== 0) throw noMerge(base, head, merged.stderr);
  const log = await git("log", "-1", "--format=%cI%n%B", head, "--");
  const [date = "", ...message] = log.stdout.split("\n");
  const commit = await runGit(
    checkout,
    ["commit-tree", tree, "-p", base, "-p", head, "-m", message.join("\n")],
    signal,
    { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
  );
  if (commit.code !== 0) throw noMerge(base, head, commit.stderr);
  return { kind: "merged", commit: commit.stdout.trim() };
}

/** The full id of a commit of the checkout; the first of `revisions` that is there. */
export async function findCommit(
  checkout: string,
  revisions: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const revision of revisions) {
    const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{commit}`];
    const { code, stdout } = await runGit(checkout, args, signal);
    if (code === 0) return stdout.trim();
  }
  return undefined;
}

function noMerge(base: string, head: string, stderr: string): CliError {
  const why = stderr.trim().split("\n", 1)[0] ?? "";
  const isOld = /unknown option|usage: git merge-tree/i.test(stderr);
  return new CliError(
    `Cannot merge ${head.slice(0, 12)} into ${base.slice(0, 12)}: ${isOld ? "git is older than 2.38" : why}`,
    {
      cure: isOld
        ? "install a newer git"
        : "check out the whole history: fetch-depth: 0 in GitHub Actions, GIT_DEPTH: 0 in GitLab CI",
    },
  );
}

interface GitAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who a commit is by that nobody keeps. */
const IDENTITY = {
  GIT_AUTHOR_NAME: "Berth",
  GIT_AUTHOR_EMAIL: "berth@localhost",
  GIT_COMMITTER_NAME: "Berth",
  GIT_COMMITTER_EMAIL: "berth@localhost",
};

function runGit(
  cwd: string,
  args: readonly string[],
  signal: AbortSignal,
  more: Readonly<Record<string, string>> = {},
): Promise<GitAnswer> {
  const env = { ...process.env, LC_ALL: "C", ...IDENTITY, ...more };
  const options = { cwd, env, signal, timeout: MERGE_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    execFile("git", args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === "number") resolve({ code, stdout, stderr });
      else if (signal.aborted) reject(signal.reason as Error);
      else
        reject(
          new CliError(`Cannot run git: ${code ?? error?.message ?? ""}`, {
            cure: "install git 2.38 or newer",
            cause: error,
          }),
        );
    });
  });
}
