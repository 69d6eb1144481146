import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Commit } from "../../src/sync/git.ts";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { moveEmbeddedBranch } from "../../src/sync/embedded-branch.ts";
import { EmbeddedStore } from "../../src/sync/embedded-store.ts";
import { moveLocalBranch } from "../../src/sync/local-branch.ts";
import { findLayout, type Layout } from "../../src/sync/repository-layout.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, tempDir } from "../support/git-fixture.ts";

/** Real processes on a machine that may be busy. */
const PATIENCE = { timeout: 30_000 };
const signal = (): AbortSignal => AbortSignal.timeout(30_000);

type Move = (layout: Layout, from: Commit, to: Commit) => Promise<void>;

const FORMS: Readonly<Record<string, Move>> = {
  moveLocalBranch: (layout, from, to) =>
    moveLocalBranch(
      layout,
      { branch: "main", from: from.id, to: to.id, files: ["a.yaml"], reason: "test" },
      signal(),
    ),
  moveEmbeddedBranch: (layout, from, to) =>
    moveEmbeddedBranch(
      new EmbeddedStore(layout.repo, layout.commonDir, layout.owner),
      layout,
      { branch: "main", from, to, changes: [{ path: "a.yaml", content: Buffer.from("3") }] },
      signal(),
    ),
};

test.for(Object.entries(FORMS))(
  "%s() of a branch that is elsewhere by now is a conflict: files, branch and locks stay as they were",
  PATIENCE,
  async ([, move]) => {
    await using dir = await tempDir();
    const user = await new GitUser(join(dir.path, "repo")).init();
    const older = await user.commit({ "a.yaml": "1" });
    const newer = await user.commit({ "a.yaml": "3" });
    const elsewhere = await user.commit({ "b.yaml": "b" });
    // The work tree looks just as the move expects it: only the branch itself can tell.
    await user.git("reset", "--quiet", "--hard", older);
    await user.git("update-ref", "refs/heads/main", elsewhere);
    const repo = await openWithGit(user.dir, { mirrorDir: dir.path }, signal());
    const [from, to] = [await repo.commit(older, signal()), await repo.commit(newer, signal())];
    await repo.close();
    const error = await failure(move(await findLayout(user.dir), from, to));
    expect(error.code).toBe("conflict");
    expect(error.message).toContain("it has moved on");
    expect(await user.git("rev-parse", "main")).toBe(elsewhere);
    expect(await readFile(join(user.dir, "a.yaml"), "utf8")).toBe("1");
    for (const lock of ["refs/heads/main.lock", "index.lock"])
      await expect(stat(join(user.dir, ".git", lock))).rejects.toThrow("ENOENT");
  },
);
