import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import git, { type HttpClient } from "isomorphic-git";
import http from "isomorphic-git/http/node";
import { type Commit, GitError } from "./git.ts";
import { FIRST_DEPTH, mirrorPath, mirrorRef } from "./git-mirror.ts";
import { REMOTE_TIMEOUT_MS } from "./git-process.ts";
import { moved, noSuchBranch } from "./git-refusals.ts";
import { authorizationOf, redactCredentials, type Remote } from "./git-url.ts";
import { describe, type EmbeddedStore } from "./embedded-store.ts";
import { ownUser } from "./owner.ts";
import { readRef, writeRef } from "./ref-file.ts";
import { pushRejected, remoteFailure } from "./remote-failure.ts";
import { type Layout, readPointer } from "./repository-layout.ts";
import { SharedCalls } from "./shared-call.ts";

/** The first step back; the next one takes the whole history. */
const DEEPEN_BY = 500;
/** What Git sends for "--unshallow". */
const WHOLE_HISTORY = 0x7fffffff;
/** The library collects a fetched pack in memory; beyond this the fetch is ended. */
const MAX_FETCH_BYTES = 500_000_000;
/** The library insists on a refspec; refs are ours to write, after the objects are verified. */
const NO_REFSPEC = "+refs/berth-unused/*:refs/berth-unused/*";

interface FetchRequest {
  /** The ref of ours that tells the server what is there already. */
  readonly ref?: string;
  readonly remoteRef: string;
  readonly depth?: number;
  readonly relative?: boolean;
}

/** Makes the mirror when it is not there yet. May be repeated. */
export async function openEmbeddedMirror(mirrorDir: string, remote: Remote): Promise<Layout> {
  const gitDir = mirrorPath(mirrorDir, remote, "embedded");
  await mkdir(gitDir, { recursive: true, mode: 0o700 });
  return { repo: remote.url, gitDir, commonDir: gitDir, workTree: undefined, owner: ownUser() };
}

/** As `GitMirror`, through isomorphic-git's HTTP. */
export class EmbeddedMirror {
  readonly #store: EmbeddedStore;
  readonly #layout: Layout;
  readonly #remote: Remote;
  readonly #refreshes = new SharedCalls<string>();
  #deepened = false;
  #fetching: Promise<unknown> = Promise.resolve();

  constructor(store: EmbeddedStore, layout: Layout, remote: Remote) {
    this.#store = store;
    this.#layout = layout;
    this.#remote = remote;
  }

  /** Must come before anything else. May be repeated. */
  async prepare(): Promise<void> {
    const { fs, gitdir } = this.#store;
    await git.init({ fs, gitdir, bare: true, dir: gitdir });
    await mkdir(join(gitdir, "refs/mirror"), { recursive: true });
    await git.setConfig({ fs, gitdir, path: "remote.origin.fetch", value: NO_REFSPEC });
  }

  refresh(branch: string, signal: AbortSignal): Promise<string> {
    return this.#refreshes.run(branch, signal, (shared) => this.#refresh(branch, shared));
  }

  /** The remote's refs of these names now. */
  async list(patterns: readonly string[], signal: AbortSignal): Promise<Map<string, string>> {
    const refs = new Map<string, string>();
    for (const pattern of patterns) {
      const isPrefix = pattern.endsWith("*");
      const prefix = isPrefix ? pattern.slice(0, -1) : pattern;
      for (const { ref, oid } of await this.#list(prefix, signal))
        if (isPrefix || ref === pattern) refs.set(ref, oid);
    }
    return refs;
  }

  /** Brings in what listed refs name. Gives the ids that came for them. */
  async bring(
    refs: ReadonlyMap<string, string>,
    signal: AbortSignal,
  ): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (const [ref, id] of refs) {
      const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
      if (branch !== undefined) found.set(ref, await this.refresh(branch, signal));
      else {
        const isHere = (await this.#store.read(id)) !== undefined;
        if (!isHere) await this.#fetch({ remoteRef: ref, depth: FIRST_DEPTH }, signal);
        found.set(ref, id);
      }
    }
    return found;
  }

  /** A branch, a tag or HEAD of the remote: the id of what it points to. */
  async fetchNamed(name: string, signal: AbortSignal): Promise<string | undefined> {
    if (name === "HEAD" || name === "@") {
      const [head] = await this.#list("HEAD", signal);
      const branch = /^refs\/heads\/(.+)$/.exec(head?.target ?? "")?.[1];
      return branch === undefined ? undefined : this.refresh(branch, signal);
    }
    const branch = `refs/heads/${name.replace(/^refs\/heads\//, "")}`;
    const tag = `refs/tags/${name.replace(/^refs\/tags\//, "")}`;
    const tags = name.startsWith("refs/heads/") ? [] : await this.#list(tag, signal);
    const found = tags.find(({ ref }) => ref === tag);
    if (found !== undefined) {
      await this.#fetch({ remoteRef: tag, depth: FIRST_DEPTH }, signal);
      return found.oid;
    }
    const heads = await this.#list(branch, signal);
    return heads.some(({ ref }) => ref === branch)
      ? this.refresh(branch.slice("refs/heads/".length), signal)
      : undefined;
  }

  /** Tries to bring in a commit by its id; servers may refuse what no branch holds. */
  async fetchCommit(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#fetch({ remoteRef: id, depth: FIRST_DEPTH }, signal);
    } catch (error) {
      if (!(error instanceof GitError) || error.code !== "io") throw error;
    }
  }

