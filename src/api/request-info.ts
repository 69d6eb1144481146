import { isDnsLabel } from "../model/names.ts";
import { RESOURCES } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import { ApiFailure, badRequest, pathNotFound } from "./failure.ts";

export type Verb =
  | "get"
  | "list"
  | "watch"
  | "create"
  | "update"
  | "patch"
  | "delete"
  | "deletecollection";

/** A request to objects, as its URL and method state it. */
export interface ResourceRequest {
  readonly verb: Verb;
  readonly resource: Resource;
  readonly namespace?: string;
  readonly name?: string;
  /** For instance `status` or `log`; one that the resource has. */
  readonly subresource?: string;
}

const MADE_SUBRESOURCES: ReadonlySet<string> = new Set([
  "eviction",
  "token",
  "exec",
  "attach",
  "portforward",
]);

/** URL path and query of a request. Throws 400 for what is no URL. Pure. */
export function parseUrl(url: string): {
  readonly segments: readonly string[];
  readonly path: string;
  readonly query: URLSearchParams;
} {
  const cut = url.indexOf("?");
  const path = cut < 0 ? url : url.slice(0, cut);
  const query = new URLSearchParams(cut < 0 ? "" : url.slice(cut + 1));
  try {
    const segments = path.split("/").filter((segment) => segment !== "");
    return { segments: segments.map(decodeURIComponent), path, query };
  } catch {
    throw badRequest("the path of the URL is not percent-encoded text");
  }
}

/** What the request asks of which objects; `undefined` when the path is none of theirs. Throws 404 or 405. Pure. */
export function parseResourceRequest(
  method: string,
  segments: readonly string[],
  query: URLSearchParams,
): ResourceRequest | undefined {
  const place = placeOf(segments);
  const { namespace, plural, name, subresource, surplus } = splitScope(place?.rest ?? []);
  if (place === undefined || plural === undefined) return undefined;
  const resource = findResource(place, plural);
  if (resource === undefined || surplus.length > 0) throw pathNotFound();
  const isScoped = namespace !== undefined;
  if (isScoped !== resource.namespaced && (isScoped || name !== undefined)) throw pathNotFound();
  // An eviction is made, under the name of its pod; so is a stream.
  const isMade = method === "POST" && MADE_SUBRESOURCES.has(subresource ?? "");
  const verb = isMade ? "create" : verbOf(method, name, query);
  if (subresource !== undefined && !resource.subresources.some((item) => item === subresource)) {
    throw pathNotFound();
  }
  if (verb === "create") checkNamespace(namespace);
  return {
    verb,
    resource,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function checkNamespace(namespace: string | undefined): void {
  if (namespace === undefined || isDnsLabel(namespace)) return;
  throw badRequest(`the namespace ${JSON.stringify(namespace)} is no DNS label`);
}

function findResource(
  { group, version }: { readonly group: string; readonly version: string },
  plural: string,
): Resource | undefined {
  return RESOURCES.find(
    (item) => item.group === group && item.version === version && item.plural === plural,
  );
}

/** Like Go's `ParseBool`, as clients in several languages write it; absent or anything else is false. Pure. */
export function parseBoolean(text: string | null): boolean {
  return text !== null && ["1", "t", "T", "true", "TRUE", "True"].includes(text);
}

/** A non-negative whole number of a query; `undefined` when absent. Throws 400. Pure. */
export function parseCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw badRequest(`invalid value ${JSON.stringify(text)} for "${name}": must be a whole number`);
}

function placeOf(segments: readonly string[]) {
  const [root, first, second, ...others] = segments;
  if (root === "api" && first !== undefined) {
    return { group: "", version: first, rest: segments.slice(2) };
  }
  if (root === "apis" && first !== undefined && second !== undefined) {
    return { group: first, version: second, rest: others };
  }
  return undefined;
}

/** What stands behind group and version: `namespaces/<namespace>/` may go before the rest. */
function splitScope(rest: readonly string[]) {
  const [first, second, third] = rest;
  const isScoped =
    first === "namespaces" && second !== undefined && third !== undefined && third !== "status";
  const [plural, name, subresource, ...surplus] = isScoped ? rest.slice(2) : rest;
  return { namespace: isScoped ? second : undefined, plural, name, subresource, surplus };
}

function verbOf(method: string, name: string | undefined, query: URLSearchParams): Verb {
  switch (method) {
    case "GET":
      if (parseBoolean(query.get("watch"))) return "watch";
      return name === undefined ? "list" : "get";
    case "POST":
      if (name === undefined) return "create";
      break;
    case "PUT":
      if (name !== undefined) return "update";
      break;
    case "PATCH":
      if (name !== undefined) return "patch";
      break;
    case "DELETE":
      return name === undefined ? "deletecollection" : "delete";
    default:
  }
  throw methodNotAllowed();
}

export function methodNotAllowed(
  message = "the server does not allow this method on the requested resource",
): ApiFailure {
  return new ApiFailure(405, "MethodNotAllowed", message, { details: {} });
}
