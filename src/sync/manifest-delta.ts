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
  const known = new Map(base.map((manifest, index) => [manifest.object, index]));
  const order = new Int32Array(next.length);
  const fresh: Manifest[] = [];
  for (const [index, manifest] of next.entries()) {
    const before = known.get(manifest.object);
    const isSame = before !== undefined && base[before]?.at === manifest.at;
    order[index] = isSame ? before : -1;
    if (!isSame) fresh.push(manifest);
  }
  return { order, fresh };
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
