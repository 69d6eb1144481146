import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { refOf } from "../model/meta.ts";
import { apiVersionOf, resourceOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { ApiClient, ListQuery, ObjectListing, WatchEvent } from "./client.ts";
import { collectionPath, objectPath, queryText } from "./paths.ts";
import { Transport } from "./transport.ts";
import type { ApiCredentials } from "./transport.ts";
import { readWatchEvents } from "./watch-stream.ts";

/** An `ApiClient` over HTTPS with a client certificate. Safe for concurrent use; `close` ends its connections. */
export function createApiClient(credentials: ApiCredentials | (() => ApiCredentials)): ApiClient {
  const transport = new Transport(credentials);
  return {
    get: <T extends ApiObject>(ref: ObjectRef, signal?: AbortSignal) =>
      transport.call<T>({ method: "GET", path: objectPath(ref) }, signal),

    async list<T extends ApiObject>(resource: Resource, query?: ListQuery, signal?: AbortSignal) {
      const path = collectionPath(resource, query?.namespace) + queryText(query);
      return toListing<T>(
        resource,
        await transport.call<RawList<T>>({ method: "GET", path }, signal),
      );
    },

    watch: <T extends ApiObject>(
      resource: Resource,
      resourceVersion: string,
      query: ListQuery | undefined,
      signal: AbortSignal,
    ) => watch<T>(transport, { resource, resourceVersion, query }, signal),

    create: <T extends ApiObject>(object: T, signal?: AbortSignal) =>
      transport.call<T>(
        {
          method: "POST",
          path: collectionPath(resourceOf(object), object.metadata.namespace),
          body: object,
        },
        signal,
      ),

    update: <T extends ApiObject>(object: T, signal?: AbortSignal) =>
      transport.call<T>({ method: "PUT", path: objectPath(refOf(object)), body: object }, signal),

    updateStatus: <T extends ApiObject>(object: T, signal?: AbortSignal) =>
      transport.call<T>(
        { method: "PUT", path: `${objectPath(refOf(object))}/status`, body: object },
        signal,
      ),

    async delete(
      ref: ObjectRef,
      given?: { readonly graceSeconds?: number; readonly uid?: string },
      signal?: AbortSignal,
    ) {
      const body = deleteOptions(given ?? {});
      await transport.call({ method: "DELETE", path: objectPath(ref), body }, signal);
    },

    request: <T>(method: string, path: string, body?: unknown, signal?: AbortSignal) =>
      transport.call<T>(body === undefined ? { method, path } : { method, path, body }, signal),

    close: () => transport.close(),
  };
}

interface RawList<T> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly T[];
}

/** The items of lists may leave out `apiVersion` and `kind`: each gets those of its resource. */
function toListing<T extends ApiObject>(resource: Resource, list: RawList<T>): ObjectListing<T> {
  const apiVersion = apiVersionOf(resource);
  const items = list.items.map((item) =>
    item.kind === undefined ? { ...item, apiVersion, kind: resource.kind } : item,
  );
  return { resourceVersion: list.metadata.resourceVersion, items };
}

function deleteOptions(given: { readonly graceSeconds?: number; readonly uid?: string }): unknown {
  return {
    apiVersion: "v1",
    kind: "DeleteOptions",
    ...(given.graceSeconds === undefined ? {} : { gracePeriodSeconds: given.graceSeconds }),
    ...(given.uid === undefined ? {} : { preconditions: { uid: given.uid } }),
  };
}

interface WatchFrom {
  readonly resource: Resource;
  readonly resourceVersion: string;
  readonly query: ListQuery | undefined;
}

async function* watch<T extends ApiObject>(
  transport: Transport,
  { resource, resourceVersion, query }: WatchFrom,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const parameters = queryText(query, {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion,
  });
  const path = collectionPath(resource, query?.namespace) + parameters;
  try {
    const stream = await transport.stream({ method: "GET", path }, signal);
    yield* readWatchEvents<T>(stream);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
