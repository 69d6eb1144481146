import { SOURCE_ANNOTATION } from "../model/app.ts";
import type { App } from "../model/kinds.gen.ts";
import { formatRef, type ApiObject } from "../model/meta.ts";
import type { WriteRequest } from "../model/write-request.ts";
import { isRemote, parseRemote, redactCredentials } from "../sync/git-url.ts";
import { ForgeError, type ForgeOptions } from "../sync/forge/forge.ts";
import { forgeOfUrl, openForge } from "../sync/forge/open-forge.ts";
import type { SourceLocation } from "../sync/source.ts";
import type { WritableSources } from "../sync/write/writable-sources.ts";
import type { Draft } from "./commit-writes-batch.ts";
import { refused, type Refused } from "./commit-writes-refusal.ts";

export interface ProposeContext {
  readonly sources: WritableSources;
  /** The repository's server, where its address alone does not tell. */
  readonly forgeOf?: (repo: string) => Omit<ForgeOptions, "token"> | undefined;
}

/** Why an App takes no such write, with what to do instead. */
export function checkPolicy(
  app: App,
  stored: ApiObject | undefined,
  { ref }: WriteRequest,
): Refused | undefined {
  const { name } = app.metadata;
  const { write, suspend, path } = app.spec;
  const source = stored?.metadata.annotations?.[SOURCE_ANNOTATION];
  if (write === "deny") {
    const cure =
      source === undefined
        ? `add a manifest of ${formatRef(ref)} to its folder "${path}" and commit it`
        : `edit ${source} and commit it`;
    return refused("forbidden", `App "${name}" takes no writes (write: deny): ${cure}`);
  }
  const followed = (["tag", "semver", "commit", "ref"] as const).find(
    (field) => app.spec[field] !== undefined,
  );
  if (followed !== undefined) {
    const value = String(app.spec[followed]);
    return refused(
      "blocked",
      `App "${name}" follows ${followed} "${value}" and no branch: commit to the branch that it is made from`,
    );
  }
  if (suspend === true)
    return refused(
      "blocked",
      `App "${name}" is suspended: a commit would not be applied; set its field suspend to false first`,
    );
  return undefined;
}

/** Pushes the commit as a branch of its own and opens a pull request; says what was done and what is left to do. */
export async function propose(
  app: App,
  { commit, changes }: Draft,
  location: SourceLocation,
  { sources, forgeOf = forgeOfUrl }: ProposeContext,
  signal: AbortSignal,
): Promise<string> {
  const branch = `berth/${commit.id.slice(0, 10)}`;
  await sources.publish(location, { branch, commit, changes, isNew: true }, signal);
  const base = location.branch;
  const done = `not applied: App "${app.metadata.name}" takes writes as pull requests; `;
  if (!isRemote(location.repo)) {
    return `${done}branch "${branch}" holds the change: merge it with \`git merge ${branch}\` on branch "${base}"`;
  }
  const pushed = `${done}branch "${branch}" was pushed`;
  const forge = forgeOf(location.repo);
  const token = tokenOf(location);
  const open = `open a pull request from it to "${base}"`;
  if (forge === undefined)
    return `${pushed}: ${open} (the server ${redactCredentials(location.repo)} is none that Berth knows)`;
  if (token === undefined)
    return `${pushed}: ${open}, or give the App a secretRef with a token, so that Berth can do it`;
  const [title = "", ...rest] = commit.message.trimEnd().split("\n");
  try {
    const client = openForge({ ...forge, token });
    const request = { head: branch, base, title, body: rest.join("\n").trim() };
    const { url } = await client.openPullRequest(request, signal);
    return `${done}pull request ${url} proposes the change: merge it`;
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    return `${pushed}: ${open}; Berth could not: ${error.message}`;
  }
}

/** What the repository's server knows Berth by: a password of Git over HTTPS is a token there. */
export function tokenOf({ repo, access }: SourceLocation): string | undefined {
  const given = access?.bearerToken ?? access?.password;
  if (given !== undefined || !/^https?:/i.test(repo)) return given;
  return parseRemote(repo).credentials?.password;
}
