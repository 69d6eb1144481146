import {
  appendFile,
  open,
  readFile,
  rename,
  stat,
  unlink,
  type FileHandle,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { COMMITTER, formatIdentity } from "./commit-object.ts";
import { GitError } from "./git.ts";
import { giveTo, makeFolder, type Owner } from "./owner.ts";
import { errorCode, isAbsent } from "./repository-layout.ts";

/** A file locked as Git locks it: whoever creates `<name>.lock` may replace `<name>`. */
export class LockFile {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** "conflict" when another Git process holds the lock. `content` is what the file is to have, when it is known. */
  static async take(path: string, owner: Owner, content?: string): Promise<LockFile> {
    const made = await create(`${path}.lock`, owner).catch((error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
      throw new GitError(
        "conflict",
        `Cannot write "${path}": another Git process is at work there; try again when it has ended (after a crash of Git, remove the file "${path}.lock")`,
        { cause: error },
      );
    });
    try {
      await using file = made;
      if (content !== undefined) {
        await file.writeFile(content);
        await file.sync();
      }
      await giveTo(owner, `${path}.lock`);
    } catch (error) {
      await unlink(`${path}.lock`);
      throw error;
    }
    return new LockFile(path);
  }

  /** Replaces the file and gives the lock up; by what was said when it was taken, unless told otherwise. */
  async commit(content?: string): Promise<void> {
    if (content !== undefined) {
      await using file = await open(`${this.#path}.lock`, "w");
      await file.writeFile(content);
      await file.sync();
    }
    await rename(`${this.#path}.lock`, this.#path);
  }

  /** Gives the lock up without a change. */
  async release(): Promise<void> {
    await unlink(`${this.#path}.lock`);
  }
}

/** A file that nobody has yet, in a folder that is made when it is missing. */
async function create(path: string, owner: Owner): Promise<FileHandle> {
  try {
    return await open(path, "wx", 0o644);
  } catch (error) {
    if (!isAbsent(error)) throw error;
    await makeFolder(owner, dirname(path));
    return open(path, "wx", 0o644);
  }
}

/** The id that a ref has, loose or packed; `undefined` when there is none. Symbolic refs are followed by the caller. */
export async function readRef(gitDir: string, ref: string): Promise<string | undefined> {
  const loose = await readText(join(gitDir, ref));
  if (loose !== undefined) return loose.trim();
  const packed = (await readText(join(gitDir, "packed-refs"))) ?? "";
  const line = packed.split("\n").find((line) => line.slice(41) === ref);
  return line?.slice(0, 40);
}

/** Whether the repository keeps its refs as files, and not as tables. */
export async function hasRefFiles(commonDir: string): Promise<boolean> {
  const config = (await readText(join(commonDir, "config"))) ?? "";
  return !/^\s*refstorage\s*=\s*reftable/im.test(config);
}

/** Points a ref at an id, whatever it was before. */
export async function writeRef(
  gitDir: string,
  ref: string,
  id: string,
  owner: Owner,
): Promise<void> {
  const lock = await LockFile.take(join(gitDir, ref), owner, `${id}\n`);
  try {
    await lock.commit();
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Adds a line to the log of a ref, where the repository keeps one. */
export async function appendReflog(
  gitDir: string,
  ref: string,
  move: { readonly from: string; readonly to: string; readonly reason: string },
): Promise<void> {
  const path = join(gitDir, "logs", ref);
  try {
    await stat(path);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  const when = `${Math.floor(Date.now() / 1000)} +0000`;
  const reason = move.reason.replaceAll(/\s+/g, " ");
  await appendFile(
    path,
    `${move.from} ${move.to} ${formatIdentity(COMMITTER)} ${when}\tberth: ${reason}\n`,
  );
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isAbsent(error) || errorCode(error) === "EISDIR") return undefined;
    throw error;
  }
}
