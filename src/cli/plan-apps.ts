import type { App } from "../model/kinds.gen.ts";
import { CliError } from "./cli-error.ts";
import type { ClusterState } from "./snapshot.ts";

/** Which Apps are asked for. */
export interface AppChoice {
  /** Apps that are planned; all that the change touches, when empty. */
  readonly apps: readonly string[];
  /** A checkout that the revisions are read from, in place of the App's repository. */
  readonly repo?: string;
  /** Only Apps that follow this branch. */
  readonly branch?: string;
}

/** Apps that a plan may touch. */
export interface Selected {
  /** The Apps of one repository. */
  readonly apps: readonly App[];
  readonly repo: string;
  readonly notes: readonly string[];
}

/** The Apps that are asked for and of one repository; a note for each that is left out. Pure. */
export function selectApps(
  state: ClusterState,
  { apps: wanted, repo, branch }: AppChoice,
): Selected {
  const all = state.objects.filter((object): object is App => object.kind === "App");
  if (all.length === 0)
    throw new CliError("Cannot plan for a cluster without an App", {
      cure: "make one: berth up --repo PATH",
    });
  const names = all.map(({ metadata }) => `"${metadata.name}"`).join(", ");
  for (const name of wanted) {
    if (!all.some(({ metadata }) => metadata.name === name))
      throw new CliError(`Cannot find an App "${name}"`, { cure: `there is ${names}` });
  }
  const named =
    wanted.length === 0 ? all : all.filter(({ metadata }) => wanted.includes(metadata.name));
  const repos = [...new Set(named.map(({ spec }) => spec.repo))];
  const first = named.find(({ metadata }) => metadata.name === "root")?.spec.repo ?? repos[0] ?? "";
  const own =
    repo === undefined ? first : (repos.find((other) => isSameRepo(other, repo)) ?? first);
  const notes: string[] = [];
  const apps = named.filter(({ metadata, spec }) => {
    const why = leftOut(spec, own, branch);
    if (why !== undefined) notes.push(`App ${metadata.name} is left out: ${why}`);
    return why === undefined;
  });
  return { apps, repo: own, notes };
}

function leftOut(spec: App["spec"], repo: string, branch: string | undefined): string | undefined {
  if (!isSameRepo(spec.repo, repo))
    return `it is of another repository (${spec.repo.replace(/\/\/[^/@]*@/, "//")})`;
  if (branch !== undefined && spec.branch !== branch)
    return `it follows branch "${spec.branch}", not "${branch}"`;
  const fixed = spec.commit ?? spec.tag ?? spec.semver ?? spec.ref;
  if (branch !== undefined && fixed !== undefined)
    return `it follows ${fixed}, which a merge does not move`;
  return undefined;
}

/** Whether two addresses mean one repository: HTTPS or SSH, with and without `.git`. Pure. */
export function isSameRepo(a: string, b: string): boolean {
  return plainAddress(a) === plainAddress(b);
}

function plainAddress(address: string): string {
  const scp = /^(?:[^/@:]+@)([^/:]+):(.*)$/.exec(address);
  const url = /^[a-z+]+:\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.*)$/i.exec(address);
  const [, host = "", path = address] = scp ?? url ?? [];
  return `${host.toLowerCase()}/${path.replace(/\.git\/?$/, "").replaceAll(/^\/+|\/+$/g, "")}`;
}
