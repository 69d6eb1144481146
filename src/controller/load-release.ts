import type { App, Release } from "../model/kinds.gen.ts";
import { refKey, refOf } from "../model/meta.ts";
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
  if (release.spec.returnsFrom === undefined) return loaded.manifests;
  // Jobs that had finished and are gone are not run again by going back.
  const declared = new Set(release.status.inventory.map(refKey));
  return loaded.manifests.filter(({ object }) => declared.has(refKey(refOf(object))));
}
