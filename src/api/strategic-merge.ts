import { canonicalJson } from "../base/hash.ts";
import { isJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { badRequest } from "./failure.ts";
import type { MergeField, MergeFields } from "./strategic-merge-fields.ts";

const PATCH = "$patch";
const RETAIN_KEYS = "$retainKeys";
const DELETE_FROM = "$deleteFromPrimitiveList/";
const ORDER = "$setElementOrder/";

/**
 * Kubernetes' strategic merge: as a merge patch, but lists with a merge key are merged element by element, and
 * directives (`$patch`, `$retainKeys`, `$deleteFromPrimitiveList/…`, `$setElementOrder/…`) say what a merge cannot.
 * Changes neither argument. Throws 400. Pure.
 */
export function applyStrategicMerge(
  target: JsonObject,
  patch: JsonObject,
  fields: MergeFields,
): JsonObject {
  return mergeMap(target, patch, fields);
}

function mergeMap(target: JsonObject, patch: JsonObject, fields: MergeFields): JsonObject {
  switch (patch[PATCH]) {
    case undefined:
    case "merge":
      break;
    case "replace":
      return withoutDirectives(patch) as JsonObject;
    case "delete":
      return {};
    default:
      throw badRequest(`unknown patch type found: ${JSON.stringify(patch[PATCH])}`);
  }
  const result = new Map(Object.entries(retainKeys(target, patch)));
  for (const [key, value] of Object.entries(patch)) {
    if (isDirective(key)) continue;
    if (value === null) result.delete(key);
    else result.set(key, mergeValue(result.get(key), value, fieldOf(fields, key)));
  }
  for (const key of Object.keys(patch)) {
    if (key.startsWith(DELETE_FROM)) deleteValues(result, key, patch);
  }
  for (const key of Object.keys(patch)) {
    if (key.startsWith(ORDER)) orderElements(result, key, { target, patch, fields });
  }
  return Object.fromEntries(result);
}

/** What the patch does not retain goes, and it may state nothing that it does not retain. */
function retainKeys(target: JsonObject, patch: JsonObject): JsonObject {
  const retained = patch[RETAIN_KEYS];
  if (retained === undefined) return target;
  const kept = new Set(listOf(retained, RETAIN_KEYS));
  const stated = Object.entries(patch).filter(
    ([key, value]) => value !== null && !isDirective(key),
  );
  const stray = stated.find(([key]) => !kept.has(key));
  if (stray !== undefined) {
    throw badRequest(`${RETAIN_KEYS} must name every field of the patch: "${stray[0]}" is missing`);
  }
  return Object.fromEntries(Object.entries(target).filter(([key]) => kept.has(key)));
}

function mergeValue(target: unknown, patch: unknown, field: MergeField): unknown {
  if (isJsonObject(patch)) {
    if (!isJsonObject(target)) return withoutDirectives(patch);
    if (field.isReplaced === true) return withoutDirectives(patch);
    return mergeMap(target, patch, field.fields ?? {});
  }
  if (!Array.isArray(patch)) return patch;
  const isMerged = field.key !== undefined || field.isSet === true;
  if (!isMerged) return withoutDirectives(patch);
  return mergeList(Array.isArray(target) ? target : [], patch, field);
}

function mergeList(
  target: readonly unknown[],
  patch: readonly unknown[],
  field: MergeField,
): readonly unknown[] {
  const { key } = field;
  if (key === undefined)
    return inOrder(unique([...target, ...patch]), patch, target, canonicalJson);
  const elements = patch.map((element) => elementOf(element, key));
  if (elements.some((element) => element[PATCH] === "replace")) {
    const rest = elements.filter((element) => element[PATCH] !== "replace");
    return rest.map(withoutDirectives);
  }
  const identity = (element: unknown): string => identityOf(element, key);
  let merged: readonly unknown[] = target;
  for (const element of elements) {
    const id = identity(element);
    // Doubles, such as one port for two protocols, stay: the first one is meant.
    const at = merged.findIndex((item) => identity(item) === id);
    if (element[PATCH] === "delete") merged = merged.filter((item) => identity(item) !== id);
    else if (at < 0) merged = [...merged, withoutDirectives(element)];
    else merged = merged.with(at, mergeValue(merged[at], element, { fields: field.fields ?? {} }));
  }
  const stated = elements.filter((element) => element[PATCH] !== "delete");
  return inOrder(merged, stated, target, identity);
}

function elementOf(element: unknown, key: string): JsonObject {
  if (!isJsonObject(element)) {
    throw badRequest(`an element of a list with the merge key "${key}" must be a map`);
  }
  if (element[PATCH] !== "replace" && element[key] === undefined) {
    throw badRequest(`map: ${JSON.stringify(element)} does not contain declared merge key: ${key}`);
  }
  return element;
}

function identityOf(element: unknown, key: string): string {
  return canonicalJson(isJsonObject(element) ? (element[key] ?? null) : null);
}

/**
 * The elements that `stated` names in its order, with the others among them: each stands before the first stated one
 * that it stood before in `target`, else behind them.
 */
function inOrder(
  elements: readonly unknown[],
  stated: readonly unknown[],
  target: readonly unknown[],
  identity: (element: unknown) => string,
): readonly unknown[] {
  const placesOf = (list: readonly unknown[]): ReadonlyMap<string, number> =>
    new Map(list.map((element, index) => [identity(element), index]));
  const wanted = placesOf(stated);
  const before = placesOf(target);
  const place = (places: ReadonlyMap<string, number>, element: unknown): number =>
    places.get(identity(element)) ?? -1;
  const named = elements
    .filter((element) => wanted.has(identity(element)))
    .toSorted((a, b) => place(wanted, a) - place(wanted, b));
  const others = elements
    .filter((element) => !wanted.has(identity(element)))
    .toSorted((a, b) => place(before, a) - place(before, b));
  const result: unknown[] = [];
  for (const element of named) {
    const at = place(before, element);
    const next = at < 0 ? 0 : others.findIndex((other) => place(before, other) >= at);
    result.push(...others.splice(0, next < 0 ? others.length : next), element);
  }
  return [...result, ...others];
}

/** `$deleteFromPrimitiveList/<field>`: these values go. */
function deleteValues(result: Map<string, unknown>, directive: string, patch: JsonObject): void {
  const name = directive.slice(DELETE_FROM.length);
  const gone = new Set(listOf(patch[directive], directive).map(canonicalJson));
  const values = result.get(name);
  if (!Array.isArray(values)) return;
  const added = new Set((Array.isArray(patch[name]) ? patch[name] : []).map(canonicalJson));
  result.set(
    name,
    values.filter((value) => !gone.has(canonicalJson(value)) || added.has(canonicalJson(value))),
  );
}

/** `$setElementOrder/<field>`: the order that the list of the field is to have. */
function orderElements(
  result: Map<string, unknown>,
  directive: string,
  given: { readonly target: JsonObject; readonly patch: JsonObject; readonly fields: MergeFields },
): void {
  const { target, patch, fields } = given;
  const name = directive.slice(ORDER.length);
  const { key } = fieldOf(fields, name);
  const order = listOf(patch[directive], directive);
  const identity =
    key === undefined ? canonicalJson : (element: unknown): string => identityOf(element, key);
  const places = new Set(order.map(identity));
  const stated = Array.isArray(patch[name]) ? (patch[name] as readonly unknown[]) : [];
  const stray = stated.find((element) => !isDeletion(element) && !places.has(identity(element)));
  if (stray !== undefined) {
    throw badRequest(`${directive} must name every element of the patch: ${JSON.stringify(stray)}`);
  }
  const elements = result.get(name);
  if (!Array.isArray(elements)) return;
  const before = Array.isArray(target[name]) ? (target[name] as readonly unknown[]) : [];
  result.set(name, inOrder(elements, order, before, identity));
}

function isDeletion(element: unknown): boolean {
  return isJsonObject(element) && (element[PATCH] === "delete" || element[PATCH] === "replace");
}

/** What takes the place of something: without directives, deleted elements, and fields that are to go. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((element) => !isDeletion(element)).map(withoutDirectives);
  }
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).filter(([key, item]) => !isDirective(key) && item !== null);
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutDirectives(item)]));
}

function isDirective(key: string): boolean {
  return (
    key === PATCH || key === RETAIN_KEYS || key.startsWith(DELETE_FROM) || key.startsWith(ORDER)
  );
}

function unique(values: readonly unknown[]): readonly unknown[] {
  return [...new Map(values.map((value) => [canonicalJson(value), value])).values()];
}

function listOf(value: unknown, directive: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw badRequest(`${directive} must be a list`);
}

function fieldOf(fields: MergeFields, key: string): MergeField {
  return Object.hasOwn(fields, key) ? (fields[key] ?? {}) : {};
}
