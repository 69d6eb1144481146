import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mustRun } from "./command.ts";

/** A Git repository with a work tree, as a user has it. Independent of the machine's Git configuration. */
export interface WorkRepo {
  readonly path: string;
  git(...args: string[]): Promise<string>;
  write(file: string, content: string | Uint8Array): Promise<void>;
  read(file: string): Promise<string>;
  remove(file: string): Promise<void>;
  /** Commits everything in the work tree; resolves with the commit's id. */
  commit(message: string): Promise<string>;
  /** Replaces text in a file and commits that; throws when the text is not there. */
  edit(file: string, from: string | RegExp, to: string): Promise<string>;
  head(): Promise<string>;
}

/** What keeps the machine's own settings out of a test's Git. */
export const GIT_ENV: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
};

/** A repository in a folder that is made where it is not there yet. */
export async function makeWorkRepo(path: string, branch = "main"): Promise<WorkRepo> {
  const repo = openWorkRepo(path);
  await mkdir(path, { recursive: true });
  await repo.git("init", "-q", "-b", branch);
  return repo;
}

/** The repository in a folder. */
export function openWorkRepo(path: string): WorkRepo {
  const git = async (...args: string[]): Promise<string> =>
    (await mustRun("git", ["-C", path, ...args], { env: { ...process.env, ...GIT_ENV } })).trim();
  const write = async (file: string, content: string | Uint8Array): Promise<void> => {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), content);
  };
  const read = (file: string): Promise<string> => readFile(join(path, file), "utf8");
  const commit = async (message: string): Promise<string> => {
    await git("add", "--all");
    await git("commit", "-q", "-m", message);
    return await git("rev-parse", "HEAD");
  };
  return {
    path,
    git,
    write,
    read,
    commit,
    remove: (file) => rm(join(path, file), { recursive: true }),
    edit: async (file, from, to) => {
      const before = await read(file);
      const after = before.replace(from, to);
      if (after === before) throw new Error(`"${String(from)}" is not in ${file}`);
      await write(file, after);
      return await commit(`${file}: ${to}`);
    },
    head: () => git("rev-parse", "HEAD"),
  };
}
