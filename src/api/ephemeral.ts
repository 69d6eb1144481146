import { isSameJson } from "../base/same-json.ts";
import type { Container, EphemeralContainer, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { podSecurityMessage, podSecurityOf } from "../model/pod-security.ts";
import type { CheckedPod } from "../model/pod-security-checks.ts";
import type { Resource } from "../model/resources.ts";
import { checkObject, isHarmful } from "../schema/check-object.ts";
import { formatPath } from "../schema/finding.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { isJsonObject, type JsonObject } from "./body.ts";
import { badRequest, detailsOf, forbidden, invalid } from "./failure.ts";
import type { StatusCause } from "./failure.ts";

const POD = { group: "", version: "v1", kind: "Pod" } as const;
/** Containers that may be added to one pod: they are never taken away again. */
const MAX_EPHEMERAL = 100;
const LIST = "spec.ephemeralContainers";
const NOT_SET = "Forbidden: cannot be set for an Ephemeral Container";
/** What only makes sense for a container that the pod counts on. */
const FORBIDDEN_FIELDS: readonly (keyof Container)[] = [
  "ports",
  "resources",
  "livenessProbe",
  "readinessProbe",
  "startupProbe",
  "lifecycle",
  "resizePolicy",
  "restartPolicy",
];

type Cause = StatusCause & { readonly field: string; readonly message: string };

/**
 * The pod with the containers that `wanted` adds to it, and nothing else changed: what the subresource
 * `ephemeralcontainers` may do. Throws 400 or 422 in Kubernetes' words. Pure.
 */
export function applyEphemeral(object: ApiObject, wanted: JsonObject): JsonObject {
  const pod = object as Pod;
  const spec = isJsonObject(wanted["spec"]) ? wanted["spec"] : {};
  const list = spec["ephemeralContainers"] ?? [];
  if (!Array.isArray(list) || !list.every(isJsonObject))
    throw badRequest(`${LIST} must be a list of containers`);
  if (list.length > MAX_EPHEMERAL) throw refuse(pod, [tooMany(list.length)]);
  const before = pod.spec.ephemeralContainers ?? [];
  const gone = before.filter(({ name }) => !list.some((one) => one["name"] === name));
  if (gone.length > 0) throw refuse(pod, gone.map(mayNotGo));
  const names = new Set(
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ name }) => name),
  );
  const causes: Cause[] = [];
  const ephemeralContainers = list.map((one, index): EphemeralContainer => {
    const known = before.find(({ name }) => name === one["name"]);
    if (known !== undefined) {
      if (names.has(known.name)) causes.push(duplicate(index, known.name));
      names.add(known.name);
      if (!isSameJson(known, one)) causes.push(mayNotChange(known));
      return known;
    }
    const { container, causes: found } = checkAdded(pod, one, index);
    causes.push(...found);
    if (names.has(container.name)) causes.push(duplicate(index, container.name));
    names.add(container.name);
    return container;
  });
  if (causes.length > 0) throw refuse(pod, causes);
  const metadata = isJsonObject(wanted["metadata"]) ? wanted["metadata"] : {};
  const { resourceVersion } = metadata;
  return {
    ...pod,
    spec: { ...pod.spec, ephemeralContainers },
    metadata: {
      ...pod.metadata,
      ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
    },
  };
}

/** The level of the pod's namespace holds for what is added, too. Throws 403. */
export function refuseUnsafeEphemeral(
  objects: Pick<ObjectStore, "get">,
  resource: Resource,
  object: ApiObject,
): void {
  const { metadata, spec } = object as Pod;
  const { name, namespace = "" } = metadata;
  const found = objects.get({ apiVersion: "v1", kind: "Namespace", name: namespace })?.object;
  const { enforce } = podSecurityOf(found?.metadata.labels).policies;
  const added = (spec.ephemeralContainers ?? []) as readonly Container[];
  const checked = { metadata, spec: { ...spec, containers: [...spec.containers, ...added] } };
  const why = podSecurityMessage(enforce, checked as CheckedPod);
  if (why !== undefined)
    throw forbidden(`pods ${JSON.stringify(name)} is forbidden: ${why}`, detailsOf(resource, name));
}

