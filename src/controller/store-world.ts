import type { Millis } from "../base/clock.ts";
import {
  controllerOf,
  otherOwnersOf,
  refKey,
  refOf,
  type ApiObject,
  type ObjectRef,
} from "../model/meta.ts";
import { resourceOf, RESOURCES } from "../model/resources.ts";
import type { Metrics } from "../planner/hpa-metrics.ts";
import type { World } from "../planner/world.ts";
import type { ObjectEvent, ObjectStore } from "../store/object-store.ts";

/** The store's cache as the planners' world, with an index by owner that follows each change. */
export class StoreWorld {
  readonly #objects: ObjectStore;
  readonly #usage: Metrics | undefined;
  /** Owner uid → key of the owned → the owned. */
  readonly #owned = new Map<string, Map<string, ApiObject>>();
  /** Uid of an owner that is not the controller → key of what names it → that object. */
  readonly #referring = new Map<string, Map<string, ApiObject>>();
  /** Kind and namespace → key of what has no controller → that object. */
  readonly #orphans = new Map<string, Map<string, ApiObject>>();

  /** Must be made before anything else subscribes, so that others see the index already moved on. */
  constructor(objects: ObjectStore, usage?: Metrics) {
    this.#objects = objects;
    this.#usage = usage;
    objects.subscribe((event) => this.#follow(event));
    for (const resource of RESOURCES) {
      for (const { object } of objects.list(resource).items) this.#add(object);
    }
  }

  /** The world as of `now`. Reads go to the cache: use it for one plan, then take a new one. */
  at(now: Millis): World {
    return new WorldAt(this, now, this.#usage);
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

  dependents(uid: string): readonly ApiObject[] {
    return [...this.ownedBy(uid), ...(this.#referring.get(uid)?.values() ?? [])];
  }

  orphans(apiVersion: string, kind: string, namespace: string): readonly ApiObject[] {
    return [...(this.#orphans.get(groupOf(apiVersion, kind, namespace))?.values() ?? [])];
  }

  /** The last state of what was deleted is not parsed: it stood where the one before it stands. */
  #follow(event: ObjectEvent): void {
    if (event.previous !== undefined) this.#drop(event.previous);
    if (event.kind !== "deleted") this.#add(event.object);
    else if (event.previous === undefined) this.#drop(event.object);
  }

  #add(object: ApiObject): void {
    const key = refKey(refOf(object));
    for (const [index, group] of this.#placesOf(object)) {
      const members = index.get(group) ?? new Map<string, ApiObject>();
      members.set(key, object);
      index.set(group, members);
    }
  }

  #drop(object: ApiObject): void {
    const key = refKey(refOf(object));
    for (const [index, group] of this.#placesOf(object)) {
      const members = index.get(group);
      members?.delete(key);
      if (members?.size === 0) index.delete(group);
    }
  }

  #placesOf(
    object: ApiObject,
  ): readonly (readonly [Map<string, Map<string, ApiObject>>, string])[] {
    const others = otherOwnersOf(object).map((uid) => [this.#referring, uid] as const);
    return [this.#placeOf(object), ...others];
  }

  #placeOf(object: ApiObject): readonly [Map<string, Map<string, ApiObject>>, string] {
    const owner = controllerOf(object)?.uid;
    if (owner !== undefined) return [this.#owned, owner];
    return [this.#orphans, groupOf(object.apiVersion, object.kind, object.metadata.namespace)];
  }
}

/** The world with a time to it. One is made for each plan and each change. */
class WorldAt implements World {
  readonly #world: StoreWorld;
  readonly now: Millis;
  readonly metrics: Metrics | undefined;

  constructor(world: StoreWorld, now: Millis, metrics: Metrics | undefined) {
    this.#world = world;
    this.now = now;
    this.metrics = metrics;
  }

  get(ref: ObjectRef): ApiObject | undefined {
    return this.#world.get(ref);
  }

  list(apiVersion: string, kind: string, namespace?: string): readonly ApiObject[] {
    return this.#world.list(apiVersion, kind, namespace);
  }

  ownedBy(uid: string): readonly ApiObject[] {
    return this.#world.ownedBy(uid);
  }

  orphans(apiVersion: string, kind: string, namespace: string): readonly ApiObject[] {
    return this.#world.orphans(apiVersion, kind, namespace);
  }

  dependents(uid: string): readonly ApiObject[] {
    return this.#world.dependents(uid);
  }
}

function groupOf(apiVersion: string, kind: string, namespace: string | undefined): string {
  return `${apiVersion}/${kind}/${namespace ?? ""}`;
}
