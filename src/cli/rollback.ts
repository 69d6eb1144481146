import { execFile } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { createInterface } from "node:readline/promises";
import { promisify } from "node:util";
import { BERTH_PATHS, type ApiClient } from "../client/client.ts";
import { proposeRevert } from "../controller/revert-propose.ts";
import type { App, Secret } from "../model/kinds.gen.ts";
import type { Access } from "../sync/access.ts";
import { GitError, type Commit, type FileChange, type GitRepository } from "../sync/git.ts";
import { listNames } from "../sync/git-refusals.ts";
import { changedOutside, newestChange } from "../sync/newest-change.ts";
import { planRevert, revertTrailers, type RevertPlan } from "../sync/revert.ts";
import { asCliError, opened } from "./check-source.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { getApp } from "./get-app.ts";
import { plan } from "./plan.ts";
import { accessOfApp } from "./repo-access.ts";
import { shortId } from "./table.ts";
import type { Output } from "./validate.ts";

const run = promisify(execFile);

export interface RollbackOptions {
  readonly app: string;
  /** Go back to the content of this commit. */
  readonly to: string | undefined;
  /** Undo this one commit, wherever it is. */
  readonly commit: string | undefined;
  /** In place of the first lines of the commit's message. */
  readonly message: string | undefined;
  /** Only say which files would change. */
  readonly dryRun: boolean;
  /** Only say what the commit would do in the cluster. */
  readonly plan: boolean;
  /** Ask nobody. */
  readonly yes: boolean;
  readonly isColoured: boolean;
}

/**
 * Makes the commit that undoes the App's newest one, or that goes back to an older one, and lets Berth see it. Resolves
 * with the exit code: of a plan its own.
 */
export async function rollback(
  dir: DataDir,
  options: RollbackOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  return withClient(dir, async (client) => {
    const app = await getApp(client, options.app, signal);
    checkWritable(app);
    try {
      const access = await accessTo(app, client, signal);
      await using repository = await opened(app.spec.repo, dir, signal, access);
      const draft = await makeDraft(repository.git, app, options, signal);
      for (const note of draft.notes) output.err(`note: ${note}`);
      if (options.plan) return await planDraft(dir, draft, options, output, signal);
      if (options.dryRun) return tellFiles(draft, output);
      if (!(await agreed(draft, options, output, signal))) return 1;
      await bring(repository.git, { app, draft, access }, output, signal);
    } catch (error) {
      throw asCliError(error);
    }
    await client.request("POST", BERTH_PATHS.sync, {}, signal);
    return 0;
  });
}

/** A revert that is made, and on no branch yet. */
interface Draft {
  readonly branch: string;
  readonly commit: Commit;
  readonly changes: readonly FileChange[];
  /** The commit that is undone, or else the head that is left. */
  readonly bad: string;
  /** For people: `undoes 1234 "subject"`. */
  readonly what: string;
  readonly notes: readonly string[];
}

async function makeDraft(
  git: GitRepository,
  app: App,
  options: RollbackOptions,
  signal: AbortSignal,
): Promise<Draft> {
  const { branch, path } = app.spec;
  const base = { branch, path, app: app.metadata.name };
  const request =
    options.to === undefined
      ? { ...base, commit: options.commit ?? (await newest(git, app, signal)) }
      : { ...base, to: options.to };
  const { target, ...planned } = await planRevert(git, request, signal);
  const bad = options.to === undefined ? target.id : planned.parent;
  const subject = target.message.split("\n", 1)[0] ?? "";
  const outside = options.to === undefined ? await changedOutside(git, target, path, signal) : [];
  const notes =
    outside.length === 0
      ? []
      : [
          `commit ${shortId(target.id)} also changed ${listNames(outside, outside.length)}, outside of folder "${path}": that stays`,
        ];
  const message = messageOf(planned, app, bad, options.message);
  const commit = await git.compose({ ...planned, message, author: await author() }, signal);
  const verb = options.to === undefined ? "undoes" : "goes back to";
  const what = `${verb} ${shortId(target.id)} "${subject}"`;
  return { branch, commit, changes: planned.changes, bad, what, notes };
}

