import { isSameJson } from "../base/same-json.ts";
import { APP_LABEL, APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../model/app.ts";
import type { AppliedManifest } from "../model/app.ts";
import type {
  Job,
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Service,
} from "../model/kinds.gen.ts";
import { controllerOf, formatRef, refOf, type ApiObject, type StringMap } from "../model/meta.ts";
import type { Position, Problem } from "../model/problem.ts";
import { findImmutable } from "./immutable-fields.ts";
import { keepAdmitted, keepFinalizers } from "./keep-admitted.ts";

/** A declared object: defaulted, with the digest of that and its place in Git. */
export interface DeclaredObject {
  readonly object: ApiObject;
  readonly hash: string;
  readonly at: Position;
}

export type Applied =
  | { readonly kind: "unchanged"; readonly object: ApiObject }
  | { readonly kind: "create"; readonly object: ApiObject }
  /** `isMoved`: only the place in Git is another one; nothing that anybody acts on. */
  | { readonly kind: "update"; readonly object: ApiObject; readonly isMoved: boolean }
  | { readonly kind: "problem"; readonly problem: Problem };

/**
 * What a manifest makes of the object that is stored under its name. Git owns what the manifest states; what allocators
 * and planners added stays, and so do labels and annotations of others; those that Git stated before and no longer
 * does go. With `isFree` it is nobody's, whatever its label says. Pure.
 */
export function applyManifest(
  manifest: DeclaredObject,
  stored: ApiObject | undefined,
  app: string,
  isFree = false,
): Applied {
  const declared = withMetadata(manifest, stored, app);
  if (stored === undefined) return { kind: "create", object: declared };
  const problem =
    findOwnershipProblem(manifest, stored, app, isFree) ?? findImmutableProblem(manifest, stored);
  if (problem !== undefined) return { kind: "problem", problem };
  const object = keepStatus(keepAllocated(declared, stored), stored);
  if (isSameJson(object, stored)) return { kind: "unchanged", object: stored };
  const isMoved = isSameJson(withoutSource(object), withoutSource(stored));
  return { kind: "update", object, isMoved };
}

/** The object with the metadata that it is to have: Git's, then what others put there. */
function withMetadata(
  { object, hash, at }: DeclaredObject,
  stored: ApiObject | undefined,
  app: string,
): ApiObject {
  const { name, namespace, labels = {}, annotations = {}, finalizers = [] } = object.metadata;
  const before = readApplied(stored);
  const { finalizers: held = [], ...system } = stored?.metadata ?? { name };
  const isEnding = stored?.metadata.deletionTimestamp !== undefined;
  const waiting = finalizersOf(finalizers, held, before, isEnding);
  const applied: AppliedManifest = {
    hash,
    labels: Object.keys(labels).toSorted(),
    annotations: Object.keys(annotations).toSorted(),
    ...(finalizers.length === 0 ? {} : { finalizers }),
  };
  return {
    ...object,
    metadata: {
      ...system,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...without(stored?.metadata.labels, before.labels), ...labels, [APP_LABEL]: app },
      annotations: {
        ...without(stored?.metadata.annotations, before.annotations),
        ...annotations,
        [SOURCE_ANNOTATION]: `${at.file}:${at.line}`,
        [APPLIED_ANNOTATION]: JSON.stringify(applied),
      },
      ...(waiting.length === 0 ? {} : { finalizers: waiting }),
    },
  };
}

/** What Git states and what others put there; but what is being deleted gets none that was taken off it. */
function finalizersOf(
  declared: readonly string[],
  held: readonly string[],
  before: Stated,
  isEnding: boolean,
): readonly string[] {
  if (isEnding) return held;
  const others = held.filter((name) => !before.finalizers.includes(name));
  return [...new Set([...declared, ...others])];
}

type Stated = Required<Pick<AppliedManifest, "labels" | "annotations" | "finalizers">>;
const NOTHING_STATED: Stated = { labels: [], annotations: [], finalizers: [] };

/** What the last apply stated; nothing when there was none, or when it cannot be read. */
function readApplied(stored: ApiObject | undefined): Stated {
  const text = stored?.metadata.annotations?.[APPLIED_ANNOTATION];
  if (text === undefined) return NOTHING_STATED;
  try {
    const { labels, annotations, finalizers } = JSON.parse(text) as Partial<AppliedManifest>;
    return {
      labels: stringList(labels),
      annotations: stringList(annotations),
      finalizers: stringList(finalizers),
    };
  } catch {
    return NOTHING_STATED;
  }
}

function stringList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function without(map: StringMap | undefined, keys: readonly string[]): StringMap {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !keys.includes(key)));
}

