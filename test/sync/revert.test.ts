import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { GitRepository } from "../../src/sync/git.ts";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { planRevert, type RevertRequest } from "../../src/sync/revert.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const author = { name: "Grace", email: "grace@example.org" };
const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const request = { branch: "main", path: "apps", app: "default/web" };

async function using(
  work: (user: GitUser, repo: GitRepository) => Promise<void>,
  open = openWithGit,
): Promise<void> {
  await using dir = await tempDir();
  const user = await new GitUser(join(dir.path, "repo")).init();
  const repo = await open(user.dir, { mirrorDir: join(dir.path, "mirrors") }, signal());
  try {
    await work(user, repo);
  } finally {
    await repo.close();
  }
}

/** Plans and writes the revert; gives the files that it changed, as `git show --name-status` tells. */
async function revert(
  user: GitUser,
  repo: GitRepository,
  what: { commit: string } | { to: string },
): Promise<string> {
  const { target: _target, ...plan } = await planRevert(
    repo,
    { ...request, ...what } as RevertRequest,
    signal(),
  );
  const made = await repo.write({ ...plan, author }, signal());
  return user.git("show", "--format=", "--name-status", made.id);
}

for (const [engine, open] of Object.entries({ git: openWithGit, isomorphic: openWithIsomorphic })) {
  test(`a revert puts changed, added and removed files back (${engine})`, PATIENCE, () =>
    using(async (user, repo) => {
      const good = await user.commit({
        "apps/a.yaml": "1",
        "apps/gone.yaml": "g",
        "docs/d.md": "1",
      });
      const bad = await user.commit(
        { "apps/a.yaml": "2", "apps/gone.yaml": null, "apps/new/n.yaml": "n" },
        "break it",
      );
      expect(await revert(user, repo, { commit: bad })).toBe(
        "M\tapps/a.yaml\nA\tapps/gone.yaml\nD\tapps/new/n.yaml",
      );
      expect(await user.git("rev-parse", "HEAD^{tree}")).toBe(
        await user.git("rev-parse", `${good}^{tree}`),
      );
      expect(await user.git("status", "--porcelain")).toBe("");
      expect(
        await user.git("show", "--no-patch", "--format=%B|%an|%(trailers:key=Berth-App)"),
      ).toBe(
        `Revert "break it"\n\nThis reverts commit ${bad}.\n\nBerth-App: default/web\nBerth-Reverts: ${bad}\n|Grace|Berth-App: default/web`,
      );
    }, open),
  );
}

