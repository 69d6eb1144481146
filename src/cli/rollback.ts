import { execFile } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { promisify } from "node:util";
import { BERTH_PATHS } from "../client/client.ts";
import type { App } from "../model/kinds.gen.ts";
import { planRevert, type RevertRequest } from "../sync/revert.ts";
import { asCliError, opened } from "./check-source.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { getApp } from "./get-app.ts";
import { shortId } from "./table.ts";

const run = promisify(execFile);

export interface RollbackOptions {
  readonly app: string;
  readonly to: string | undefined;
  readonly dryRun: boolean;
}

/** Makes the commit that undoes the App's newest one, or that goes back to an older one, and lets Berth see it. */
export async function rollback(
  dir: DataDir,
  options: RollbackOptions,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  await withClient(dir, async (client) => {
    const app = await getApp(client, options.app, signal);
    try {
      await makeCommit(dir, app, options, print, signal);
    } catch (error) {
      throw asCliError(error);
    }
    if (!options.dryRun) await client.request("POST", BERTH_PATHS.sync, {}, signal);
  });
}

async function makeCommit(
  dir: DataDir,
  app: App,
  options: RollbackOptions,
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { repo, branch, path } = app.spec;
  await using repository = await opened(repo, dir, signal);
  const { git } = repository;
  const base = { branch, path, app: app.metadata.name };
  let request: RevertRequest;
  if (options.to === undefined) {
    const head = await git.head(branch, signal);
    const [newest] = await git.history(head.id, path, 1, signal);
    if (newest === undefined)
      throw new CliError(`Cannot find a commit of branch "${branch}" that touched "${path}"`);
    request = { ...base, commit: newest.id };
  } else {
    request = { ...base, to: options.to };
  }
  const { target, ...plan } = await planRevert(git, request, signal);
  const verb = options.to === undefined ? "undoes" : "goes back to";
  const what = `${verb} ${shortId(target.id)} "${target.message.split("\n", 1)[0] ?? ""}"`;
  if (options.dryRun) {
    print(`would commit to ${branch}: ${what}`);
    for (const change of plan.changes)
      print(`  ${change.content === null ? "remove" : "write "} ${change.path}`);
    return;
  }
  const commit = await git.write({ ...plan, author: await author() }, signal);
  print(`committed ${shortId(commit.id)} to ${branch}: ${what}`);
  print("watch it roll out: berth status");
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
