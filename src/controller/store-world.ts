import type { Millis } from "../base/clock.ts";
import { controllerOf, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { resourceOf, RESOURCES } from "../model/resources.ts";
import type { World } from "../planner/world.ts";
import type { ObjectEvent, ObjectStore } from "../store/object-store.ts";

/** The store's cache as the planners' world, with an index by owner that follows each change. */
export class StoreWorld {
  readonly #objects: ObjectStore;
  /** Owner uid → key of the owned → the owned. */
  readonly #owned = new Map<string, Map<string, ApiObject>>();

  /** Must be made before anything else subscribes, so that others see the index already moved on. */
  constructor(objects: ObjectStore) {
    this.#objects = objects;
    objects.subscribe((event) => this.#follow(event));
    for (const resource of RESOURCES) {
      for (const { object } of objects.list(resource).items) this.#add(object);
    }
  }

  /** The world as of `now`. Reads go to the cache: use it for one plan, then take a new one. */
  at(now: Millis): World {
    return {
      now,
      get: (ref) => this.get(ref),
      list: (apiVersion, kind, namespace) => this.list(apiVersion, kind, namespace),
      ownedBy: (uid) => this.ownedBy(uid),
    };
  }

  get(ref: ObjectRef): ApiObject | undefined {
    return this.#objects.get(ref)?.object;
  }

  list(apiVersion: string, kind: string, namespace?: string): readonly ApiObject[] {
    return this.#objects
      .list(resourceOf({ apiVersion, kind }), namespace)
      .items.map(({ object }) => object);
  }

  ownedBy(uid: string): readonly ApiObject[] {
    return [...(this.#owned.get(uid)?.values() ?? [])];
  }

  #follow(event: ObjectEvent): void {
    if (event.previous !== undefined) this.#drop(event.previous);
    if (event.kind === "deleted") this.#drop(event.object);
    else this.#add(event.object);
  }

  #add(object: ApiObject): void {
    const owner = controllerOf(object)?.uid;
    if (owner === undefined) return;
    const owned = this.#owned.get(owner) ?? new Map<string, ApiObject>();
    owned.set(refKey(refOf(object)), object);
    this.#owned.set(owner, owned);
  }

  #drop(object: ApiObject): void {
    const owner = controllerOf(object)?.uid;
    const owned = owner === undefined ? undefined : this.#owned.get(owner);
    if (owner === undefined || owned === undefined) return;
    owned.delete(refKey(refOf(object)));
    if (owned.size === 0) this.#owned.delete(owner);
  }
}
