import { randomUUID } from "node:crypto";
import { invariant } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { CachedObject, type Decode } from "./cached-object.ts";
import { encodeObject, replaceRevision, spliceRevision } from "./object-codec.ts";
import { ObjectIndex, type Place } from "./object-index.ts";
import { ObjectStoreError, type ObjectList, type StoredObject } from "./object-store.ts";
import { prepareCreate, prepareRemove, prepareUpdate } from "./prepare-write.ts";

/** Twice what the largest cluster has nodes. */
const MAX_LEASES = 10_000;

/**
 * Leases, in memory only: a heartbeat never touches the disk. They are gone after a restart, and their holders make
 * them again. Their resourceVersions have a counter of their own, which starts at the time so that none comes twice.
 */
export class LeaseTable {
  readonly #clock: Clock;
  readonly #decode: Decode;
  readonly #index = new ObjectIndex();
  #revision: number;

  constructor(clock: Clock, decode: Decode) {
    this.#clock = clock;
    this.#decode = decode;
    this.#revision = Math.floor(clock.now());
  }

  get(place: Place): StoredObject | undefined {
    return this.#index.get(place);
  }

  list(shelf: string, namespace?: string): ObjectList {
    return { revision: this.#revision, items: this.#index.list(shelf, namespace) };
  }

  create(place: Place, object: ApiObject): StoredObject {
    if (this.#index.size >= MAX_LEASES) {
      const says = `there are ${MAX_LEASES} Leases already, the most that are kept`;
      throw new ObjectStoreError("too-large", `Cannot create Lease ${place.name}: ${says}`);
    }
    const given = { now: this.#clock.now(), uid: randomUUID() };
    return this.#put(place, prepareCreate(object, this.#index.get(place), given));
  }

  update(place: Place, object: ApiObject): StoredObject {
    const current = this.#index.get(place);
    const next = prepareUpdate(object, current);
    if (next !== undefined) return this.#put(place, next);
    invariant(current !== undefined, "an update that changes nothing of nothing");
    return current;
  }

  remove(
    place: Place,
    ref: ObjectRef,
    precondition: { readonly uid?: string; readonly resourceVersion?: string },
  ): StoredObject {
    const removed = prepareRemove(ref, this.#index.get(place), precondition);
    this.#index.delete(place);
    this.#revision += 1;
    const bytes = replaceRevision(removed.bytes, this.#revision);
    return new CachedObject(bytes, this.#revision, this.#decode);
  }

  #put(place: Place, object: ApiObject): StoredObject {
    this.#revision += 1;
    const bytes = spliceRevision(encodeObject(object), this.#revision);
    const stored = new CachedObject(bytes, this.#revision, this.#decode);
    this.#index.set(place, stored);
    return stored;
  }
}
