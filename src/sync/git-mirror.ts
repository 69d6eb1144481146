import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { GitError } from "./git.ts";
import { Git, type GitResult, REMOTE_TIMEOUT_MS } from "./git-process.ts";
import { moved, noSuchBranch } from "./git-refusals.ts";
import { normalizeRepo, type Remote } from "./git-url.ts";
import { MAX_LOCK_WAITS, waitForLock } from "./mirror-lock.ts";
import { ownUser } from "./owner.ts";
import { pushRejected, remoteFailure } from "./remote-failure.ts";
import { type Layout, readPointer } from "./repository-layout.ts";
import { SharedCalls } from "./shared-call.ts";

/** Enough for the history that is usually asked for; more is fetched when someone asks. */
export const FIRST_DEPTH = 50;
/** The first step back; the next one takes the whole history. */
const DEEPEN_BY = 500;
/** Names of branches that a message may be made from. */
const MAX_LISTING_BYTES = 16_000_000;

/** The bare mirror of a remote, named after its URL. Neither the URL's credentials nor its ending make another one. */
export function mirrorPath(mirrorDir: string, remote: Remote, engine: "git" | "embedded"): string {
  const hash = createHash("sha256").update(normalizeRepo(remote.url)).digest("hex").slice(0, 32);
  return join(mirrorDir, `${hash}-${engine}.git`);
}

/** The ref of ours that stands for a branch of the remote: flat, so that `a` and `a/b` never collide. Pure. */
export function mirrorRef(branch: string): string {
  return `refs/mirror/${encodeURIComponent(branch)}`;
}

/** The ref of ours that stands for any ref of the remote. Pure. */
function mirrorName(ref: string): string {
  return ref.startsWith("refs/heads/")
    ? mirrorRef(ref.slice("refs/heads/".length))
    : `refs/mirror/@${encodeURIComponent(ref)}`;
}

/** Makes the mirror when it is not there yet. May be repeated. */
export async function openMirror(
  mirrorDir: string,
  remote: Remote,
  signal: AbortSignal,
): Promise<Layout> {
  const gitDir = mirrorPath(mirrorDir, remote, "git");
  await mkdir(mirrorDir, { recursive: true, mode: 0o700 });
  const layout = {
    repo: remote.url,
    gitDir,
    commonDir: gitDir,
    workTree: undefined,
    owner: ownUser(),
  };
  const args = ["init", "--bare", "--quiet", "--template=", gitDir];
  await new Git(layout).output({ args }, signal);
  return layout;
}

/** Fetches from and pushes to one remote. Never moves or deletes a ref because the remote lost one. */
export class GitMirror {
  readonly #git: Git;
  readonly #layout: Layout;
  readonly #remote: Remote;
  readonly #refreshes = new SharedCalls<string>();
  #deepened = false;
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(git: Git, layout: Layout, remote: Remote) {
    this.#git = git;
    this.#layout = layout;
    this.#remote = remote;
  }

  /** Brings the branch in and gives its head. Callers at the same time share one conversation with the server. */
  refresh(branch: string, signal: AbortSignal): Promise<string> {
    return this.#refreshes.run(branch, signal, (shared) => this.#refresh(branch, shared));
  }

