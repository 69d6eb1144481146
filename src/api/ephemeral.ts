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
  const { containers: ephemeralContainers, causes } = merge(pod, before, list);
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

/** What was there stays as it was; what is new is checked, its name among all of the pod's. */
function merge(
  pod: Pod,
  before: readonly EphemeralContainer[],
  list: readonly JsonObject[],
): { readonly containers: readonly EphemeralContainer[]; readonly causes: readonly Cause[] } {
  const own = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  const names = new Set(own.map(({ name }) => name));
  const merged = list.map((one, index): Added => {
    const known = before.find(({ name }) => name === one["name"]);
    const added =
      known === undefined
        ? checkAdded(pod, one, index)
        : { container: known, causes: isSameJson(known, one) ? [] : [mayNotChange(known)] };
    const { name } = added.container;
    const causes = names.has(name) ? [...added.causes, duplicate(index, name)] : added.causes;
    names.add(name);
    return { ...added, causes };
  });
  return {
    containers: merged.map(({ container }) => container),
    causes: merged.flatMap(({ causes }) => causes),
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

interface Added {
  readonly container: EphemeralContainer;
  readonly causes: readonly Cause[];
}

/** One container to add, with its defaults: the rules are those of a container, and some more. */
function checkAdded(pod: Pod, one: JsonObject, index: number): Added {
  const at = `${LIST}[${index}]`;
  const { targetContainerName, ...stated } = one;
  const { container, causes } = checkAsContainer(pod, stated, at);
  const target = isStated(targetContainerName) ? String(targetContainerName) : undefined;
  const isMissing = target !== undefined && !hasContainer(pod, target);
  const message = `Not found: ${JSON.stringify(target)}`;
  const missing = { reason: "FieldValueNotFound", field: `${at}.targetContainerName`, message };
  return {
    container: {
      ...container,
      ...(target === undefined ? {} : { targetContainerName: target }),
    },
    causes: [...notForIt(stated, at), ...(isMissing ? [missing] : []), ...causes],
  };
}

/** Fields that such a container cannot have. */
function notForIt(stated: JsonObject, at: string): readonly Cause[] {
  const fields = FORBIDDEN_FIELDS.filter((field) => isStated(stated[field]));
  const mounts: readonly unknown[] = Array.isArray(stated["volumeMounts"])
    ? stated["volumeMounts"]
    : [];
  const parts = mounts.flatMap((mount, place) =>
    ["subPath", "subPathExpr"]
      .filter((field) => isJsonObject(mount) && isStated(mount[field]))
      .map((field) => `volumeMounts[${place}].${field}`),
  );
  return [...fields, ...parts].map((field) => cause(`${at}.${field}`, NOT_SET));
}

/** As the schema of pods has it, with every default of a container that it may have. */
function checkAsContainer(pod: Pod, stated: JsonObject, at: string): Added {
  const { volumes } = pod.spec;
  const { name, namespace = "" } = pod.metadata;
  const bare = Object.fromEntries(Object.entries(stated).filter(([, value]) => isStated(value)));
  const trial = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace },
    spec: { containers: [bare], ...(volumes === undefined ? {} : { volumes }) },
  };
  const { findings, object } = checkObject(trial, namespace);
  const causes = findings.filter(isHarmful).flatMap(({ path, message }): readonly Cause[] => {
    const [top, list, place, ...rest] = path;
    if (top !== "spec" || list !== "containers" || place !== 0) return [];
    const field = rest.length === 0 ? at : `${at}.${formatPath(rest)}`;
    return [{ reason: "FieldValueInvalid", field, message: `Invalid value: ${message}` }];
  });
  const [made] = (object as Pod | undefined)?.spec.containers ?? [];
  const forbiddenFields: ReadonlySet<string> = new Set(FORBIDDEN_FIELDS);
  const allowed = Object.entries(made ?? bare).filter(([field]) => !forbiddenFields.has(field));
  return { container: Object.fromEntries(allowed) as unknown as EphemeralContainer, causes };
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
