import {
  chmod,
  lstat,
  readFile,
  readlink,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import git, { type PromiseFsClient } from "isomorphic-git";
import { describe } from "./embedded-store.ts";
import { type FileChange, GitError } from "./git.ts";
import { dirty } from "./git-refusals.ts";
import { blobId } from "./loose-objects.ts";
import { giveTo, makeFolder, type Owner } from "./owner.ts";
import { type Checkout, errorCode, isAbsent, type Layout } from "./repository-layout.ts";

/** A file as a commit has it. `undefined` in place of it: the commit has no such file. */
export interface CommittedFile {
  readonly id: string;
  readonly mode: "file" | "executable" | "symlink";
}

/** One file on its way from one commit to the next. */
export interface FileMove {
  readonly path: string;
  readonly before: CommittedFile | undefined;
  readonly after: CommittedFile | undefined;
  readonly content: FileChange["content"];
}

const INDEX_MODES = { file: 0o100644, executable: 0o100755, symlink: 0o120000 } as const;

/** The files of a work tree that a commit touches, for the engine that has no `git read-tree`. */
export class WorkTreeFiles {
  readonly #fs: PromiseFsClient;
  readonly #repo: string;
  readonly #checkout: Checkout;
  readonly #commonDir: string;
  readonly #owner: Owner;

  constructor(fs: PromiseFsClient, layout: Layout, checkout: Checkout) {
    this.#fs = fs;
    this.#repo = layout.repo;
    this.#commonDir = layout.commonDir;
    this.#owner = layout.owner;
    this.#checkout = checkout;
  }

  /** "dirty" when a file is not, in the index and on disk, as the commit before has it. */
  async check(moves: readonly FileMove[]): Promise<void> {
    const staged = await this.#staged(moves.map(({ path }) => path));
    const changed: string[] = [];
    for (const { path, before } of moves) {
      const clean = staged.get(path) === before?.id && (await this.#onDisk(path)) === before?.id;
      if (!clean) changed.push(path);
    }
    if (changed.length > 0) throw dirty(this.#repo, changed);
  }

  /** Brings files and index to the new commit; when one file fails, those before it go back. */
  async apply(moves: readonly FileMove[]): Promise<void> {
    const undo: (() => Promise<void>)[] = [];
    try {
      for (const move of moves) {
        undo.push(await this.#keep(move.path));
        await this.#put(move);
        await this.#stage(move.path, move.after);
      }
    } catch (error) {
      for (const [index, back] of undo.entries()) {
        await back();
        const move = moves[index];
        if (move !== undefined) await this.#stage(move.path, move.before);
      }
      throw error;
    }
  }

  async #staged(paths: readonly string[]): Promise<Map<string, string>> {
    const folders = new Set([".", ...paths.flatMap(parentsOf)]);
    const wanted = new Set(paths);
    const staged = new Map<string, string>();
    try {
      await git.walk({
        fs: this.#fs,
        dir: this.#checkout.workTree,
        gitdir: this.#checkout.gitDir,
        trees: [git.STAGE()],
        map: async (path, [entry]) => {
          if (wanted.has(path)) staged.set(path, (await entry?.oid()) ?? "");
          return folders.has(path) ? path : null;
        },
      });
    } catch (error) {
      throw new GitError(
        "io",
        `Cannot read the index of "${this.#checkout.workTree}": ${describe(error)}; install git`,
        { cause: error },
      );
    }
    return staged;
  }

  /** The id of what is at the path; `undefined` when nothing is. */
  async #onDisk(path: string): Promise<string | undefined> {
    const full = join(this.#checkout.workTree, path);
    await this.#refuseLinkedFolders(path);
    try {
      const found = await lstat(full);
      if (found.isSymbolicLink()) return blobId(Buffer.from(await readlink(full)));
      return found.isFile() ? blobId(await readFile(full)) : "not a file";
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** A folder that the user replaced by a link may lead anywhere. */
  async #refuseLinkedFolders(path: string): Promise<void> {
    for (const folder of parentsOf(path)) {
      const found = await lstat(join(this.#checkout.workTree, folder)).catch((error: unknown) => {
        if (isAbsent(error)) return undefined;
        throw error;
      });
      if (found?.isSymbolicLink() === true) throw dirty(this.#repo, [folder]);
    }
  }

  /** Remembers what is at the path, and gives what puts it back. */
  async #keep(path: string): Promise<() => Promise<void>> {
    const full = join(this.#checkout.workTree, path);
    try {
      const found = await lstat(full);
      if (found.isSymbolicLink()) {
        const target = await readlink(full);
        return () => this.#write(path, "symlink", Buffer.from(target));
      }
      const content = await readFile(full);
      const mode = (found.mode & 0o100) === 0 ? "file" : "executable";
      return () => this.#write(path, mode, content);
    } catch (error) {
      if (isAbsent(error)) return () => this.#remove(path);
      throw error;
    }
  }

  async #put({ path, after, content }: FileMove): Promise<void> {
    if (after === undefined || content === null) await this.#remove(path);
    else await this.#write(path, after.mode, content);
  }

  async #write(path: string, mode: CommittedFile["mode"], content: Uint8Array): Promise<void> {
    const full = join(this.#checkout.workTree, path);
    await makeFolder(this.#owner, dirname(full));
    await unlink(full).catch(unlessAbsent);
    if (mode === "symlink") {
      await symlink(Buffer.from(content), full);
      return;
    }
    await writeFile(full, content, { flag: "wx" });
    if (mode === "executable") await chmod(full, 0o755);
    await giveTo(this.#owner, full);
  }

  /** Removes a file and the folders that it leaves empty, as Git does. */
  async #remove(path: string): Promise<void> {
    await unlink(join(this.#checkout.workTree, path)).catch(unlessAbsent);
    for (const folder of parentsOf(path).toReversed()) {
      try {
        await rmdir(join(this.#checkout.workTree, folder));
      } catch (error) {
        if (errorCode(error) === "ENOTEMPTY" || isAbsent(error)) return;
        throw error;
      }
    }
  }

  /** With an id given, the library leaves the times out and the next `git status` fills them in; without, it writes the object. */
  get #ownsObjects(): boolean {
    return this.#checkout.gitDir === this.#commonDir;
  }

  async #stage(path: string, file: CommittedFile | undefined): Promise<void> {
    const { workTree: dir, gitDir: gitdir } = this.#checkout;
    const call = { fs: this.#fs, dir, gitdir, filepath: path };
    if (file === undefined) await git.updateIndex({ ...call, remove: true, force: true });
    else if (this.#ownsObjects) await git.updateIndex({ ...call, add: true });
    else await git.updateIndex({ ...call, add: true, oid: file.id, mode: INDEX_MODES[file.mode] });
  }
}

/** `a/b/c.yaml` → `a`, `a/b`. Pure. */
function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function unlessAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error;
}
