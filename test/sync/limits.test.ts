import { spawn } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

/** Makes a tree object from lines of `git ls-tree`. */
async function makeTree(dir: string, lines: string): Promise<string> {
  const child = spawn("git", ["mktree"], { cwd: dir, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(lines);
  let id = "";
  for await (const chunk of child.stdout) id += String(chunk);
  return id.trim();
}

for (const [engine, open] of Object.entries({ git: openWithGit, isomorphic: openWithIsomorphic })) {
  test.for([
    ["ten million files", "a.yaml"],
    ["ten million empty folders", undefined],
  ] as const)(
    `${engine} refuses %s in a few kilobytes of objects, within bounds`,
    PATIENCE,
    async ([, file]) => {
      await using dir = await tempDir();
      const user = await new GitUser(join(dir.path, "repo")).init();
      await user.commit({ "a.yaml": "a" });
      const blob = await user.git("rev-parse", "HEAD:a.yaml");
      let tree = await makeTree(
        user.dir,
        file === undefined ? "" : `100644 blob ${blob}\t${file}\n`,
      );
      for (let level = 0; level < 7; level++) {
        const lines = Array.from({ length: 10 }, (_, index) => `040000 tree ${tree}\td${index}\n`);
        tree = await makeTree(user.dir, lines.join(""));
      }
      const repo = await open(user.dir, { mirrorDir: join(dir.path, "m") }, signal());
      const before = process.memoryUsage().rss;
      const error = await failure(repo.listTree(tree, signal()));
      expect(error.code).toBe("too-large");
      expect(error.message).toContain("give a smaller folder");
      expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
      await repo.close();
    },
  );
}
