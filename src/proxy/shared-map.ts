/** Parts of a map: a change copies one of them. */
const PARTS = 256;

/**
 * A map that never changes. A changed copy shares all parts with it in which nothing differs, so that both making it
 * and comparing the two cost in proportion to the change.
 */
export class SharedMap<V> {
  readonly #parts: readonly ReadonlyMap<string, V>[];

  constructor(parts: readonly ReadonlyMap<string, V>[] = []) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#parts.reduce((sum, part) => sum + part.size, 0);
  }

  get(key: string): V | undefined {
    return this.#parts[partOf(key)]?.get(key);
  }

  *entries(): Generator<readonly [string, V]> {
    for (const part of this.#parts) yield* part.entries();
  }

  *values(): Generator<V> {
    for (const part of this.#parts) yield* part.values();
  }

  edit(): SharedMapEditor<V> {
    return new SharedMapEditor(this.#parts);
  }

  /** The keys whose value is another one in `next`, or that only one of the two has. */
  *changedKeys(next: SharedMap<V>): Generator<string> {
    for (let index = 0; index < PARTS; index += 1) {
      const [before, after] = [this.#parts[index], next.#parts[index]];
      if (before === after) continue;
      for (const [key, value] of before ?? []) if (after?.get(key) !== value) yield key;
      for (const key of after?.keys() ?? []) if (before?.has(key) !== true) yield key;
    }
  }
}

/** Collects changes for a new map; the map that it came from stays as it is. */
export class SharedMapEditor<V> {
  readonly #parts: (ReadonlyMap<string, V> | undefined)[];
  /** Parts that are copied already, and so may be changed. */
  readonly #own = new Map<number, Map<string, V>>();

  constructor(parts: readonly ReadonlyMap<string, V>[]) {
    this.#parts = [...parts];
  }

  get(key: string): V | undefined {
    return this.#parts[partOf(key)]?.get(key);
  }

  set(key: string, value: V): void {
    this.#copyOfPart(key).set(key, value);
  }

  delete(key: string): void {
    if (this.get(key) !== undefined) this.#copyOfPart(key).delete(key);
  }

  /** The map with all changes. The editor is of no use afterwards. */
  finish(): SharedMap<V> {
    const none: ReadonlyMap<string, V> = new Map();
    return new SharedMap(Array.from({ length: PARTS }, (_, index) => this.#parts[index] ?? none));
  }

  #copyOfPart(key: string): Map<string, V> {
    const index = partOf(key);
    const own = this.#own.get(index) ?? new Map(this.#parts[index]);
    this.#own.set(index, own);
    this.#parts[index] = own;
    return own;
  }
}

/** FNV-1a: addresses and names that differ in one character come into different parts. */
function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % PARTS;
}
