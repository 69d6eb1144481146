import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { invariant } from "../base/assert.ts";
import type { Clock, Millis } from "../base/clock.ts";
import { isReleased } from "../model/deletion.ts";
import { formatRef, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { prefixOf, resourceOf, type Resource } from "../model/resources.ts";
import { CachedObject, type Decode } from "./cached-object.ts";
import { DEFAULT_RING_LIMITS, type RingLimits } from "./event-ring.ts";
import { isExpiredEvent } from "./expire.ts";
import { leaderCompare, type Leader } from "./leader.ts";
import { LeaseTable } from "./lease-table.ts";
import { ObjectCache } from "./object-cache.ts";
import {
  decodeFrozenObject,
  decodeObject,
  encodeObject,
  replaceRevision,
  spliceRevision,
} from "./object-codec.ts";
import type { Place } from "./object-index.ts";
import {
  ObjectStoreError,
  type ObjectBatch,
  type ObjectEvent,
  type ObjectList,
  type ObjectStore,
  type StoredObject,
  type Write,
} from "./object-store.ts";
import {
  checkRef,
  prepareCreate,
  prepareRemove,
  prepareReplace,
  prepareStatus,
  prepareUpdate,
} from "./prepare-write.ts";
import {
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  StoreError,
  type Compare,
  type Operation,
  type Store,
} from "./store.ts";

export interface ObjectStoreOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** When given, every write compares its key: a deposed leader's are refused as "fenced". */
  readonly leader?: Leader;
  /** Objects are frozen to their depths, so that a change of what is shared throws. For tests. */
  readonly freeze?: boolean;
  /** How far back watches can go. */
  readonly ring?: Partial<RingLimits>;
}

export interface OpenObjectStore extends ObjectStore, AsyncDisposable {
  /** Settles when the cache no longer follows the store: resolves after `close`, rejects when the store failed. */
  readonly ended: Promise<void>;
  /** Removes Events last seen more than an hour ago, in batches. Says how many. */
  expireEvents(now: Millis, signal: AbortSignal): Promise<number>;
  /** Ends watches and waiting writes. The `Store` stays open. */
  close(): Promise<void>;
}

/** Writes without a precondition try again when others were faster, this often. */
const MAX_ATTEMPTS = 8;
/** Events looked at in one turn. */
const EXPIRE_SCAN = 1000;
const EVENT: ObjectRef = { apiVersion: "v1", kind: "Event", name: "" };

type Prepared =
  | { readonly kind: "keep"; readonly place: Place; readonly base: CachedObject }
  | {
      readonly kind: "put";
      readonly place: Place;
      readonly base?: CachedObject;
      readonly kept: Uint8Array;
    }
  | { readonly kind: "delete"; readonly place: Place; readonly base: CachedObject };

/** Loads all objects of `store`, and follows it until closed. */
export async function openObjectStore(options: ObjectStoreOptions): Promise<OpenObjectStore> {
  const decode = options.freeze === true ? decodeFrozenObject : decodeObject;
  const ring = { ...DEFAULT_RING_LIMITS, ...options.ring };
  const cache = new ObjectCache({ store: options.store, clock: options.clock, decode, ring });
  await cache.start();
  return new CachedObjectStore(options, cache, decode);
}

class CachedObjectStore implements OpenObjectStore {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #fence: readonly Compare[];
  readonly #decode: Decode;
  readonly #cache: ObjectCache;
  readonly #leases: LeaseTable;

