import { backoffMs } from "../base/backoff.ts";
import type { BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { sortedBy } from "../base/order.ts";
import type { ApiObject } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import { ApiError } from "./client.ts";
import type { ApiClient, Informer, ListQuery, ObjectListing, WatchEvent } from "./client.ts";

export interface InformerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the informer. */
  readonly signal: AbortSignal;
  /** From 0 up to 1: spreads the retries of many clients. `Math.random` unless told. */
  readonly random?: () => number;
  readonly backoff?: BackoffPolicy;
}

/** Kubernetes' own reflectors wait 0.8 s to 30 s; ours are on the way of traffic and so begin sooner. */
const BACKOFF: BackoffPolicy = { baseMs: 200, maxMs: 15_000 };

type Listener<T> = Parameters<Informer<T & ApiObject>["subscribe"]>[0];

/** Starts at once to list and watch `resource`; see `Informer`. Its loop ends when `signal` aborts. */
export function createInformer<T extends ApiObject>(
  client: ApiClient,
  resource: Resource,
  query: ListQuery | undefined,
  options: InformerOptions,
): Informer<T> {
  const cache = new InformerCache<T>(options.logger);
  void follow(client, { resource, query, cache }, options);
  return cache;
}

/** What is known of a resource. Only the informer's loop changes it. */
class InformerCache<T extends ApiObject> implements Informer<T> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<Listener<T>>();
  readonly #first = Promise.withResolvers<void>();
  readonly #logger: Logger;
  #sorted: readonly T[] | undefined;
  #resourceVersion = "";
  #synced = false;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.#first.promise.catch(() => undefined);
  }

  get synced(): boolean {
    return this.#synced;
  }

  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  async ready(signal?: AbortSignal): Promise<void> {
    if (signal === undefined) return this.#first.promise;
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.#first.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  list(): readonly T[] {
    this.#sorted ??= sortedBy(this.#objects.values(), keyOfObject);
    return this.#sorted;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(keyOfName(namespace, name));
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes over a whole list; listeners see the differences only. */
  replace(listing: ObjectListing<T>): void {
    this.#resourceVersion = listing.resourceVersion;
    const listed = new Set(listing.items.map(keyOfObject));
    for (const [key, object] of this.#objects) {
      if (!listed.has(key)) this.#delete(object);
    }
    for (const object of listing.items) this.#set(object);
    this.#synced = true;
    this.#notify({ type: "mark" });
    this.#first.resolve();
  }

  apply(event: WatchEvent<T>): void {
    if (event.type === "BOOKMARK") {
      this.#resourceVersion = event.resourceVersion;
      this.#notify({ type: "mark" });
      return;
    }
    this.#resourceVersion = event.object.metadata.resourceVersion ?? this.#resourceVersion;
    if (event.type === "DELETED") this.#delete(event.object);
    else this.#set(event.object);
  }

  /** Nobody waits for a list that will not come. */
  stop(reason: unknown): void {
    this.#first.reject(reason);
  }

  #set(object: T): void {
    const key = keyOfObject(object);
    const previous = this.#objects.get(key);
    if (previous !== undefined && isSameVersion(previous, object)) return;
    this.#objects.set(key, object);
    this.#sorted = undefined;
    this.#notify({ type: "set", object });
  }

  #delete(object: T): void {
    if (!this.#objects.delete(keyOfObject(object))) return;
    this.#sorted = undefined;
    this.#notify({ type: "delete", object });
  }

  #notify(change: Parameters<Listener<T>>[0]): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#logger.error({ error }, "A listener of an informer threw");
      }
    }
  }
}

interface Followed<T extends ApiObject> {
  readonly resource: Resource;
  readonly query: ListQuery | undefined;
  readonly cache: InformerCache<T>;
}

/** Lists, then watches from there, for ever; what breaks is tried again, later and later. */
async function follow<T extends ApiObject>(
  client: ApiClient,
  { resource, query, cache }: Followed<T>,
  { clock, logger, signal, random = Math.random, backoff = BACKOFF }: InformerOptions,
): Promise<void> {
  let failures = 0;
  let mustList = true;
  while (!signal.aborted) {
    let isExpired = false;
    try {
      if (mustList) cache.replace(await client.list<T>(resource, query, signal));
      mustList = false;
      for await (const event of client.watch<T>(resource, cache.resourceVersion, query, signal)) {
        failures = 0;
        cache.apply(event);
      }
      // The server ended the watch. Without an event since the last time this counts as a failure.
      failures += 1;
    } catch (error) {
      if (signal.aborted) break;
      failures += 1;
      isExpired = error instanceof ApiError && error.code === 410;
      mustList ||= isExpired;
      report(logger, resource, error, failures);
    }
    // The first time that a version is gone, the API is there: nothing speaks against asking at once.
    if (isExpired && failures === 1) continue;
    const wait = backoffMs(backoff, failures) * (0.5 + random() / 2);
    await clock.sleep(wait, signal).catch(() => undefined);
  }
  cache.stop(signal.reason);
}

function report(logger: Logger, resource: Resource, error: unknown, failures: number): void {
  const fields = { resource: resource.plural, failures, error };
  if (error instanceof ApiError && error.code === 410) {
    logger.info(fields, "The watched version is gone: listing anew");
  } else logger.warn(fields, "Cannot follow a resource: trying again");
}

function keyOfName(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

function keyOfObject({ metadata }: ApiObject): string {
  return keyOfName(metadata.namespace, metadata.name);
}

function isSameVersion(a: ApiObject, b: ApiObject): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    a.metadata.resourceVersion !== undefined &&
    a.metadata.resourceVersion === b.metadata.resourceVersion
  );
}
