import type { ObjectRef } from "../model/meta.ts";
import { apiVersionOf, resourceOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { ListQuery } from "./client.ts";

/** URL path of a resource's collection, in one namespace or in all. Pure. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === "" ? "/api" : "/apis";
  const scope =
    resource.namespaced && namespace !== undefined
      ? `/namespaces/${encodeURIComponent(namespace)}`
      : "";
  return `${root}/${apiVersionOf(resource)}${scope}/${resource.plural}`;
}

/** URL path of one object. Throws for a kind that Berth has not. Pure. */
export function objectPath(ref: ObjectRef): string {
  return `${collectionPath(resourceOf(ref), ref.namespace)}/${encodeURIComponent(ref.name)}`;
}

/** Query text of selectors and further parameters, with its `?`; empty when there are none. Pure. */
export function queryText(
  query: ListQuery | undefined,
  further: Readonly<Record<string, string>> = {},
): string {
  const search = new URLSearchParams(further);
  if (query?.labelSelector !== undefined) search.set("labelSelector", query.labelSelector);
  if (query?.fieldSelector !== undefined) search.set("fieldSelector", query.fieldSelector);
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
