import { join } from "node:path";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { describeGitRepository, type Origin } from "../support/git-contract.ts";
import { describeGitRefs } from "../support/git-refs-contract.ts";
import { GitUser } from "../support/git-fixture.ts";

const ENGINES = { git: openWithGit, isomorphic: openWithIsomorphic };

for (const [engine, open] of Object.entries(ENGINES)) {
  const make = async (dir: string): Promise<Origin> => {
    const user = await new GitUser(join(dir, "repo")).init();
    return {
      repo: user.dir,
      user,
      publish: async () => undefined,
      headOf: (branch) => user.git("rev-parse", branch),
      open: (signal) => open(user.dir, { mirrorDir: join(dir, "mirrors") }, signal),
      [Symbol.asyncDispose]: async () => undefined,
    };
  };
  describeGitRepository(`${engine} on a local repository`, make);
  describeGitRefs(`${engine} on a local repository`, make);
}
