import type { LoadedManifests } from "../schema/manifest.ts";
import type { Commit, GitErrorCode, Publication } from "./git.ts";
import type { ReturnAnswer, ReturnRequest } from "./revert-folder.ts";
import type { OpenOptions, Revision, Seen, SourceLocation } from "./source.ts";
import type { EditAnswer, EditRequest } from "./write/writable-sources.ts";

/** What the worker is started with. */
export type WorkerSettings = Pick<OpenOptions, "mirrorDir" | "engine" | "identities">;

/** What can be asked of the worker, and what each answers. */
export interface SourceCalls {
  readonly head: { readonly args: [location: SourceLocation]; readonly value: Commit };
  readonly treeId: {
    readonly args: [location: SourceLocation, commit: string];
    readonly value: string;
  };
  readonly look: {
    readonly args: [locations: readonly SourceLocation[]];
    readonly value: readonly Seen[];
  };
  /** `base`: the revision whose manifests the receiver still has, so that only what differs is sent. */
  readonly load: {
    readonly args: [location: SourceLocation, commit: string, base: number | undefined];
    readonly value: RevisionHead;
  };
  readonly pin: {
    readonly args: [location: SourceLocation, name: string, commit: string];
    readonly value: undefined;
  };
  readonly unpin: {
    readonly args: [location: SourceLocation, name: string];
    readonly value: undefined;
  };
  readonly descends: {
    readonly args: [location: SourceLocation, commit: string, from: string];
    readonly value: boolean;
  };
  /** Later changes come as `changed` messages with the same number. */
  readonly watch: {
    readonly args: [location: SourceLocation, watch: number];
    readonly value: undefined;
  };
  readonly unwatch: { readonly args: [watch: number]; readonly value: undefined };
  /** One slice of a revision's manifests, as JSON text: parsing one takes the receiver a few ms at most. */
  readonly slice: { readonly args: [revision: number]; readonly value: ManifestSlice };
  readonly edit: {
    readonly args: [location: SourceLocation, request: EditRequest];
    readonly value: EditAnswer;
  };
  readonly goBack: {
    readonly args: [location: SourceLocation, request: ReturnRequest];
    readonly value: ReturnAnswer;
  };
  readonly publish: {
    readonly args: [location: SourceLocation, publication: Publication];
    readonly value: undefined;
  };
  readonly close: { readonly args: []; readonly value: undefined };
}

/** A revision without its manifests: they follow in slices, so that no turn of the receiver's loop is long. */
export interface RevisionHead extends Omit<Revision, "loaded"> {
  readonly problems: LoadedManifests["problems"];
  readonly warnings: LoadedManifests["warnings"];
  /** What to ask slices of, and to name as the next one's base; absent when there are no manifests. */
  readonly revision?: number;
  /** For each manifest its index in the base, or -1: the next one of the slices. Absent when there is no base. */
  readonly order?: Int32Array;
  /** The first slice of what is new: most commits change little. Absent when nothing is. */
  readonly first?: ManifestSlice;
}

export interface ManifestSlice {
  readonly json: string;
  readonly last: boolean;
}

export type SourceVerb = keyof SourceCalls;

export type ToWorker =
  | {
      readonly kind: "call";
      readonly id: number;
      readonly verb: SourceVerb;
      readonly args: readonly unknown[];
    }
  | { readonly kind: "cancel"; readonly id: number }
  /** The slices of a revision are not wanted any more. */
  | { readonly kind: "drop"; readonly revision: number };

export type FromWorker =
  | { readonly kind: "done"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly id: number; readonly error: FailedCall }
  | { readonly kind: "changed"; readonly watch: number }
  | {
      readonly kind: "log";
      readonly level: "debug" | "info" | "warn" | "error";
      readonly fields: Readonly<Record<string, unknown>>;
      readonly message: string;
    };

/** An error on its way between threads. Without a code it is one of ours, not Git's. */
export interface FailedCall {
  readonly code?: GitErrorCode;
  readonly message: string;
}
