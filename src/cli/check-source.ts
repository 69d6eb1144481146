import type { Access } from "../sync/access.ts";
import { GitError } from "../sync/git.ts";
import { openRepository } from "../sync/open-repository.ts";
import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";

export interface SourceToCheck {
  readonly repo: string;
  readonly branch: string;
  readonly path: string;
  readonly access?: Access;
}

/** Refuses a repository, branch or path that is not there, before anything is started. */
export async function checkSource(
  source: SourceToCheck,
  dir: DataDir,
  signal: AbortSignal,
): Promise<void> {
  try {
    await using repository = await opened(source.repo, dir, signal, source.access);
    const head = await repository.git.head(source.branch, signal);
    const tree = await repository.git.treeId(head.id, source.path, signal);
    const entries = await repository.git.listTree(tree, signal);
    if (entries.some(({ path }) => /\.(ya?ml|json)$/.test(path))) return;
    const where = source.path === "." ? `"${source.repo}"` : `"${source.path}" of "${source.repo}"`;
    throw new CliError(`Cannot find a manifest in ${where} (branch "${source.branch}")`, {
      cure: "commit a .yaml file there, or name the folder that has them: --path DIR",
    });
  } catch (error) {
    throw asCliError(error);
  }
}

/** Git's refusals as messages for the terminal. */
export function asCliError(error: unknown): unknown {
  return error instanceof GitError ? new CliError(error.message, { cause: error }) : error;
}

/** A repository that is closed at the end of its block. */
export async function opened(
  repo: string,
  dir: Pick<DataDir, "mirrors">,
  signal: AbortSignal,
  access?: Access,
): Promise<AsyncDisposable & { readonly git: Awaited<ReturnType<typeof openRepository>> }> {
  const given = access === undefined ? {} : { access };
  const options = { mirrorDir: dir.mirrors, engine: "auto" as const, ...given };
  const git = await openRepository(repo, options, signal);
  return { git, [Symbol.asyncDispose]: () => git.close() };
}
