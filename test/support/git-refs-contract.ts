import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GitRepository } from "../../src/sync/git.ts";
import { lookUp } from "../../src/sync/look-up.ts";
import type { Wanted } from "../../src/sync/source.ts";
import { failure, type MakeOrigin, type Origin } from "./git-contract.ts";
import { type TempDir, tempDir } from "./git-fixture.ts";

const PATIENCE = { timeout: 30_000 };
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** What every engine must do about refs of any kind, on local repositories and on remotes alike. */
export function describeGitRefs(name: string, make: MakeOrigin): void {
  describe(`${name} keeps the contract of refs`, PATIENCE, () => {
    let dir: TempDir;
    let origin: Origin;
    let repo: GitRepository;
    const ids: Record<string, string> = {};

    beforeEach(async () => {
      dir = await tempDir();
      origin = await make(dir.path);
      const { user } = origin;
      ids["one"] = await user.commit({ "a.yaml": "1" });
      await user.git("tag", "v1.2.0");
      ids["two"] = await user.commit({ "a.yaml": "2" });
      await user.git("tag", "-a", "v1.10.0", "-m", "annotated");
      await user.git("tag", "v2.0.0-rc.1");
      ids["three"] = await user.commit({ "a.yaml": "3" });
      await user.git("branch", "other", ids["one"] ?? "");
      await origin.publish("v1.2.0", "v1.10.0", "v2.0.0-rc.1");
      repo = await origin.open(signal());
    });
    afterEach(async () => {
      await repo.close();
      await origin[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    });

    async function told(...wanted: readonly Wanted[]): Promise<readonly string[]> {
      const found = await lookUp(repo, "repo", wanted, signal());
      return found.map((one) =>
        one instanceof Error
          ? `${one.code}: ${one.message}`
          : (Object.entries(ids).find(([, id]) => id === one.id)?.[0] ?? one.id),
      );
    }

    test("branches, tags, ranges, commits and refs of one look", async () => {
      expect(
        await told(
          { kind: "branch", name: "main" },
          { kind: "branch", name: "other" },
          { kind: "tag", name: "v1.2.0" },
          { kind: "tag", name: "v1.10.0" },
          { kind: "semver", range: ">=1.2.0 <2" },
          { kind: "semver", range: "1.2.x" },
          { kind: "commit", id: ids["one"] ?? "" },
          { kind: "ref", name: "refs/tags/v1.10.0" },
        ),
      ).toEqual(["three", "one", "one", "two", "two", "one", "one", "two"]);
    });

    test("what is not there is one App's trouble, and says what is there", async () => {
      const [branch, tag, range, bad, ref, commit, good] = await told(
        { kind: "branch", name: "mian" },
        { kind: "tag", name: "v9" },
        { kind: "semver", range: ">=3" },
        { kind: "semver", range: "newest" },
        { kind: "ref", name: "main" },
        { kind: "commit", id: "1".repeat(40) },
        { kind: "branch", name: "main" },
      );
      expect(branch).toMatch(/^no-such-branch: .*branches there: .*"main"/);
      expect(tag).toMatch(/^no-such-commit: .*"v9"/);
      expect(range).toMatch(/^no-such-commit: .*no tag is in the range ">=3"; tags there: "v1/);
      expect(bad).toMatch(/not a range of semantic versions/);
      expect(ref).toMatch(/not the full name of a ref/);
      expect(commit).toMatch(/^no-such-commit/);
      expect(good).toBe("three");
    });

    test("a moved tag, a new tag and a rewritten branch are seen at the next look", async () => {
      const wanted: Wanted[] = [
        { kind: "tag", name: "v1.2.0" },
        { kind: "semver", range: "1.x" },
        { kind: "branch", name: "main" },
      ];
      expect(await told(...wanted)).toEqual(["one", "two", "three"]);
      const { user } = origin;
      await user.git("reset", "--hard", "--quiet", ids["one"] ?? "");
      ids["four"] = await user.commit({ "a.yaml": "4" });
      await user.git("tag", "--force", "v1.2.0");
      await user.git("tag", "v1.11.0");
      await origin.publish("--force", "v1.11.0", "v1.2.0");
      expect(await told(...wanted)).toEqual(["four", "four", "four"]);
    });

    test("listRefs() takes full names and prefixes alone", async () => {
      const listed = await repo.listRefs(["refs/heads/*", "refs/tags/v1.2.0"], signal());
      expect([...listed.keys()].toSorted()).toEqual([
        "refs/heads/main",
        "refs/heads/other",
        "refs/tags/v1.2.0",
      ]);
      for (const bad of ["main", "--upload-pack=id", "refs/heads/a b", "refs/../x"])
        expect((await failure(repo.listRefs([bad], signal()))).code).toBe("no-such-branch");
    });

    test("unpin() lets go of what pin() kept, and of nothing else", async () => {
      const { two = "" } = ids;
      await repo.pin("deployed/root/1", two, signal());
      await repo.pin("deployed/root/2", two, signal());
      await repo.unpin("deployed/root/1", signal());
      await repo.unpin("deployed/root/1", signal());
      const kept = await Promise.all(
        ["refs/berth/deployed/root/1", "refs/berth/deployed/root/2"].map((ref) =>
          repo.resolve(ref, signal()).then(
            ({ id }) => id,
            () => "gone",
          ),
        ),
      );
      if (origin.repo === origin.user.dir) expect(kept).toEqual(["gone", two]);
      expect((await failure(repo.unpin("../x", signal()))).message).toContain("not a valid name");
    });
  });
}
