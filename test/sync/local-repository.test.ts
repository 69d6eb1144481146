import {
  chmod,
  lchown,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Commit, GitRepository } from "../../src/sync/git.ts";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

const ENGINES = { git: openWithGit, isomorphic: openWithIsomorphic };
/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const author = { name: "Grace", email: "grace@example.org" };
const signal = (): AbortSignal => AbortSignal.timeout(30_000);
/** Only root can make a repository another user's; for anyone else the owner is the same. */
const OTHER = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0);

for (const [engine, open] of Object.entries(ENGINES)) {
  describe(`${engine} in a user's repository`, PATIENCE, () => {
    async function using(
      work: (user: GitUser, openRepo: (path?: string) => Promise<GitRepository>) => Promise<void>,
    ): Promise<void> {
      await using dir = await tempDir();
      const user = await new GitUser(join(dir.path, "repo")).init();
      const opened: GitRepository[] = [];
      const openRepo = async (path = user.dir): Promise<GitRepository> => {
        const repo = await open(path, { mirrorDir: join(dir.path, "mirrors") }, signal());
        opened.push(repo);
        return repo;
      };
      try {
        await work(user, openRepo);
      } finally {
        await Promise.all(opened.map((repo) => repo.close()));
      }
    }

    function write(
      repo: GitRepository,
      parent: string,
      files: Readonly<Record<string, string | null>>,
      branch = "main",
    ): Promise<Commit> {
      const changes = Object.entries(files).map(([path, content]) => ({
        path,
        content: content === null ? null : Buffer.from(content),
      }));
      return repo.write({ branch, parent, changes, author, message: "edit\n" }, signal());
    }

    test("a write updates the clean work tree that has the branch checked out", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({
          "apps/a.yaml": "a",
          "apps/sub/b.yaml": "b",
          "c.md": "c",
        });
        const repo = await openRepo();
        const made = await write(repo, parent, {
          "apps/a.yaml": "new",
          "apps/sub/b.yaml": null,
          "deep/er/z.yaml": "z",
        });
        expect(await user.git("rev-parse", "HEAD")).toBe(made.id);
        expect(await user.git("status", "--porcelain")).toBe("");
        expect(await readFile(join(user.dir, "apps/a.yaml"), "utf8")).toBe("new");
        expect(await readFile(join(user.dir, "deep/er/z.yaml"), "utf8")).toBe("z");
        await expect(stat(join(user.dir, "apps/sub"))).rejects.toThrow("ENOENT");
        expect(await user.git("reflog", "-1", "--format=%gs", "HEAD")).toBe("berth: edit");
      }));

    test("changes of the user in other files stay, staged and unstaged", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a", "b.yaml": "b", "c.yaml": "c" });
        await user.put("b.yaml", "unstaged");
        await user.put("c.yaml", "staged");
        await user.git("add", "c.yaml");
        await user.put("untracked.yaml", "u");
        await write(await openRepo(), parent, { "a.yaml": "new" });
        const status = await user.git("status", "--porcelain");
        expect(status.split("\n").map((line) => line.trim())).toEqual([
          "M b.yaml",
          "M  c.yaml",
          "?? untracked.yaml",
        ]);
      }));

    const DIRTY: Readonly<Record<string, (user: GitUser) => Promise<unknown>>> = {
      "changed on disk": (user) => user.put("apps/a.yaml", "mine"),
      "changed and staged": async (user) => {
        await user.put("apps/a.yaml", "mine");
        await user.git("add", "-A");
      },
      "removed on disk": (user) => rm(join(user.dir, "apps/a.yaml")),
      "replaced by a link": async (user) => {
        await rm(join(user.dir, "apps/a.yaml"));
        await symlink("/etc/hostname", join(user.dir, "apps/a.yaml"));
      },
    };
    test.for(Object.entries(DIRTY))(
      "a touched file that is %s is dirty, and nothing changes",
      ([, spoil]) =>
        using(async (user, openRepo) => {
          const parent = await user.commit({ "apps/a.yaml": "a", "b.yaml": "b" });
          await spoil(user);
          const before = await user.git("status", "--porcelain");
          const repo = await openRepo();
          const error = await failure(write(repo, parent, { "b.yaml": "x", "apps/a.yaml": "new" }));
          expect(error.code).toBe("dirty");
          expect(error.message).toContain('"apps/a.yaml"');
          expect(error.message).not.toContain('"b.yaml"');
          expect(await user.git("rev-parse", "HEAD")).toBe(parent);
          expect(await user.git("status", "--porcelain")).toBe(before);
          expect((await repo.head("main", signal())).id).toBe(parent);
        }),
    );

    test("an untracked file in the way is dirty, and stays", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await user.put("new.yaml", "precious");
        const error = await failure(write(await openRepo(), parent, { "new.yaml": "x" }));
        expect(error.code).toBe("dirty");
        expect(error.message).toContain('"new.yaml"');
        expect(await readFile(join(user.dir, "new.yaml"), "utf8")).toBe("precious");
      }));

    test("an ignored file in the way is dirty, and stays", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a", ".gitignore": "local/\n" });
        await user.put("local/x.yaml", "precious");
        const error = await failure(write(await openRepo(), parent, { "local/x.yaml": "x" }));
        expect(error.code).toBe("dirty");
        expect(await readFile(join(user.dir, "local/x.yaml"), "utf8")).toBe("precious");
      }));

    test("a folder that became a link is never written through", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "apps/a.yaml": "a", "b.yaml": "b" });
        await using outside = await tempDir();
        await rm(join(user.dir, "apps"), { recursive: true });
        await symlink(outside.path, join(user.dir, "apps"));
        const error = await failure(write(await openRepo(), parent, { "apps/new.yaml": "x" }));
        expect(error.code).toBe("dirty");
        await expect(stat(join(outside.path, "new.yaml"))).rejects.toThrow("ENOENT");
        expect(await user.git("rev-parse", "HEAD")).toBe(parent);
      }));

    test("a branch that is not checked out moves without the work tree", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await user.git("branch", "prod");
        await user.put("a.yaml", "dirty here");
        const made = await write(await openRepo(), parent, { "a.yaml": "prod" }, "prod");
        expect(await user.git("rev-parse", "prod")).toBe(made.id);
        expect(await user.git("rev-parse", "HEAD")).toBe(parent);
        expect(await readFile(join(user.dir, "a.yaml"), "utf8")).toBe("dirty here");
      }));

    test("a branch in a linked work tree is read from there, and updated there", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await user.git("worktree", "add", "--quiet", "-b", "prod", "../linked");
        const linked = new GitUser(join(user.dir, "../linked"));
        const repo = await openRepo(linked.dir);
        expect((await repo.resolve("HEAD", signal())).id).toBe(parent);
        const made = await write(repo, parent, { "a.yaml": "p", "b.yaml": "new" }, "prod");
        expect(await linked.git("rev-parse", "HEAD")).toBe(made.id);
        expect(await linked.git("status", "--porcelain")).toBe("");
        expect(await readFile(join(linked.dir, "a.yaml"), "utf8")).toBe("p");
        expect(await user.git("status", "--porcelain")).toBe("");
        const main = await openRepo();
        const again = await write(main, made.id, { "a.yaml": "q" }, "prod");
        expect(await linked.git("status", "--porcelain")).toBe("");
        expect(await linked.git("rev-parse", "HEAD")).toBe(again.id);
      }));

    test("a bare repository is read and written in place", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await user.git("clone", "--quiet", "--bare", ".", "../bare.git");
        const bare = new GitUser(join(user.dir, "../bare.git"));
        const repo = await openRepo(bare.dir);
        const made = await write(repo, parent, { "a.yaml": "b" });
        expect(await bare.git("rev-parse", "main")).toBe(made.id);
      }));

    test("another Git process at work is a conflict that says so", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await writeFile(join(user.dir, ".git/index.lock"), "");
        const error = await failure(write(await openRepo(), parent, { "a.yaml": "b" }));
        expect(error.code).toBe("conflict");
        expect(error.message).toContain("another Git process");
        expect(await user.git("rev-parse", "HEAD")).toBe(parent);
        await rm(join(user.dir, ".git/index.lock"));
        expect(await user.git("status", "--porcelain")).toBe("");
      }));

    test("a locked branch is a conflict, and files stay", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await writeFile(join(user.dir, ".git/refs/heads/main.lock"), "");
        const error = await failure(write(await openRepo(), parent, { "a.yaml": "b" }));
        expect(error.code).toBe("conflict");
        expect(await user.git("status", "--porcelain")).toBe("");
      }));

    test("hooks of the repository are not run", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "a.yaml": "a" });
        const mark = join(user.dir, "../ran");
        for (const hook of ["reference-transaction", "post-checkout", "post-index-change"]) {
          const path = join(user.dir, ".git/hooks", hook);
          await mkdir(join(user.dir, ".git/hooks"), { recursive: true });
          await writeFile(path, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 });
        }
        await user.git("config", "core.fsmonitor", `touch ${mark}`);
        await write(await openRepo(), parent, { "a.yaml": "b" });
        await expect(stat(mark)).rejects.toThrow("ENOENT");
      }));

    test("a repository of another user is read, and what is written is that user's", () =>
      using(async (user, openRepo) => {
        const parent = await user.commit({ "apps/a.yaml": "a" });
        await chmod(join(user.dir, ".."), 0o755);
        await chownAll(user.dir, OTHER);
        const repo = await openRepo();
        const made = await write(repo, parent, { "apps/a.yaml": "b", "x/y.yaml": "y" });
        const paths = [
          `.git/objects/${made.id.slice(0, 2)}/${made.id.slice(2)}`,
          ".git/refs/heads/main",
          ".git/index",
          "apps/a.yaml",
          "x/y.yaml",
          "x",
        ];
        const owners = await Promise.all(
          paths.map(async (path) => (await stat(join(user.dir, path))).uid),
        );
        expect(owners).toEqual(paths.map(() => OTHER));
      }));

    test("a folder inside of a repository is refused, naming repository and path", () =>
      using(async (user, openRepo) => {
        await user.commit({ "apps/web/a.yaml": "a" });
        const error = await failure(openRepo(join(user.dir, "apps/web")));
        expect(error.code).toBe("not-a-repository");
        expect(error.message).toContain(`give "${user.dir}" as the repository and "apps/web"`);
      }));

    test("a plain folder, a file and nothing at all are refused, each with its cure", () =>
      using(async (user, openRepo) => {
        await mkdir(join(user.dir, "../plain"));
        const plain = await failure(openRepo(join(user.dir, "../plain")));
        expect(plain.message).toContain('run "git init" there');
        const missing = await failure(openRepo(join(user.dir, "../missing")));
        expect(missing.message).toContain("there is no such folder");
        await user.put("file", "x");
        const file = await failure(openRepo(join(user.dir, "file")));
        expect(file.message).toContain("it is a file");
        expect([plain.code, missing.code, file.code]).toEqual(Array(3).fill("not-a-repository"));
      }));

    test("a repository that is deleted is not-a-repository, and is read again when it is back", () =>
      using(async (user, openRepo) => {
        await user.commit({ "a.yaml": "a" });
        const repo = await openRepo();
        await repo.head("main", signal());
        await rm(user.dir, { recursive: true });
        expect((await failure(repo.head("main", signal()))).code).toBe("not-a-repository");
        await user.init();
        const id = await user.commit({ "b.yaml": "b" }, "again");
        expect((await repo.head("main", signal())).id).toBe(id);
      }));

    test("a repository with other object names is refused by name", () =>
      using(async (user, openRepo) => {
        await mkdir(join(user.dir, "../sha256"));
        const other = new GitUser(join(user.dir, "../sha256"));
        await other.git("init", "--quiet", "--object-format=sha256");
        const error = await failure(openRepo(other.dir));
        expect(error.code).toBe("not-a-repository");
        expect(error.message).toMatch(/sha-?256/i);
      }));
  });
}

async function chownAll(path: string, uid: number): Promise<void> {
  for (const name of await readdir(path, { recursive: true }))
    await lchown(join(path, name), uid, process.getgid?.() ?? 0);
  await lchown(path, uid, process.getgid?.() ?? 0);
}