function withoutSource(object: ApiObject): ApiObject {
  const annotations = without(object.metadata.annotations, [SOURCE_ANNOTATION]);
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** The object with those fields of `spec` that someone else filled in, where it says nothing about them itself. Pure. */
export function keepAllocated(object: ApiObject, stored: ApiObject): ApiObject {
  switch (`${object.apiVersion}/${object.kind}`) {
    case "v1/Service":
      return keepAddresses(object as Service, stored as Service);
    case "v1/PersistentVolumeClaim":
      return keepVolume(object as PersistentVolumeClaim, stored as PersistentVolumeClaim);
    case "v1/PersistentVolume":
      return keepClaim(object as PersistentVolume, stored as PersistentVolume);
    case "v1/Namespace":
      return keepFinalizers(object as Namespace, stored as Namespace);
    case "v1/Pod":
      return keepAdmitted(object as Pod, stored as Pod);
    case "batch/v1/Job":
      return keepSelector(object as Job, stored as Job);
    default:
      return object;
  }
}

function keepAddresses(object: Service, stored: Service): Service {
  const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = stored.spec;
  const kept = { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy };
  const allocated: Record<string, unknown> = Object.fromEntries(
    Object.entries(kept).filter(([, value]) => value !== undefined),
  );
  const { type } = object.spec;
  if (type === "ExternalName") return object;
  const health = stored.spec.healthCheckNodePort;
  if (
    type === "LoadBalancer" &&
    object.spec.externalTrafficPolicy === "Local" &&
    health !== undefined
  )
    allocated["healthCheckNodePort"] = health;
  const ports =
    type === "NodePort" || type === "LoadBalancer"
      ? object.spec.ports.map((port) => {
          const nodePort = stored.spec.ports.find(({ name }) => name === port.name)?.nodePort;
          return nodePort === undefined ? port : { nodePort, ...port };
        })
      : object.spec.ports;
  return { ...object, spec: { ...allocated, ...object.spec, ports } };
}

function keepVolume(
  object: PersistentVolumeClaim,
  stored: PersistentVolumeClaim,
): PersistentVolumeClaim {
  const { storageClassName, volumeName } = stored.spec;
  const kept = {
    ...(storageClassName === undefined ? {} : { storageClassName }),
    ...(volumeName === undefined ? {} : { volumeName }),
  };
  return { ...object, spec: { ...kept, ...object.spec } };
}

function keepClaim(object: PersistentVolume, stored: PersistentVolume): PersistentVolume {
  const { claimRef } = stored.spec;
  return claimRef === undefined ? object : { ...object, spec: { ...object.spec, claimRef } };
}

function keepSelector(object: Job, stored: Job): Job {
  const { selector } = stored.spec;
  return selector === undefined ? object : { ...object, spec: { selector, ...object.spec } };
}

function keepStatus(object: ApiObject, stored: ApiObject): ApiObject {
  const { status } = stored as ApiObject & { readonly status?: unknown };
  const { status: _, ...rest } = object as ApiObject & { readonly status?: unknown };
  return status === undefined ? rest : ({ ...rest, status } as ApiObject);
}

/** What is said of an object that another App has. Pure. */
export function ownedBy(
  { object, at }: Pick<DeclaredObject, "object" | "at">,
  other: string,
): Problem {
  return {
    code: "apply/other-app",
    message: `${formatRef(refOf(object))} belongs to App "${other}"`,
    at,
    path: "metadata.name",
    hint: "remove it there first, or give this one another name",
  };
}

function findOwnershipProblem(
  { object, at }: DeclaredObject,
  stored: ApiObject,
  app: string,
  isFree: boolean,
): Problem | undefined {
  const name = formatRef(refOf(object));
  const owner = isFree ? undefined : stored.metadata.labels?.[APP_LABEL];
  if (owner !== undefined && owner !== app) return ownedBy({ object, at }, owner);
  const controller = controllerOf(stored);
  if (controller !== undefined)
    return {
      code: "apply/controlled",
      message: `${name} is there already, made by ${controller.kind} ${controller.name}`,
      at,
      path: "metadata.name",
      hint: "give this one another name",
    };
  return undefined;
}

function findImmutableProblem(
  { object, at }: DeclaredObject,
  stored: ApiObject,
): Problem | undefined {
  const found = findImmutable(object, stored);
  if (found === undefined) return undefined;
  return {
    code: "apply/immutable",
    message: `${found.path} of ${formatRef(refOf(object))} cannot be changed`,
    at,
    path: found.path,
    hint: found.hint,
  };
}
