import type { KnownFiles, LoadedFile } from "./loaded-file.ts";

/** Manifests that are remembered, counted as text: some 30,000 of them. Their objects take about ten times as much. */
const MAX_BYTES = 32_000_000;
/** What a file takes besides its text, so that many small ones are bounded too. */
const BYTES_OF_A_FILE = 500;
/** How full a full cache is left. */
const ROOM = 0.9;

interface Known {
  readonly file: LoadedFile;
  usedAt: number;
}

/** Remembers loaded files in memory; what was not used for the longest time is forgotten first. */
export class FileCache implements KnownFiles {
  readonly #maxBytes: number;
  readonly #files = new Map<string, Known>();
  #bytes = 0;
  #uses = 0;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): LoadedFile | undefined {
    const known = this.#files.get(key);
    if (known === undefined) return undefined;
    // A number and not a new place in the map: of a large tree each file is asked for with each commit.
    known.usedAt = ++this.#uses;
    return known.file;
  }

  set(key: string, file: LoadedFile): void {
    this.#drop(key);
    const size = sizeOf(file);
    // One that is too large would push out all the others, and not stay.
    if (size > this.#maxBytes) return;
    this.#files.set(key, { file, usedAt: ++this.#uses });
    this.#bytes += size;
    if (this.#bytes > this.#maxBytes) this.#makeRoom(key);
  }

  /** All that is remembered, by key. */
  *entries(): Generator<readonly [string, LoadedFile]> {
    for (const [key, { file }] of this.#files) yield [key, file];
  }

  /** For more than one, so that the order of all is not asked for with each. */
  #makeRoom(latest: string): void {
    const byUse = [...this.#files].toSorted(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [key] of byUse) {
      if (this.#bytes <= this.#maxBytes * ROOM || key === latest) return;
      this.#drop(key);
    }
  }

  #drop(key: string): void {
    const known = this.#files.get(key);
    if (known === undefined) return;
    this.#files.delete(key);
    this.#bytes -= sizeOf(known.file);
  }
}

function sizeOf({ source }: LoadedFile): number {
  return source.content.length + BYTES_OF_A_FILE;
}
