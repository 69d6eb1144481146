import type { Commit, FileChange, NewCommit, Publication } from "../git.ts";
import type { ReturnAnswer, ReturnRequest } from "../revert-folder.ts";
import type { SourceLocation, Sources } from "../source.ts";
import type { EditErrorCode, ObjectEdit } from "./object-edit.ts";

/** Edits of objects of one folder, to become one commit. */
export interface EditRequest extends Pick<NewCommit, "message" | "author"> {
  /** The commit that the edits were made from. */
  readonly parent: string;
  readonly edits: readonly ObjectEdit[];
}

/** The commit that came of edits, which no branch names yet; or why there is none. */
export type EditAnswer =
  | {
      readonly kind: "composed";
      /** The parent itself when the edits change nothing. */
      readonly commit: Commit;
      readonly changes: readonly FileChange[];
    }
  | { readonly kind: "refused"; readonly code: EditErrorCode; readonly message: string };

/** Sources that can be written to. What is composed can be loaded as any other commit, and is on no branch. */
export interface WritableSources extends Sources {
  edit(location: SourceLocation, request: EditRequest, signal: AbortSignal): Promise<EditAnswer>;
  /** The commit that takes the folder back to an earlier one. */
  goBack(
    location: SourceLocation,
    request: ReturnRequest,
    signal: AbortSignal,
  ): Promise<ReturnAnswer>;
  publish(location: SourceLocation, publication: Publication, signal: AbortSignal): Promise<void>;
}
