import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock, Millis } from "../base/clock.ts";
import { prefixOf, RESOURCES, type Resource } from "../model/resources.ts";
import { Bell } from "./bell.ts";
import { CachedEvent, CachedObject, type Decode } from "./cached-object.ts";
import { EventRing, type RingLimits } from "./event-ring.ts";
import { replaceRevision, spliceRevision } from "./object-codec.ts";
import { ObjectIndex, type Place } from "./object-index.ts";
import { ObjectStoreError, type ObjectBatch, type ObjectEvent } from "./object-store.ts";
import {
  StoreError,
  type Entry,
  type ListResult,
  type Store,
  type StoreEvent,
  type WatchBatch,
} from "./store.ts";

export interface ObjectCacheOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly decode: Decode;
  readonly ring: RingLimits;
}

const ALL_KEYS = "/";
/** How far the ring of events is filled from the store's history at the start, most first, as far as that goes. */
const REFILL_REVISIONS: readonly number[] = [20_000, 5000, 1000, 200, 0];
/** Events of one batch for a watcher: what it handles in one turn. */
const MAX_BATCH_EVENTS = 256;
/** How often a watch without events of its own learns how far the store is. */
const PROGRESS_MS: Millis = 1000;
/** Reloads remove what is gone in turns of this many keys. */
const SWEEP_KEYS = 2000;

const SHELVES: ReadonlySet<string> = new Set(RESOURCES.map((resource) => prefixOf(resource)));

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface TakenEvent {
  readonly shelf: string;
  /** For the listeners. */
  readonly change?: CachedEvent;
}

/**
 * All objects of a store in memory, following its watch. Loads in pages; after that no turn is longer than one batch.
 * When the store's history was lost meanwhile it loads again: listeners get the differences, watches expire.
 */
