import type { LoadedTree, TreeSlot } from "../schema/manifest.ts";

/** Manifests of the last trees of all places together: those of one large App, or of a thousand small ones. */
const MAX_MANIFESTS = 40_000;

/** What the last tree of each place came to; what was not followed for the longest time is forgotten first. */
export class TreeSlots {
  readonly #max: number;
  /** The latest use last. */
  readonly #trees = new Map<string, LoadedTree>();
  #manifests = 0;

  constructor(max: number = MAX_MANIFESTS) {
    this.#max = max;
  }

  /** Lets `use` have the slot of a place, and keeps what it leaves there. */
  with<T>(place: string, use: (slot: TreeSlot) => T): T {
    const slot: TreeSlot = { tree: this.#take(place) };
    const result = use(slot);
    if (slot.tree === undefined) return result;
    this.#trees.set(place, slot.tree);
    this.#manifests += slot.tree.manifests.length;
    for (const oldest of this.#trees.keys()) {
      if (this.#manifests <= this.#max) break;
      this.#take(oldest);
    }
    return result;
  }

  clear(): void {
    this.#trees.clear();
    this.#manifests = 0;
  }

  #take(place: string): LoadedTree | undefined {
    const tree = this.#trees.get(place);
    this.#trees.delete(place);
    this.#manifests -= tree?.manifests.length ?? 0;
    return tree;
  }
}
