import { appendFile, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { silentLogger } from "../base/logger.ts";
import { systemClock } from "../base/system-clock.ts";
import { createApiClient } from "../client/http-client.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import type { Problem } from "../model/problem.ts";
import { loadManifests } from "../schema/load-manifests.ts";
import { openDirectSources } from "../sync/direct-sources.ts";
import { ForgeError, type CommitStatus, type Forge } from "../sync/forge/forge.ts";
import { openForge } from "../sync/forge/open-forge.ts";
import { GitError } from "../sync/git.ts";
import { CliError } from "./cli-error.ts";
import { connect } from "./connect.ts";
import { readIfThere, type DataDir } from "./data-dir.ts";
import { formatPlan } from "./format-plan.ts";
import { formatPlanMarkdown, planMarker } from "./format-plan-markdown.ts";
import { formatConflict, formatValidation, type Validation } from "./format-pr-check.ts";
import { makePlan } from "./make-plan.ts";
import { findConcerns } from "./plan-concerns.ts";
import { countLine } from "./plan-document.ts";
import { readPlanSource } from "./plan-source.ts";
import { readCi, type CiContext, type CiFlags } from "./pr-check-env.ts";
import { findCommit, mergeResult } from "./pr-check-merge.ts";
import { readSnapshot, readState, type ClusterState } from "./snapshot.ts";
import type { Output } from "./validate.ts";
import { VERSION } from "./version.ts";

export interface PrCheckOptions extends CiFlags {
  /** The checkout. */
  readonly repo: string;
  readonly apps: readonly string[];
  readonly snapshot: string | undefined;
  /** Tells the comments and checks of several clusters apart. */
  readonly name: string;
  /** Whether what somebody should look at fails the check. */
  readonly strict: boolean;
  /** Folders to validate where there is no cluster to plan against, and the namespace of what names none. */
  readonly paths: readonly string[];
  readonly namespace: string;
}

export interface PrCheckContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly output: Output;
}

/** What a check comes to. */
interface Verdict {
  readonly isGood: boolean;
  /** For the terminal, and as a comment. */
  readonly text: string;
  readonly markdown: string;
  /** For the commit's status. */
  readonly summary: string;
}

const MAX_LINES = 200;

/**
 * Plans what merging a pull request would do, and tells it where people look. Resolves with the exit code: 0 it may be
 * merged, 1 it would be Rejected or does not merge.
 */
export async function prCheck(
  dir: DataDir,
  options: PrCheckOptions,
  { env, output }: PrCheckContext,
  signal: AbortSignal,
): Promise<number> {
  const ci = readCi(env, await readEvent(env["GITHUB_EVENT_PATH"]), options);
  const checkout = resolve(options.repo);
  const head = await need(checkout, [ci.head ?? "HEAD"], "head", signal);
  const bases = [
    ...(ci.baseBranch === undefined ? [] : [`refs/remotes/origin/${ci.baseBranch}`]),
    ci.base,
  ];
  const known = options.base === undefined ? bases : [options.base];
  const base = await need(
    checkout,
    known.filter((item) => item !== undefined),
    "base",
    signal,
  );
  const verdict = await check(dir, options, { env, ci, checkout, base, head }, signal);
  await tell(verdict, options, { ci, head, output }, signal);
  return verdict.isGood ? 0 : 1;
}

interface Range {
  readonly env: PrCheckContext["env"];
  readonly ci: CiContext;
  readonly checkout: string;
  readonly base: string;
  readonly head: string;
}

async function check(
  dir: DataDir,
  options: PrCheckOptions,
  range: Range,
  signal: AbortSignal,
): Promise<Verdict> {
  const { checkout, base, head, ci, env } = range;
  const { name } = options;
  const merged = await mergeResult(checkout, base, head, signal);
  if (merged.kind === "conflict") {
    const { text, markdown } = formatConflict(
      merged.files,
      ci.baseBranch ?? base.slice(0, 12),
      name,
    );
    return { isGood: false, text, markdown, summary: "it does not merge" };
  }
  const state = await findState(dir, options, env, signal);
  if (state === undefined) {
    const found = await validateTree(dir, checkout, merged.commit, options, signal);
    const { text, markdown } = formatValidation(found, name, VERSION);
    const count = found.problems.length;
    const summary = count === 0 ? "valid; not planned" : `${count} problems; not planned`;
    return { isGood: count === 0, text, markdown, summary };
  }
  const request = {
    target: `${base}..${merged.commit}`,
    apps: options.apps,
    repo: checkout,
    isMergeResult: true,
    ...(ci.baseBranch === undefined ? {} : { branch: ci.baseBranch }),
  };
  const source = await readPlanSource(dir, state, request, signal);
  const target = { ...source.target, name: `commit ${head.slice(0, 12)}` };
  const plan = makePlan(state, { ...source, target }, VERSION);
  const isRejected = plan.outcome === "rejected";
  const concerns = findConcerns(plan);
  return {
    isGood: !isRejected && !(options.strict && concerns.length > 0),
    text: formatPlan(plan, { maxLines: MAX_LINES, isColoured: false }),
    markdown: formatPlanMarkdown(plan, name),
    summary: plan.outcome === "unchanged" ? "no change" : [countLine(plan), ...concerns].join("; "),
  };
}

