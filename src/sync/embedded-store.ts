import { randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import { dirname, join } from "node:path";
import git, { type PromiseFsClient } from "isomorphic-git";
import type { GitObject } from "./cat-file.ts";
import { GitError } from "./git.ts";
import { damaged } from "./git-refusals.ts";
import { giveTo, type Owner } from "./owner.ts";

/** isomorphic-git takes a whole pack into memory; above this it would take the process down. */
const MAX_PACK_BYTES = 500_000_000;
/** Packs stay in memory so long after the last read. */
const IDLE_MS = 30_000;
/** Kinds of objects, as `readObject` names them. */
const KINDS = ["commit", "tree", "blob", "tag"] as const;

/** Objects of one repository through isomorphic-git, with one cache for all reads. */
export class EmbeddedStore {
  readonly fs: PromiseFsClient;
  readonly gitdir: string;
  readonly #repo: string;
  #cache: object = {};
  #idle: NodeJS.Timeout | undefined;

  constructor(repo: string, gitdir: string, owner: Owner) {
    this.#repo = repo;
    this.gitdir = gitdir;
    this.fs = embeddedFs(owner);
  }

  /** Shared by all calls to the library for this repository, until nobody has asked for a while. */
  get cache(): object {
    if (this.#idle === undefined) {
      this.#idle = setTimeout(() => this.forget(), IDLE_MS);
      this.#idle.unref();
    } else this.#idle.refresh();
    return this.#cache;
  }

  /** Forgets packs and indexes: they take as much memory as the repository has bytes. */
  forget(): void {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#cache = {};
  }

  /** `undefined` when there is no such object. */
  async read(id: string): Promise<GitObject | undefined> {
    const { fs, gitdir, cache } = this;
    try {
      const found = await git.readObject({ fs, gitdir, cache, oid: id, format: "content" });
      const kind = KINDS.find((kind) => kind === found.type);
      if (kind === undefined || !(found.object instanceof Uint8Array)) return undefined;
      return { id, kind, size: found.object.length, content: found.object };
    } catch (error) {
      if (error instanceof GitError) throw error;
      if (error instanceof git.Errors.NotFoundError) return undefined;
      throw damaged(this.#repo, `object ${id} cannot be read: ${describe(error)}`);
    }
  }
}

/** What an error of the library says, on one line. Pure. */
export function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}

/**
 * Node's file system with three rules more: packs have a limit, what is written belongs to the owner, and a file is
 * there as a whole or not at all, since other processes read the same mirror.
 */
function embeddedFs(owner: Owner): PromiseFsClient {
  const { readdir, stat, lstat, readlink, unlink, rmdir, rm, symlink, chmod } = fs;
  const promises = {
    readdir,
    stat,
    lstat,
    readlink,
    unlink,
    rmdir,
    rm,
    symlink,
    chmod,
    async readFile(path: string, options: never): Promise<unknown> {
      if (path.endsWith(".pack")) await checkPackSize(path);
      return fs.readFile(path, options);
    },
    async writeFile(path: string, data: Uint8Array, options: never): Promise<void> {
      // A name that Git and the library pass over: neither an object, a pack nor an index.
      const draft = join(dirname(path), `tmp_berth_${randomUUID()}`);
      try {
        await fs.writeFile(draft, data, options);
        await giveTo(owner, draft);
        await fs.rename(draft, path);
      } catch (error) {
        await fs.rm(draft, { force: true });
        throw error;
      }
    },
    async mkdir(path: string, options: never): Promise<void> {
      await fs.mkdir(path, options);
      await giveTo(owner, path);
    },
  };
  return { promises };
}

async function checkPackSize(path: string): Promise<void> {
  const { size } = await fs.stat(path);
  if (size <= MAX_PACK_BYTES) return;
  throw new GitError(
    "too-large",
    `Cannot read pack "${path}": it has ${size} bytes, the limit of the embedded engine is ${MAX_PACK_BYTES}; install git`,
  );
}
