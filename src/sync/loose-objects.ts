import { createHash, randomBytes } from "node:crypto";
import { open, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { giveTo, makeFolder, type Owner } from "./owner.ts";
import { isAbsent } from "./repository-layout.ts";

/** Stores an object and gives its id. Storing it again is no change. */
export type WriteObject = (
  kind: "blob" | "tree" | "commit",
  content: Uint8Array,
) => Promise<string>;

const compress = promisify(deflate);

/**
 * Writes loose objects as Git does: to a file of its own first, then under the final name, so that nobody sees half.
 * The repository's owner owns them, also when root writes.
 */
export function looseObjectWriter(commonDir: string, owner: Owner): WriteObject {
  return async (kind, content) => {
    const wrapped = Buffer.concat([Buffer.from(`${kind} ${content.length}\0`), content]);
    const id = createHash("sha1").update(wrapped).digest("hex");
    const folder = join(commonDir, "objects", id.slice(0, 2));
    const path = join(folder, id.slice(2));
    if (await exists(path)) return id;
    await makeFolder(owner, folder);
    const temporary = join(folder, `tmp_obj_${randomBytes(6).toString("hex")}`);
    try {
      await writeDurably(temporary, await compress(wrapped));
      await giveTo(owner, temporary);
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
    return id;
  };
}

/** The id that Git gives to a file's content. Pure. */
export function blobId(content: Uint8Array): string {
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, "wx", 0o444);
  await file.writeFile(bytes);
  await file.sync();
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
