import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findGit, Git } from "./git-process.ts";
import { ownUser } from "./owner.ts";

/** Three versions of a text: `ours` and `theirs` both grew from `base`. */
export interface MergeInput {
  readonly ours: Uint8Array;
  readonly base: Uint8Array;
  readonly theirs: Uint8Array;
}

/** Merges as `git merge` would. `undefined` when the changes overlap, the file is binary, or there is no `git`. */
export async function mergeFile(
  { ours, base, theirs }: MergeInput,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if ((await findGit(signal)) === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "berth-merge-"));
  try {
    const paths = {
      ours: join(folder, "ours"),
      base: join(folder, "base"),
      theirs: join(folder, "theirs"),
    };
    await Promise.all([
      writeFile(paths.ours, ours),
      writeFile(paths.base, base),
      writeFile(paths.theirs, theirs),
    ]);
    const git = new Git({ repo: folder, gitDir: folder, workTree: undefined, owner: ownUser() });
    const args = ["merge-file", "-p", "-q", paths.ours, paths.base, paths.theirs];
    const { code, stdout } = await git.run({ args }, signal);
    return code === 0 ? stdout : undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
