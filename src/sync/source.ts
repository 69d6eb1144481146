import type { LoadedManifests } from "../schema/manifest.ts";
import type { Access } from "./access.ts";
import type { Commit, GitErrorCode, GitRepository } from "./git.ts";
import type { SecretsPolicy } from "./sops/secrets-policy.ts";

/** Where an App's manifests come from. */
export interface SourceLocation {
  /** A local path (absolute), an HTTP(S) URL or an SSH address. */
  readonly repo: string;
  readonly branch: string;
  readonly path: string;
  readonly namespace: string;
  /** What is followed in place of the branch. */
  readonly revision?: Wanted;
  /** Files that are no manifests, as lines of a `.gitignore`; beside `.berthignore` in the folder. */
  readonly ignore?: string;
  readonly access?: Access;
  /** Without it plain Secrets are taken, and encrypted files read for their form alone. */
  readonly secrets?: SecretsPolicy;
}

/** What an App follows. */
export type Wanted =
  | { readonly kind: "branch"; readonly name: string }
  | { readonly kind: "tag"; readonly name: string }
  /** The highest tag in a range of semantic versions. */
  | { readonly kind: "semver"; readonly range: string }
  | { readonly kind: "commit"; readonly id: string }
  /** Any ref by its full name, for instance `refs/pull/7/head`. */
  | { readonly kind: "ref"; readonly name: string };

/** What Git says about one location. */
export type Seen =
  | { readonly kind: "seen"; readonly commit: Commit; readonly tree: string }
  | { readonly kind: "failed"; readonly code: GitErrorCode; readonly message: string };

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
  /** What locations of one repository, read with one access, come to now: one conversation with its server for all. */
  look(locations: readonly SourceLocation[], signal: AbortSignal): Promise<readonly Seen[]>;
  /** The tree of the folder in a commit: equal ids, equal content. */
  treeId(location: SourceLocation, commit: string, signal: AbortSignal): Promise<string>;
  load(location: SourceLocation, commit: string, signal: AbortSignal): Promise<Revision>;
  /** Calls back when the source may have changed (local repositories only). Returns how to stop it. */
  watch(location: SourceLocation, listener: () => void): Promise<() => Promise<void>>;
  pin(location: SourceLocation, name: string, commit: string, signal: AbortSignal): Promise<void>;
  /** Lets go of what `pin` kept. A name that nobody pinned is fine. */
  unpin(location: SourceLocation, name: string, signal: AbortSignal): Promise<void>;
  /** Whether `from` is in the history of `commit`, as far back as `MAX_DESCENT` commits. */
  descends(
    location: SourceLocation,
    commit: string,
    from: string,
    signal: AbortSignal,
  ): Promise<boolean>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Folder for mirrors of remotes. */
  readonly mirrorDir: string;
  /** "auto": the `git` binary where there is one. */
  readonly engine: "auto" | "git" | "isomorphic";
  readonly access?: Access;
  /** The cluster's private age keys, for Apps that have none of their own. */
  readonly identities?: readonly string[];
}

export type OpenRepository = (
  repo: string,
  options: OpenOptions,
  signal: AbortSignal,
) => Promise<GitRepository>;
