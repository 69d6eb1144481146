import type { ChildProcess } from "node:child_process";
import { GitError } from "./git.ts";
import { endProcess, Git, type GitResult, lastLine, LOCAL_TIMEOUT_MS } from "./git-process.ts";
import { dirty, moved } from "./git-refusals.ts";
import { findCheckouts, type Layout } from "./repository-layout.ts";

export interface BranchMove {
  readonly branch: string;
  /** Where the branch must be. */
  readonly from: string;
  readonly to: string;
  /** Files that differ between the two. */
  readonly files: readonly string[];
  /** For the reflog. */
  readonly reason: string;
}

/** Beyond so many, the whole work tree is asked about instead of each file. */
const MAX_PATHS_AS_ARGS = 500;

/**
 * Moves a branch of a local repository, and the work tree that has it checked out with it. The branch is locked
 * while the work tree changes, so that both change or none does.
 */
export async function moveLocalBranch(
  layout: Layout,
  move: BranchMove,
  signal: AbortSignal,
): Promise<void> {
  const checkouts = await findCheckouts(layout, move.branch);
  const [checkout] = checkouts;
  if (checkouts.length > 1) {
    const places = checkouts.map(({ workTree }) => workTree);
    throw new GitError(
      "dirty",
      `Cannot commit to branch "${move.branch}" of repository "${layout.repo}": it is checked out in several work trees (${places.join(", ")}); switch all but one to another branch`,
    );
  }
  const git = new Git(checkout === undefined ? layout : { ...layout, ...checkout });
  const transaction = new RefTransaction(git, layout.repo, move);
  try {
    await transaction.prepare(signal);
    if (checkout !== undefined) await checkClean(git, layout.repo, move.files, signal);
    // From here on the caller's cancel no longer counts: half a work tree would be worse than a late answer.
    const untilDone = AbortSignal.timeout(LOCAL_TIMEOUT_MS);
    if (checkout !== undefined) await switchTree(git, layout.repo, move.from, move.to, untilDone);
    try {
      await transaction.commit(untilDone);
    } catch (error) {
      if (checkout !== undefined)
        await switchTree(
          git,
          layout.repo,
          move.to,
          move.from,
          AbortSignal.timeout(LOCAL_TIMEOUT_MS),
        );
      throw error;
    }
  } finally {
    await transaction.end();
  }
}

async function checkClean(
  git: Git,
  repo: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  // Only refreshes what the index knows of times; "needs update" in its exit code is for status to tell.
  await git.run({ args: ["update-index", "-q", "--refresh"] }, signal);
  const paths = files.length <= MAX_PATHS_AS_ARGS ? ["--", ...files] : [];
  const options = ["-z", "--untracked-files=all", "--ignored=traditional", "--no-renames"];
  const args = ["status", "--porcelain=v1", ...options, ...paths];
  const output = (await git.output({ args }, signal)).toString();
  const touched = new Set(files);
  const changed = output
    .split("\0")
    .map((record) => record.slice(3))
    .filter((path) => touched.has(path));
  if (changed.length > 0) throw dirty(repo, changed);
}

/** As `git pull` would: index and files go from one commit to the other, and nothing of the user's is overwritten. */
async function switchTree(
  git: Git,
  repo: string,
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const result = await git.run({ args: ["read-tree", "-m", "-u", from, to] }, signal);
  if (result.code !== 0) throw cannotSwitch(repo, result);
}

function cannotSwitch(repo: string, { stderr }: GitResult): GitError {
  const file = /Entry '(.+)' |Untracked working tree file '(.+)' |Updating '(.+)' /.exec(stderr);
  const name = file?.slice(1).find(Boolean);
  if (name !== undefined) return dirty(repo, [name]);
  if (/index\.lock/.test(stderr)) return busy(repo);
  return new GitError("io", `Cannot update the work tree of "${repo}": ${lastLine(stderr)}`);
}

function busy(repo: string): GitError {
  return new GitError(
    "conflict",
    `Cannot commit to repository "${repo}": another Git process is at work there; try again when it has ended (after a crash of Git, remove the file "index.lock")`,
  );
}

/** `git update-ref --stdin` between its prepare and its commit: the branch is verified and locked meanwhile. */
class RefTransaction {
  readonly #child: ChildProcess;
  readonly #repo: string;
  readonly #move: BranchMove;
  #out = "";
  #complaint = "";
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(git: Git, repo: string, move: BranchMove) {
    this.#repo = repo;
    this.#move = move;
    this.#child = git.spawn(["update-ref", "--stdin", "-m", `berth: ${move.reason}`]);
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#out += chunk.toString();
      this.#wake();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#complaint += chunk.toString();
    });
    const ended = (): void => {
      this.#ended = true;
      this.#wake();
    };
    this.#child.once("error", ended);
    this.#child.once("close", ended);
  }

  prepare(signal: AbortSignal): Promise<void> {
    const { branch, from, to } = this.#move;
    return this.#say(
      `start\nupdate refs/heads/${branch} ${to} ${from}\nprepare\n`,
      "prepare: ok",
      signal,
    );
  }

  commit(signal: AbortSignal): Promise<void> {
    return this.#say("commit\n", "commit: ok", signal);
  }

  /** Without a commit before it, drops the lock and leaves the branch as it was. */
  async end(): Promise<void> {
    if (this.#ended) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const insist = setTimeout(() => endProcess(this.#child), LOCAL_TIMEOUT_MS);
    this.#child.once("close", () => {
      clearTimeout(insist);
      resolve();
    });
    this.#child.stdin?.end();
    await promise;
  }

  async #say(lines: string, answer: string, signal: AbortSignal): Promise<void> {
    this.#child.stdin?.write(lines);
    const abort = (): void => this.#wake();
    signal.addEventListener("abort", abort, { once: true });
    try {
      while (!this.#out.includes(answer)) {
        signal.throwIfAborted();
        if (this.#ended) throw this.#refusal();
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #refusal(): GitError {
    const { branch, from } = this.#move;
    if (/is at [0-9a-f]+ but expected|unable to resolve reference/.test(this.#complaint))
      return moved(this.#repo, branch, from);
    if (/File exists/.test(this.#complaint)) return busy(this.#repo);
    return new GitError(
      "io",
      `Cannot move branch "${branch}" of repository "${this.#repo}": ${lastLine(this.#complaint)}`,
    );
  }
}
