import type { App, Release } from "../model/kinds.gen.ts";
import type { Manifest } from "../schema/manifest.ts";
import type { AppContext } from "./app-context.ts";
import { locationOf } from "./app-location.ts";

/** The manifests of a release, which may be of a folder that the App has left since. Throws `GitError`. */
export async function loadRelease(
  app: App,
  release: Release,
  context: AppContext,
  signal: AbortSignal,
): Promise<readonly Manifest[]> {
  const { repo, path, commit } = release.spec;
  const location = { ...locationOf(app, context.objects), repo, path };
  const { loaded } = await context.sources.load(location, commit, signal);
  return loaded.manifests;
}
