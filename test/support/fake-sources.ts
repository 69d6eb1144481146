import { createHash } from "node:crypto";
import { sortedBy } from "../../src/base/order.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { SourceFile } from "../../src/schema/manifest.ts";
import { GitError, type Commit } from "../../src/sync/git.ts";
import type { Revision, Seen, SourceLocation, Sources } from "../../src/sync/source.ts";

type Files = Readonly<Record<string, string>>;

/** A repository in memory with one branch; commits are added by tests, and Git can go away. */
export class FakeSources implements Sources {
  readonly #commits = new Map<string, { readonly commit: Commit; readonly files: Files }>();
  readonly #listeners = new Set<() => void>();
  #head: string | undefined;
  /** While set, every call fails with it. */
  failure: GitError | undefined;
  loads = 0;
  looks = 0;
  readonly pins: Set<string> = new Set();

  commit(files: Files, message = "change"): Commit {
    const tree = treeOf(files);
    const parents = this.#head === undefined ? [] : [this.#head];
    const id = digest(`${tree}${message}${parents.join()}${this.#commits.size}`);
    const commit: Commit = {
      id,
      tree,
      parents,
      author: { name: "Ada", email: "ada@example.com" },
      committedAt: 1_767_225_600_000,
      message,
    };
    this.#commits.set(id, { commit, files });
    this.#head = id;
    for (const listener of this.#listeners) listener();
    return commit;
  }

  /** Another history: the new head comes from none of the commits before. */
  rewrite(files: Files): Commit {
    this.#head = undefined;
    return this.commit(files, "rewritten");
  }

  async head(location: SourceLocation): Promise<Commit> {
    this.#check();
    if (this.#head === undefined)
      throw new GitError("no-commits", `Cannot read "${location.repo}": it has no commit yet`);
    return this.#get(this.#head).commit;
  }

  async look(locations: readonly SourceLocation[]): Promise<readonly Seen[]> {
    this.#check();
    this.looks += 1;
    return Promise.all(locations.map((location) => this.seen(location)));
  }

  /** What a look at one location says. */
  async seen(location: SourceLocation): Promise<Seen> {
    try {
      const commit = await this.head(location);
      return { kind: "seen", commit, tree: await this.treeId(location, commit.id) };
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      return { kind: "failed", code: error.code, message: error.message };
    }
  }

  async treeId({ path }: SourceLocation, commit: string): Promise<string> {
    this.#check();
    const { commit: found, files } = this.#get(commit);
    return path === "." ? found.tree : treeOf(folder(files, path));
  }

  async load(location: SourceLocation, commit: string): Promise<Revision> {
    this.#check();
    this.loads += 1;
    const { files: all, commit: found } = this.#get(commit);
    const { path } = location;
    const files = path === "." ? all : folder(all, path);
    const sources = Object.entries(files).map(([path, text]): SourceFile => ({
      path,
      content: Buffer.from(text),
    }));
    const loaded = loadManifests(sources, { namespace: location.namespace });
    return { commit: found, tree: treeOf(files), loaded, files: sources.length };
  }

  async watch(_location: SourceLocation, listener: () => void): Promise<() => Promise<void>> {
    this.#listeners.add(listener);
    return async () => void this.#listeners.delete(listener);
  }

  async pin(_location: SourceLocation, name: string): Promise<void> {
    this.#check();
    this.pins.add(name);
  }

  async unpin(_location: SourceLocation, name: string): Promise<void> {
    this.#check();
    this.pins.delete(name);
  }

  async descends(_location: SourceLocation, commit: string, from: string): Promise<boolean> {
    this.#check();
    for (let at: string | undefined = commit; at !== undefined;) {
      if (at === from) return true;
      [at] = this.#get(at).commit.parents;
    }
    return false;
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  #get(id: string): { readonly commit: Commit; readonly files: Files } {
    const found = this.#commits.get(id);
    if (found === undefined) throw new GitError("no-such-commit", `Cannot find commit ${id}`);
    return found;
  }
}

/** The files below a folder, by path from there. */
function folder(files: Files, path: string): Files {
  const prefix = `${path}/`;
  const inside = Object.entries(files).filter(([name]) => name.startsWith(prefix));
  if (inside.length === 0)
    throw new GitError("no-such-path", `Cannot read folder "${path}": there is no such folder`);
  return Object.fromEntries(inside.map(([name, text]) => [name.slice(prefix.length), text]));
}

function treeOf(files: Files): string {
  return digest(JSON.stringify(sortedBy(Object.entries(files), ([path]) => path)));
}

function digest(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
