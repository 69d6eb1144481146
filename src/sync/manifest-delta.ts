import type { Manifest } from "../schema/manifest.ts";

/** Manifests of revisions that both sides of the port remember, counted together. */
const MAX_REMEMBERED = 40_000;

export interface ManifestDelta {
  /** For each manifest its index in the base, or -1 for the next one of `fresh`. */
  readonly order: Int32Array;
  readonly fresh: readonly Manifest[];
}

/** What a receiver that has `base` needs to make `next` of it. Files that did not change keep their objects. Pure. */
export function manifestDelta(base: readonly Manifest[], next: readonly Manifest[]): ManifestDelta {
  const order = new Int32Array(next.length);
  const fresh: Manifest[] = [];
  const find = finder(base);
  for (const [index, manifest] of next.entries()) {
    const before = find(manifest, next[index + 1]);
    order[index] = before;
    if (before < 0) fresh.push(manifest);
  }
  return { order, fresh };
}

/**
 * Finds manifests in `base`, asked for one after another. Most stand where the one before them leads to, give or take one:
 * an index of all is made only for what does not.
 */
function finder(base: readonly Manifest[]): (manifest: Manifest, next?: Manifest) => number {
  let known: Map<Manifest["object"], number> | undefined;
  let at = 0;
  const isAt = (place: number, manifest: Manifest | undefined): boolean =>
    base[place]?.object === manifest?.object && base[place]?.at === manifest?.at;
  return (manifest, next) => {
    for (const place of [at, at + 1]) {
      if (!isAt(place, manifest)) continue;
      at = place + 1;
      return place;
    }
    // One in place of another, or one more.
    if (next !== undefined && (isAt(at + 1, next) || isAt(at, next))) {
      if (isAt(at + 1, next)) at += 1;
      return -1;
    }
    known ??= new Map(base.map(({ object }, index) => [object, index]));
    const place = known.get(manifest.object);
    if (place === undefined || !isAt(place, manifest)) return -1;
    at = place + 1;
    return place;
  };
}

/** The other way round. What did not change is the same object as before. Pure. */
export function applyDelta(
  base: readonly Manifest[],
  { order, fresh }: ManifestDelta,
): readonly Manifest[] {
  const rest = fresh.values();
  return Array.from(order, (index): Manifest => {
    const manifest = index < 0 ? rest.next().value : base[index];
    if (manifest === undefined) throw new Error("Cannot put manifests together: one is missing");
    return manifest;
  });
}

/** Remembers manifests by a key, the latest use last, and bounded in all. Both sides forget on their own. */
export class RememberedManifests<K> {
  readonly #known = new Map<K, readonly Manifest[]>();
  #count = 0;

  get(key: K): readonly Manifest[] | undefined {
    return this.#known.get(key);
  }

  set(key: K, manifests: readonly Manifest[]): void {
    this.delete(key);
    this.#known.set(key, manifests);
    this.#count += manifests.length;
    for (const oldest of this.#known.keys()) {
      if (this.#count <= MAX_REMEMBERED || oldest === key) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    this.#count -= this.#known.get(key)?.length ?? 0;
    this.#known.delete(key);
  }

  clear(): void {
    this.#known.clear();
    this.#count = 0;
  }
}
