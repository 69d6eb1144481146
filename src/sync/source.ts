import type { LoadedManifests } from "../schema/manifest.ts";
import type { Commit, GitRepository } from "./git.ts";

/** Where an App's manifests come from. */
export interface SourceLocation {
  /** A local path (absolute) or an HTTP(S) URL. */
  readonly repo: string;
  readonly branch: string;
  readonly path: string;
  readonly namespace: string;
}

/** A commit of a source, read, parsed, validated and defaulted. */
export interface Revision {
  readonly commit: Commit;
  /** Object id of the App's folder. */
  readonly tree: string;
  readonly loaded: LoadedManifests;
  /** Number of manifest files read. */
  readonly files: number;
}

/**
 * Git, YAML and schema in a worker thread of their own, so that neither a long fetch nor a large tree delays the
 * thread that serves store and API. Errors cross as `GitError`.
 */
export interface Sources {
  /** The head of the source's branch. Cheap when nothing changed. */
  head(location: SourceLocation, signal: AbortSignal): Promise<Commit>;
  /** The tree of the folder in a commit: equal ids, equal content. */
  treeId(location: SourceLocation, commit: string, signal: AbortSignal): Promise<string>;
  load(location: SourceLocation, commit: string, signal: AbortSignal): Promise<Revision>;
  /** Calls back when the source may have changed (local repositories only). Returns how to stop it. */
  watch(location: SourceLocation, listener: () => void): Promise<() => Promise<void>>;
  pin(location: SourceLocation, name: string, commit: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Folder for mirrors of remotes. */
  readonly mirrorDir: string;
  /** "auto": the `git` binary where there is one. */
  readonly engine: "auto" | "git" | "isomorphic";
}

export type OpenRepository = (
  repo: string,
  options: OpenOptions,
  signal: AbortSignal,
) => Promise<GitRepository>;
