import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { openDirectSources } from "../../src/sync/direct-sources.ts";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

/** Makes a tree object from lines of `git ls-tree`. */
async function makeTree(dir: string, lines: string, ...flags: string[]): Promise<string> {
  const child = spawn("git", ["mktree", ...flags], {
    cwd: dir,
    stdio: ["pipe", "pipe", "inherit"],
  });
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

for (const engine of ["git", "isomorphic"] as const) {
  test(`${engine} refuses a file of 2 GB by its size, and reads none of it`, PATIENCE, async () => {
    await using dir = await tempDir();
    const user = await new GitUser(join(dir.path, "repo")).init();
    await user.commit({ "a.yaml": "a" });
    const huge = "ab".repeat(20);
    await mkdir(join(user.dir, ".git/objects/ab"), { recursive: true });
    // Its head says 2 GB; what follows is only ever looked at by somebody who reads it.
    const loose = deflateSync(Buffer.from(`blob ${2 ** 31}\0apiVersion: v1\n`));
    await writeFile(join(user.dir, ".git/objects/ab", huge.slice(2)), loose);
    const tree = await makeTree(user.dir, `100644 blob ${huge}\tbig.yaml\n`, "--missing");
    const commit = await user.git("commit-tree", tree, "-m", "big");
    const sources = openDirectSources({
      mirrorDir: join(dir.path, "m"),
      engine,
      loadManifests,
      logger: silentLogger,
    });
    const location = { repo: user.dir, branch: "main", path: ".", namespace: "default" };
    const before = process.memoryUsage().rss;
    const error = await failure(sources.load(location, commit, signal()));
    expect(error.code).toBe("too-large");
    expect(error.message).toMatch(/"big\.yaml".* 2147483648 /);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    await sources.close();
  });
}
