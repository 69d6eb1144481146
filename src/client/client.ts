import type { ApiObject, ObjectRef } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";

export { BERTH_PATHS } from "../model/node-endpoints.ts";
export type { ClusterInfo, EndpointReport, Withdrawal } from "../model/node-endpoints.ts";

export interface ListQuery {
  readonly namespace?: string;
  /** For instance `app=web,tier!=db`. */
  readonly labelSelector?: string;
  /** For instance `spec.nodeName=a`. */
  readonly fieldSelector?: string;
}

export interface ObjectListing<T extends ApiObject = ApiObject> {
  readonly resourceVersion: string;
  readonly items: readonly T[];
}

export type WatchEvent<T extends ApiObject = ApiObject> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  /** Nothing up to this version is missing. */
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string };

/** The API's answer when it is not a success: Kubernetes' `Status`, or no answer at all (`code` 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 when the API could not be reached. */
  readonly code: number;
  /** CamelCase, as in `Status`: NotFound, AlreadyExists, Conflict, Expired, Forbidden, Unreachable … */
  readonly reason: string;

  constructor(code: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = reason;
  }
}

/** A typed client of the Kubernetes-compatible API. Every method throws `ApiError`. */
export interface ApiClient {
  get<T extends ApiObject>(ref: ObjectRef, signal?: AbortSignal): Promise<T>;
  list<T extends ApiObject>(
    resource: Resource,
    query?: ListQuery,
    signal?: AbortSignal,
  ): Promise<ObjectListing<T>>;
  /** From after `resourceVersion` until `signal` aborts or the server closes; an expired version throws 410. */
  watch<T extends ApiObject>(
    resource: Resource,
    resourceVersion: string,
    query: ListQuery | undefined,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  create<T extends ApiObject>(object: T, signal?: AbortSignal): Promise<T>;
  /** Compare-and-swap when `object.metadata.resourceVersion` is there. */
  update<T extends ApiObject>(object: T, signal?: AbortSignal): Promise<T>;
  updateStatus<T extends ApiObject>(object: T, signal?: AbortSignal): Promise<T>;
  /** `graceSeconds: 0` removes a Pod at once: only its agent may say that. */
  delete(
    ref: ObjectRef,
    options?: { readonly graceSeconds?: number; readonly uid?: string },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Any path of the API, JSON in and out. */
  request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T>;
  close(): void;
}

/** A list kept current by a watch. Reconnects with back-off and keeps its last state meanwhile. */
export interface Informer<T extends ApiObject> {
  /** Resolves after the first list. */
  ready(signal?: AbortSignal): Promise<void>;
  readonly synced: boolean;
  /** The version that the cache is as of; raised by bookmarks too. */
  readonly resourceVersion: string;
  list(): readonly T[];
  get(namespace: string | undefined, name: string): T | undefined;
  /**
   * Calls back after each change, in order; after a relist with the differences only. `undefined` object means
   * that only `resourceVersion` moved. Returns how to stop it.
   */
  subscribe(
    listener: (change: { readonly type: "set" | "delete" | "mark"; readonly object?: T }) => void,
  ): () => void;
}
