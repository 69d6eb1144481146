import type { ForgeKind, ForgeOptions } from "../sync/forge/forge.ts";

/** What a CI tells of the pull request that it runs for. */
export interface CiContext {
  readonly ci: "github" | "gitea" | "gitlab" | "none";
  /** The repository on its server, without the token. */
  readonly forge: Omit<ForgeOptions, "token"> | undefined;
  readonly token: string | undefined;
  /** Of the pull request. */
  readonly number: number | undefined;
  /** The branch that it is merged into, and its commit as the CI knows it. */
  readonly baseBranch: string | undefined;
  readonly base: string | undefined;
  /** The commit that is to be merged. */
  readonly head: string | undefined;
  /** Where people see the run. */
  readonly runUrl: string | undefined;
  /** A file that the CI shows as the run's summary. */
  readonly summaryFile: string | undefined;
}

/** What the user says in place of the CI. */
export interface CiFlags {
  readonly base?: string;
  readonly head?: string;
  readonly number?: number;
  readonly forge?: ForgeKind;
  readonly forgeUrl?: string;
  readonly project?: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Finds out where it runs. `event` is the content of `GITHUB_EVENT_PATH`, if there is one. Pure. */
export function readCi(env: Env, event: unknown, flags: CiFlags): CiContext {
  const found = env["GITLAB_CI"] === "true" ? readGitlab(env) : readActions(env, event);
  const { forge: kind, forgeUrl, project, base, head, number } = flags;
  const forge = {
    kind: kind ?? found.forge?.kind,
    apiUrl: forgeUrl ?? found.forge?.apiUrl,
    project: project ?? found.forge?.project,
  };
  const isWhole = forge.kind !== undefined && isText(forge.apiUrl) && isText(forge.project);
  return {
    ...found,
    forge: isWhole ? (forge as CiContext["forge"]) : undefined,
    token: textOf(env["BERTH_FORGE_TOKEN"]) ?? found.token,
    number: number ?? found.number,
    base: base ?? found.base,
    baseBranch: base === undefined ? found.baseBranch : (found.baseBranch ?? undefined),
    head: head ?? found.head,
  };
}

/** GitHub Actions, and what speaks as they do: Gitea's and Forgejo's. */
function readActions(env: Env, event: unknown): CiContext {
  const isGitea = env["GITEA_ACTIONS"] === "true" || env["FORGEJO_ACTIONS"] === "true";
  const isActions = env["GITHUB_ACTIONS"] === "true" || isGitea;
  if (!isActions) return NOWHERE;
  const server = textOf(env["GITHUB_SERVER_URL"]);
  const project = textOf(env["GITHUB_REPOSITORY"]);
  const run = textOf(env["GITHUB_RUN_ID"]);
  const apiUrl =
    textOf(env["GITHUB_API_URL"]) ??
    (isGitea && server !== undefined ? `${server}/api/v1` : undefined);
  const group = at(event, "merge_group.base_sha");
  return {
    ci: isGitea ? "gitea" : "github",
    forge:
      apiUrl === undefined || project === undefined
        ? undefined
        : { kind: isGitea ? "gitea" : "github", apiUrl, project },
    token: textOf(env["GITEA_TOKEN"]) ?? textOf(env["GITHUB_TOKEN"]),
    number: numberOf(at(event, "pull_request.number")),
    baseBranch: textOf(env["GITHUB_BASE_REF"]) ?? textOf(at(event, "pull_request.base.ref")),
    base: textOf(at(event, "pull_request.base.sha")) ?? textOf(group),
    head:
      textOf(at(event, "pull_request.head.sha")) ??
      textOf(at(event, "merge_group.head_sha")) ??
      textOf(env["GITHUB_SHA"]),
    runUrl:
      server === undefined || project === undefined || run === undefined
        ? undefined
        : `${server}/${project}/actions/runs/${run}`,
    summaryFile: textOf(env["GITHUB_STEP_SUMMARY"]),
  };
}

function readGitlab(env: Env): CiContext {
  const apiUrl = textOf(env["CI_API_V4_URL"]);
  const project = textOf(env["CI_PROJECT_ID"]) ?? textOf(env["CI_PROJECT_PATH"]);
  return {
    ci: "gitlab",
    forge:
      apiUrl === undefined || project === undefined
        ? undefined
        : { kind: "gitlab", apiUrl, project },
    token: textOf(env["GITLAB_TOKEN"]),
    number: numberOf(Number(env["CI_MERGE_REQUEST_IID"] ?? Number.NaN)),
    baseBranch: textOf(env["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"]),
    base:
      textOf(env["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"]) ??
      textOf(env["CI_MERGE_REQUEST_DIFF_BASE_SHA"]),
    // In a merged results pipeline CI_COMMIT_SHA is the merge already.
    head: textOf(env["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"]) ?? textOf(env["CI_COMMIT_SHA"]),
    runUrl: textOf(env["CI_JOB_URL"]),
    summaryFile: undefined,
  };
}

const NOWHERE: CiContext = {
  ci: "none",
  forge: undefined,
  token: undefined,
  number: undefined,
  baseBranch: undefined,
  base: undefined,
  head: undefined,
  runUrl: undefined,
  summaryFile: undefined,
};

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  return found;
}

function isText(value: unknown): boolean {
  return textOf(value) !== undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;
}
