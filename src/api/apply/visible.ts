import { APPLIED_ANNOTATION, APP_LABEL, SOURCE_ANNOTATION } from "../../model/app.ts";
import type { JsonObject } from "../body.ts";
import { isFields } from "./typed-value.ts";

/** Metadata that has owners; the rest is the server's. */
const OWNED_METADATA: readonly string[] = [
  "labels",
  "annotations",
  "finalizers",
  "ownerReferences",
];
const MARKS: Readonly<Record<string, readonly string[]>> = {
  labels: [APP_LABEL],
  annotations: [SOURCE_ANNOTATION, APPLIED_ANNOTATION],
};

/** The part of an object whose fields have owners, as the object itself or its status is written. Pure. */
export function visiblePart(object: JsonObject, subresource: string): JsonObject {
  const { apiVersion: _, kind: __, metadata, status, ...rest } = object;
  if (subresource === "status") return status === undefined ? {} : { status };
  const owned = isFields(metadata) ? metadata : {};
  const entries = OWNED_METADATA.flatMap((name) => {
    const value = split(name, owned[name]).visible;
    return value === undefined ? [] : [[name, value] as const];
  });
  return entries.length === 0 ? rest : { ...rest, metadata: Object.fromEntries(entries) };
}

/** The object with another visible part. Pure. */
export function withVisiblePart(
  object: JsonObject,
  part: JsonObject,
  subresource: string,
): JsonObject {
  if (subresource === "status") {
    const { status: _, ...rest } = object;
    return { ...rest, ...part };
  }
  const { apiVersion, kind, status } = object;
  const before = isFields(object["metadata"]) ? object["metadata"] : {};
  const { metadata, ...rest } = part;
  const next = isFields(metadata) ? metadata : {};
  const system = Object.entries(before).filter(([name]) => !OWNED_METADATA.includes(name));
  const owned = OWNED_METADATA.flatMap((name) => {
    const { hidden } = split(name, before[name]);
    const value =
      hidden === undefined ? next[name] : { ...(next[name] as JsonObject | undefined), ...hidden };
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    apiVersion,
    kind,
    metadata: Object.fromEntries([...system, ...owned]),
    ...rest,
    ...(status === undefined ? {} : { status }),
  };
}

/** What Berth marks what Git declares with is not for others to own. */
function split(
  name: string,
  value: unknown,
): { readonly visible: unknown; readonly hidden?: JsonObject } {
  const marks = MARKS[name];
  if (marks === undefined || !isFields(value)) return { visible: value };
  const entries = Object.entries(value);
  const hidden = entries.filter(([key]) => marks.includes(key));
  if (hidden.length === 0) return { visible: value };
  const visible = entries.filter(([key]) => !marks.includes(key));
  return {
    visible: visible.length === 0 ? undefined : Object.fromEntries(visible),
    hidden: Object.fromEntries(hidden),
  };
}
