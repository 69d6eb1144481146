import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { compare } from "../base/order.ts";
import { GitError } from "./git.ts";
import { notARepository } from "./git-refusals.ts";

/** Where the parts of a local repository lie. All paths absolute. */
export interface Layout {
  /** As the user named it: for messages. */
  readonly repo: string;
  /** HEAD and index; of a linked work tree its own. */
  readonly gitDir: string;
  /** Objects and branches; shared by all work trees. */
  readonly commonDir: string;
  readonly workTree: string | undefined;
  /** Who owns the repository, on systems that have owners. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/** A work tree of a repository that has a branch checked out. */
export interface Checkout {
  readonly workTree: string;
  /** Holds this work tree's HEAD and index. */
  readonly gitDir: string;
}

/** `.git` files and HEADs are one line; longer ones are not Git's. */
const MAX_POINTER_BYTES = 10_000;

/** Finds the parts of the repository at `path`: a folder with a `.git`, a linked work tree, or a bare repository. */
export async function findLayout(path: string): Promise<Layout> {
  const dotGit = join(path, ".git");
  const pointed = await followGitFile(path, dotGit);
  const candidates = [
    { gitDir: pointed ?? dotGit, workTree: path },
    { gitDir: path, workTree: basename(path) === ".git" ? dirname(path) : undefined },
  ];
  for (const { gitDir, workTree } of candidates) {
    const commonDir = await findCommonDir(gitDir);
    if (await isGitDir(gitDir, commonDir)) {
      const { uid, gid } = await stat(commonDir);
      return { repo: path, gitDir, commonDir, workTree, owner: { uid, gid } };
    }
  }
  throw await explainAbsence(path);
}

/** The work trees that have the branch checked out: Git allows one at most, unless forced. */
export async function findCheckouts(layout: Layout, branch: string): Promise<readonly Checkout[]> {
  const head = `ref: refs/heads/${branch}`;
  const found: Checkout[] = [];
  for (const checkout of await listWorkTrees(layout)) {
    if ((await readPointer(join(checkout.gitDir, "HEAD"))) === head) found.push(checkout);
  }
  return found;
}

/** Content of a one-line file without its line end; `undefined` when there is none. */
export async function readPointer(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    return size > MAX_POINTER_BYTES ? undefined : (await readFile(path, "utf8")).trim();
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Whether an error of the file system says that there is nothing at the path. Pure. */
export function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "");
}

/** The `code` of an error of Node, such as "ENOENT". Pure. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

async function listWorkTrees(layout: Layout): Promise<Checkout[]> {
  const { commonDir } = layout;
  const found: Checkout[] = [];
  if (basename(commonDir) === ".git")
    found.push({ workTree: dirname(commonDir), gitDir: commonDir });
  const linked = join(commonDir, "worktrees");
  const names = await readdir(linked).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  for (const name of names.toSorted(compare)) {
    const dotGit = await readPointer(join(linked, name, "gitdir"));
    if (dotGit !== undefined) found.push({ workTree: dirname(dotGit), gitDir: join(linked, name) });
  }
  return found;
}

async function followGitFile(path: string, dotGit: string): Promise<string | undefined> {
  const isFile = await stat(dotGit).then(
    (found) => found.isFile(),
    (error: unknown) => {
      if (isAbsent(error)) return false;
      throw denied(path, error);
    },
  );
  const target = isFile ? /^gitdir: (.+)$/.exec((await readPointer(dotGit)) ?? "")?.[1] : undefined;
  return target === undefined ? undefined : resolve(path, target);
}

async function findCommonDir(gitDir: string): Promise<string> {
  const pointer = await readPointer(join(gitDir, "commondir"));
  return pointer === undefined ? gitDir : resolve(gitDir, pointer);
}

async function isGitDir(gitDir: string, commonDir: string): Promise<boolean> {
  const head = await readPointer(join(gitDir, "HEAD"));
  const objects = await stat(join(commonDir, "objects")).catch(() => undefined);
  return head !== undefined && objects?.isDirectory() === true;
}

async function explainAbsence(path: string): Promise<GitError> {
  if (!isAbsolute(path)) return notARepository(path, "the path must be absolute");
  const found = await stat(path).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw denied(path, error);
  });
  if (found === undefined) return notARepository(path, "there is no such folder; check the path");
  if (!found.isDirectory())
    return notARepository(path, "it is a file; give the folder of the repository");
  const outer = await findOuter(await realpath(path));
  if (outer === undefined)
    return notARepository(
      path,
      'the folder is not a Git repository; run "git init" there, or check the path',
    );
  const inner = (await realpath(path)).slice(outer.length + 1);
  return notARepository(
    path,
    `it is a folder inside the repository "${outer}"; give "${outer}" as the repository and "${inner}" as the path`,
  );
}

async function findOuter(path: string): Promise<string | undefined> {
  for (let folder = dirname(path); folder !== dirname(folder); folder = dirname(folder)) {
    const found = await stat(join(folder, ".git")).catch(() => undefined);
    if (found !== undefined) return folder;
  }
  return undefined;
}

function denied(path: string, cause: unknown): GitError {
  const why = errorCode(cause) ?? "unknown";
  return new GitError(
    "io",
    `Cannot open repository "${path}": the folder cannot be read (${why}); check its permissions`,
    { cause },
  );
}
