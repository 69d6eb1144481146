import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Millis } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { ImageRecorder } from "../image-puller.ts";
import type { ImageDetails } from "../runtime.ts";

/** What is known of an image that this node has pulled. Times in ms since the epoch. */
export interface LedgerEntry {
  readonly references: readonly string[];
  readonly pulledAt: Millis;
  /** When a container was last seen to use it. */
  readonly usedAt: Millis;
}

export interface ImageLedgerOptions {
  readonly stateDir: string;
  readonly now: () => Millis;
  readonly logger: Logger;
}

/** Names that one image has, at most. */
const MAX_REFERENCES = 50;
const FILE = "images.json";

/** Remembers, on disk, which images Berth brought to this host: nobody else's are ever removed. */
export class ImageLedger implements ImageRecorder {
  readonly #options: ImageLedgerOptions;
  /** By image id. */
  readonly #entries: Map<string, LedgerEntry>;
  #writing: Promise<void> = Promise.resolve();

  private constructor(options: ImageLedgerOptions, entries: Map<string, LedgerEntry>) {
    this.#options = options;
    this.#entries = entries;
  }

  /** A file that cannot be read counts as none: the images in it stay for good. */
  static async open(options: ImageLedgerOptions): Promise<ImageLedger> {
    const path = join(options.stateDir, FILE);
    try {
      const text = await readFile(path, "utf8");
      return new ImageLedger(options, new Map(Object.entries(readEntries(text))));
    } catch (error) {
      const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
      if (!isAbsent)
        options.logger.warn({ error, path }, "Cannot read which images were pulled here");
      return new ImageLedger(options, new Map());
    }
  }

  get entries(): ReadonlyMap<string, LedgerEntry> {
    return this.#entries;
  }

  pulled(details: ImageDetails, reference: string): void {
    const now = this.#options.now();
    const known = this.#entries.get(details.id);
    const names = [...(known?.references ?? []), reference, ...(details.digests ?? [])];
    const references = [...new Set(names)].slice(-MAX_REFERENCES);
    const pulledAt = known?.pulledAt ?? now;
    this.#entries.set(details.id, { references, pulledAt, usedAt: now });
    this.#save();
  }

  used(ids: ReadonlySet<string>): void {
    const usedAt = this.#options.now();
    for (const [id, entry] of this.#entries)
      if (ids.has(id)) this.#entries.set(id, { ...entry, usedAt });
    this.#save();
  }

  /** Forgets those that the host does not have any more. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#entries.keys()) if (!ids.has(id)) this.#entries.delete(id);
    this.#save();
  }

  /** Resolves when all is written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  #save(): void {
    const { stateDir, logger } = this.#options;
    this.#writing = this.#writing.then(async () => {
      const path = join(stateDir, FILE);
      try {
        await mkdir(stateDir, { recursive: true, mode: 0o700 });
        await writeFile(`${path}.next`, JSON.stringify(Object.fromEntries(this.#entries)), {
          mode: 0o600,
        });
        await rename(`${path}.next`, path);
      } catch (error) {
        logger.warn({ error, path }, "Cannot write down which images were pulled here");
      }
    });
  }
}

function readEntries(text: string): Readonly<Record<string, LedgerEntry>> {
  const found: unknown = JSON.parse(text);
  if (typeof found !== "object" || found === null) return {};
  return Object.fromEntries(
    Object.entries(found).filter(
      (pair): pair is [string, LedgerEntry] =>
        typeof pair[1] === "object" &&
        pair[1] !== null &&
        Array.isArray((pair[1] as LedgerEntry).references) &&
        typeof (pair[1] as LedgerEntry).pulledAt === "number",
    ),
  );
}
