import type { ApiObject } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { User } from "./authenticate.ts";
import { invalid } from "./failure.ts";
import { parseFieldValidation, validateWrite } from "./field-validation.ts";
import {
  isAccount,
  isOwned,
  isUnmanaged,
  refuseGitFields,
  refuseGitMarks,
} from "./write-policy.ts";

/**
 * What becomes of an object that is written past Git, with what allocators give it. Whoever is accepted must be settled
 * once the write came to its end. `stored` is absent when the object is new.
 */
export type Complete = (
  object: ApiObject,
  stored: ApiObject | undefined,
) =>
  | {
      readonly kind: "accepted";
      readonly object: ApiObject;
      /** What to tell whoever writes it. */
      readonly warnings?: readonly string[];
      settle(): void;
    }
  | { readonly kind: "refused"; readonly path: string; readonly message: string }
  | undefined;

export interface DirectWriteContext {
  readonly objects: Pick<ObjectStore, "get">;
  readonly user: User;
  readonly query: URLSearchParams;
  readonly complete?: Complete | undefined;
}

/** An object on its way into the store. */
export interface DirectWrite {
  readonly object: ApiObject;
  readonly warnings: readonly string[];
  readonly settle: () => void;
}

/** What a new object's status says before anybody looked at it. */
const FIRST_STATUS: Readonly<Record<string, unknown>> = {
  "v1/Pod": { phase: "Pending" },
  "v1/Service": { loadBalancer: {} },
};

/**
 * A person's write of a declarable object in an unmanaged namespace, validated and defaulted as a manifest is; any
 * other write stays as it is. Throws 400 or 422.
 */
export function prepareDirectWrite(
  resource: Resource,
  written: ApiObject,
  stored: ApiObject | undefined,
  { objects, user, query, complete }: DirectWriteContext,
): DirectWrite {
  const untouched = { object: written, warnings: [], settle: () => undefined };
  if (user.node !== undefined) return untouched;
  refuseGitFields(user, resource, written, stored);
  const isPeoples = resource.declarable && isRuntime(objects, user, written);
  if (!isPeoples && resource.kind !== "App") return untouched;
  refuseGitMarks(resource, written, stored);
  const mode = parseFieldValidation(query.get("fieldValidation"));
  const { object: valid, warnings } = validateWrite(resource, written, stored, mode);
  const verdict = complete?.(valid, stored);
  if (verdict?.kind === "refused") {
    const { path, message } = verdict;
    const cause = { reason: "FieldValueInvalid", field: path };
    throw invalid(resource, written.metadata.name, [
      { ...cause, message: `Invalid value: ${message}` },
    ]);
  }
  const object = verdict?.object ?? valid;
  return {
    object: stored === undefined ? withFirstStatus(object) : object,
    warnings: [...warnings, ...(verdict?.warnings ?? [])],
    settle: () => verdict?.settle(),
  };
}

/** Whether it goes past Git by right, and is checked here as a manifest is there. */
function isRuntime(objects: Pick<ObjectStore, "get">, user: User, written: ApiObject): boolean {
  if (isAccount(user) || isOwned(written)) return true;
  return isUnmanaged(objects, written.metadata.namespace);
}

function withFirstStatus(object: ApiObject): ApiObject {
  const status = FIRST_STATUS[`${object.apiVersion}/${object.kind}`];
  return status === undefined ? object : Object.assign({ ...object }, { status });
}

/** Kubernetes' header for people; kubectl prints it. Pure. */
export function warningHeaders(warnings: readonly string[]): readonly string[] {
  const shown = warnings.slice(0, MAX_WARNINGS);
  const isMuch = shown.reduce((sum, text) => sum + text.length, 0) > MAX_WARNINGS_LENGTH;
  return shown.map((text) => {
    const length = isMuch ? MAX_WARNING_LENGTH : MAX_WARNINGS_LENGTH;
    const printable = text.replaceAll(/[^\u0020-\u007E]/g, "?").slice(0, length);
    return `299 - "${printable.replaceAll(/(["\\])/g, String.raw`\$1`)}"`;
  });
}

/** Warnings of one answer, and characters of each where all of them have too many: headers must stay small. */
const MAX_WARNINGS = 20;
const MAX_WARNING_LENGTH = 256;
const MAX_WARNINGS_LENGTH = 4096;
