import { GitError } from "./git.ts";

/** One line of a tree object, as Git stores it. */
export interface RawEntry {
  /** Octal, without leading zeros: `100644`, `40000`. */
  readonly mode: string;
  readonly name: string;
  readonly id: string;
}

const FOLDER = "40000";
const ID_BYTES = 20;

/** Reads a tree object. A cut-off one is refused: the files that it lacks would count as deleted. Pure. */
export function parseTree(content: Uint8Array): RawEntry[] {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const entries: RawEntry[] = [];
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at);
    const end = bytes.indexOf(0, space);
    if (space < 0 || end < 0 || end + ID_BYTES >= bytes.length)
      throw new GitError("io", 'Cannot read a tree: the object is damaged; "git fsck" shows more');
    entries.push({
      mode: bytes.toString("latin1", at, space),
      name: bytes.toString("utf8", space + 1, end),
      id: bytes.toString("hex", end + 1, end + 1 + ID_BYTES),
    });
    at = end + 1 + ID_BYTES;
  }
  return entries;
}

/** The bytes of a tree object, its entries in Git's order. Pure. */
export function formatTree(entries: Iterable<RawEntry>): Uint8Array {
  const sorted = [...entries].toSorted((a, b) => Buffer.compare(sortKey(a), sortKey(b)));
  return Buffer.concat(
    sorted.flatMap(({ mode, name, id }) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, "hex"),
    ]),
  );
}

export function isFolder(entry: RawEntry): boolean {
  return entry.mode === FOLDER;
}

/** What an entry is, in the words of `TreeEntry`; `undefined` for a folder. Pure. */
export function entryMode(
  mode: string,
): "file" | "executable" | "symlink" | "submodule" | undefined {
  switch (mode) {
    case FOLDER:
    case "040000":
      return undefined;
    case "120000":
      return "symlink";
    case "160000":
      return "submodule";
    case "100755":
      return "executable";
    default:
      return "file";
  }
}

/** Git orders a folder as if its name ended in `/`. */
function sortKey(entry: RawEntry): Buffer {
  return Buffer.from(isFolder(entry) ? `${entry.name}/` : entry.name);
}
