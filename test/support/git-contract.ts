import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  GitError,
  type GitRepository,
  MAX_FILE_BYTES,
  type NewCommit,
} from "../../src/sync/git.ts";
import { GitUser, type TempDir, tempDir, text } from "./git-fixture.ts";

/** Where the repository under test is, and how the user changes it. */
export interface Origin extends AsyncDisposable {
  /** What the engine is given. */
  readonly repo: string;
  /** A work tree of the user. */
  readonly user: GitUser;
  /** Makes the user's commits visible to the engine: a push for a remote. */
  publish(...args: readonly string[]): Promise<void>;
  /** The id of a branch where the engine writes to. */
  headOf(branch: string): Promise<string>;
  open(signal: AbortSignal): Promise<GitRepository>;
}

export type MakeOrigin = (dir: string) => Promise<Origin>;

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const author = { name: "Grace", email: "grace@example.org" };
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** The error of a call that must fail with a `GitError`. */
export async function failure(call: Promise<unknown>): Promise<GitError> {
  const error = await call.then(
    () => new Error("the call succeeded"),
    (error: unknown) => error,
  );
  if (error instanceof GitError) return error;
  throw error;
}

/** What every engine must do, on local repositories and on remotes alike. */
export function describeGitRepository(name: string, make: MakeOrigin): void {
  describe(`${name} keeps the GitRepository contract`, PATIENCE, () => {
    let dir: TempDir;
    let origin: Origin;
    let repo: GitRepository;

    beforeEach(async () => {
      dir = await tempDir();
      origin = await make(dir.path);
      repo = await origin.open(signal());
    });
    afterEach(async () => {
      await repo.close();
      await origin[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    });

    async function given(
      files: Readonly<Record<string, string | Uint8Array | null>>,
      message = "change",
    ): Promise<string> {
      const id = await origin.user.commit(files, message);
      await origin.publish();
      return id;
    }

    function edit(parent: string, changes: Readonly<Record<string, string | null>>): NewCommit {
      return {
        branch: "main",
        parent,
        author,
        message: "edit by api",
        changes: Object.entries(changes).map(([path, content]) => ({
          path,
          content: content === null ? null : Buffer.from(content),
        })),
      };
    }

    async function contents(commit: string, path = "."): Promise<Record<string, string>> {
      const tree = await repo.treeId(commit, path, signal());
      const files = await repo.readFiles(await repo.listTree(tree, signal()), signal());
      return Object.fromEntries(files.map((file) => [file.path, text(file.content)]));
    }

    describe("reading", () => {
      test("head() follows the branch", async () => {
        const first = await given({ "apps/a.yaml": "a: 1\n" }, "first\n\nwith a body");
        const head = await repo.head("main", signal());
        expect(head.id).toBe(first);
        expect(head.message).toBe("first\n\nwith a body\n");
        expect(head.author).toEqual({ name: "Ada", email: "ada@example.org" });
        expect(head.parents).toEqual([]);
        expect(head.committedAt % 1000).toBe(0);
        const second = await given({ "apps/a.yaml": "a: 2\n" });
        expect(await repo.head("main", signal())).toMatchObject({ id: second, parents: [first] });
      });

      test("listTree() and readFiles() give the files of a folder, sorted, from that folder", async () => {
        const id = await given({
          "apps/b.yaml": "b",
          "apps/a/deep.yaml": "deep",
          "apps/a.yaml": "a",
          "apps/z ü.yaml": "z",
          "README.md": "read me",
        });
        expect(Object.entries(await contents(id, "apps"))).toEqual([
          ["a.yaml", "a"],
          ["a/deep.yaml", "deep"],
          ["b.yaml", "b"],
          ["z ü.yaml", "z"],
        ]);
      });

      test("listTree() tells sizes of loose and of packed objects before anything is read", async () => {
        const long = "line\n".repeat(4000);
        await given({ "a.yaml": long, "b.yaml": "b" });
        await given({ "a.yaml": `${long}more\n` });
        await origin.user.git("gc", "--quiet");
        const id = await given({ "c.yaml": "loose" });
        const tree = await repo.treeId(id, ".", signal());
        const entries = await repo.listTree(tree, signal());
        expect(entries.map(({ path, size }) => `${path} ${size}`)).toEqual([
          "a.yaml 20005",
          "b.yaml 1",
          "c.yaml 5",
        ]);
        expect(await contents(id)).toMatchObject({ "a.yaml": `${long}more\n`, "c.yaml": "loose" });
      });

      test("many files are read as they are", async () => {
        const files = Object.fromEntries(
          Array.from({ length: 450 }, (_, index) => [`apps/f${index}.yaml`, `n: ${index}\n`]),
        );
        const id = await given(files);
        const read = await contents(id, "apps");
        expect(Object.keys(read)).toHaveLength(450);
        expect(read["f449.yaml"]).toBe("n: 449\n");
      });

      test("treeId() is equal for equal content, whatever the history", async () => {
        const first = await given({ "apps/a.yaml": "a", "docs/d.md": "d" });
        const second = await given({ "docs/d.md": "other" });
        const [one, two] = await Promise.all([
          repo.treeId(first, "apps", signal()),
          repo.treeId(second, "./apps/", signal()),
        ]);
        expect(one).toBe(two);
        expect(await repo.treeId(first, ".", signal())).not.toBe(
          await repo.treeId(second, ".", signal()),
        );
      });

      test("symbolic links and submodules are told apart and never followed", async () => {
        await origin.user.put("apps/real.yaml", "real");
        await symlink("/etc/passwd", join(origin.user.dir, "apps/evil.yaml"));
        await origin.user.git("add", "apps");
        const gitlink = "160000,1111111111111111111111111111111111111111,apps/sub";
        await origin.user.git("update-index", "--add", "--cacheinfo", gitlink);
        const id = await given({});
        const entries = await repo.listTree(await repo.treeId(id, "apps", signal()), signal());
        expect(entries.map(({ path, mode }) => `${mode} ${path}`)).toEqual([
          "symlink evil.yaml",
          "file real.yaml",
          "submodule sub",
        ]);
        expect(await contents(id, "apps")).toEqual({
          "evil.yaml": "/etc/passwd",
          "real.yaml": "real",
        });
      });

      test("a file above the limit is refused by its size, with its name", async () => {
        const id = await given({ "apps/big.yaml": new Uint8Array(MAX_FILE_BYTES + 1) });
        const entries = await repo.listTree(await repo.treeId(id, "apps", signal()), signal());
        const error = await failure(repo.readFiles(entries, signal()));
        expect(error.code).toBe("too-large");
        expect(error.message).toContain('"big.yaml"');
        expect(error.message).toContain("5000001 bytes, the limit is 5000000");
      });

      test("resolve() takes branches, tags, ids, short ids and steps back", async () => {
        const first = await given({ "a.yaml": "1" });
        await origin.user.git("tag", "-a", "v1", "-m", "one");
        const second = await given({ "a.yaml": "2" });
        await origin.publish("v1");
        await repo.head("main", signal());
        const names = ["main", "HEAD", "v1", second, second.slice(0, 8), "main~1", "HEAD^", "v1^0"];
        const ids = await Promise.all(
          names.map(async (name) => (await repo.resolve(name, signal())).id),
        );
        expect(ids).toEqual([second, second, first, second, second, first, first, first]);
      });

      test("history() gives the commits that touched a path, newest first", async () => {
        const first = await given({ "apps/a.yaml": "1" }, "one");
        await given({ "docs/d.md": "d" }, "two");
        const third = await given({ "apps/a.yaml": "3" }, "three");
        const found = await repo.history(third, "apps", 10, signal());
        expect(found.map(({ id }) => id)).toEqual([third, first]);
        expect(await repo.history(third, "apps", 1, signal())).toHaveLength(1);
        expect(await repo.history(third, ".", 10, signal())).toHaveLength(3);
      });

      test("history() passes by a merge that brought nothing to the path", async () => {
        const base = await given({ "apps/a.yaml": "1" });
        await origin.user.git("checkout", "--quiet", "-b", "side");
        await origin.user.commit({ "docs/d.md": "d" });
        await origin.user.git("checkout", "--quiet", "main");
        const change = await origin.user.commit({ "apps/a.yaml": "2" });
        await origin.user.git("merge", "--quiet", "--no-ff", "side", "-m", "merge");
        await origin.publish();
        const head = await repo.head("main", signal());
        expect(head.parents).toHaveLength(2);
        const found = await repo.history(head.id, "apps", 10, signal());
        expect(found.map(({ id }) => id)).toEqual([change, base]);
      });

      test("a force-push is just another tree, and the commit before it stays readable when pinned", async () => {
        const first = await given({ "a.yaml": "1" });
        const lost = await given({ "a.yaml": "2" });
        await repo.head("main", signal());
        await repo.pin("deployed/app", lost, signal());
        await origin.user.git("reset", "--quiet", "--hard", first);
        const other = await origin.user.commit({ "a.yaml": "3" });
        await origin.publish("--force");
        expect((await repo.head("main", signal())).id).toBe(other);
        expect((await repo.commit(lost, signal())).id).toBe(lost);
        expect(await contents(lost)).toEqual({ "a.yaml": "2" });
      });
    });

    describe("refusing", () => {
      test("a repository without commits is no-commits, not an empty list", async () => {
        const error = await failure(repo.head("main", signal()));
        expect(error.code).toBe("no-commits");
        expect(error.message).toContain("commit the manifests first");
      });

      test("a branch that is not there names the near ones", async () => {
        await given({ "a.yaml": "a" });
        const error = await failure(repo.head("mian", signal()));
        expect(error.code).toBe("no-such-branch");
        expect(error.message).toContain('branches there: "main"');
      });

      test("a branch that was deleted is no-such-branch, and comes back when it does", async () => {
        await given({ "a.yaml": "a" });
        await origin.user.git("checkout", "--quiet", "-b", "prod");
        const id = await origin.user.commit({ "a.yaml": "p" });
        await origin.publish();
        expect((await repo.head("prod", signal())).id).toBe(id);
        await origin.user.git("checkout", "--quiet", "main");
        await origin.user.git("branch", "--quiet", "-D", "prod");
        await origin.publish("--delete", "prod");
        expect((await failure(repo.head("prod", signal()))).code).toBe("no-such-branch");
        expect((await repo.commit(id, signal())).id).toBe(id);
        await origin.user.git("branch", "prod", id);
        await origin.publish();
        expect((await repo.head("prod", signal())).id).toBe(id);
      });

      test("a branch whose name is a folder of the old one replaces it", async () => {
        await given({ "a.yaml": "a" });
        await origin.user.git("checkout", "--quiet", "-b", "env");
        await origin.publish();
        await repo.head("env", signal());
        await origin.user.git("branch", "--quiet", "-m", "env", "env/prod");
        await origin.publish("--delete", "env");
        await origin.publish();
        expect((await repo.head("env/prod", signal())).message).toBe("change\n");
      });

      test.for(["--upload-pack=touch /tmp/x", "-x", "a..b", "a b", "", "refs/heads/main", "a\nb"])(
        "branch %j is refused before Git sees it",
        async (branch) => {
          const error = await failure(repo.head(branch, signal()));
          expect(error.code).toBe("no-such-branch");
          expect(error.message).toContain("not a valid branch name");
        },
      );

      test.for(["--all", "-h", "", "x\ny"])("revision %j is refused", async (revision) => {
        expect((await failure(repo.resolve(revision, signal()))).code).toBe("no-such-commit");
      });

      test("an unknown commit, tag and id is no-such-commit", async () => {
        await given({ "a.yaml": "a" });
        for (const revision of ["nothing", "main~9", "1".repeat(40), "abcdef1"]) {
          const error = await failure(repo.resolve(revision, signal()));
          expect(error.code).toBe("no-such-commit");
        }
        const error = await failure(repo.treeId("2".repeat(40), "apps", signal()));
        expect(error.code).toBe("no-such-commit");
      });

      test("a path that was deleted is no-such-path, naming commit and path", async () => {
        await given({ "apps/a.yaml": "a", "b.yaml": "b" });
        const id = await given({ "apps/a.yaml": null });
        const error = await failure(repo.treeId(id, "apps", signal()));
        expect(error.code).toBe("no-such-path");
        expect(error.message).toContain('"apps"');
        expect(error.message).toContain(id.slice(0, 12));
      });

      test("a file as the path is not-a-folder", async () => {
        const id = await given({ "apps/a.yaml": "a" });
        expect((await failure(repo.treeId(id, "apps/a.yaml", signal()))).code).toBe("not-a-folder");
      });

      test.for(["../other", "apps/../../x", "/etc", "a\nb"])("path %j is refused", async (path) => {
        const id = await given({ "apps/a.yaml": "a" });
        expect((await failure(repo.treeId(id, path, signal()))).code).toBe("no-such-path");
      });

      test("an aborted call rejects with the reason", async () => {
        const id = await given({ "a.yaml": "a" });
        const aborted = AbortSignal.abort(new Error("enough"));
        await expect(repo.head("main", aborted)).rejects.toThrow("enough");
        await expect(repo.commit(id, aborted)).rejects.toThrow("enough");
      });
    });

    describe("writing", () => {
      test("write() makes a commit of the author and moves the branch", async () => {
        const parent = await given({ "apps/a.yaml": "a", "apps/b.yaml": "b", "c.yaml": "c" });
        const made = await repo.write(
          edit(parent, { "apps/a.yaml": "new", "apps/b.yaml": null, "x/y/z.yaml": "z" }),
          signal(),
        );
        expect(made.parents).toEqual([parent]);
        expect(made.author).toEqual(author);
        expect(await origin.headOf("main")).toBe(made.id);
        expect((await repo.head("main", signal())).id).toBe(made.id);
        expect(await contents(made.id)).toEqual({
          "apps/a.yaml": "new",
          "c.yaml": "c",
          "x/y/z.yaml": "z",
        });
      });

      test("what write() makes is whole for Git itself", async () => {
        const parent = await given({ "apps/a.yaml": "a", "apps-b.yaml": "1", "apps.yaml": "2" });
        const made = await repo.write(edit(parent, { "apps/b.yaml": "b" }), signal());
        await origin.user.git("fetch", "--quiet", origin.repo, "main").catch(() => undefined);
        expect(await origin.user.git("fsck", "--strict", "--no-dangling")).toBe("");
        const show = await origin.user.git("show", "--format=%an %cn %ce", "--name-only", made.id);
        expect(show).toBe("Grace Berth berth@localhost\n\napps/b.yaml");
      });

      test("write() of the content that is there already is no commit", async () => {
        const parent = await given({ "a.yaml": "a" });
        expect((await repo.write(edit(parent, { "a.yaml": "a" }), signal())).id).toBe(parent);
        expect(await origin.headOf("main")).toBe(parent);
      });

      test("write() on a branch that moved is a conflict and changes nothing", async () => {
        const parent = await given({ "a.yaml": "1" });
        const moved = await given({ "a.yaml": "2" });
        const error = await failure(repo.write(edit(parent, { "b.yaml": "b" }), signal()));
        expect(error.code).toBe("conflict");
        expect(error.message).toContain("read the new head");
        expect(await origin.headOf("main")).toBe(moved);
      });

      test("of two writes on one parent one lands and one is a conflict", async () => {
        const parent = await given({ "a.yaml": "1" });
        const results = await Promise.allSettled([
          repo.write(edit(parent, { "a.yaml": "left" }), signal()),
          repo.write(edit(parent, { "a.yaml": "right" }), signal()),
        ]);
        const lost = results.flatMap((r) => (r.status === "rejected" ? [r.reason] : []));
        expect(lost).toHaveLength(1);
        expect(lost[0]).toMatchObject({ name: "GitError", code: "conflict" });
      });

      test("of two engines that write on one parent one lands and one is a conflict", async () => {
        let parent = await given({ "a.yaml": "1" });
        const second = await origin.open(signal());
        for (let round = 0; round < 3; round++) {
          const results = await Promise.allSettled([
            repo.write(edit(parent, { "a.yaml": `left ${round}` }), signal()),
            second.write(edit(parent, { "a.yaml": `right ${round}` }), signal()),
          ]);
          const lost = results.flatMap((r) => (r.status === "rejected" ? [r.reason] : []));
          expect(lost).toMatchObject([{ name: "GitError", code: "conflict" }]);
          const landed = results.flatMap((r) => (r.status === "fulfilled" ? [r.value.id] : []));
          expect(landed).toEqual([await origin.headOf("main")]);
          parent = landed[0] ?? "";
        }
        await second.close();
      });

      test.for(["../x.yaml", ".git/config", "a/.GIT/hooks/x", "/x", "./a.yaml"])(
        "write() refuses path %j",
        async (path) => {
          const parent = await given({ "a.yaml": "1" });
          const error = await failure(repo.write(edit(parent, { [path]: "x" }), signal()));
          expect(error.code).toBe("no-such-path");
        },
      );

      test("write() refuses a file where a folder is", async () => {
        const parent = await given({ "apps/a.yaml": "1" });
        const error = await failure(repo.write(edit(parent, { apps: "x" }), signal()));
        expect(error.code).toBe("conflict");
      });

      test("write() keeps the mode of an executable", async () => {
        await origin.user.put("run.sh", "#!/bin/sh\n");
        await origin.user.git("add", "run.sh");
        await origin.user.git("update-index", "--chmod=+x", "run.sh");
        await origin.user.git("commit", "--quiet", "-m", "x");
        await origin.user.git("checkout", "--quiet", "--", "run.sh");
        await origin.publish();
        const parent = await origin.user.git("rev-parse", "HEAD");
        const made = await repo.write(edit(parent, { "run.sh": "#!/bin/sh\nx\n" }), signal());
        const entries = await repo.listTree(made.tree, signal());
        expect(entries[0]).toMatchObject({ path: "run.sh", mode: "executable" });
      });
    });
  });
}
