import type { ObjectRef } from "../model/meta.ts";
import { fieldsOfObject, type ManifestField } from "./blame-fields.ts";
import {
  GitError,
  MAX_FILE_BYTES,
  type Commit,
  type GitRepository,
  type TreeEntry,
} from "./git.ts";
import { isManifestPath } from "./manifest-files.ts";

export interface BlameQuery {
  /** From where history is walked back. */
  readonly commit: string;
  /** Where the object stands in it. */
  readonly file: string;
  readonly object: ObjectRef;
  /** Namespace of manifests that name none. */
  readonly defaultNamespace: string;
}

/** A field and the commit that gave it its value. */
export interface BlamedField extends ManifestField {
  /** Where it stands now. */
  readonly file: string;
  readonly commit: Commit;
  /** False: history went on further than is followed, and the field was as it is there already. */
  readonly isCertain: boolean;
}

/** Commits that changed the file are followed back so far. */
const MAX_COMMITS = 500;
/** Files of one commit that are searched for an object that came from elsewhere. */
const MAX_CANDIDATES = 200;

/**
 * Which commit gave each field of an object the value that it has: the commit whose parents all have another one, or
 * none. An object that moved from another file is followed by what it is, not by the file's name.
 */
export async function blameObject(
  git: GitRepository,
  query: BlameQuery,
  signal: AbortSignal,
): Promise<readonly BlamedField[]> {
  const walk = new Walk(git, query, signal);
  const start = await git.commit(query.commit, signal);
  const fields = await walk.fieldsAt(start, query.file);
  if (fields === undefined) {
    const { kind, name } = query.object;
    throw new GitError(
      "no-such-path",
      `Cannot find ${kind} "${name}" in "${query.file}" at commit ${query.commit.slice(0, 12)}`,
    );
  }
  return walk.run(start, query.file, fields);
}

interface Step {
  readonly commit: Commit;
  readonly file: string;
  /** Paths that had this value up to here. */
  readonly paths: Set<string>;
}

class Walk {
  readonly #git: GitRepository;
  readonly #query: BlameQuery;
  readonly #signal: AbortSignal;

  constructor(git: GitRepository, query: BlameQuery, signal: AbortSignal) {
    this.#git = git;
    this.#query = query;
    this.#signal = signal;
  }

  async run(
    start: Commit,
    file: string,
    fields: ReadonlyMap<string, ManifestField>,
  ): Promise<readonly BlamedField[]> {
    const blamed = new Map<string, { readonly commit: Commit; readonly isCertain: boolean }>();
    const waiting: Step[] = [{ commit: start, file, paths: new Set(fields.keys()) }];
    for (let count = 0; waiting.length > 0; count += 1) {
      const step = takeNewest(waiting);
      if (step === undefined) break;
      const touched = await this.#lastTouch(step);
      if (count >= MAX_COMMITS) {
        for (const path of step.paths) blamed.set(path, { commit: touched, isCertain: false });
        continue;
      }
      for (const parent of touched.parents) {
        if (step.paths.size === 0) break;
        const before = await this.#before(touched, parent, step.file);
        if (before === undefined) continue;
        const same = [...step.paths].filter(
          (path) => before.fields.get(path)?.value === fields.get(path)?.value,
        );
        for (const path of same) step.paths.delete(path);
        if (same.length > 0) push(waiting, { ...before, paths: new Set(same) });
      }
      for (const path of step.paths) blamed.set(path, { commit: touched, isCertain: true });
    }
    return [...fields.values()].map((field) => ({
      ...field,
      file,
      ...(blamed.get(field.path) ?? { commit: start, isCertain: false }),
    }));
  }

  /** The newest commit, from this one on, that changed the file. */
  async #lastTouch({ commit, file }: Step): Promise<Commit> {
    const [touched] = await this.#git.history(commit.id, file, 1, this.#signal);
    return touched ?? commit;
  }

  /** Where the object was before a commit; `undefined` when there was none. */
  async #before(
    commit: Commit,
    parentId: string,
    file: string,
  ): Promise<
    { commit: Commit; file: string; fields: ReadonlyMap<string, ManifestField> } | undefined
  > {
    const parent = await this.#git.commit(parentId, this.#signal);
    const here = await this.fieldsAt(parent, file);
    if (here !== undefined) return { commit: parent, file, fields: here };
    const [now, before] = await Promise.all([this.#entries(commit), this.#entries(parent)]);
    const ids = new Map(now.map(({ path, id }) => [path, id]));
    const gone = before
      .filter(({ path, id }) => isManifestPath(path) && ids.get(path) !== id)
      .slice(0, MAX_CANDIDATES);
    for (const entry of gone) {
      const fields = await this.#fields(entry);
      if (fields !== undefined) return { commit: parent, file: entry.path, fields };
    }
    return undefined;
  }

  /** The object's fields in a file of a commit; `undefined` where there is no such file or object. */
  async fieldsAt(
    commit: Commit,
    file: string,
  ): Promise<ReadonlyMap<string, ManifestField> | undefined> {
    const slash = file.lastIndexOf("/");
    const folder = slash < 0 ? "." : file.slice(0, slash);
    const name = file.slice(slash + 1);
    try {
      const tree = await this.#git.treeId(commit.id, folder, this.#signal);
      const entries = await this.#git.listTree(tree, this.#signal);
      const entry = entries.find(({ path }) => path === name);
      return entry === undefined ? undefined : await this.#fields(entry);
    } catch (error) {
      if (error instanceof GitError && NOT_THERE.has(error.code)) return undefined;
      throw error;
    }
  }

  async #fields(entry: TreeEntry): Promise<ReadonlyMap<string, ManifestField> | undefined> {
    if (entry.size > MAX_FILE_BYTES || entry.mode === "submodule") return undefined;
    const [read] = await this.#git.readFiles([entry], this.#signal);
    if (read === undefined) return undefined;
    const { object, defaultNamespace } = this.#query;
    return fieldsOfObject(Buffer.from(read.content).toString(), object, defaultNamespace);
  }

  async #entries(commit: Commit): Promise<readonly TreeEntry[]> {
    return this.#git.listTree(commit.tree, this.#signal);
  }
}

const NOT_THERE: ReadonlySet<string> = new Set(["no-such-path", "not-a-folder"]);

/** Two ways to one commit are walked once. */
function push(waiting: Step[], step: Step): void {
  const known = waiting.find(
    ({ commit, file }) => commit.id === step.commit.id && file === step.file,
  );
  if (known === undefined) waiting.push(step);
  else for (const path of step.paths) known.paths.add(path);
}

function takeNewest(waiting: Step[]): Step | undefined {
  let newest = 0;
  for (const [index, { commit }] of waiting.entries())
    if (commit.committedAt > (waiting[newest]?.commit.committedAt ?? 0)) newest = index;
  return waiting.splice(newest, 1)[0];
}