/** One container to add, with its defaults: the rules are those of a container, and some more. */
function checkAdded(
  pod: Pod,
  one: JsonObject,
  index: number,
): { readonly container: EphemeralContainer; readonly causes: readonly Cause[] } {
  const at = `${LIST}[${index}]`;
  const { targetContainerName, ...stated } = one;
  const causes: Cause[] = [];
  for (const field of FORBIDDEN_FIELDS)
    if (isStated(stated[field])) causes.push(cause(`${at}.${field}`, NOT_SET));
  const mounts: unknown = stated["volumeMounts"];
  for (const [place, mount] of (Array.isArray(mounts) ? mounts : []).entries())
    for (const field of ["subPath", "subPathExpr"])
      if (isJsonObject(mount) && isStated(mount[field]))
        causes.push(cause(`${at}.volumeMounts[${place}].${field}`, NOT_SET));
  if (isStated(targetContainerName) && !hasContainer(pod, targetContainerName))
    causes.push({
      reason: "FieldValueNotFound",
      field: `${at}.targetContainerName`,
      message: `Not found: ${JSON.stringify(targetContainerName)}`,
    });
  const { volumes } = pod.spec;
  const bare = Object.fromEntries(Object.entries(stated).filter(([, value]) => isStated(value)));
  const { name, namespace = "" } = pod.metadata;
  const trial = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace },
    spec: { containers: [bare], ...(volumes === undefined ? {} : { volumes }) },
  };
  const { findings, object } = checkObject(trial, namespace);
  for (const finding of findings.filter(isHarmful)) {
    const [top, list, place, ...rest] = finding.path;
    if (top !== "spec" || list !== "containers" || place !== 0) continue;
    const field = `${at}${rest.length === 0 ? "" : `.${formatPath(rest)}`}`;
    causes.push({
      reason: "FieldValueInvalid",
      field,
      message: `Invalid value: ${finding.message}`,
    });
  }
  const [made] = (object as Pod | undefined)?.spec.containers ?? [];
  const container = { ...(made ?? (bare as unknown as Container)) };
  for (const field of FORBIDDEN_FIELDS)
    delete (container as Partial<Record<string, unknown>>)[field];
  return {
    container: {
      ...container,
      ...(isStated(targetContainerName)
        ? { targetContainerName: String(targetContainerName) }
        : {}),
    },
    causes,
  };
}

function hasContainer({ spec }: Pod, name: unknown): boolean {
  return [...(spec.initContainers ?? []), ...spec.containers].some((one) => one.name === name);
}

/** Typed clients send what they do not state as nothing. */
function isStated(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  return !isJsonObject(value) || Object.keys(value).length > 0;
}

function mayNotGo({ name }: EphemeralContainer): Cause {
  return cause(
    LIST,
    `Forbidden: existing ephemeral containers ${JSON.stringify(name)} may not be removed`,
  );
}

function mayNotChange({ name }: EphemeralContainer): Cause {
  return cause(
    LIST,
    `Forbidden: existing ephemeral containers ${JSON.stringify(name)} may not be changed`,
  );
}

function duplicate(index: number, name: string): Cause {
  const message = `Duplicate value: ${JSON.stringify(name)}`;
  return { reason: "FieldValueDuplicate", field: `${LIST}[${index}].name`, message };
}

function tooMany(count: number): Cause {
  const message = `Too many: ${count}: must have at most ${MAX_EPHEMERAL} items`;
  return { reason: "FieldValueTooMany", field: LIST, message };
}

function cause(field: string, message: string): Cause {
  return { reason: "FieldValueForbidden", field, message };
}

function refuse(pod: Pod, causes: readonly Cause[]): Error {
  return invalid(POD, pod.metadata.name, causes);
}
