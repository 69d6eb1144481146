import { compare } from "../base/order.ts";
import { checkObjectId, joinPath } from "./git-names.ts";
import { damaged, tooManyFiles } from "./git-refusals.ts";
import { MAX_TREE_FILES, type TreeEntry } from "./git.ts";
import { entryMode, parseTree, type RawEntry } from "./tree-object.ts";

export interface TreeAccess {
  /** For messages. */
  readonly repo: string;
  /** The bytes of tree objects, in the order of their ids. */
  readTrees(ids: readonly string[], signal: AbortSignal): Promise<readonly Uint8Array[]>;
  /** Sizes of blobs, by id. */
  sizesOf(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
}

/** Lines of folders that are remembered, and sizes of files: some 20 MB each. */
const MAX_KNOWN_LINES = 200_000;
const MAX_KNOWN_SIZES = 200_000;
/** Folders that are asked for at once: some hundred answers are in memory, not all of a large tree. */
const FOLDERS_AT_ONCE = 200;

/**
 * Lists trees, and asks for no tree object and no size twice: of a commit that changes one file, only the folders above
 * it are read.
 */
export class TreeReader {
  readonly #access: TreeAccess;
  /** The latest use last. */
  readonly #trees = new Map<string, readonly RawEntry[]>();
  readonly #sizes = new Map<string, number>();
  /** What is being read now: a thousand Apps ask for the same folder at once. */
  readonly #reading = new Map<string, Promise<ReadonlyMap<string, readonly RawEntry[]>>>();
  #lines = 0;

  constructor(access: TreeAccess) {
    this.#access = access;
  }

  /** All entries below a tree, sorted by path. */
  async list(tree: string, signal: AbortSignal): Promise<readonly TreeEntry[]> {
    const found: Omit<TreeEntry, "size">[] = [];
    const waiting = [{ id: checkObjectId(tree), path: "." }];
    // Folders count too: a small repository can describe more nested folders than any memory holds.
    for (let folders = 0; waiting.length > 0;) {
      signal.throwIfAborted();
      const batch = waiting.splice(-FOLDERS_AT_ONCE);
      folders += batch.length;
      const trees = await this.#read(
        batch.map(({ id }) => id),
        signal,
      );
      for (const { id, path } of batch) {
        for (const { mode: raw, name, id: child } of trees.get(id) ?? []) {
          const mode = entryMode(raw);
          const full = joinPath(path, name);
          if (mode === undefined) waiting.push({ id: child, path: full });
          else found.push({ path: full, id: child, mode });
        }
        if (folders + waiting.length + found.length > MAX_TREE_FILES)
          throw tooManyFiles(this.#access.repo);
      }
    }
    return this.#withSizes(
      found.toSorted((a, b) => compare(a.path, b.path)),
      signal,
    );
  }

  /** The entry at a path below a tree; `undefined` when there is none. */
  async find(tree: string, path: string, signal: AbortSignal): Promise<RawEntry | undefined> {
    let at: RawEntry | undefined;
    let id = tree;
    for (const name of path.split("/")) {
      if (at !== undefined && entryMode(at.mode) !== undefined) return undefined;
      at = (await this.#read([id], signal)).get(id)?.find((entry) => entry.name === name);
      if (at === undefined) return undefined;
      id = at.id;
    }
    return at;
  }

  async #read(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly RawEntry[]>> {
    const known = new Map<string, readonly RawEntry[]>();
    const missing = new Set<string>();
    const others = new Map<string, Promise<ReadonlyMap<string, readonly RawEntry[]>>>();
    for (const id of ids) {
      const lines = this.#trees.get(id);
      const reading = this.#reading.get(id);
      if (lines !== undefined) known.set(id, lines);
      else if (reading === undefined) missing.add(id);
      else others.set(id, reading);
    }
    const own = missing.size === 0 ? undefined : this.#share([...missing], signal);
    for (const [id, lines] of (await own) ?? []) known.set(id, lines);
    for (const [id, reading] of others) {
      // Whoever asked first may have left: then it is asked for anew.
      const found = (await reading.catch(() => undefined)) ?? (await this.#readAnew([id], signal));
      known.set(id, found.get(id) ?? []);
    }
    return known;
  }

  #share(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly RawEntry[]>> {
    const reading = this.#readAnew(ids, signal).finally(() => {
      for (const id of ids) if (this.#reading.get(id) === reading) this.#reading.delete(id);
    });
    for (const id of ids) this.#reading.set(id, reading);
    return reading;
  }

  async #readAnew(
    ids: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly RawEntry[]>> {
    const contents = await this.#access.readTrees(ids, signal);
    const read = new Map<string, readonly RawEntry[]>();
    for (const [index, id] of ids.entries()) {
      const content = contents[index];
      if (content === undefined) throw damaged(this.#access.repo, `tree ${id} is missing`);
      const lines = parseTree(content);
      read.set(id, lines);
      this.#remember(id, lines);
    }
    return read;
  }

  #remember(id: string, lines: readonly RawEntry[]): void {
    if (this.#trees.has(id)) return;
    this.#trees.set(id, lines);
    this.#lines += lines.length + 1;
    for (const [oldest, { length }] of this.#trees) {
      if (this.#lines <= MAX_KNOWN_LINES) return;
      this.#trees.delete(oldest);
      this.#lines -= length + 1;
    }
  }

  async #withSizes(
    entries: readonly Omit<TreeEntry, "size">[],
    signal: AbortSignal,
  ): Promise<readonly TreeEntry[]> {
    const unknown = new Set<string>();
    for (const { id, mode } of entries)
      if (mode !== "submodule" && !this.#sizes.has(id)) unknown.add(id);
    const told = unknown.size === 0 ? undefined : await this.#access.sizesOf([...unknown], signal);
    const sized = entries.map((entry) => {
      const size =
        entry.mode === "submodule" ? 0 : (this.#sizes.get(entry.id) ?? told?.get(entry.id));
      if (size === undefined)
        throw damaged(this.#access.repo, `the object of file "${entry.path}" is missing`);
      return { ...entry, size };
    });
    if (this.#sizes.size + unknown.size > MAX_KNOWN_SIZES) this.#sizes.clear();
    for (const [id, size] of told ?? []) this.#sizes.set(id, size);
    return sized;
  }
}
