import { compare } from "../base/order.ts";
import type { CachedObject } from "./cached-object.ts";

/** Where an object stands: `shelf` is the prefix of its resource, `namespace` is `_` for cluster-scoped kinds. */
export interface Place {
  readonly shelf: string;
  readonly namespace: string;
  readonly name: string;
}

/** Objects by resource and namespace, each in the order of names. */
export class ObjectIndex {
  readonly #shelves = new Map<string, Map<string, Rack>>();
  /** Made once between two changes of a shelf. */
  readonly #lists = new Map<string, readonly CachedObject[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(place: Place): CachedObject | undefined {
    return this.#shelves.get(place.shelf)?.get(place.namespace)?.byName.get(place.name);
  }

  set(place: Place, object: CachedObject): void {
    const shelf = this.#shelves.get(place.shelf) ?? new Map<string, Rack>();
    this.#shelves.set(place.shelf, shelf);
    const rack = shelf.get(place.namespace) ?? new Rack();
    shelf.set(place.namespace, rack);
    this.#lists.delete(place.shelf);
    if (rack.set(place.name, object)) this.#size += 1;
  }

  delete(place: Place): void {
    const shelf = this.#shelves.get(place.shelf);
    const rack = shelf?.get(place.namespace);
    if (shelf === undefined || rack === undefined || !rack.delete(place.name)) return;
    this.#lists.delete(place.shelf);
    this.#size -= 1;
    if (rack.byName.size === 0) shelf.delete(place.namespace);
  }

  /** In the order of namespace, then name. It stays as it is; the same list until something of it changes. */
  list(shelf: string, namespace?: string): readonly CachedObject[] {
    const racks = this.#shelves.get(shelf);
    if (racks === undefined) return [];
    if (namespace !== undefined) return racks.get(namespace)?.copy() ?? [];
    const known = this.#lists.get(shelf);
    if (known !== undefined) return known;
    const namespaces = [...racks.keys()].toSorted(compare);
    const list = namespaces.flatMap((one) => racks.get(one)?.objects ?? []);
    this.#lists.set(shelf, list);
    return list;
  }

  *places(): Generator<Place, void, undefined> {
    for (const [shelf, racks] of this.#shelves) {
      for (const [namespace, rack] of racks) {
        for (const name of rack.names) yield { shelf, namespace, name };
      }
    }
  }
}

/** One namespace of one resource. `names` and `objects` run in parallel. */
class Rack {
  readonly byName = new Map<string, CachedObject>();
  readonly names: string[] = [];
  readonly objects: CachedObject[] = [];
  #copy: readonly CachedObject[] | undefined;

  /** The same one until something changes. */
  copy(): readonly CachedObject[] {
    this.#copy ??= this.objects.slice();
    return this.#copy;
  }

  /** Whether it is new. */
  set(name: string, object: CachedObject): boolean {
    const isNew = !this.byName.has(name);
    const at = this.#find(name);
    this.#copy = undefined;
    this.byName.set(name, object);
    if (isNew) {
      this.names.splice(at, 0, name);
      this.objects.splice(at, 0, object);
    } else this.objects[at] = object;
    return isNew;
  }

  delete(name: string): boolean {
    if (!this.byName.delete(name)) return false;
    this.#copy = undefined;
    const at = this.#find(name);
    this.names.splice(at, 1);
    this.objects.splice(at, 1);
    return true;
  }

  /** The first place whose name is not before `name`. */
  #find(name: string): number {
    let low = 0;
    let high = this.names.length;
    // Most come in order: at the end.
    const last = this.names[high - 1];
    if (last !== undefined && last < name) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.names[middle] ?? "") < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