describe("planRevert()", PATIENCE, () => {
  test("leaves files outside of the App's folder as the commit made them", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1", "other/o.yaml": "1" });
      const mixed = await user.commit({ "apps/a.yaml": "2", "other/o.yaml": "2" });
      expect(await revert(user, repo, { commit: mixed })).toBe("M\tapps/a.yaml");
    }));

  test("undoes a commit in the middle, keeping later changes of other lines", () =>
    using(async (user, repo) => {
      const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
      const text = (changes: Record<number, string>): string =>
        `${lines.map((line, index) => changes[index] ?? line).join("\n")}\n`;
      await user.commit({ "apps/a.yaml": text({}) });
      const bad = await user.commit({ "apps/a.yaml": text({ 2: "bad" }) });
      await user.commit({ "apps/a.yaml": text({ 2: "bad", 15: "later" }) });
      await revert(user, repo, { commit: bad });
      expect(await user.git("show", "HEAD:apps/a.yaml")).toBe(text({ 15: "later" }).trim());
    }));

  test("refuses to guess when a later commit changed the same place, naming the file and the cure", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1", "apps/b.yaml": "1" });
      const bad = await user.commit({ "apps/a.yaml": "2", "apps/b.yaml": "2" });
      const head = await user.commit({ "apps/a.yaml": "3" });
      const error = await failure(planRevert(repo, { ...request, commit: bad }, signal()));
      expect(error.code).toBe("conflict");
      expect(error.message).toContain('"apps/a.yaml"');
      expect(error.message).not.toContain('"apps/b.yaml"');
      expect(error.message).toContain(`git revert ${bad.slice(0, 12)}`);
      expect(await user.git("rev-parse", "HEAD")).toBe(head);
    }));

  test("undoes a merge against its first parent", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1" });
      await user.git("checkout", "--quiet", "-b", "side");
      await user.commit({ "apps/side.yaml": "s" });
      await user.git("checkout", "--quiet", "main");
      await user.commit({ "apps/main.yaml": "m" });
      await user.git("merge", "--quiet", "--no-ff", "side", "-m", "merge side");
      expect(await revert(user, repo, { commit: "HEAD" })).toBe("D\tapps/side.yaml");
    }));

  test("skips what was undone by hand, and a revert of all of it is nothing to revert", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1", "apps/b.yaml": "1" });
      const bad = await user.commit({ "apps/a.yaml": "2", "apps/b.yaml": "2" }, "bad");
      await user.commit({ "apps/a.yaml": "1" });
      expect(await revert(user, repo, { commit: bad })).toBe("M\tapps/b.yaml");
      const error = await failure(planRevert(repo, { ...request, commit: bad }, signal()));
      expect(error.code).toBe("nothing-to-revert");
      expect(error.message).toContain("undone already");
    }));

  test("a revert of a revert brings the change back", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1" });
      const change = await user.commit({ "apps/a.yaml": "2" });
      await revert(user, repo, { commit: change });
      await revert(user, repo, { commit: "HEAD" });
      expect(await user.git("show", "HEAD:apps/a.yaml")).toBe("2");
    }));

  test("of a commit outside of the folder there is nothing to revert", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1" });
      const other = await user.commit({ "docs/d.md": "d" });
      const error = await failure(planRevert(repo, { ...request, commit: other }, signal()));
      expect(error.code).toBe("nothing-to-revert");
      expect(error.message).toContain('changed no file in folder "apps"');
    }));

  test("the first commit has nothing before it, and that is said", () =>
    using(async (user, repo) => {
      const root = await user.commit({ "apps/a.yaml": "1" });
      await user.commit({ "apps/a.yaml": "2" });
      const error = await failure(planRevert(repo, { ...request, commit: root }, signal()));
      expect(error.code).toBe("no-such-commit");
      expect(error.message).toContain("first commit of the repository");
    }));

  test("brings back a folder that a commit removed", () =>
    using(async (user, repo) => {
      await user.commit({ "apps/a.yaml": "1", "b.md": "b" });
      const removal = await user.commit({ "apps/a.yaml": null });
      expect(await revert(user, repo, { commit: removal })).toBe("A\tapps/a.yaml");
    }));

  test("goes back to an older state of the folder over several commits", () =>
    using(async (user, repo) => {
      const good = await user.commit({ "apps/a.yaml": "1", "docs/d.md": "1" }, "good");
      await user.commit({ "apps/a.yaml": "2", "docs/d.md": "2" });
      await user.commit({ "apps/a.yaml": "3", "apps/b.yaml": "b" });
      expect(await revert(user, repo, { to: good })).toBe("M\tapps/a.yaml\nD\tapps/b.yaml");
      expect(await user.git("show", "--no-patch", "--format=%s")).toBe('Go back to "good"');
      const error = await failure(planRevert(repo, { ...request, to: good }, signal()));
      expect(error.code).toBe("nothing-to-revert");
    }));

  test("does not go back to a commit that has no such folder", () =>
    using(async (user, repo) => {
      const before = await user.commit({ "docs/d.md": "d" });
      await user.commit({ "apps/a.yaml": "1" });
      const error = await failure(planRevert(repo, { ...request, to: before }, signal()));
      expect(error.code).toBe("no-such-path");
    }));
});