export class ObjectCache {
  readonly index: ObjectIndex = new ObjectIndex();
  readonly #options: ObjectCacheOptions;
  readonly #cancel = new AbortController();
  readonly #listeners = new Set<(event: ObjectEvent) => void>();
  readonly #bells = new Map<string, Bell>();
  #waiters: Waiter[] = [];
  #ring: EventRing;
  #revision = 0;
  #isTicking = false;
  #failure: Error | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ObjectCacheOptions) {
    this.#options = options;
    this.#ring = new EventRing(0, options.ring);
  }

  /** Loads everything, and from then on follows. Once. */
  async start(): Promise<void> {
    const loaded = await this.#load();
    const starts = new Set(REFILL_REVISIONS.map((back) => Math.max(0, loaded.from - back)));
    this.#ended = this.#run([...starts]);
    this.#ended.catch((error: Error) => this.#fail(error));
    await this.reach(loaded.to);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Settles when the cache no longer follows: resolves after `close`, rejects when the store failed. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  async close(): Promise<void> {
    this.#cancel.abort();
    const closed = new StoreError("closed", "Cannot use the objects: their store is closed");
    await this.#ended.catch(() => undefined);
    this.#fail(this.#failure ?? closed);
  }

  /** Throws when the cache no longer follows. */
  checkOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when the cache is as of `revision`. */
  reach(revision: number): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiters.push({ revision, resolve, reject }));
  }

  subscribe(listener: (event: ObjectEvent) => void): () => void {
    // A function of its own, so that the same listener can be there twice.
    const own = (event: ObjectEvent): void => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  async *watch(
    resource: Resource,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncGenerator<ObjectBatch, void, undefined> {
    const shelf = prefixOf(resource);
    let seen = afterRevision;
    while (!signal.aborted && !this.#cancel.signal.aborted) {
      this.checkOpen();
      const events = this.#ring.read(shelf, seen, MAX_BATCH_EVENTS);
      if (events === undefined) throw expired(resource, seen);
      const last = events.at(-1);
      if (last === undefined && this.#revision <= seen) {
        await this.#bellOf(shelf).wait(signal);
        continue;
      }
      const isCut = events.length >= MAX_BATCH_EVENTS;
      seen = last !== undefined && isCut ? last.revision : Math.max(seen, this.#revision);
      yield { revision: seen, events };
    }
  }

  async #run(starts: number[]): Promise<void> {
    while (!this.#cancel.signal.aborted) {
      const start = starts.shift() ?? (await this.#load()).from;
      this.#ring = new EventRing(start, this.#options.ring);
      this.#advance(start);
      this.#ringAll();
      if (await this.#follow(start)) starts.length = 0;
    }
  }

  /** Until the history is gone or the cache is closed. Whether there was anything to follow. */
  async #follow(after: number): Promise<boolean> {
    let hasBegun = false;
    try {
      for await (const batch of this.#options.store.watch(ALL_KEYS, after, this.#cancel.signal)) {
        hasBegun = true;
        this.#apply(batch);
      }
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "compacted") throw error;
    }
    return hasBegun;
  }

  /**
   * Takes all entries, page by page; each page may be newer than the one before. What changed on pages already read
   * is told again by the watch from revision `from` on; at revision `to` the cache is whole.
   */
  async #load(): Promise<{ readonly from: number; readonly to: number }> {
    const isReload = this.index.size > 0;
    const found = new Set<string>();
    let from: number | undefined;
    let to = 0;
    let after: string | undefined;
    for (;;) {
      const page: ListResult = await this.#options.store.list(
        ALL_KEYS,
        after === undefined ? {} : { after },
      );
      from ??= page.revision;
      to = page.revision;
      this.#announce(page.entries.flatMap((entry) => this.#takeEntry(entry)));
      if (isReload) for (const { key } of page.entries) found.add(key);
      after = page.entries.at(-1)?.key;
      if (!page.more || this.#cancel.signal.aborted) break;
      await nextTurn();
    }
    if (isReload) await this.#sweep(found, from);
    return { from, to };
  }

  /**
   * Removes what a reload did not find, as deleted at `revision`, where it began: what the watch then tells comes later.
   */
  async #sweep(found: ReadonlySet<string>, revision: number): Promise<void> {
    const gone = [...this.index.places()].filter(
      ({ shelf, namespace, name }) => !found.has(`${shelf}${namespace}/${name}`),
    );
    for (let start = 0; start < gone.length; start += SWEEP_KEYS) {
      const changes: CachedEvent[] = [];
      for (const place of gone.slice(start, start + SWEEP_KEYS)) {
        const known = this.index.get(place);
        if (known === undefined) continue;
        this.index.delete(place);
        changes.push(this.#deletion(known, revision));
      }
      this.#announce(changes);
      await nextTurn();
    }
  }

  /** What a page says of an object, told as changes: an older incarnation is deleted first. */
  #takeEntry(entry: Entry): readonly CachedEvent[] {
    const place = placeOf(entry.key);
    const known = place && this.index.get(place);
    if (place === undefined || (known !== undefined && known.revision >= entry.modRevision))
      return [];
    const object = this.#object(spliceRevision(entry.value, entry.modRevision), entry.modRevision);
    this.index.set(place, object);
    if (known === undefined) return [new CachedEvent("added", object)];
    if (entry.createRevision <= known.revision) return [new CachedEvent("modified", object, known)];
    return [this.#deletion(known, entry.createRevision - 1), new CachedEvent("added", object)];
  }

  /** Transaction by transaction: first into the cache, then to the listeners. */
  #apply({ events, revision }: WatchBatch): void {
    const touched = new Set<string>();
    for (let index = 0; index < events.length;) {
      const at = revisionOf(events[index]);
      const changes: CachedEvent[] = [];
      for (; index < events.length && revisionOf(events[index]) === at; index += 1) {
        const event = events[index];
        const taken = event === undefined ? undefined : this.#take(event);
        if (taken === undefined) continue;
        touched.add(taken.shelf);
        if (taken.change !== undefined) changes.push(taken.change);
      }
      this.#revision = Math.max(this.#revision, at);
      this.#announce(changes);
    }
    this.#advance(revision);
    for (const shelf of touched) this.#bells.get(shelf)?.ring();
    this.#planProgress();
  }

  /** The event as it happened goes to the ring; what it means for the cache, if anything, to the listeners. */
  #take(event: StoreEvent): TakenEvent | undefined {
    const place = placeOf(event.kind === "put" ? event.entry.key : event.key);
    if (place === undefined) return undefined;
    const { shelf } = place;
    const revision = revisionOf(event);
    const known = this.index.get(place);
    const previous = event.previous && this.#previous(event.previous, known);
    const kept = event.kind === "put" ? event.entry.value : event.previous.value;
    const object = this.#object(spliceRevision(kept, revision), revision);
    const happened = new CachedEvent(kindOf(event.kind, previous), object, previous);
    this.#ring.push(shelf, happened, this.#options.clock.monotonic());
    // A load has seen it already, in this state or a later one.
    const isNew = known === undefined ? event.kind === "put" : known.revision < revision;
    if (!isNew) return { shelf };
    if (event.kind === "put") this.index.set(place, object);
    else this.index.delete(place);
    const isAsKnown = known === previous;
    return {
      shelf,
      change: isAsKnown ? happened : new CachedEvent(kindOf(event.kind, known), object, known),
    };
  }

  #previous(entry: Entry, known: CachedObject | undefined): CachedObject {
    if (known?.revision === entry.modRevision) return known;
    return this.#object(spliceRevision(entry.value, entry.modRevision), entry.modRevision);
  }

  #object(bytes: Uint8Array, revision: number): CachedObject {
    return new CachedObject(bytes, revision, this.#options.decode);
  }

  #deletion(known: CachedObject, revision: number): CachedEvent {
    const last = this.#object(replaceRevision(known.bytes, revision), revision);
    return new CachedEvent("deleted", last, known);
  }

  #announce(changes: readonly CachedEvent[]): void {
    for (const change of changes) for (const listener of this.#listeners) listener(change);
  }

  #advance(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    const reached = this.#waiters.filter((waiter) => waiter.revision <= this.#revision);
    if (reached.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of reached) waiter.resolve();
  }

  /** Others' changes wake nobody: one alarm for all watches that wait, only while the store moves. */
  #planProgress(): void {
    if (this.#isTicking || ![...this.#bells.values()].some((bell) => bell.waiting > 0)) return;
    this.#isTicking = true;
    const tick = (): void => {
      this.#isTicking = false;
      this.#ringAll();
    };
    this.#options.clock.sleep(PROGRESS_MS, this.#cancel.signal).then(tick, () => undefined);
  }

  #bellOf(shelf: string): Bell {
    const bell = this.#bells.get(shelf) ?? new Bell();
    this.#bells.set(shelf, bell);
    return bell;
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    this.#ringAll();
  }

  #ringAll(): void {
    for (const bell of this.#bells.values()) bell.ring();
  }
}

/** The place of an object's key; `undefined` for other keys, such as the leader's. */
export function placeOf(key: string): Place | undefined {
  const [, group, plural, namespace, name, more] = key.split("/");
  if (namespace === undefined || name === undefined || more !== undefined) return undefined;
  const shelf = `/${group}/${plural}/`;
  return SHELVES.has(shelf) ? { shelf, namespace, name } : undefined;
}

function kindOf(kind: StoreEvent["kind"], previous: CachedObject | undefined): ObjectEvent["kind"] {
  if (kind === "delete") return "deleted";
  return previous === undefined ? "added" : "modified";
}

function revisionOf(event: StoreEvent | undefined): number {
  if (event === undefined) return 0;
  return event.kind === "put" ? event.entry.modRevision : event.revision;
}

function expired(resource: Resource, revision: number): ObjectStoreError {
  const says = "the changes after it are no longer kept; list again";
  const message = `Cannot watch ${resource.plural} from revision ${revision}: ${says}`;
  return new ObjectStoreError("expired", message);
}