  /** Brings in what listed refs name, in one conversation for those that are new. Gives the names of ours for them. */
  async bring(
    refs: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const names = new Map([...refs.keys()].map((ref) => [ref, mirrorName(ref)]));
    const args = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/mirror/"];
    const output = (await this.#git.output({ args }, signal)).toString();
    const ours = new Map(
      output.split("\n").map((line) => [line.slice(41), line.slice(0, 40)] as const),
    );
    const stale = [...refs].filter(([ref, id]) => ours.get(names.get(ref) ?? "") !== id);
    const isNew = stale.filter(([ref]) => !ours.has(names.get(ref) ?? ""));
    const known = stale.filter(([ref]) => ours.has(names.get(ref) ?? ""));
    const refspec = ([ref]: [string, string]): string => `+${ref}:${names.get(ref)}`;
    // A first fetch takes part of the history, a later one all that has come since.
    if (isNew.length > 0) await this.#fetch(isNew.map(refspec), [`--depth=${FIRST_DEPTH}`], signal);
    if (known.length > 0) await this.#fetch(known.map(refspec), [], signal);
    return names;
  }

  /** Brings in a branch or tag by any name that the remote has for it, or its default branch for `HEAD`. */
  async fetchNamed(name: string, signal: AbortSignal): Promise<string | undefined> {
    if (name === "HEAD" || name === "@") {
      const branch = await this.#defaultBranch(signal);
      return branch === undefined ? undefined : this.refresh(branch, signal);
    }
    const branch = name.replace(/^refs\/heads\//, "");
    const tag = name.replace(/^refs\/tags\//, "");
    const refs = await this.list([`refs/heads/${branch}`, `refs/tags/${tag}`], signal);
    if (refs.has(`refs/tags/${tag}`) && !name.startsWith("refs/heads/")) {
      await this.#fetch([`+refs/tags/${tag}:refs/tags/${tag}`], [`--depth=${FIRST_DEPTH}`], signal);
      return `refs/tags/${tag}`;
    }
    return refs.has(`refs/heads/${branch}`) ? this.refresh(branch, signal) : undefined;
  }

  /** Tries to bring in a commit by its id; servers may refuse what no branch holds. */
  async fetchCommit(id: string, signal: AbortSignal): Promise<void> {
    const result = await this.#tryFetch([id], [`--depth=${FIRST_DEPTH}`], signal);
    if (
      result.code === 0 ||
      /not our ref|unadvertised object|no such remote ref/i.test(result.stderr)
    )
      return;
    throw remoteFailure(this.#remote.url, result.stderr);
  }

  /** Takes more history in. False when there is no more. */
  async deepen(signal: AbortSignal): Promise<boolean> {
    const before = await this.shallowCommits();
    if (before.size === 0) return false;
    const known = await this.#knownBranches(signal);
    if (known.length === 0) return false;
    const refspecs = known.map((branch) => `+refs/heads/${branch}:${mirrorRef(branch)}`);
    const step = this.#deepened ? "--unshallow" : `--deepen=${DEEPEN_BY}`;
    this.#deepened = true;
    await this.#fetch(refspecs, [step], signal);
    return before.symmetricDifference(await this.shallowCommits()).size > 0;
  }

  /** Commits whose parents were not fetched. */
  async shallowCommits(): Promise<ReadonlySet<string>> {
    const text = await readPointer(join(this.#layout.commonDir, "shallow"));
    return new Set(text === undefined || text === "" ? [] : text.split("\n"));
  }

  /** Pushes a commit onto `parent`: "conflict" when the branch is elsewhere, and nothing is changed then. */
  async push(branch: string, parent: string, id: string, signal: AbortSignal): Promise<void> {
    const ref = `refs/heads/${branch}`;
    const args = ["push", "--porcelain", "--no-verify", `--force-with-lease=${ref}:${parent}`];
    const result = await this.#git.run(
      {
        args: [...args, this.#remote.url, `${id}:${ref}`],
        remote: this.#remote,
        timeoutMs: REMOTE_TIMEOUT_MS,
      },
      signal,
    );
    if (result.code !== 0 && !(await this.#landed(ref, id, signal)))
      throw this.#refusal(branch, parent, result);
    await this.#git.output({ args: ["update-ref", mirrorRef(branch), id] }, signal);
  }

  async #refresh(branch: string, signal: AbortSignal): Promise<string> {
    const head = await this.#headOf(branch, signal);
    const ref = mirrorRef(branch);
    const args = ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`];
    const before = await this.#git.run({ args }, signal);
    if (before.code === 0 && before.stdout.toString().trim() === head) return head;
    const depth = before.code === 0 ? [] : [`--depth=${FIRST_DEPTH}`];
    await this.#fetch([`+refs/heads/${branch}:${ref}`], depth, signal);
    // The branch may have moved again since it was listed: what was fetched counts.
    return (await this.#git.output({ args }, signal)).toString().trim();
  }

  async #headOf(branch: string, signal: AbortSignal): Promise<string> {
    const ref = `refs/heads/${branch}`;
    const head = (await this.list([ref], signal)).get(ref);
    if (head !== undefined) return head;
    const all = await this.list(["refs/heads/*"], signal);
    const names = [...all.keys()].map((name) => name.replace("refs/heads/", ""));
    throw noSuchBranch(this.#remote.url, branch, names);
  }

  async #knownBranches(signal: AbortSignal): Promise<string[]> {
    const args = ["for-each-ref", "--format=%(refname)", "refs/mirror/"];
    const refs = (await this.#git.output({ args }, signal)).toString().split("\n");
    const ours = refs
      .filter((ref) => ref !== "" && !ref.startsWith("refs/mirror/@"))
      .map((ref) => decodeURIComponent(ref.slice(12)));
    const theirs = await this.list(["refs/heads/*"], signal);
    return ours.filter((branch) => theirs.has(`refs/heads/${branch}`));
  }

  async #defaultBranch(signal: AbortSignal): Promise<string | undefined> {
    const text = await this.#lsRemote(["--symref"], ["HEAD"], signal);
    return /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(text)?.[1];
  }

  /** The remote's refs of these names now. */
  async list(patterns: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
    const text = await this.#lsRemote([], patterns, signal);
    const lines = text.split("\n").filter((line) => line.includes("\t"));
    return new Map(
      lines.map((line) => {
        const [id = "", name = ""] = line.split("\t");
        return [name, id];
      }),
    );
  }

  async #lsRemote(
    options: readonly string[],
    patterns: readonly string[],
    signal: AbortSignal,
  ): Promise<string> {
    const result = await this.#git.run(
      {
        args: ["ls-remote", "--quiet", ...options, this.#remote.url, ...patterns],
        remote: this.#remote,
        maxBytes: MAX_LISTING_BYTES,
        timeoutMs: REMOTE_TIMEOUT_MS,
      },
      signal,
    );
    if (result.code !== 0) throw remoteFailure(this.#remote.url, result.stderr);
    return result.stdout.toString();
  }

  async #fetch(
    refspecs: readonly string[],
    options: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    let result = await this.#tryFetch(refspecs, options, signal);
    for (let attempt = 1; result.code !== 0 && attempt <= MAX_LOCK_WAITS; attempt += 1) {
      if (!(await waitForLock(result.stderr, this.#layout.gitDir, signal))) break;
      result = await this.#tryFetch(refspecs, options, signal);
    }
    if (result.code === 0) return;
    const lost = /couldn't find remote ref refs\/heads\/(\S+)/.exec(result.stderr)?.[1];
    if (lost !== undefined) throw noSuchBranch(this.#remote.url, lost, ["HEAD"]);
    throw remoteFailure(this.#remote.url, result.stderr);
  }

  /** One fetch at a time: they share the file that says where history ends. */
  #tryFetch(
    refspecs: readonly string[],
    options: readonly string[],
    signal: AbortSignal,
  ): Promise<GitResult> {
    const fixed = ["--quiet", "--force", "--no-tags", "--no-write-fetch-head"];
    const command = {
      args: [
        "fetch",
        ...fixed,
        "--no-recurse-submodules",
        ...options,
        this.#remote.url,
        ...refspecs,
      ],
      remote: this.#remote,
      timeoutMs: REMOTE_TIMEOUT_MS,
    };
    const fetched = this.#fetching.then(() => this.#git.run(command, signal));
    this.#fetching = fetched.catch(() => undefined);
    return fetched;
  }

  /** A push whose answer was lost may have arrived. */
  async #landed(ref: string, id: string, signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.list([ref], signal)).get(ref) === id;
    } catch (error) {
      if (error instanceof GitError) return false;
      throw error;
    }
  }

  #refusal(branch: string, parent: string, { stdout, stderr }: GitResult): GitError {
    const [, summary = "", reason = ""] =
      /^!\t[^\t]*\t\[([^\]]*)\] ?(?:\((.*)\))?$/m.exec(stdout.toString()) ?? [];
    if (summary === "") return remoteFailure(this.#remote.url, stderr);
    const elsewhere =
      summary === "rejected" || /lock ref|old value|failed to update ref/i.test(reason);
    if (elsewhere) return moved(this.#remote.url, branch, parent);
    const told = [...stderr.matchAll(/^remote: (.+)$/gm)].map(([, line]) => line?.trim());
    return pushRejected(this.#remote.url, branch, [reason, ...told].filter(Boolean).join(": "));
  }
}
