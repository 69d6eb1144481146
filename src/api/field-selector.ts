import type { ApiObject } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import { badRequest } from "./failure.ts";

export interface FieldRequirement {
  readonly path: string;
  readonly equal: boolean;
  readonly value: string;
}

/** A parsed field selector. */
export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
  matches(object: ApiObject): boolean;
}

/** Fields by which objects of any kind can be selected. */
const COMMON_FIELDS: readonly string[] = ["metadata.name", "metadata.namespace"];

/** Further fields by resource, as Kubernetes has them. */
const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "pods",
    [
      "spec.nodeName",
      "spec.restartPolicy",
      "spec.schedulerName",
      "spec.serviceAccountName",
      "spec.hostNetwork",
      "status.phase",
      "status.podIP",
      "status.nominatedNodeName",
    ],
  ],
  [
    "events",
    [
      "involvedObject.kind",
      "involvedObject.namespace",
      "involvedObject.name",
      "involvedObject.uid",
      "involvedObject.apiVersion",
      "involvedObject.resourceVersion",
      "involvedObject.fieldPath",
      "reason",
      "reportingComponent",
      "source",
      "type",
    ],
  ],
  ["namespaces", ["status.phase"]],
  ["secrets", ["type"]],
  ["nodes", ["spec.unschedulable"]],
  ["replicasets", ["status.replicas"]],
  ["jobs", ["status.successful"]],
  ["services", ["spec.clusterIP", "spec.type"]],
  ["apps", ["spec.repo"]],
  ["releases", ["spec.app", "status.phase"]],
]);

/** Fields that are `false` when they are not there. */
const BOOLEAN_FIELDS = new Set(["spec.unschedulable", "spec.hostNetwork"]);

/** `undefined` when it selects everything. Throws 400 for a field that the resource cannot be selected by. Pure. */
export function parseFieldSelector(
  resource: Resource,
  text: string | null,
): FieldSelector | undefined {
  if (text === null || text.trim() === "") return undefined;
  const known = [...COMMON_FIELDS, ...(FIELDS.get(resource.plural) ?? [])];
  const requirements = splitUnescaped(text)
    .filter((part) => part !== "")
    .map((part) => parseRequirement(part, text));
  for (const { path } of requirements) {
    if (!known.includes(path)) throw badRequest(`field label not supported: ${path}`);
  }
  return {
    requirements,
    matches: (object) =>
      requirements.every(({ path, equal, value }) => (fieldOf(object, path) === value) === equal),
  };
}

/** The value that `path` must have by this selector, if it pins it to one. Pure. */
export function pinnedValue(selector: FieldSelector | undefined, path: string): string | undefined {
  return selector?.requirements.find((item) => item.path === path && item.equal)?.value;
}

function parseRequirement(part: string, whole: string): FieldRequirement {
  const match = /^([^=!]+)(==|=|!=)(.*)$/s.exec(part);
  if (match === null) {
    throw badRequest(`invalid selector: ${JSON.stringify(whole)}; can't understand '${part}'`);
  }
  const [, path = "", operator, value = ""] = match;
  return {
    path: path.trim(),
    equal: operator !== "!=",
    value: value.replaceAll(/\\([\\,=])/g, "$1"),
  };
}

/** Splits at the commas that no backslash precedes. */
function splitUnescaped(text: string): readonly string[] {
  return (text.match(/(?:\\.|[^,\\])+/gs) ?? []).map((part) => part.trim());
}

function fieldOf(object: ApiObject, path: string): string {
  if (path === "source") return fieldOf(object, "source.component");
  if (path === "status.successful") return fieldOf(object, "status.succeeded") || "0";
  let value: unknown = object;
  for (const key of path.split(".")) {
    value =
      typeof value === "object" && value !== null && Object.hasOwn(value, key)
        ? (value as Readonly<Record<string, unknown>>)[key]
        : undefined;
  }
  if (value === undefined) return BOOLEAN_FIELDS.has(path) ? "false" : "";
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? `${value}` : "";
}
