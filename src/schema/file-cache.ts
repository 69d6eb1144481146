import type { KnownFiles, LoadedFile } from "./loaded-file.ts";

/** Manifests that are remembered, counted as text: some 30,000 of them. Their objects take about ten times as much. */
const MAX_BYTES = 32_000_000;
/** What a file takes besides its text, so that many small ones are bounded too. */
const BYTES_OF_A_FILE = 500;

/** Remembers loaded files in memory; what was not used for the longest time is forgotten first. */
export class FileCache implements KnownFiles {
  readonly #maxBytes: number;
  /** The latest use last. */
  readonly #files = new Map<string, LoadedFile>();
  #bytes = 0;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): LoadedFile | undefined {
    const file = this.#files.get(key);
    if (file === undefined) return undefined;
    this.#files.delete(key);
    this.#files.set(key, file);
    return file;
  }

  set(key: string, file: LoadedFile): void {
    this.#drop(key);
    const size = sizeOf(file);
    // One that is too large would push out all the others, and not stay.
    if (size > this.#maxBytes) return;
    this.#files.set(key, file);
    this.#bytes += size;
    for (const oldest of this.#files.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const file = this.#files.get(key);
    if (file === undefined) return;
    this.#files.delete(key);
    this.#bytes -= sizeOf(file);
  }
}

function sizeOf({ source }: LoadedFile): number {
  return source.content.length + BYTES_OF_A_FILE;
}
