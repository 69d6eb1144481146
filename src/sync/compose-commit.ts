import { groupBy } from "../base/order.ts";
import { formatCommit } from "./commit-object.ts";
import { type Commit, type FileChange, GitError, MAX_FILE_BYTES, type NewCommit } from "./git.ts";
import { checkFilePath, quote } from "./git-names.ts";
import type { WriteObject } from "./loose-objects.ts";
import { formatTree, isFolder, parseTree, type RawEntry } from "./tree-object.ts";

/** What composing needs of a repository, whichever engine reads it. */
export interface ComposeAccess {
  readonly readTree: (id: string, signal: AbortSignal) => Promise<Uint8Array>;
  readonly writeObject: WriteObject;
}

export interface Composed {
  readonly id: string;
  readonly tree: string;
}

/** Enough for any revert or edit; beyond it the change is a migration, made with Git itself. */
const MAX_CHANGES = 20_000;
const MAX_MESSAGE_LENGTH = 100_000;
const MODES = { file: "100644", executable: "100755", symlink: "120000" } as const;

/** Writes the objects of a commit on top of `parent`; moves no branch. The same content gives the parent's own tree. */
export async function composeCommit(
  access: ComposeAccess,
  parent: Commit,
  commit: NewCommit,
  signal: AbortSignal,
): Promise<Composed> {
  checkCommit(commit);
  const changes = commit.changes.map((change) => ({ change, rest: change.path.split("/") }));
  const tree =
    (await composeTree(access, parent.tree, changes, signal)) ??
    (await access.writeObject("tree", new Uint8Array()));
  const bytes = formatCommit({
    tree,
    parent: parent.id,
    author: commit.author,
    seconds: Math.floor(Date.now() / 1000),
    message: commit.message,
  });
  return { id: await access.writeObject("commit", bytes), tree };
}

interface Pending {
  readonly change: FileChange;
  /** The parts of the path below the tree at hand. */
  readonly rest: readonly string[];
}

/** The id of the changed tree; `undefined` when nothing is left in it. */
async function composeTree(
  access: ComposeAccess,
  tree: string | undefined,
  changes: readonly Pending[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const content = tree === undefined ? new Uint8Array() : await access.readTree(tree, signal);
  const entries = new Map(parseTree(content).map((entry) => [entry.name, entry]));
  for (const [name, group] of groupBy(changes, ({ rest }) => rest[0] ?? "")) {
    const entry = await composeEntry(access, name, entries.get(name), group, signal);
    if (entry === undefined) entries.delete(name);
    else entries.set(name, entry);
  }
  return entries.size === 0 ? undefined : access.writeObject("tree", formatTree(entries.values()));
}

async function composeEntry(
  access: ComposeAccess,
  name: string,
  before: RawEntry | undefined,
  changes: readonly Pending[],
  signal: AbortSignal,
): Promise<RawEntry | undefined> {
  const leaf = changes.find(({ rest }) => rest.length === 1)?.change;
  const deeper = changes
    .filter(({ rest }) => rest.length > 1)
    .map(({ change, rest }) => ({ change, rest: rest.slice(1) }));
  let entry = before;
  if (leaf?.content === null && entry !== undefined && !isFolder(entry)) entry = undefined;
  if (deeper.length > 0) entry = await composeFolder(access, name, entry, deeper, signal);
  if (leaf === undefined || leaf.content === null) return entry;
  if (entry !== undefined && isFolder(entry))
    throw inTheWay(leaf.path, "there is a folder of this name");
  const id = await access.writeObject("blob", leaf.content);
  return { name, id, mode: fileMode(leaf, entry) };
}

async function composeFolder(
  access: ComposeAccess,
  name: string,
  before: RawEntry | undefined,
  changes: readonly Pending[],
  signal: AbortSignal,
): Promise<RawEntry | undefined> {
  if (before !== undefined && !isFolder(before)) {
    const writes = changes.find(({ change }) => change.content !== null);
    if (writes === undefined) return before; // Deletes below a file: they are gone already.
    throw inTheWay(writes.change.path, `"${name}" is not a folder`);
  }
  const id = await composeTree(access, before?.id, changes, signal);
  return id === undefined ? undefined : { name, mode: "40000", id };
}

function fileMode(change: FileChange, before: RawEntry | undefined): string {
  if (change.mode !== undefined) return MODES[change.mode];
  return before?.mode === MODES.executable ? MODES.executable : MODES.file;
}

function checkCommit({ changes, message }: NewCommit): void {
  if (changes.length > MAX_CHANGES || message.length > MAX_MESSAGE_LENGTH) {
    throw new GitError(
      "too-large",
      `Cannot commit: ${changes.length} files and a message of ${message.length} characters; the limits are ${MAX_CHANGES} and ${MAX_MESSAGE_LENGTH}`,
    );
  }
  const seen = new Set<string>();
  for (const { path, content } of changes) {
    checkFilePath(path);
    if (seen.has(path)) throw inTheWay(path, "it is changed twice in one commit");
    seen.add(path);
    if (content !== null && content.length > MAX_FILE_BYTES) {
      throw new GitError(
        "too-large",
        `Cannot commit file ${quote(path)}: it has ${content.length} bytes, the limit is ${MAX_FILE_BYTES}`,
      );
    }
  }
}

function inTheWay(path: string, why: string): GitError {
  return new GitError("conflict", `Cannot commit file ${quote(path)}: ${why}`);
}