  /** Takes more history in. False when there is no more. */
  async deepen(signal: AbortSignal): Promise<boolean> {
    const before = await this.#shallow();
    const known = await this.#knownBranches();
    if (before.size === 0 || known.length === 0) return false;
    const theirs = new Set((await this.#list("refs/heads/", signal)).map(({ ref }) => ref));
    const alive = known.filter((branch) => theirs.has(`refs/heads/${branch}`));
    const step = this.#deepened ? { depth: WHOLE_HISTORY } : { depth: DEEPEN_BY, relative: true };
    this.#deepened = true;
    for (const branch of alive)
      await this.#fetch(
        { ref: mirrorRef(branch), remoteRef: `refs/heads/${branch}`, ...step },
        signal,
      );
    return before.symmetricDifference(await this.#shallow()).size > 0;
  }

  async push(branch: string, parent: string, made: Commit, signal: AbortSignal): Promise<void> {
    const { fs, gitdir, cache } = this.#store;
    const { owner } = this.#layout;
    const ref = `refs/berth-push/${made.id}`;
    await writeRef(gitdir, ref, made.id, owner);
    try {
      const onPrePush = ({ remoteRef }: { remoteRef: { oid: string } }): boolean => {
        // The server compares the branch with what it has just told: both together are compare-and-swap.
        // A branch that is not there has the id of nothing.
        if (remoteRef.oid.replace(/^0+$/, "") !== parent)
          throw moved(this.#remote.url, branch, parent);
        return true;
      };
      const remoteRef = `refs/heads/${branch}`;
      const call = { fs, gitdir, cache, ref, remoteRef, onPrePush, ...this.#call(signal) };
      const result = await git.push(call);
      const error = result.error ?? result.refs[remoteRef]?.error;
      if (error) throw this.#refusal(branch, parent, error);
    } catch (error) {
      if (!(await this.#landed(branch, made.id, signal)))
        throw error instanceof git.Errors.GitPushError
          ? this.#refusal(branch, parent, firstReason(error))
          : this.#failure(error, signal);
    } finally {
      await git.deleteRef({ fs, gitdir, ref });
    }
    await writeRef(gitdir, mirrorRef(branch), made.id, owner);
  }

  async #refresh(branch: string, signal: AbortSignal): Promise<string> {
    const ref = `refs/heads/${branch}`;
    const listed = await this.#list(ref, signal);
    const head = listed.find((found) => found.ref === ref)?.oid;
    if (head === undefined) {
      const all = await this.#list("refs/heads/", signal);
      const names = all.map(({ ref }) => ref.slice("refs/heads/".length));
      throw noSuchBranch(this.#remote.url, branch, names);
    }
    const ours = mirrorRef(branch);
    const before = await readRef(this.#store.gitdir, ours);
    if (before === head) return head;
    const depth = before === undefined ? { depth: FIRST_DEPTH } : {};
    const fetched = await this.#fetch({ ref: ours, remoteRef: ref, ...depth }, signal);
    if (fetched === undefined)
      throw remoteFailure(this.#remote.url, "connection closed before all objects were sent");
    await writeRef(this.#store.gitdir, ours, fetched, this.#layout.owner);
    return fetched;
  }

  /** One fetch at a time: they share the file that says where history ends. */
  #fetch(what: FetchRequest, signal: AbortSignal): Promise<string | undefined> {
    const fetched = this.#fetching.then(() => this.#fetchNow(what, signal));
    this.#fetching = fetched.catch(() => undefined);
    return fetched;
  }

  /** The id of what was asked for, when it came. */
  async #fetchNow(what: FetchRequest, signal: AbortSignal): Promise<string | undefined> {
    const { fs, gitdir, cache } = this.#store;
    try {
      const call = { fs, gitdir, cache, remote: "origin", singleBranch: true, tags: false };
      const { ref = what.remoteRef } = what;
      const { fetchHead } = await git.fetch({ ...call, ...what, ref, ...this.#call(signal) });
      return fetchHead === null ? undefined : (await this.#store.read(fetchHead))?.id;
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  async #list(
    prefix: string,
    signal: AbortSignal,
  ): Promise<readonly { ref: string; oid: string; target?: string | undefined }[]> {
    try {
      const call = { protocolVersion: 2, prefix, symrefs: true } as const;
      return await git.listServerRefs({ ...call, ...this.#call(signal) });
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  async #knownBranches(): Promise<string[]> {
    const names = await readdir(join(this.#store.gitdir, "refs/mirror"));
    return names.filter((name) => !name.endsWith(".lock")).map((name) => decodeURIComponent(name));
  }

  async #shallow(): Promise<ReadonlySet<string>> {
    const text = await readPointer(join(this.#store.gitdir, "shallow"));
    return new Set(text === undefined || text === "" ? [] : text.split("\n"));
  }

  #call(signal: AbortSignal): { url: string; http: HttpClient; headers: Record<string, string> } {
    const { url } = this.#remote;
    const authorization = authorizationOf(this.#remote);
    const headers: Record<string, string> =
      authorization === undefined ? {} : { Authorization: authorization };
    const either = AbortSignal.any([signal, AbortSignal.timeout(REMOTE_TIMEOUT_MS)]);
    return { url, http: boundedHttp(either), headers };
  }

  async #landed(branch: string, id: string, signal: AbortSignal): Promise<boolean> {
    try {
      const ref = `refs/heads/${branch}`;
      return (await this.#list(ref, signal)).some((found) => found.ref === ref && found.oid === id);
    } catch (error) {
      if (error instanceof GitError) return false;
      throw error;
    }
  }

  #refusal(branch: string, parent: string, why: string): GitError {
    return /lock ref|old value|failed to update ref|fast-forward|fetch first/i.test(why)
      ? moved(this.#remote.url, branch, parent)
      : pushRejected(this.#remote.url, branch, redactCredentials(why));
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (error instanceof GitError) return error;
    if (signal.aborted) return signal.reason;
    if (error instanceof git.Errors.HttpError)
      return remoteFailure(this.#remote.url, `HTTP ${error.data.statusCode}`, error);
    if (error instanceof git.Errors.SmartHttpError)
      return remoteFailure(this.#remote.url, "not valid: is this a git repository?", error);
    const code = error instanceof Error && "code" in error ? `${String(error.code)}: ` : "";
    return remoteFailure(this.#remote.url, redactCredentials(`${code}${describe(error)}`), error);
  }
}

function firstReason(error: { message: string; data?: unknown }): string {
  const lines = error.message.split("\n").map((line) => line.trim());
  return lines.find((line) => line.includes("- ")) ?? lines[0] ?? "no reason given";
}

/** The library's HTTP client with a cancel for every request and a limit on every answer. */
function boundedHttp(signal: AbortSignal): HttpClient {
  return {
    async request(request) {
      const response = await http.request({ ...request, signal });
      return response.body === undefined ? response : { ...response, body: bounded(response.body) };
    },
  };
}

async function* bounded(
  body: AsyncIterableIterator<Uint8Array>,
): AsyncIterableIterator<Uint8Array> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_FETCH_BYTES) {
      throw new GitError(
        "too-large",
        `Cannot fetch: the server sends more than ${MAX_FETCH_BYTES} bytes, the limit of the embedded engine; install git`,
      );
    }
    yield chunk;
  }
}