  constructor(options: ObjectStoreOptions, cache: ObjectCache, decode: Decode) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#fence = options.leader === undefined ? [] : [leaderCompare(options.leader)];
    this.#decode = decode;
    this.#cache = cache;
    this.#leases = new LeaseTable(options.clock, decode);
  }

  get revision(): number {
    return this.#cache.revision;
  }

  get ended(): Promise<void> {
    return this.#cache.ended;
  }

  get(ref: ObjectRef): StoredObject | undefined {
    const resource = resourceOf(ref);
    const place = placeFor(resource, ref);
    return isLease(resource) ? this.#leases.get(place) : this.#cache.index.get(place);
  }

  list(resource: Resource, namespace?: string): ObjectList {
    const shelf = prefixOf(resource);
    if (isLease(resource)) return this.#leases.list(shelf, namespace);
    return { revision: this.#cache.revision, items: this.#cache.index.list(shelf, namespace) };
  }

  async create(object: ApiObject): Promise<StoredObject> {
    const place = placeOfObject(object);
    if (isLease(resourceOf(object))) return this.#leases.create(place, object);
    return await this.#writeOne(() => this.#create(object));
  }

  async update(object: ApiObject): Promise<StoredObject> {
    const place = placeOfObject(object);
    if (isLease(resourceOf(object))) return this.#leases.update(place, object);
    return await this.#writeOne(() => this.#put(object, prepareUpdate));
  }

  async updateStatus(object: ApiObject): Promise<StoredObject> {
    invariant(!isLease(resourceOf(object)), "a Lease has no status");
    return await this.#writeOne(() => this.#put(object, prepareStatus));
  }

  async remove(
    ref: ObjectRef,
    precondition: { readonly uid?: string; readonly resourceVersion?: string } = {},
  ): Promise<StoredObject> {
    const resource = resourceOf(ref);
    if (isLease(resource)) return this.#leases.remove(placeFor(resource, ref), ref, precondition);
    return await this.#writeOne(() => this.#remove(ref, precondition));
  }

  async transact(writes: readonly Write[]): Promise<readonly StoredObject[]> {
    if (writes.length > MAX_TRANSACTION_OPERATIONS) {
      const says = `at most ${MAX_TRANSACTION_OPERATIONS} are allowed`;
      throw new ObjectStoreError(
        "too-large",
        `Cannot write ${writes.length} objects at once: ${says}`,
      );
    }
    return await this.#write(() => writes.map((write) => this.#prepare(write)));
  }

  watch(
    resource: Resource,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncIterable<ObjectBatch> {
    // Leases have revisions of their own: their watch begins beyond all of the store's.
    const after = isLease(resource) ? Number.MAX_SAFE_INTEGER : afterRevision;
    return this.#cache.watch(resource, after, signal);
  }

  subscribe(listener: (event: ObjectEvent) => void): () => void {
    return this.#cache.subscribe(listener);
  }

  async expireEvents(now: Millis, signal: AbortSignal): Promise<number> {
    const { items } = this.list(resourceOf(EVENT));
    let count = 0;
    for (let start = 0; start < items.length && !signal.aborted; start += EXPIRE_SCAN) {
      const refs = items
        .slice(start, start + EXPIRE_SCAN)
        .filter(({ object }) => isExpiredEvent(object, now))
        .map(({ object }) => refOf(object));
      for (let at = 0; at < refs.length; at += MAX_TRANSACTION_OPERATIONS) {
        const batch = refs.slice(at, at + MAX_TRANSACTION_OPERATIONS);
        count += (await this.#write(() => this.#stillExpired(batch, now))).length;
      }
      await nextTurn();
    }
    return count;
  }

  close(): Promise<void> {
    return this.#cache.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #prepare(write: Write): Prepared {
    invariant(
      !isLease(resourceOf(write.kind === "delete" ? write.ref : write.object)),
      "a Lease in a batch",
    );
    if (write.kind === "delete") {
      return this.#remove(write.ref, { resourceVersion: write.resourceVersion });
    }
    const { object } = write;
    if (write.kind === "create") return this.#create(object);
    const hasVersion = object.metadata.resourceVersion !== undefined;
    invariant(
      hasVersion,
      `an update of ${formatRef(refOf(object))} in a batch without resourceVersion`,
    );
    return this.#put(object, write.kind === "update" ? prepareUpdate : prepareReplace);
  }

  #create(object: ApiObject): Prepared {
    const place = placeOfObject(object);
    const given = { now: this.#clock.now(), uid: randomUUID() };
    const next = prepareCreate(object, this.#cache.index.get(place), given);
    return { kind: "put", place, kept: encodeChecked("create", next) };
  }

  #put(
    object: ApiObject,
    prepare: (object: ApiObject, current: StoredObject | undefined) => ApiObject | undefined,
  ): Prepared {
    const place = placeOfObject(object);
    const base = this.#cache.index.get(place);
    const next = prepare(object, base);
    invariant(base !== undefined, "prepared from nothing");
    if (next === undefined) return { kind: "keep", place, base };
    if (isReleased(base.object, next)) return { kind: "delete", place, base };
    return { kind: "put", place, base, kept: encodeChecked("update", next) };
  }

  #remove(
    ref: ObjectRef,
    precondition: { readonly uid?: string; readonly resourceVersion?: string },
  ): Prepared {
    const place = placeFor(resourceOf(ref), ref);
    const base = prepareRemove(ref, this.#cache.index.get(place), precondition);
    return { kind: "delete", place, base };
  }

  #stillExpired(refs: readonly ObjectRef[], now: Millis): Prepared[] {
    return refs.flatMap((ref): Prepared[] => {
      const place = placeFor(resourceOf(ref), ref);
      const base = this.#cache.index.get(place);
      if (base === undefined || !isExpiredEvent(base.object, now)) return [];
      return [{ kind: "delete", place, base }];
    });
  }

  async #writeOne(prepare: () => Prepared): Promise<StoredObject> {
    const [stored] = await this.#write(() => [prepare()]);
    invariant(stored !== undefined, "a write without a result");
    return stored;
  }

  /**
   * Prepares against the cache, swaps in the store, waits until the cache has it. When the store had moved on, the
   * cache catches up and `prepare` decides again: it throws what is wrong now, or tries with the newest.
   */
  async #write(prepare: () => readonly Prepared[]): Promise<readonly StoredObject[]> {
    this.#cache.checkOpen();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const prepared = prepare();
      const operations = prepared.flatMap(toOperation);
      if (operations.length === 0) return prepared.flatMap(({ base }) => base ?? []);
      const compare = [...this.#fence, ...prepared.map(toCompare)];
      const result = await this.#transact(compare, operations);
      await this.#cache.reach(result.revision);
      if (result.succeeded) return prepared.map((one) => this.#stored(one, result.revision));
      await this.#checkFence();
    }
    const says = `others changed it meanwhile, ${MAX_ATTEMPTS} times in a row; try again`;
    throw new ObjectStoreError("conflict", `Cannot write: ${says}`);
  }

  async #transact(
    compare: readonly Compare[],
    operations: readonly Operation[],
  ): Promise<{ readonly succeeded: boolean; readonly revision: number }> {
    try {
      return await this.#store.transact({ compare, operations });
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "too-large") throw error;
      throw new ObjectStoreError("too-large", error.message, { cause: error });
    }
  }

  async #checkFence(): Promise<void> {
    for (const fence of this.#fence) {
      const entry = await this.#store.get(fence.key);
      const isSame =
        "value" in fence && entry !== undefined && Buffer.compare(entry.value, fence.value) === 0;
      if (isSame) continue;
      throw new ObjectStoreError("fenced", "Cannot write: another control plane is the leader now");
    }
  }

  #stored(prepared: Prepared, revision: number): StoredObject {
    if (prepared.kind === "keep") return prepared.base;
    const cached = this.#cache.index.get(prepared.place);
    if (cached?.revision === revision) return cached;
    const bytes =
      prepared.kind === "put"
        ? spliceRevision(prepared.kept, revision)
        : replaceRevision(prepared.base.bytes, revision);
    return new CachedObject(bytes, revision, this.#decode);
  }
}

