import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { ObjectStoreError, type ObjectStore, type StoredObject } from "../store/object-store.ts";

/** How often a write that lost a race is tried again from the newest version. */
const MAX_ATTEMPTS = 10;

/**
 * Changes the status of an object, again from its newest version when somebody else was faster. `change` gives the
 * same object to leave it as it is. `undefined` when the object is gone.
 */
export async function mutateStatus<T extends ApiObject>(
  objects: ObjectStore,
  ref: ObjectRef,
  change: (object: T) => T,
): Promise<T | undefined> {
  return mutate(objects, ref, change, (object) => objects.updateStatus(object));
}

async function mutate<T extends ApiObject>(
  objects: ObjectStore,
  ref: ObjectRef,
  change: (object: T) => T,
  write: (object: T) => Promise<StoredObject>,
): Promise<T | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const stored = objects.get(ref)?.object as T | undefined;
    if (stored === undefined) return undefined;
    const next = change(stored);
    if (next === stored) return stored;
    try {
      return (await write(next)).object as T;
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code === "not-found") return undefined;
      if (error.code !== "conflict" || attempt >= MAX_ATTEMPTS) throw error;
    }
  }
}
