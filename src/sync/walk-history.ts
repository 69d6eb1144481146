import type { Commit } from "./git.ts";

export interface HistoryAccess {
  readonly commit: (id: string, signal: AbortSignal) => Promise<Commit>;
  /** Id of whatever is at the path in a commit; `undefined` when nothing is. */
  readonly pathId: (
    commit: Commit,
    path: string,
    signal: AbortSignal,
  ) => Promise<string | undefined>;
}

/** A walk looks at so many commits at most: a path that never changed would otherwise cost the whole history. */
const MAX_WALKED = 20_000;

/** The commits that changed a path, newest first, with Git's simplification: a merge that brought nothing is passed by. */
export async function walkHistory(
  access: HistoryAccess,
  start: Commit,
  query: { readonly path: string; readonly limit: number },
  signal: AbortSignal,
): Promise<Commit[]> {
  const waiting = [start];
  const seen = new Set([start.id]);
  const found: Commit[] = [];
  for (let walked = 0; found.length < query.limit && walked < MAX_WALKED; walked++) {
    const commit = takeNewest(waiting);
    if (commit === undefined) break;
    const parents = await Promise.all(commit.parents.map((id) => access.commit(id, signal)));
    const same =
      query.path === "." ? undefined : await findSame(access, commit, parents, query.path, signal);
    const touched =
      same === undefined && (await isThere(access, commit, parents, query.path, signal));
    if (touched) found.push(commit);
    for (const parent of same === undefined ? parents : [same]) {
      if (seen.has(parent.id)) continue;
      seen.add(parent.id);
      waiting.push(parent);
    }
  }
  return found;
}

async function findSame(
  access: HistoryAccess,
  commit: Commit,
  parents: readonly Commit[],
  path: string,
  signal: AbortSignal,
): Promise<Commit | undefined> {
  const id = await access.pathId(commit, path, signal);
  for (const parent of parents)
    if ((await access.pathId(parent, path, signal)) === id) return parent;
  return undefined;
}

/** A root commit touches only what it has. */
async function isThere(
  access: HistoryAccess,
  commit: Commit,
  parents: readonly Commit[],
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (path === "." || parents.length > 0) return true;
  return (await access.pathId(commit, path, signal)) !== undefined;
}

function takeNewest(waiting: Commit[]): Commit | undefined {
  let newest = 0;
  waiting.forEach((commit, index) => {
    if (commit.committedAt > (waiting[newest]?.committedAt ?? 0)) newest = index;
  });
  return waiting.splice(newest, 1)[0];
}
