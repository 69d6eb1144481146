import type { ApiObject } from "../model/meta.ts";
import type { KindSource } from "./crd-kinds.ts";
import type { KnownFiles, SourceFile } from "./loaded-file.ts";
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

export interface LoadOptions {
  /** Namespace of manifests that name none. */
  readonly namespace: string;
  /** Prefix of the paths in positions, for instance `apps/`. */
  readonly filePrefix?: string;
  /** What to do with Secrets that stand in Git as plain text. `allow` is the default. */
  readonly plainSecrets?: PlainSecrets;
  /** Where files with an id are looked up before they are read, and remembered afterwards. */
  readonly known?: KnownFiles;
  /** Kinds of the cluster's CustomResourceDefinitions; those of the tree itself come first. */
  readonly kinds?: KindSource;
}

export type LoadManifests = (files: readonly SourceFile[], options: LoadOptions) => LoadedManifests;
