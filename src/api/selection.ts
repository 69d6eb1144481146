import { matchesSelector, parseSelector } from "../model/labels.ts";
import type { ApiObject } from "../model/meta.ts";
import { apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { ObjectList, ObjectStore } from "../store/object-store.ts";
import { badRequest } from "./failure.ts";
import { parseFieldSelector, pinnedValue } from "./field-selector.ts";
import type { FieldSelector } from "./field-selector.ts";
import type { ResourceRequest } from "./request-info.ts";

/** Which objects of a resource a list or a watch is about. */
export interface Selection {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly fields: FieldSelector | undefined;
  /** `undefined`: all objects of the resource and namespace. */
  readonly matches: ((object: ApiObject) => boolean) | undefined;
}

/** Reads namespace and selectors of a request. Throws 400. Pure. */
export function parseSelection(
  { resource, namespace, name }: ResourceRequest,
  query: URLSearchParams,
): Selection {
  const fields = parseFieldSelector(resource, fieldText(name, query.get("fieldSelector")));
  const labels = parseLabels(query.get("labelSelector"));
  if (fields === undefined && labels === undefined) {
    return { resource, namespace, fields, matches: undefined };
  }
  const matches = (object: ApiObject): boolean =>
    (fields === undefined || fields.matches(object)) && (labels === undefined || labels(object));
  return { resource, namespace, fields, matches };
}

/** What is selected now, in the order of namespace and name: the whole list when nothing narrows it. */
export function candidates(objects: ObjectStore, selection: Selection): ObjectList {
  const { resource, fields } = selection;
  const namespace = selection.namespace ?? pinnedValue(fields, "metadata.namespace");
  const name = pinnedValue(fields, "metadata.name");
  if (name === undefined || (resource.namespaced && namespace === undefined)) {
    return objects.list(resource, resource.namespaced ? namespace : undefined);
  }
  const place = { apiVersion: apiVersionOf(resource), kind: resource.kind, name };
  const found = objects.get(
    resource.namespaced && namespace !== undefined ? { ...place, namespace } : place,
  );
  return { revision: objects.revision, items: found === undefined ? [] : [found] };
}

/** Whether an object of the resource belongs to the selection. Pure. */
export function isSelected(selection: Selection, object: ApiObject): boolean {
  const { namespace, matches } = selection;
  if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
  return matches === undefined || matches(object);
}

/** A watch of one object by its path selects it by name. */
function fieldText(name: string | undefined, text: string | null): string | null {
  if (name === undefined) return text;
  return text === null || text === "" ? `metadata.name=${name}` : `metadata.name=${name},${text}`;
}

function parseLabels(text: string | null): ((object: ApiObject) => boolean) | undefined {
  if (text === null || text.trim() === "") return undefined;
  const selector = parseSelector(text);
  if (selector === undefined) {
    throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is no label selector`);
  }
  return ({ metadata }) => matchesSelector(selector, metadata.labels);
}
