import type { Dir } from "node:fs";
import { open, opendir, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { compare } from "../base/order.ts";
import type { Problem } from "../model/problem.ts";
import type { SourceFile } from "../schema/manifest.ts";
import { GitError, MAX_FILE_BYTES, MAX_TREE_BYTES, MAX_TREE_FILES } from "./git.ts";
import { isManifestPath, isSuspectLink, linkFinding, noManifests } from "./manifest-files.ts";
import { errorCode, isAbsent } from "./repository-layout.ts";

export interface FolderFiles {
  /** Sorted by path, from the folder. */
  readonly files: readonly SourceFile[];
  /** Manifests that are links out of the folder. Paths as in `files`. */
  readonly problems: readonly Problem[];
  /** Links that were not followed, which is what a tree in Git does with them too. */
  readonly warnings: readonly Problem[];
}

interface Found {
  readonly path: string;
  readonly size: number;
}

/** Folders of tools, which hold other people's YAML and JSON. Folders that start with a dot are left out as well. */
const SKIPPED_FOLDERS = new Set(["node_modules"]);

/**
 * Reads the manifests of a plain folder, or one manifest file, by the rules and limits of a tree in Git: links are
 * not followed, and whatever starts with a dot is left out.
 */
export async function readFolder(path: string, signal: AbortSignal): Promise<FolderFiles> {
  const root = await openRoot(path);
  if (root.file) return { files: [await readSingle(path, root.size)], problems: [], warnings: [] };
  const walk = new Walk(path, signal);
  await walk.enter("");
  const found = walk.found.toSorted((a, b) => compare(a.path, b.path));
  checkTotal(path, found);
  const findings = walk.links
    .toSorted((a, b) => compare(a.path, b.path))
    .map((link) => linkFinding(".", link.path, link.target));
  const problems = findings.filter(({ out }) => out).map(({ problem }) => problem);
  const warnings = findings.filter(({ out }) => !out).map(({ problem }) => problem);
  if (found.length === 0 && problems.length === 0) throw noManifests(`folder "${path}"`);
  const files: SourceFile[] = [];
  for (const item of found) {
    signal.throwIfAborted();
    files.push(await readOne(join(path, item.path), item));
  }
  return { files, problems, warnings };
}

class Walk {
  readonly found: Found[] = [];
  readonly links: { readonly path: string; readonly target: string }[] = [];
  readonly #root: string;
  readonly #signal: AbortSignal;
  #seen = 0;

  constructor(root: string, signal: AbortSignal) {
    this.#root = root;
    this.#signal = signal;
  }

  async enter(prefix: string): Promise<void> {
    for await (const entry of await openFolder(join(this.#root, prefix))) {
      this.#signal.throwIfAborted();
      this.#count();
      if (entry.name.startsWith(".") || SKIPPED_FOLDERS.has(entry.name)) continue;
      const path = `${prefix}${entry.name}`;
      if (entry.isSymbolicLink()) await this.#note(path);
      else if (entry.isDirectory()) await this.enter(`${path}/`);
      else if (entry.isFile() && isManifestPath(path)) await this.#add(path);
    }
  }

  async #note(path: string): Promise<void> {
    if (isSuspectLink(path))
      this.links.push({ path, target: await readlink(join(this.#root, path)) });
  }

  async #add(path: string): Promise<void> {
    const full = join(this.#root, path);
    const { size } = await stat(full);
    checkSize(full, size);
    this.found.push({ path, size });
  }

  #count(): void {
    this.#seen++;
    if (this.#seen <= MAX_TREE_FILES) return;
    throw new GitError(
      "too-large",
      `Cannot read folder "${this.#root}": it has more than ${MAX_TREE_FILES} files; give a smaller folder`,
    );
  }
}

async function openFolder(path: string): Promise<Dir> {
  try {
    return await opendir(path);
  } catch (error) {
    const why = errorCode(error) ?? "unknown";
    throw new GitError("io", `Cannot read folder "${path}": ${why}; check its permissions`, {
      cause: error,
    });
  }
}

async function readSingle(path: string, size: number): Promise<SourceFile> {
  checkSize(path, size);
  return readOne(path, { path: basename(path), size });
}

async function openRoot(path: string): Promise<{ file: boolean; size: number }> {
  try {
    const found = await stat(path);
    return { file: found.isFile(), size: found.size };
  } catch (error) {
    const code = errorCode(error);
    const why = isAbsent(error)
      ? "there is no such file or folder; check the path"
      : `it cannot be read (${code ?? "unknown"}); check its permissions`;
    throw new GitError("no-such-path", `Cannot read "${path}": ${why}`, { cause: error });
  }
}

/** Reads at most the size that was checked: the file may grow meanwhile. */
async function readOne(full: string, { path, size }: Found): Promise<SourceFile> {
  try {
    await using file = await open(full, "r");
    const content = Buffer.alloc(size);
    const { bytesRead } = await file.read(content, 0, size, 0);
    return { path, content: content.subarray(0, bytesRead) };
  } catch (error) {
    throw new GitError(
      "io",
      `Cannot read file "${full}": ${errorCode(error) ?? "unknown"}; check its permissions`,
      { cause: error },
    );
  }
}

function checkSize(path: string, size: number): void {
  if (size <= MAX_FILE_BYTES) return;
  throw new GitError(
    "too-large",
    `Cannot read file "${path}": it has ${size} bytes, the limit is ${MAX_FILE_BYTES}; split it, or keep it out of the folder`,
  );
}

function checkTotal(path: string, found: readonly Found[]): void {
  const total = found.reduce((sum, { size }) => sum + size, 0);
  if (total <= MAX_TREE_BYTES) return;
  throw new GitError(
    "too-large",
    `Cannot read folder "${path}": its manifests have ${total} bytes, the limit is ${MAX_TREE_BYTES}; give a smaller folder`,
  );
}
