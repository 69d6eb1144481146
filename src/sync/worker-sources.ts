import { Worker } from "node:worker_threads";
import { backoffMs } from "../base/backoff.ts";
import type { Logger } from "../base/logger.ts";
import type { Manifest } from "../schema/manifest.ts";
import { accessKey } from "./access.ts";
import { type Commit, GitError, type Publication } from "./git.ts";
import { applyDelta } from "./manifest-delta.ts";
import { policyKey } from "./sops/secrets-policy.ts";
import type { ReturnAnswer, ReturnRequest } from "./revert-folder.ts";
import type { OpenOptions, Revision, Seen, SourceLocation } from "./source.ts";
import type {
  FromWorker,
  ManifestSlice,
  SourceCalls,
  SourceVerb,
  ToWorker,
  WorkerSettings,
} from "./source-protocol.ts";
import type { EditAnswer, EditRequest, WritableSources } from "./write/writable-sources.ts";

export interface WorkerSourcesOptions extends OpenOptions {
  readonly logger: Logger;
  /** Heap of the worker: when a tree needs more, the worker ends, not the control plane. */
  readonly maxHeapMb?: number;
  /** The program of the worker; another one only in tests. */
  readonly program?: URL;
}

/** 10,000 manifests take about 300 MB while they are parsed. */
const DEFAULT_HEAP_MB = 1024;
/** Manifests kept to compare the next commit's with, of all places together. */
const MAX_BASE_MANIFESTS = 30_000;
const RESTART = { baseMs: 100, maxMs: 30_000 };
/** Children of the worker get this long to end before it is terminated. */
const CLOSE_TIMEOUT_MS = 5000;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Base {
  /** As the worker counts. */
  readonly revision: number;
  readonly loaded: Revision;
}

interface Watch {
  readonly location: SourceLocation;
  readonly listener: () => void;
}

/** Starts the worker that reads repositories. It is started again when it crashes. */
export async function openSources(options: WorkerSourcesOptions): Promise<WritableSources> {
  const sources = new WorkerSources(options);
  await sources.start();
  return sources;
}

