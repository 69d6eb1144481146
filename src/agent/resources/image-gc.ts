import type { Millis } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { repositoryOf } from "../../model/image-pins.ts";
import type { ImageStore, ListedImage } from "../runtime.ts";
import type { ImageLedger, LedgerEntry } from "./image-ledger.ts";
import type { Reading } from "./pressure.ts";

export interface ImageGcOptions {
  readonly store: ImageStore;
  readonly ledger: ImageLedger;
  /**
   * Which of the references something still needs that the cluster keeps: pods, and releases that can be gone back to.
   * Rejects when nobody can be asked.
   */
  readonly askNeeded: (references: readonly string[]) => Promise<readonly string[]>;
  readonly now: () => Millis;
  readonly logger: Logger;
}

export interface GcResult {
  readonly freedBytes: number;
  readonly removed: readonly string[];
}

/** Removes images that nothing needs, the least recently used first. */
export class ImageGc {
  readonly #options: ImageGcOptions;

  constructor(options: ImageGcOptions) {
    this.#options = options;
  }

  /** Frees at least so many bytes, if it can. Rejects when the host or the control plane cannot be asked. */
  async free(wantedBytes: number, minimumAgeMs: Millis, signal: AbortSignal): Promise<GcResult> {
    const { store, ledger, now } = this.#options;
    const [images, inUse] = await Promise.all([store.list(signal), store.inUse(signal)]);
    ledger.used(inUse);
    ledger.keep(new Set(images.map(({ id }) => id)));
    const idle = candidates({
      images,
      inUse,
      entries: ledger.entries,
      olderThan: now() - minimumAgeMs,
    });
    if (idle.length === 0) return { freedBytes: 0, removed: [] };
    const names = idle.flatMap(({ image, entry }) => [...image.references, ...entry.references]);
    const needed = new Set(await this.#options.askNeeded([...new Set(names)]));
    const removed: string[] = [];
    let freedBytes = 0;
    for (const { image, entry } of idle) {
      if (freedBytes >= wantedBytes) break;
      if ([...image.references, ...entry.references].some((one) => needed.has(one))) continue;
      if (!(await this.#remove(image, entry, signal))) continue;
      freedBytes += image.sizeBytes;
      removed.push(image.id);
    }
    return { freedBytes, removed };
  }

  /** Whether the image is gone: names that others gave it stay, and it with them. */
  async #remove(image: ListedImage, entry: LedgerEntry, signal: AbortSignal): Promise<boolean> {
    const { store, logger } = this.#options;
    const own = ownReferences(image, entry);
    if (own.length < image.references.length) return false;
    for (const reference of own.length === 0 ? [image.id] : own)
      await store.untag(reference, signal);
    const isGone = (await store.list(signal)).every(({ id }) => id !== image.id);
    if (isGone) logger.info({ image: image.id, names: own }, "Removed an image that nothing needs");
    return isGone;
  }
}

interface Candidate {
  readonly image: ListedImage;
  readonly entry: LedgerEntry;
}

/** Those that we brought, that nothing uses, and that are old enough; the longest unused first. Pure. */
export function candidates({
  images,
  inUse,
  entries,
  olderThan,
}: {
  readonly images: readonly ListedImage[];
  readonly inUse: ReadonlySet<string>;
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  readonly olderThan: Millis;
}): readonly Candidate[] {
  return images
    .flatMap((image) => {
      const entry = entries.get(image.id);
      return entry === undefined || inUse.has(image.id) ? [] : [{ image, entry }];
    })
    .filter(({ entry }) => entry.pulledAt <= olderThan && entry.usedAt <= olderThan)
    .toSorted((a, b) => a.entry.usedAt - b.entry.usedAt || a.entry.pulledAt - b.entry.pulledAt);
}

/** Tags before digests: the Engine drops a repository's digests with its last tag. Pure. */
function ownReferences({ references }: ListedImage, entry: LedgerEntry): readonly string[] {
  const repositories = new Set(entry.references.map(repositoryOf));
  return references
    .filter((one) => repositories.has(repositoryOf(one)))
    .toSorted((a, b) => Number(a.includes("@")) - Number(b.includes("@")));
}

/** How much to free so that the disk is as empty as it should be; 0 below the high mark. Pure. */
export function bytesToFree(
  { available, capacity }: Reading,
  { highPercent, lowPercent }: { readonly highPercent: number; readonly lowPercent: number },
): number {
  if (capacity === 0) return 0;
  const usedPercent = 100 - Math.floor((available * 100) / capacity);
  if (usedPercent < highPercent) return 0;
  return Math.max(0, Math.floor((capacity * (100 - lowPercent)) / 100) - available);
}
