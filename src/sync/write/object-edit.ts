import type { ApiObject, ObjectRef } from "../../model/meta.ts";

/** A wanted change of one object of an App's folder. */
export type ObjectEdit =
  /** `written` is what goes into the file, `after` the same with its defaults. */
  | {
      readonly kind: "create";
      readonly ref: ObjectRef;
      readonly written: ApiObject;
      readonly after: ApiObject;
    }
  /**
   * Only what differs between `before` and `after` is changed. `written` is `after` as its author stated it: new values
   * are taken from it, so that no default goes into the file.
   */
  | {
      readonly kind: "update";
      readonly ref: ObjectRef;
      readonly before: ApiObject;
      readonly written: ApiObject;
      readonly after: ApiObject;
    }
  | { readonly kind: "delete"; readonly ref: ObjectRef };

export type EditErrorCode =
  /** An anchor, an alias or a merge key makes the value: changing it would change others too. */
  | "generated"
  /** The text cannot be changed in place so that exactly the wanted object comes of it. */
  | "not-editable"
  /** Another object stands in the way. */
  | "exists"
  /** The file is encrypted, or must be, and cannot be opened or closed. */
  | "sealed"
  | "not-declared";

/** The change cannot be made in the files: `message` says which file, why, and the cure. */
export class EditError extends Error {
  override readonly name = "EditError";
  readonly code: EditErrorCode;

  constructor(code: EditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
