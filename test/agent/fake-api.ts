import {
  ApiError,
  BERTH_PATHS,
  type ApiClient,
  type Informer,
  type ListQuery,
  type ObjectListing,
  type WatchEvent,
} from "../../src/client/client.ts";
import type { ApiObject, ObjectRef } from "../../src/model/meta.ts";
import { refKey, refOf } from "../../src/model/meta.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import type { Resource } from "../../src/model/resources.ts";

type Change = { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: ApiObject };

/** The API in memory, as far as an agent uses it: versions, conflicts, watches, withdrawals, absence. */
export class FakeApi implements ApiClient {
  /** Every call gets "Unreachable" while true. */
  away = false;
  /** Answers to withdrawals wait for it. */
  withdrawal: () => Promise<void> = () => Promise.resolve();
  readonly calls: string[] = [];
  readonly #objects = new Map<string, ApiObject>();
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #looks = new Set<() => void>();
  #revision = 1;

  async get<T extends ApiObject>(ref: ObjectRef): Promise<T> {
    await this.#arrive(`GET ${refKey(ref)}`);
    return this.#find(ref) as T;
  }

  async list<T extends ApiObject>(resource: Resource): Promise<ObjectListing<T>> {
    await this.#arrive(`LIST ${resource.kind}`);
    const items = [...this.#objects.values()].filter((object) => object.kind === resource.kind);
    return { resourceVersion: String(this.#revision), items: items as unknown as readonly T[] };
  }

  async *watch<T extends ApiObject>(
    resource: Resource,
    _version: string,
    _query: ListQuery | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const waiting: Change[] = [...this.#objects.values()]
      .filter((object) => object.kind === resource.kind)
      .map((object) => ({ type: "MODIFIED", object }));
    let wake = (): void => undefined;
    const listener = (change: Change): void => {
      if (change.object.kind === resource.kind) waiting.push(change);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next !== undefined) yield next as WatchEvent<T>;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async create<T extends ApiObject>(object: T): Promise<T> {
    await this.#arrive(`POST ${refKey(refOf(object))}`);
    if (this.#objects.has(refKey(refOf(object))))
      throw new ApiError(409, "AlreadyExists", "it is there");
    return this.#put("ADDED", object);
  }

  async update<T extends ApiObject>(object: T): Promise<T> {
    await this.#arrive(`PUT ${refKey(refOf(object))}`);
    this.#compare(object);
    return this.#put("MODIFIED", object);
  }

  async updateStatus<T extends ApiObject>(object: T): Promise<T> {
    await this.#arrive(`PUT ${refKey(refOf(object))}/status`);
    const current = this.#compare(object);
    const { status } = object as { readonly status?: unknown };
    return this.#put("MODIFIED", { ...(current as T), status });
  }

  async delete(
    ref: ObjectRef,
    options: { readonly graceSeconds?: number; readonly uid?: string } = {},
  ): Promise<void> {
    await this.#arrive(`DELETE ${refKey(ref)} grace=${options.graceSeconds ?? "default"}`);
    const current = this.#find(ref);
    if (options.uid !== undefined && current.metadata.uid !== options.uid)
      throw new ApiError(409, "Conflict", "another uid");
    if (options.graceSeconds === 0) {
      this.#objects.delete(refKey(ref));
      this.#revision += 1;
      this.#tell({ type: "DELETED", object: current });
      return;
    }
    this.markDeleted(ref, options.graceSeconds);
  }

  async request<T>(method: string, path: string): Promise<T> {
    await this.#arrive(`${method} ${path}`);
    if (!path.startsWith(BERTH_PATHS.withdrawal)) throw new ApiError(404, "NotFound", path);
    await this.withdrawal();
    return { withdrawn: true, waitingFor: [] } as T;
  }

  close(): void {}

  /** Puts an object there, as a user or the control plane would. */
  put<T extends ApiObject>(object: T): T {
    const isNew = !this.#objects.has(refKey(refOf(object)));
    return this.#put(isNew ? "ADDED" : "MODIFIED", object);
  }

  peek(ref: ObjectRef): ApiObject | undefined {
    return this.#objects.get(refKey(ref));
  }

  pods(): readonly Pod[] {
    return [...this.#objects.values()].filter((object): object is Pod => object.kind === "Pod");
  }

  markDeleted(ref: ObjectRef, graceSeconds?: number): void {
    const pod = this.#find(ref) as Pod;
    const grace = graceSeconds ?? pod.spec.terminationGracePeriodSeconds;
    const metadata = {
      ...pod.metadata,
      deletionTimestamp: "2026-01-01T00:00:00Z",
      deletionGracePeriodSeconds: grace,
    };
    this.#put("MODIFIED", { ...pod, metadata });
  }

  /** Gone without its agent having said so. */
  erase(ref: ObjectRef): void {
    const object = this.#find(ref);
    this.#objects.delete(refKey(ref));
    this.#tell({ type: "DELETED", object });
  }

  /** Resolves with what `find` gives once it gives something. Looks again after each change. */
  async until<T>(what: string, find: () => T | undefined | false, ms = 30_000): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const look = (): void => {
      const found = find();
      if (found !== undefined && found !== false) resolve(found);
    };
    const timer = setTimeout(() => {
      const states = JSON.stringify(
        this.pods().map((pod) => pod.status),
        null,
        1,
      );
      reject(new Error(`${what} did not come about within ${ms} ms; pods: ${states}`));
    }, ms);
    this.#looks.add(look);
    look();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#looks.delete(look);
    }
  }

  /** Whoever waits looks again: something else has changed. */
  poke(): void {
    for (const look of this.#looks) look();
  }

  /** A cache of this API's objects of a kind that follows at once; stands still while the API is away. */
  informer<T extends ApiObject>(kind: string): Informer<T> {
    const objects = (): readonly T[] =>
      [...this.#objects.values()].filter((object): object is T => object.kind === kind);
    const revision = (): string => String(this.#revision);
    const cache = new Map<string, T>();
    const listeners = new Set<Parameters<Informer<T>["subscribe"]>[0]>();
    const { promise: isReady, resolve: setReady } = Promise.withResolvers<void>();
    let synced = false;
    const sync = (): void => {
      for (const object of objects()) cache.set(refKey(refOf(object)), object);
      synced = true;
      setReady();
    };
    if (!this.away) sync();
    this.#listeners.add((change) => {
      if (this.away || change.object.kind !== kind) return;
      if (!synced) sync();
      const object = change.object as T;
      const type = change.type === "DELETED" ? "delete" : "set";
      if (type === "set") cache.set(refKey(refOf(object)), object);
      else cache.delete(refKey(refOf(object)));
      queueMicrotask(() => {
        for (const listener of listeners) listener({ type, object });
      });
    });
    return {
      ready: (signal) =>
        Promise.race([
          isReady,
          new Promise<void>((_, reject) =>
            signal?.addEventListener("abort", () => reject(signal.reason)),
          ),
        ]),
      get synced() {
        return synced;
      },
      get resourceVersion() {
        return revision();
      },
      list: () => [...cache.values()],
      get: (namespace, name) => cache.get(`v1/${kind}/${namespace ?? ""}/${name}`),
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  #find(ref: ObjectRef): ApiObject {
    const found = this.#objects.get(refKey(ref));
    if (found === undefined) throw new ApiError(404, "NotFound", `${refKey(ref)} not found`);
    return found;
  }

  #compare(object: ApiObject): ApiObject {
    const current = this.#find(refOf(object));
    const version = object.metadata.resourceVersion;
    if (version !== undefined && version !== current.metadata.resourceVersion)
      throw new ApiError(409, "Conflict", "the object has been modified");
    return current;
  }

  #put<T extends ApiObject>(type: "ADDED" | "MODIFIED", object: T): T {
    this.#revision += 1;
    const uid = object.metadata.uid ?? `0000${this.#revision}-uid`;
    const metadata = { ...object.metadata, uid, resourceVersion: String(this.#revision) };
    const stored = structuredClone({ ...object, metadata });
    this.#objects.set(refKey(refOf(stored)), stored);
    this.#tell({ type, object: stored });
    return stored;
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
    this.poke();
  }

  async #arrive(call: string): Promise<void> {
    this.calls.push(call);
    await Promise.resolve();
    if (this.away) throw new ApiError(0, "Unreachable", "the API is away");
  }
}
