import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Authors and times of test commits: fixed, so that ids are the same on every machine. */
const ENV = {
  PATH: process.env["PATH"] ?? "",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

/** A folder that is removed at the end of `await using`. */
export interface TempDir extends AsyncDisposable {
  readonly path: string;
}

export async function tempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), "berth-git-"));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** A user at work in a repository, with the real `git`. */
export class GitUser {
  readonly dir: string;
  #seconds = 1_700_000_000;

  constructor(dir: string) {
    this.dir = dir;
  }

  async git(...args: readonly string[]): Promise<string> {
    const date = `${++this.#seconds} +0000`;
    const env = { ...ENV, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
    const { stdout } = await run("git", args, { cwd: this.dir, env, maxBuffer: 50_000_000 });
    return stdout.trim();
  }

  async init(...args: readonly string[]): Promise<this> {
    await mkdir(this.dir, { recursive: true });
    await this.git("init", "--quiet", "--initial-branch=main", ...args);
    return this;
  }

  async put(path: string, content: string | Uint8Array): Promise<void> {
    const full = join(this.dir, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content);
  }

  /** Writes files (`null` deletes) and commits all of them. Gives the commit's id. */
  async commit(
    files: Readonly<Record<string, string | Uint8Array | null>>,
    message = "change",
  ): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      if (content === null) await this.git("rm", "--quiet", "--", path);
      else await this.put(path, content);
    }
    const paths = Object.entries(files).flatMap(([path, content]) =>
      content === null ? [] : path,
    );
    if (paths.length > 0) await this.git("add", "--", ...paths);
    await this.git("commit", "--quiet", "--allow-empty", "-m", message);
    return this.git("rev-parse", "HEAD");
  }
}

/** Text of a file's content, for expectations. */
export function text(content: Uint8Array | undefined): string {
  return Buffer.from(content ?? new Uint8Array()).toString();
}