function toOperation(prepared: Prepared): Operation[] {
  const key = keyAt(prepared.place);
  if (prepared.kind === "put") return [{ kind: "put", key, value: prepared.kept }];
  return prepared.kind === "delete" ? [{ kind: "delete", key }] : [];
}

function toCompare({ place, base }: Prepared): Compare {
  return { key: keyAt(place), modRevision: base?.revision ?? 0 };
}

function keyAt({ shelf, namespace, name }: Place): string {
  return `${shelf}${namespace}/${name}`;
}

function placeOfObject(object: ApiObject): Place {
  const ref = refOf(object);
  const resource = resourceOf(object);
  checkRef(ref, resource);
  return placeFor(resource, ref);
}

/** As `keyOf` has it. */
function placeFor(resource: Resource, ref: ObjectRef): Place {
  const namespace = resource.namespaced ? (ref.namespace ?? "") : "_";
  return { shelf: prefixOf(resource), namespace, name: ref.name };
}

function isLease(resource: Resource): boolean {
  return resource.group === "coordination.k8s.io" && resource.plural === "leases";
}

function encodeChecked(verb: string, object: ApiObject): Uint8Array {
  const kept = encodeObject(object);
  if (kept.length <= MAX_TRANSACTION_BYTES) return kept;
  const says = `its JSON has ${kept.length} bytes, at most ${MAX_TRANSACTION_BYTES} are kept`;
  throw new ObjectStoreError("too-large", `Cannot ${verb} ${formatRef(refOf(object))}: ${says}`);
}
