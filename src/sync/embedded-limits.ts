import { join } from "node:path";
import { notARepository } from "./git-refusals.ts";
import type { Remote } from "./git-url.ts";
import { GitError } from "./git.ts";
import { type Layout, readPointer } from "./repository-layout.ts";

/** The formats that only the git binary reads are refused by name, rather than read as an empty repository. */
export async function refuseForeignFormats({ repo, commonDir }: Layout): Promise<void> {
  const config = (await readPointer(join(commonDir, "config"))) ?? "";
  const format = /^\s*(?:objectformat\s*=\s*sha256|refstorage\s*=\s*reftable)/im.exec(config)?.[0];
  if (format !== undefined)
    throw notARepository(repo, `the embedded engine does not read "${format.trim()}"; install git`);
  if ((await readPointer(join(commonDir, "objects/info/alternates"))) !== undefined)
    throw notARepository(
      repo,
      "it borrows objects from another repository, which the embedded engine does not follow; install git",
    );
}

/** What the embedded engine cannot do is refused by name. */
export function refuseFiles({ url, ssh, ca }: Remote): void {
  if (ssh === undefined && ca === undefined) return;
  const what = ssh === undefined ? 'take a "ca.crt"' : "speak SSH";
  throw new GitError(
    "invalid-url",
    `Cannot open repository "${url}": the embedded engine does not ${what}; install git on the machine of the control plane`,
  );
}
