import { unreachable } from "../base/assert.ts";
import type { ObjectRef } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import { ObjectStoreError } from "../store/object-store.ts";

export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** Kubernetes' `Status`, as answers and watch events carry it. */
export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** A request that the API refuses: told to the caller as a `Status`. */
export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  /** HTTP status. */
  readonly code: number;
  /** CamelCase, as Kubernetes names it. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** `metadata.continue` of an expired list. */
  readonly continueToken: string | undefined;

  constructor(
    code: number,
    reason: string,
    message: string,
    more: { readonly details?: StatusDetails; readonly continueToken?: string } = {},
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = more.details;
    this.continueToken = more.continueToken;
  }
}

/** Pure. */
export function toStatus(failure: ApiFailure): Status {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: failure.continueToken === undefined ? {} : { continue: failure.continueToken },
    status: "Failure",
    message: failure.message,
    reason: failure.reason,
    ...(failure.details === undefined ? {} : { details: failure.details }),
    code: failure.code,
  };
}

/** `pods` or `deployments.apps`, as Kubernetes' messages name a resource. Pure. */
export function qualifiedName(resource: Pick<Resource, "plural" | "group">): string {
  return resource.group === "" ? resource.plural : `${resource.plural}.${resource.group}`;
}

/** Details that name an object as Kubernetes does: `kind` is the resource's plural. Pure. */
export function detailsOf(resource: Resource, name?: string): StatusDetails {
  return {
    ...(name === undefined ? {} : { name }),
    ...(resource.group === "" ? {} : { group: resource.group }),
    kind: resource.plural,
  };
}

export function badRequest(message: string): ApiFailure {
  return new ApiFailure(400, "BadRequest", message);
}

export function unauthorized(): ApiFailure {
  return new ApiFailure(401, "Unauthorized", "Unauthorized");
}

export function forbidden(message: string, details?: StatusDetails): ApiFailure {
  return new ApiFailure(403, "Forbidden", message, details === undefined ? {} : { details });
}

export function pathNotFound(): ApiFailure {
  const message = "the server could not find the requested resource";
  return new ApiFailure(404, "NotFound", message, { details: {} });
}

export function notFound(resource: Resource, name: string): ApiFailure {
  const message = `${qualifiedName(resource)} "${name}" not found`;
  return new ApiFailure(404, "NotFound", message, { details: detailsOf(resource, name) });
}

export function alreadyExists(resource: Resource, name: string): ApiFailure {
  const message = `${qualifiedName(resource)} "${name}" already exists`;
  return new ApiFailure(409, "AlreadyExists", message, { details: detailsOf(resource, name) });
}

export function conflict(resource: Resource, name: string, why: string): ApiFailure {
  const message = `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`;
  return new ApiFailure(409, "Conflict", message, { details: detailsOf(resource, name) });
}

export const MODIFIED_MEANWHILE: string =
  "the object has been modified; please apply your changes to the latest version and try again";

export function expired(message: string, continueToken?: string): ApiFailure {
  return new ApiFailure(
    410,
    "Expired",
    message,
    continueToken === undefined ? {} : { continueToken },
  );
}

/** 422, with one cause a field. */
export function invalid(
  resource: Pick<Resource, "kind" | "group">,
  name: string,
  causes: readonly (StatusCause & { readonly field: string; readonly message: string })[],
): ApiFailure {
  const list = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  const kind = resource.group === "" ? resource.kind : `${resource.kind}.${resource.group}`;
  return new ApiFailure(422, "Invalid", `${kind} "${name}" is invalid: ${list}`, {
    details: { name, kind: resource.kind, group: resource.group, causes },
  });
}

export function tooLarge(message: string): ApiFailure {
  return new ApiFailure(413, "RequestEntityTooLarge", message);
}

export function unavailable(message: string): ApiFailure {
  return new ApiFailure(503, "ServiceUnavailable", message, {
    details: { retryAfterSeconds: 1 },
  });
}

/** What the store's refusal means to a caller. */
export function fromStoreError(
  error: ObjectStoreError,
  resource: Resource,
  ref: Pick<ObjectRef, "name">,
): ApiFailure {
  switch (error.code) {
    case "not-found":
      return notFound(resource, ref.name);
    case "already-exists":
      return alreadyExists(resource, ref.name);
    case "conflict":
      return conflict(resource, ref.name, MODIFIED_MEANWHILE);
    case "expired":
      return expired(error.message);
    case "fenced":
      return unavailable("this control plane is not the leader any more");
    case "too-large":
      return tooLarge(error.message);
    default:
      return unreachable(error.code);
  }
}
