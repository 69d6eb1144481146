import type { ApiObject, Condition, ObjectRef } from "./meta.ts";

/** berth.dev/v1 App: one path of one branch of one repository, applied as one unit. */
export interface App extends ApiObject {
  readonly apiVersion: "berth.dev/v1";
  readonly kind: "App";
  readonly spec: AppSpec;
  readonly status?: AppStatus;
}

export interface AppSpec {
  /** A local path or an HTTP(S) URL. */
  readonly repo: string;
  readonly branch: string;
  /** Folder in the repository, `.` for its root. */
  readonly path: string;
  /** Namespace of manifests that name none. */
  readonly namespace: string;
  /** Seconds between polls of a remote. */
  readonly intervalSeconds: number;
  readonly prune: boolean;
  readonly suspend?: boolean;
}

export interface AppStatus {
  /** The newest commit of the branch that was seen. */
  readonly seenCommit?: string;
  /** Object id of the App's folder in it. */
  readonly seenTree?: string;
  /** The commit whose objects are the desired state now. */
  readonly appliedCommit?: string;
  /** The newest commit that became Healthy. */
  readonly healthyCommit?: string;
  /** Name of the newest Release. */
  readonly release?: string;
  readonly conditions?: readonly Condition[];
}

/** How a commit stands for its App. The last five are ends. */
export type ReleasePhase =
  | "Pending"
  | "Held"
  | "Progressing"
  | "Healthy"
  | "Rejected"
  | "Failed"
  | "RolledBack"
  | "Superseded";

/** berth.dev/v1 Release: one commit that an App came to, with its outcome. */
export interface Release extends ApiObject {
  readonly apiVersion: "berth.dev/v1";
  readonly kind: "Release";
  readonly spec: ReleaseSpec;
  readonly status: ReleaseStatus;
}

export interface ReleaseSpec {
  readonly app: string;
  /** Counts the releases of the App from 1. */
  readonly sequence: number;
  readonly repo: string;
  /** The App's folder, since the App may be pointed elsewhere later. */
  readonly path: string;
  readonly commit: string;
  /** Object id of the App's folder in that commit: equal trees are equal releases. */
  readonly tree: string;
  readonly author: string;
  readonly subject: string;
  /** RFC 3339. */
  readonly committedAt: string;
}

export interface ReleaseStatus {
  readonly phase: ReleasePhase;
  /** CamelCase. */
  readonly reason?: string;
  readonly message?: string;
  /** Rendered problems of a Rejected release, one `file:line:column: message [code]` each. */
  readonly problems?: readonly string[];
  /** RFC 3339: when the commit was seen, and when the release came to its end. */
  readonly startedAt: string;
  readonly finishedAt?: string;
  /** Objects that the commit declares; written before any of them is applied. */
  readonly inventory: readonly ObjectRef[];
  /** Objects of earlier releases that are no longer declared; removed once this one is healthy. */
  readonly toPrune?: readonly ObjectRef[];
  /** Whether all declared objects are in the store. */
  readonly applied?: boolean;
  /** Whether everything in `toPrune` is gone. */
  readonly pruned?: boolean;
  readonly counts?: {
    readonly created: number;
    readonly changed: number;
    readonly removed: number;
  };
}

/** Marks an object that an App applied: its App's name. */
export const APP_LABEL = "berth.dev/app";
/** Where a declared object stands in Git: `path/file.yaml:12`. Not part of comparisons. */
export const SOURCE_ANNOTATION = "berth.dev/source";
/** JSON of an `AppliedManifest`: what the last apply stated, so that the next one knows what Git let go. */
export const APPLIED_ANNOTATION = "berth.dev/applied";

/** The value of `APPLIED_ANNOTATION`. */
export interface AppliedManifest {
  /** Digest of the defaulted manifest: an equal one needs no write. */
  readonly hash: string;
  /** Keys of the labels and annotations that the manifest states. */
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
}