/** The cluster to plan against: a saved one, the one of a kubeconfig, the one of this machine, or none. */
async function findState(
  dir: DataDir,
  { snapshot }: PrCheckOptions,
  env: PrCheckContext["env"],
  signal: AbortSignal,
): Promise<ClusterState | undefined> {
  const saved = snapshot ?? env["BERTH_SNAPSHOT"];
  if (saved !== undefined && saved !== "") return readSnapshot(saved);
  const given = env["BERTH_KUBECONFIG"];
  const text =
    given === undefined || given === ""
      ? undefined
      : given.includes("\n")
        ? given
        : await readFile(given, "utf8");
  const isHere = text === undefined && (await readIfThere(dir.kubeconfig)) !== undefined;
  if (text === undefined && !isHere) return undefined;
  const client = text === undefined ? await connect(dir) : createApiClient(readKubeconfig(text));
  try {
    return await readState(client, systemClock.now(), signal);
  } finally {
    client.close();
  }
}

async function validateTree(
  dir: DataDir,
  checkout: string,
  commit: string,
  { paths, namespace }: PrCheckOptions,
  signal: AbortSignal,
): Promise<Validation> {
  const settings = {
    mirrorDir: dir.mirrors,
    engine: "auto",
    loadManifests,
    logger: silentLogger,
  } as const;
  const sources = openDirectSources(settings);
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  let objects = 0;
  try {
    for (const path of paths) {
      const location = { repo: checkout, branch: "", path, namespace };
      const { loaded } = await sources.load(location, commit, signal);
      problems.push(...loaded.problems);
      warnings.push(...loaded.warnings);
      objects += loaded.manifests.length;
    }
  } catch (error) {
    if (error instanceof GitError) throw new CliError(error.message, { cause: error });
    throw error;
  } finally {
    await sources.close();
  }
  return { problems, warnings, objects };
}

/** Writes it down wherever there is a place. A server that refuses is told of; the check stands all the same. */
async function tell(
  { text, markdown, summary, isGood }: Verdict,
  { name }: PrCheckOptions,
  { ci, head, output }: { readonly ci: CiContext; readonly head: string; readonly output: Output },
  signal: AbortSignal,
): Promise<void> {
  const { forge: place, token, number, summaryFile, runUrl } = ci;
  if (summaryFile !== undefined) await appendFile(summaryFile, `${markdown}\n`);
  const forge =
    place === undefined || token === undefined ? undefined : openForge({ ...place, token });
  output.out(forge === undefined || number === undefined ? markdown : text);
  if (forge === undefined) {
    if (ci.ci !== "none")
      output.err("note: there is no token, so that nothing is written to the pull request");
    return;
  }
  const status: CommitStatus = {
    commit: head,
    name: `berth/plan (${name})`,
    state: isGood ? "success" : "failure",
    description: summary,
    ...(runUrl === undefined ? {} : { url: runUrl }),
  };
  await attempt(output, () => forge.setStatus(status, signal));
  if (number !== undefined)
    await attempt(output, () => comment(forge, number, name, markdown, signal));
}

async function comment(
  forge: Forge,
  number: number,
  name: string,
  body: string,
  signal: AbortSignal,
): Promise<void> {
  await forge.upsertComment({ number, marker: planMarker(name), body }, signal);
}

async function attempt({ err }: Output, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error;
    err(`warning: ${error.message}`);
  }
}

async function need(
  checkout: string,
  revisions: readonly string[],
  what: "base" | "head",
  signal: AbortSignal,
): Promise<string> {
  const found = await findCommit(checkout, revisions, signal);
  if (found !== undefined) return found;
  const tried = revisions.length === 0 ? "" : `: tried ${revisions.join(", ")}`;
  throw new CliError(`Cannot find the ${what} of the pull request in "${checkout}"${tried}`, {
    cure: `check out the whole history (fetch-depth: 0, GIT_DEPTH: 0), or name it: --${what} REVISION`,
  });
}

async function readEvent(path: string | undefined): Promise<unknown> {
  if (path === undefined || path === "") return undefined;
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`Cannot read the event in "${path}": it is no JSON`, { cause: error });
  }
}
