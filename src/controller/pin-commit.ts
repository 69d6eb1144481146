import type { App, Release } from "../model/kinds.gen.ts";
import { GitError } from "../sync/git.ts";
import type { AppContext } from "./app-context.ts";
import { locationOf } from "./app-location.ts";

/** The ref below `refs/berth/` that keeps the commit of a release. Pure. */
export function pinName({ spec }: Release): string {
  return `deployed/${spec.app}/${spec.sequence}`;
}

/**
 * Keeps the commit of a release from being collected after a force-push: it may have to be read again, or gone back to.
 * A repository that we may not write to is no reason not to go on.
 */
export async function pinCommit(
  app: App,
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<void> {
  const { commit, repo, path } = release.spec;
  try {
    const location = { ...locationOf(app, context.objects), repo, path };
    await context.sources.pin(location, pinName(release), commit, signal);
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    context.logger.warn(
      { app: release.spec.app, commit, error: error.message },
      "commit not pinned",
    );
  }
}
