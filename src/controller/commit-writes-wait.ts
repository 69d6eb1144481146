import type { App, Release } from "../model/kinds.gen.ts";
import type { Commit } from "../sync/git.ts";
import { releasesOf } from "../planner/release-rules.ts";
import type { AppContext } from "./app-context.ts";
import { getApp } from "./app-context.ts";
import { refused, type Refused } from "./commit-writes-refusal.ts";

export interface AwaitedCommit {
  readonly commit: Commit;
  /** Commits that are known to come before it. */
  readonly older: ReadonlySet<string>;
}

/**
 * Resolves once the App's loop has put the commit, or a later one, into the store; with a refusal when it was Rejected
 * or Held.
 */
export async function untilApplied(
  app: string,
  { commit, older }: AwaitedCommit,
  context: Pick<AppContext, "objects" | "world">,
  signal: AbortSignal,
): Promise<Refused | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Refused | undefined>();
  const look = (): void => {
    const state = stateOf(app, { commit, older }, context);
    if (state === "applied") resolve(undefined);
    else if (state !== "waiting") resolve(state);
  };
  const unsubscribe = context.objects.subscribe(({ object }) => {
    if (object.kind === "Release" || object.kind === "App") look();
  });
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    look();
    return await promise;
  } finally {
    unsubscribe();
    signal.removeEventListener("abort", abort);
  }
}

function stateOf(
  name: string,
  { commit, older }: AwaitedCommit,
  context: Pick<AppContext, "objects" | "world">,
): "applied" | "waiting" | Refused {
  const app = getApp(name, context);
  if (app === undefined) return "waiting";
  const all = context.world.list("berth.dev/v1", "Release") as readonly Release[];
  const releases = releasesOf(all, name);
  const own = releases.findLast(({ spec }) => spec.commit === commit.id);
  const { phase, message = "" } = own?.status ?? {};
  if (phase === "Rejected" || phase === "Held") {
    const short = commit.id.slice(0, 12);
    return refused("blocked", `commit ${short} is ${phase}: ${message}`);
  }
  if (own?.status.applied === true) return "applied";
  if (own !== undefined && phase === "Superseded") return "applied";
  const latest = releases.at(-1);
  if (latest === undefined) return "waiting";
  return isLater(latest, commit, older) || isSameContent(app, latest, commit)
    ? "applied"
    : "waiting";
}

/** A commit that came on top of ours meanwhile carries it. */
function isLater({ spec, status }: Release, commit: Commit, older: ReadonlySet<string>): boolean {
  const isOlder = older.has(spec.commit) || Date.parse(spec.committedAt) < commit.committedAt;
  return status.applied === true && spec.commit !== commit.id && !isOlder;
}

/** Content that was there before makes no release of its own. */
function isSameContent(app: App, latest: Release, commit: Commit): boolean {
  return app.status?.seenCommit === commit.id && latest.status.applied === true;
}
