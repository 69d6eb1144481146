import type { ApiObject, ObjectRef } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";

/** A change of an object, as the API and the controllers see it. */
export interface ObjectEvent {
  readonly kind: "added" | "modified" | "deleted";
  /** After the change; of a deleted object its last state, with the `resourceVersion` of the deletion. */
  readonly object: ApiObject;
  /** JSON of `object` in UTF-8, `resourceVersion` included. Shared: never change it. */
  readonly bytes: Uint8Array;
  /** Before the change. Absent for "added". */
  readonly previous?: ApiObject | undefined;
  readonly revision: number;
}

/** An object and its JSON, as in `ObjectEvent`. */
export interface StoredObject {
  readonly object: ApiObject;
  readonly bytes: Uint8Array;
}

export interface ObjectList {
  readonly revision: number;
  /** In the order of namespace, then name, by code unit. */
  readonly items: readonly StoredObject[];
}

/** Changes of one resource in order. `revision` also moves when nothing of the resource changed. */
export interface ObjectBatch {
  readonly revision: number;
  readonly events: readonly ObjectEvent[];
}

export type ObjectStoreErrorCode =
  | "not-found"
  | "already-exists"
  | "conflict"
  | "expired"
  | "fenced"
  | "too-large";

/** The API's faces of it: 404, 409 AlreadyExists, 409 Conflict, 410 Expired, 503, 413. */
export class ObjectStoreError extends Error {
  override readonly name = "ObjectStoreError";
  readonly code: ObjectStoreErrorCode;

  constructor(code: ObjectStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * One write of a batch. Updates are compare-and-swap on `object.metadata.resourceVersion`, which must be there; "replace"
 * is one that writes `status` as well.
 */
export type Write =
  | { readonly kind: "create"; readonly object: ApiObject }
  | { readonly kind: "update"; readonly object: ApiObject }
  | { readonly kind: "replace"; readonly object: ApiObject }
  | { readonly kind: "delete"; readonly ref: ObjectRef; readonly resourceVersion: string };

/**
 * Typed objects over a `Store`, with every object cached in memory: reads never wait for the disk.
 *
 * Writes set `uid`, `creationTimestamp` and `generation` (raised when anything but metadata and status changes) and
 * compare the leader key, so that a deposed control plane's writes fail with "fenced". Leases live in memory only.
 * The cache follows the store's watch: a write's promise resolves once its own event is in the cache.
 */
export interface ObjectStore {
  /** The revision that the cache is as of. */
  readonly revision: number;
  get(ref: ObjectRef): StoredObject | undefined;
  list(resource: Resource, namespace?: string): ObjectList;
  /** Throws "already-exists". */
  create(object: ApiObject): Promise<StoredObject>;
  /**
   * Replaces all but `status`. Throws "not-found" or "conflict". An update that changes nothing writes nothing; one that
   * takes the last finalizer off what is being deleted removes it (`isReleased`).
   */
  update(object: ApiObject): Promise<StoredObject>;
  /** Replaces `status` alone. Throws "not-found" or "conflict". An update that changes nothing writes nothing. */
  updateStatus(object: ApiObject): Promise<StoredObject>;
  /** Removes it at once. With `uid` or `resourceVersion` only that very object: else "conflict". */
  remove(
    ref: ObjectRef,
    precondition?: { readonly uid?: string; readonly resourceVersion?: string },
  ): Promise<StoredObject>;
  /** All writes in one transaction, or none. At most 100 writes and 1 MB. */
  transact(writes: readonly Write[]): Promise<readonly StoredObject[]>;
  /**
   * Changes after `afterRevision`, each exactly once, in order. Throws "expired" when they are no longer kept.
   * Batches without events tell that the revision moved on. Of Leases it tells nothing.
   */
  watch(resource: Resource, afterRevision: number, signal: AbortSignal): AsyncIterable<ObjectBatch>;
  /**
   * Calls back after each change of the cache, synchronously and in order; the changes of one transaction are in the
   * cache together before the first call. Of Leases it tells nothing. Returns how to stop it.
   */
  subscribe(listener: (event: ObjectEvent) => void): () => void;
}