class WorkerSources implements WritableSources {
  readonly #options: WorkerSourcesOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #watches = new Map<number, Watch>();
  /** The manifests that were last sent of each place: the next commit's are told as what differs. */
  readonly #bases = new Map<string, Base>();
  #baseManifests = 0;
  #worker: Worker | undefined;
  #lastId = 0;
  /** Crashes in a row, for the wait before the next start. */
  #crashes = 0;
  #restart: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: WorkerSourcesOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const worker = this.#ensureWorker();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    worker.once("online", resolve);
    worker.once("error", reject);
    await promise;
  }

  head(location: SourceLocation, signal: AbortSignal): Promise<Commit> {
    return this.#call("head", [location], signal);
  }

  treeId(location: SourceLocation, commit: string, signal: AbortSignal): Promise<string> {
    return this.#call("treeId", [location, commit], signal);
  }

  async load(location: SourceLocation, commit: string, signal: AbortSignal): Promise<Revision> {
    const worker = this.#ensureWorker();
    const place = placeOf(location);
    const loaded = this.#bases.get(place)?.loaded;
    // What is let in is then applied: the same commit, asked for twice.
    if (loaded?.commit.id === commit) return loaded;
    // Taken out while it is in use: of two loads at the same time, the second one has no base.
    const known = this.#takeBase(place);
    const head = await this.#call("load", [location, commit, known?.revision], signal);
    const { problems, warnings, revision, order, first, ...rest } = head;
    const fresh =
      revision === undefined || first === undefined
        ? []
        : await this.#collect(worker, revision, first, signal);
    const manifests =
      order === undefined || known === undefined
        ? fresh
        : applyDelta(known.loaded.loaded.manifests, { order, fresh });
    const read: Revision = { ...rest, loaded: { manifests, problems, warnings } };
    if (revision !== undefined && this.#worker === worker)
      this.#rememberBase(place, { revision, loaded: read });
    return read;
  }

  look(locations: readonly SourceLocation[], signal: AbortSignal): Promise<readonly Seen[]> {
    return this.#call("look", [locations], signal);
  }

  async unpin(location: SourceLocation, name: string, signal: AbortSignal): Promise<void> {
    await this.#call("unpin", [location, name], signal);
  }

  descends(
    location: SourceLocation,
    commit: string,
    from: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    return this.#call("descends", [location, commit, from], signal);
  }

  async pin(
    location: SourceLocation,
    name: string,
    commit: string,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call("pin", [location, name, commit], signal);
  }

  async watch(location: SourceLocation, listener: () => void): Promise<() => Promise<void>> {
    const watch = ++this.#lastId;
    await this.#call("watch", [location, watch], new AbortController().signal);
    this.#watches.set(watch, { location, listener });
    return async () => {
      if (!this.#watches.delete(watch) || this.#worker === undefined) return;
      await this.#call("unwatch", [watch], AbortSignal.timeout(CLOSE_TIMEOUT_MS));
    };
  }

  edit(location: SourceLocation, request: EditRequest, signal: AbortSignal): Promise<EditAnswer> {
    return this.#call("edit", [location, request], signal);
  }

  goBack(
    location: SourceLocation,
    request: ReturnRequest,
    signal: AbortSignal,
  ): Promise<ReturnAnswer> {
    return this.#call("goBack", [location, request], signal);
  }

  async publish(
    location: SourceLocation,
    publication: Publication,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#call("publish", [location, publication], signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const worker = this.#worker;
    clearTimeout(this.#restart);
    this.#watches.clear();
    if (worker !== undefined) {
      const closing = this.#call("close", [], AbortSignal.timeout(CLOSE_TIMEOUT_MS));
      this.#closed = true;
      await closing.catch(() => undefined); // It is terminated next, whatever it said.
      await worker.terminate();
    }
    this.#closed = true;
    this.#fail(new GitError("io", "Cannot read sources: they were closed"));
  }

  /** The latest stays, however large it is. */
  #rememberBase(place: string, base: Base): void {
    this.#takeBase(place);
    this.#bases.set(place, base);
    this.#baseManifests += sizeOf(base);
    for (const oldest of this.#bases.keys()) {
      if (this.#baseManifests <= MAX_BASE_MANIFESTS || oldest === place) return;
      this.#takeBase(oldest);
    }
  }

  #takeBase(place: string): Base | undefined {
    const base = this.#bases.get(place);
    if (base === undefined) return undefined;
    this.#bases.delete(place);
    this.#baseManifests -= sizeOf(base);
    return base;
  }

  async #collect(
    worker: Worker,
    revision: number,
    first: ManifestSlice,
    signal: AbortSignal,
  ): Promise<readonly Manifest[]> {
    const manifests: Manifest[] = [];
    try {
      for (let slice = first; ; slice = await this.#call("slice", [revision], signal)) {
        for (const manifest of JSON.parse(slice.json) as Manifest[]) manifests.push(manifest);
        if (slice.last) return manifests;
        // Asked for one by one: each answer is a turn of the loop of its own, with others between.
        if (this.#worker !== worker) throw crashed("it ended");
      }
    } catch (error) {
      if (this.#worker === worker) this.#send({ kind: "drop", revision });
      throw error;
    }
  }

  async #call<Verb extends SourceVerb>(
    verb: Verb,
    args: SourceCalls[Verb]["args"],
    signal: AbortSignal,
  ): Promise<SourceCalls[Verb]["value"]> {
    if (this.#closed) throw new GitError("io", "Cannot read sources: they were closed");
    signal.throwIfAborted();
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const cancel = (): void => {
      this.#pending.delete(id);
      this.#send({ kind: "cancel", id });
      reject(signal.reason);
    };
    signal.addEventListener("abort", cancel, { once: true });
    this.#pending.set(id, { resolve, reject });
    this.#ensureWorker();
    this.#send({ kind: "call", id, verb, args });
    return promise.finally(() => signal.removeEventListener("abort", cancel)) as Promise<
      SourceCalls[Verb]["value"]
    >;
  }

  #ensureWorker(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    clearTimeout(this.#restart);
    const {
      mirrorDir,
      engine,
      identities,
      maxHeapMb = DEFAULT_HEAP_MB,
      program = workerProgram(),
    } = this.#options;
    const worker = new Worker(program, {
      name: "sources",
      workerData: {
        mirrorDir,
        engine,
        ...(identities === undefined ? {} : { identities }),
      } satisfies WorkerSettings,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    this.#worker = worker;
    let cause = "it ended";
    worker.on("message", (message: FromWorker) => this.#receive(message));
    worker.on("error", (error: Error) => {
      cause = error.message;
    });
    worker.on("exit", () => this.#onExit(worker, cause));
    for (const [watch, { location }] of this.#watches) this.#rewatch(watch, location);
    return worker;
  }

  #receive(message: FromWorker): void {
    if (message.kind === "log") {
      this.#options.logger[message.level](message.fields, message.message);
      return;
    }
    if (message.kind === "changed") {
      this.#watches.get(message.watch)?.listener();
      return;
    }
    const call = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.kind === "done") {
      this.#crashes = 0;
      call?.resolve(message.value);
    } else call?.reject(toError(message.error));
  }

  #onExit(worker: Worker, cause: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#bases.clear();
    this.#baseManifests = 0;
    if (this.#closed) return;
    this.#crashes++;
    this.#options.logger.warn(
      { cause, crashes: this.#crashes },
      "The worker that reads Git crashed",
    );
    this.#fail(crashed(cause));
    // Calls start it at once; watches alone may wait.
    if (this.#watches.size > 0)
      this.#restart = setTimeout(() => this.#ensureWorker(), backoffMs(RESTART, this.#crashes));
  }

  /** Brings a watch into a new worker, and tells it: what happened in between was not seen. */
  #rewatch(watch: number, location: SourceLocation, failures = 0): void {
    queueMicrotask(() => {
      if (this.#closed || !this.#watches.has(watch)) return;
      this.#call("watch", [location, watch], new AbortController().signal)
        .catch(() => this.#retryWatch(watch, location, failures + 1))
        .finally(() => this.#watches.get(watch)?.listener());
    });
  }

  #retryWatch(watch: number, location: SourceLocation, failures: number): void {
    const worker = this.#worker;
    if (worker === undefined) return; // The next one watches anew.
    const wait = setTimeout(
      () => {
        if (this.#worker === worker) this.#rewatch(watch, location, failures);
      },
      backoffMs(RESTART, failures),
    );
    wait.unref();
  }

  #send(message: ToWorker): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker?.postMessage(message);
  }

  #fail(error: GitError): void {
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of calls) reject(error);
  }
}

/** What has the same manifests but for commits: an App's folder, read in the same way, by who may read it. */
function placeOf(location: SourceLocation): string {
  const { repo, path, namespace, ignore = "", access, secrets } = location;
  return [repo, path, namespace, ignore, accessKey(access), policyKey(secrets)].join("\0");
}

function sizeOf({ loaded }: Base): number {
  return loaded.loaded.manifests.length + 1;
}

/** The worker's program beside this file, source or compiled. */
function workerProgram(): URL {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  return new URL(`./sources-worker${extension}`, import.meta.url);
}

function toError({ code, message }: { code?: GitError["code"]; message: string }): Error {
  return code === undefined ? new Error(message) : new GitError(code, message);
}

function crashed(cause: string): GitError {
  return new GitError(
    "io",
    `Cannot read sources: the worker that reads Git crashed: ${cause}; it is started again`,
  );
}
