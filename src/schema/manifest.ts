import type { ApiObject } from "../model/meta.ts";
import type { KindSource } from "./crd-kinds.ts";
import type { KnownFiles, LoadedFile, SourceFile } from "./loaded-file.ts";
import type { Position, Problem } from "../model/problem.ts";
import type { PlainSecrets } from "./rules/plain-secrets.ts";

export type { SourceFile } from "./loaded-file.ts";

/** One declared object: valid, defaulted, with its place. */
export interface Manifest {
  readonly object: ApiObject;
  readonly at: Position;
  /** Digest of the defaulted object: equal manifests are equal here, wherever they stand. */
  readonly hash: string;
}

/** All of a tree's manifests, or all of its problems. */
export interface LoadedManifests {
  /** In the order in which they are applied: kind (as in RESOURCES), namespace, name. */
  readonly manifests: readonly Manifest[];
  /** Sorted by file, line, column. One is enough for the whole tree to be Rejected. */
  readonly problems: readonly Problem[];
  /** Harmless findings, in the same form. */
  readonly warnings: readonly Problem[];
}

/** Keeps what the files of one place came to last, so that the next tree costs what differs. Its holder may empty it. */
export interface TreeSlot {
  tree?: LoadedTree | undefined;
}

/** A tree without a problem, as it was loaded. */
export interface LoadedTree {
  /** How it was read. */
  readonly key: string;
  /** In the order of their paths. */
  readonly files: readonly LoadedFile[];
  readonly manifests: readonly Manifest[];
  /** Made when it is first asked for: most trees are never followed by another one. */
  names?: TreeNames;
}

/** What may be there once in a tree: names of objects, and node ports. It moves on from tree to tree. */
export interface TreeNames {
  readonly taken: Set<string>;
}

export interface LoadOptions {
  /** Namespace of manifests that name none. */
  readonly namespace: string;
  /** Prefix of the paths in positions, for instance `apps/`. */
  readonly filePrefix?: string;
  /** What to do with Secrets that stand in Git as plain text. `allow` is the default. */
  readonly plainSecrets?: PlainSecrets;
  /** Where files with an id are looked up before they are read, and remembered afterwards. */
  readonly known?: KnownFiles;
  /** What the last tree of the same place came to: given again, only what differs is looked at. */
  readonly slot?: TreeSlot;
  /** Whether to tell what only probably is a mistake between objects, which looks at all of them. `true` is the default. */
  readonly treeWarnings?: boolean;
  /** Kinds of the cluster's CustomResourceDefinitions; those of the tree itself come first. */
  readonly kinds?: KindSource;
}

export type LoadManifests = (files: readonly SourceFile[], options: LoadOptions) => LoadedManifests;
