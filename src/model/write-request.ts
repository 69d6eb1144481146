import type { ApiObject, ObjectRef } from "./meta.ts";

/** A person's write of one object that Git declares, on its way from the API to a commit. */
export interface WriteRequest {
  readonly verb: "create" | "update" | "delete";
  readonly ref: ObjectRef;
  /** Who asks, as certificates and tokens name them. */
  readonly user: string;
  /** What they ask with, for instance `kubectl scale`. */
  readonly client: string;
  /** The App to write to, where its name was given. */
  readonly app?: string | undefined;
  /** The commit's message, where one was given. */
  readonly message?: string | undefined;
  readonly dryRun: boolean;
  /**
   * Makes the wanted object of what Git declares now, completed by what allocators gave. It may be asked again with
   * another base. `isAhead`: Git says more than the cluster has seen. What it throws is the answer. For a deletion it
   * only checks.
   */
  readonly change: (base: ApiObject | undefined, isAhead: boolean) => WantedObject | undefined;
}

export interface WantedObject {
  /** As the caller states it. */
  readonly written: ApiObject;
  /** The same, valid and with its defaults. */
  readonly after: ApiObject;
  readonly warnings: readonly string[];
}

export type WriteRefusal =
  /** Something stands in the way that goes by no retry. */
  | "blocked"
  /** Others were faster: to be tried again. */
  | "conflict"
  | "exists"
  | "forbidden"
  | "invalid"
  | "no-namespace"
  | "not-found"
  | "timeout"
  | "too-large"
  | "unavailable";

/** What became of a write. `message`s are for people. */
export type WriteAnswer =
  | {
      readonly kind: "written";
      /** As stored; absent once it is gone. */
      readonly object: ApiObject | undefined;
      /** What to tell besides: the commit first. */
      readonly warnings: readonly string[];
    }
  /** Everything is as wanted already; no commit. */
  | { readonly kind: "unchanged"; readonly object: ApiObject; readonly warnings: readonly string[] }
  /** A dry run: as it would be; absent for a deletion. */
  | {
      readonly kind: "tried";
      readonly object: ApiObject | undefined;
      readonly warnings: readonly string[];
    }
  /** Not in force: it waits for somebody to merge it. */
  | { readonly kind: "proposed"; readonly message: string }
  | {
      readonly kind: "refused";
      readonly why: WriteRefusal;
      readonly message: string;
      /** The field that cannot be so, for "invalid". */
      readonly field?: string;
    };

/** Turns writes into commits. */
export interface CommitWriter {
  write(request: WriteRequest, signal: AbortSignal): Promise<WriteAnswer>;
  /** JSON of what Git declares of a stored object; `undefined` when it declares nothing, or cannot be asked. */
  lastApplied(object: ApiObject, signal: AbortSignal): Promise<string | undefined>;
}