function messageOf(
  planned: Pick<RevertPlan, "message">,
  app: App,
  bad: string,
  text: string | undefined,
): string {
  if (text === undefined) return planned.message;
  const trailers = revertTrailers(app.metadata.name, bad);
  return `${text.trim()}\n\nThis reverts commit ${bad}.\n\n${trailers}\n`;
}

async function newest(git: GitRepository, { spec }: App, signal: AbortSignal): Promise<string> {
  const { branch, path } = spec;
  const found = await newestChange(git, await git.head(branch, signal), path, signal);
  if (found !== undefined) return found.id;
  throw new CliError(`Cannot find a commit of branch "${branch}" that changed "${path}"`, {
    cure: "name the commit to go back to: berth rollback --to COMMIT",
  });
}

async function planDraft(
  dir: DataDir,
  { commit }: Draft,
  { app, isColoured }: RollbackOptions,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const request = {
    target: commit.id,
    apps: [app],
    snapshot: undefined,
    output: "text",
    name: "default",
    isColoured,
  } as const;
  return plan(dir, request, output, signal);
}

function tellFiles({ branch, what, changes }: Draft, { out }: Output): number {
  out(`would commit to ${branch}: ${what}`);
  for (const { content, path } of changes)
    out(`  ${content === null ? "remove" : "write "} ${path}`);
  return 0;
}

/** Asks at a terminal; programs have said what they want. */
async function agreed(
  draft: Draft,
  { yes }: RollbackOptions,
  output: Output,
  signal: AbortSignal,
): Promise<boolean> {
  if (yes || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  tellFiles(draft, output);
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await lines.question("Commit and push this? [y/N] ", { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** Onto the branch; where it takes no push, or people must agree first, as a pull request. */
async function bring(
  git: GitRepository,
  { app, draft, access }: { app: App; draft: Draft; access: Access | undefined },
  { out }: Output,
  signal: AbortSignal,
): Promise<void> {
  const { branch, commit, changes, what } = draft;
  let why = `App "${app.metadata.name}" takes writes as pull requests`;
  if (app.spec.write !== "pull-request") {
    try {
      await git.publish({ branch, commit, changes }, signal);
      out(`committed ${shortId(commit.id)} to ${branch}: ${what}`);
      out("watch it roll out: berth status");
      return;
    } catch (error) {
      if (!(error instanceof GitError) || error.code !== "rejected") throw error;
      why = error.message;
    }
  }
  const { repo, path, namespace } = app.spec;
  const location = { repo, branch, path, namespace, ...(access === undefined ? {} : { access }) };
  const sources = {
    publish: (_: unknown, publication: Parameters<GitRepository["publish"]>[0]) =>
      git.publish(publication, signal),
  };
  out(`not on ${branch} yet: ${why}`);
  out(await proposeRevert(location, draft, draft.bad, { sources }, signal));
}

function checkWritable({ metadata, spec }: App): void {
  const { name } = metadata;
  if (spec.write === "deny")
    throw new CliError(`Cannot roll back App "${name}": it takes no writes (write: deny)`, {
      cure: "make the revert yourself with `git revert`, and push it",
    });
  const followed = (["tag", "semver", "commit", "ref"] as const).find(
    (field) => spec[field] !== undefined,
  );
  if (followed === undefined) return;
  throw new CliError(
    `Cannot roll back App "${name}": it follows ${followed} "${String(spec[followed])}" and no branch`,
    { cure: "point the App at another revision" },
  );
}

async function accessTo(
  app: App,
  client: ApiClient,
  signal: AbortSignal,
): Promise<Access | undefined> {
  const { secretRef } = app.spec;
  if (secretRef === undefined) return undefined;
  const { namespace, name } = secretRef;
  const ref = { apiVersion: "v1", kind: "Secret", namespace, name };
  return accessOfApp(app, [await client.get<Secret>(ref, signal)]);
}

/** Who Git says the user is; else who the machine says. */
async function author(): Promise<{ readonly name: string; readonly email: string }> {
  const fallback = userInfo().username;
  const [name, email] = await Promise.all([gitConfig("user.name"), gitConfig("user.email")]);
  return { name: name ?? fallback, email: email ?? `${fallback}@${hostname()}` };
}

async function gitConfig(key: string): Promise<string | undefined> {
  try {
    const { stdout } = await run("git", ["config", "--get", key]);
    return stdout.trim() === "" ? undefined : stdout.trim();
  } catch {
    return undefined;
  }
}
