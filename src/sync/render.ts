import type { KnownFiles } from "../schema/loaded-file.ts";
import type { PlainSecrets } from "../schema/rules/plain-secrets.ts";
import type { LoadedManifests, LoadManifests, SourceFile, TreeSlot } from "../schema/manifest.ts";

export interface RenderInput {
  /** Files of the App's folder that count, by path from there. */
  readonly files: readonly SourceFile[];
  readonly namespace: string;
  /** Prefix of the paths in positions. */
  readonly filePrefix: string;
  readonly known: KnownFiles;
  readonly plainSecrets: PlainSecrets;
  /** Whether to look for what only probably is a mistake between objects. */
  readonly treeWarnings: boolean;
  /** What the last tree of the same place came to; it moves on with each. */
  readonly slot: TreeSlot;
}

/**
 * Makes manifests of an App's folder. The first renderer that `claims` the folder does it. It sees file contents and
 * nothing else: no network, no clock, no environment, so that equal trees are equal releases.
 */
export interface Renderer {
  readonly name: string;
  claims(paths: readonly string[]): boolean;
  render(input: RenderInput): LoadedManifests;
}

/** YAML and JSON as they stand. Claims every folder, so that it comes last. */
export function plainRenderer(loadManifests: LoadManifests): Renderer {
  return {
    name: "plain",
    claims: () => true,
    render: ({ files, ...options }) => loadManifests(files, options),
  };
}
