import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { constants, inflateSync } from "node:zlib";
import { GitError } from "./git.ts";
import { isAbsent } from "./repository-layout.ts";

/** The head of a loose object, and a pack entry's head with the start of its delta, fit well into this. */
const PEEK_BYTES = 256;
/** An index of ten million objects; it is held in memory. */
const MAX_INDEX_BYTES = 400_000_000;
const CONCURRENT_READS = 32;
const INDEX_MAGIC = 0xff744f63;
const FANOUT = 8;
const IDS = FANOUT + 256 * 4;
const OFS_DELTA = 6;
const REF_DELTA = 7;

interface PackIndex {
  readonly pack: string;
  readonly bytes: Buffer;
  readonly count: number;
}

/**
 * Sizes of objects without reading the objects: isomorphic-git inflates an object before it tells its size, and a
 * manifest of 2 GB must be refused before that.
 */
export class ObjectSizes {
  readonly #objects: string;
  readonly #indexes = new Map<string, PackIndex>();

  constructor(commonDir: string) {
    this.#objects = join(commonDir, "objects");
  }

  /** Bytes of each object's content; `undefined` for one that is not in this repository. */
  async sizesOf(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (number | undefined)[]> {
    await this.#refresh();
    await using packs = new OpenPacks();
    const sizes: (number | undefined)[] = [];
    for (let at = 0; at < ids.length; at += CONCURRENT_READS) {
      signal.throwIfAborted();
      const some = ids.slice(at, at + CONCURRENT_READS);
      sizes.push(...(await Promise.all(some.map((id) => this.#sizeOf(id, packs)))));
    }
    return sizes;
  }

  async #sizeOf(id: string, packs: OpenPacks): Promise<number | undefined> {
    return (await this.#looseSize(id)) ?? (await this.#packedSize(id, packs));
  }

  /** Looks for packs that came or went since the last time. */
  async #refresh(): Promise<void> {
    const folder = join(this.#objects, "pack");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".idx"));
    for (const name of this.#indexes.keys()) if (!names.includes(name)) this.#indexes.delete(name);
    for (const name of names) {
      if (this.#indexes.has(name)) continue;
      const index = await readIndex(join(folder, name));
      if (index !== undefined) this.#indexes.set(name, index);
    }
  }

  async #looseSize(id: string): Promise<number | undefined> {
    const path = join(this.#objects, id.slice(0, 2), id.slice(2));
    try {
      await using file = await open(path, "r");
      const head = inflateStart(await peek(file, 0));
      const match = /^\w+ (\d+)\0/.exec(head.toString("latin1"));
      return match === null ? undefined : Number(match[1]);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #packedSize(id: string, packs: OpenPacks): Promise<number | undefined> {
    const wanted = Buffer.from(id, "hex");
    for (const index of this.#indexes.values()) {
      const at = findOffset(index, wanted);
      if (at !== undefined) return entrySize(await peek(await packs.open(index.pack), at));
    }
    return undefined;
  }
}

/** Packs that stay open while one question is answered. */
class OpenPacks implements AsyncDisposable {
  readonly #handles = new Map<string, Promise<FileHandle>>();

  open(path: string): Promise<FileHandle> {
    const handle = this.#handles.get(path) ?? open(path, "r");
    this.#handles.set(path, handle);
    return handle;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of await Promise.allSettled(this.#handles.values()))
      if (opened.status === "fulfilled") await opened.value.close();
  }
}

async function readIndex(path: string): Promise<PackIndex | undefined> {
  const { size } = await stat(path);
  if (size > MAX_INDEX_BYTES) {
    throw new GitError(
      "too-large",
      `Cannot read pack index "${path}": it has ${size} bytes, the limit of the embedded engine is ${MAX_INDEX_BYTES}; install git`,
    );
  }
  const bytes = await readFile(path);
  if (bytes.length < IDS || bytes.readUInt32BE(0) !== INDEX_MAGIC || bytes.readUInt32BE(4) !== 2)
    return undefined; // Version 1 has not been written since 2008.
  return { pack: path.replace(/idx$/, "pack"), bytes, count: bytes.readUInt32BE(IDS - 4) };
}

function findOffset({ bytes, count }: PackIndex, id: Buffer): number | undefined {
  const first = id[0] ?? 0;
  let low = first === 0 ? 0 : bytes.readUInt32BE(FANOUT + (first - 1) * 4);
  let high = bytes.readUInt32BE(FANOUT + first * 4);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = id.compare(bytes, IDS + middle * 20, IDS + middle * 20 + 20);
    if (order === 0) return offsetAt(bytes, count, middle);
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return undefined;
}

function offsetAt(bytes: Buffer, count: number, index: number): number {
  const offsets = IDS + count * 24;
  const offset = bytes.readUInt32BE(offsets + index * 4);
  if (offset < 0x80000000) return offset;
  const large = offsets + count * 4 + (offset - 0x80000000) * 8;
  return Number(bytes.readBigUInt64BE(large));
}

/** The size that a pack entry's object has in the end: of a delta, what it produces. */
function entrySize(bytes: Buffer): number {
  const kind = ((bytes[0] ?? 0) >> 4) & 7;
  let at = 0;
  let size = (bytes[0] ?? 0) & 15;
  for (let shift = 4; ((bytes[at++] ?? 0) & 0x80) !== 0; shift += 7)
    size += ((bytes[at] ?? 0) & 0x7f) * 2 ** shift;
  if (kind === REF_DELTA) at += 20;
  else if (kind === OFS_DELTA) while (((bytes[at++] ?? 0) & 0x80) !== 0);
  else return size;
  const delta = inflateStart(bytes.subarray(at));
  const source = readVarint(delta, 0);
  return readVarint(delta, source.end).value;
}

function readVarint(bytes: Buffer, start: number): { value: number; end: number } {
  let [value, at] = [0, start];
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if ((byte & 0x80) === 0) return { value, end: at };
  }
}

async function peek(file: FileHandle, position: number): Promise<Buffer> {
  const buffer = Buffer.alloc(PEEK_BYTES);
  const { bytesRead } = await file.read(buffer, 0, PEEK_BYTES, position);
  return buffer.subarray(0, bytesRead);
}

/** The first bytes of a compressed stream that is cut off. */
function inflateStart(bytes: Buffer): Buffer {
  return inflateSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
}
