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
import type { ObjectEvent, ObjectStore, StoredObject } from "../store/object-store.ts";
import type { UsedByServices } from "../planner/allocate-service.ts";
import { UsedIndex } from "./used-index.ts";

/** The store's cache as the planners' world, with an index by owner that follows each change. */
export class StoreWorld {
  readonly #objects: ObjectStore;
  readonly #usage: Metrics | undefined;
  /** By the uid of the owner: what it controls. */
  readonly #owned = new Map<string, Group>();
  /** By the uid of an owner that is not the controller: what names it. */
  readonly #referring = new Map<string, Group>();
  /** By kind and namespace: what has no controller. */
  readonly #orphans = new Map<string, Group>();
  readonly #used = new UsedIndex();
  /** The store gives the same list until something in it changes. */
  readonly #lists = new WeakMap<readonly StoredObject[], readonly ApiObject[]>();

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
    const { items } = this.#objects.list(resourceOf({ apiVersion, kind }), namespace);
    const known = this.#lists.get(items);
    if (known !== undefined) return known;
    const objects = items.map(({ object }) => object);
    this.#lists.set(items, objects);
    return objects;
  }

  /** The addresses and node ports that Services hold now. */
  get used(): UsedByServices {
    return this.#used;
  }

  ownedBy(uid: string): readonly ApiObject[] {
    return this.#owned.get(uid)?.objects ?? [];
  }

  dependents(uid: string): readonly ApiObject[] {
    return [...this.ownedBy(uid), ...(this.#referring.get(uid)?.objects ?? [])];
  }

  orphans(apiVersion: string, kind: string, namespace: string): readonly ApiObject[] {
    return this.#orphans.get(groupOf(apiVersion, kind, namespace))?.objects ?? [];
  }

  /** The last state of what was deleted is not parsed: it stood where the one before it stands. */
  #follow(event: ObjectEvent): void {
    if (event.previous !== undefined) this.#drop(event.previous);
    if (event.kind !== "deleted") this.#add(event.object);
    else if (event.previous === undefined) this.#drop(event.object);
  }

  #add(object: ApiObject): void {
    const key = refKey(refOf(object));
    const [index, name] = this.#placeOf(object);
    groupAt(index, name).set(key, object);
    this.#used.add(object);
    for (const uid of otherOwnersOf(object)) groupAt(this.#referring, uid).set(key, object);
  }

  #drop(object: ApiObject): void {
    const key = refKey(refOf(object));
    const [index, name] = this.#placeOf(object);
    dropFrom(index, name, key);
    this.#used.drop(object);
    for (const uid of otherOwnersOf(object)) dropFrom(this.#referring, uid, key);
  }

  #placeOf(object: ApiObject): readonly [Map<string, Group>, string] {
    const owner = controllerOf(object)?.uid;
    if (owner !== undefined) return [this.#owned, owner];
    return [this.#orphans, groupOf(object.apiVersion, object.kind, object.metadata.namespace)];
  }
}

/** Objects by their key, with a list of them that is made once between two changes. */
class Group {
  readonly #members = new Map<string, ApiObject>();
  #objects: readonly ApiObject[] | undefined;

  get size(): number {
    return this.#members.size;
  }

  get objects(): readonly ApiObject[] {
    this.#objects ??= [...this.#members.values()];
    return this.#objects;
  }

  set(key: string, object: ApiObject): void {
    this.#members.set(key, object);
    this.#objects = undefined;
  }

  delete(key: string): void {
    this.#members.delete(key);
    this.#objects = undefined;
  }
}

function groupAt(index: Map<string, Group>, name: string): Group {
  const known = index.get(name);
  if (known !== undefined) return known;
  const made = new Group();
  index.set(name, made);
  return made;
}

function dropFrom(index: Map<string, Group>, name: string, key: string): void {
  const group = index.get(name);
  group?.delete(key);
  if (group?.size === 0) index.delete(name);
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

  used(): UsedByServices {
    return this.#world.used;
  }
}

function groupOf(apiVersion: string, kind: string, namespace: string | undefined): string {
  return `${apiVersion}/${kind}/${namespace ?? ""}`;
}
