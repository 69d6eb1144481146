import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import type { Namespace, Pod } from "./kinds.gen.ts";
import type { ApiObject } from "./meta.ts";
import { terminatePod } from "./pod-deletion.ts";

/** What becomes of the dependents of what is deleted: gone before it, gone after it, or left without an owner. */
export type Propagation = "Foreground" | "Background" | "Orphan";

/** Kubernetes' finalizers that stand for a propagation; the garbage collector takes them off. */
export const FOREGROUND_FINALIZER = "foregroundDeletion";
export const ORPHAN_FINALIZER = "orphan";
/** In `spec.finalizers` of a Namespace: its content goes first. */
export const NAMESPACE_FINALIZER = "kubernetes";

export interface DeletionRequest {
  readonly now: Millis;
  /** Of a Pod; the Pod's own unless given. */
  readonly graceSeconds?: number | undefined;
  /** Nobody is left who would end the Pod, or it has ended: it waits for its finalizers alone. */
  readonly isEnded?: boolean;
  /** As the object's finalizers say it already, unless given. */
  readonly propagation?: Propagation | undefined;
}

/**
 * What a deletion leaves of an object: a Pod on a node ends with grace, whatever has finalizers waits for their owners, a
 * Namespace for its content; `undefined` when it is to be removed at once; the same object when it is being deleted
 * already and nothing new is asked. Pure.
 */
export function markForDeletion(
  object: ApiObject,
  request: DeletionRequest,
): ApiObject | undefined {
  const base = withPropagation(object, request.propagation);
  if (isNamespace(base)) return markNamespace(base, request.now);
  if (isPodObject(base) && request.isEnded !== true) {
    const ending = terminatePod(base, request);
    if (ending !== undefined) return ending;
  }
  return hasFinalizers(base) ? markWaiting(base, request.now) : undefined;
}

/**
 * Whether an update takes the last finalizer off an object that only waited for that: then it is removed. A Pod that has
 * its grace still before it is removed by its node. Pure.
 */
export function isReleased(before: ApiObject, after: ApiObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = after.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0) return false;
  return hasFinalizers(before) && !hasFinalizers(after);
}

/** Whether something is still to happen before the object may be removed. Pure. */
export function hasFinalizers(object: ApiObject): boolean {
  const own = object.metadata.finalizers ?? [];
  return own.length > 0 || (isNamespace(object) && (object.spec?.finalizers ?? []).length > 0);
}

/** The object without one of its finalizers; the same object when it has none of that name. Pure. */
export function withoutFinalizer<T extends ApiObject>(object: T, finalizer: string): T {
  const { finalizers = [], ...metadata } = object.metadata;
  if (!finalizers.includes(finalizer)) return object;
  const left = finalizers.filter((name) => name !== finalizer);
  return { ...object, metadata: left.length === 0 ? metadata : { ...metadata, finalizers: left } };
}

function withPropagation(object: ApiObject, propagation: Propagation | undefined): ApiObject {
  if (propagation === undefined) return object;
  const { finalizers = [], ...metadata } = object.metadata;
  const others = finalizers.filter(
    (name) => name !== FOREGROUND_FINALIZER && name !== ORPHAN_FINALIZER,
  );
  const wanted = [...others, ...finalizerOf(propagation)];
  if (wanted.length === finalizers.length && wanted.every((name) => finalizers.includes(name)))
    return object;
  return {
    ...object,
    metadata: wanted.length === 0 ? metadata : { ...metadata, finalizers: wanted },
  };
}

function finalizerOf(propagation: Propagation): readonly string[] {
  if (propagation === "Background") return [];
  return [propagation === "Foreground" ? FOREGROUND_FINALIZER : ORPHAN_FINALIZER];
}

function markNamespace(namespace: Namespace, now: Millis): Namespace | undefined {
  const { metadata, spec } = namespace;
  if (metadata.deletionTimestamp !== undefined)
    return hasFinalizers(namespace) ? namespace : undefined;
  return {
    ...namespace,
    metadata: { ...metadata, deletionTimestamp: formatTime(now) },
    spec: { ...spec, finalizers: spec?.finalizers ?? [NAMESPACE_FINALIZER] },
  };
}

function markWaiting(object: ApiObject, now: Millis): ApiObject {
  const { deletionTimestamp, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp !== undefined && (deletionGracePeriodSeconds ?? 0) === 0) return object;
  const at = Math.min(parseTime(deletionTimestamp) ?? now, now);
  const metadata = {
    ...object.metadata,
    deletionTimestamp: formatTime(at),
    deletionGracePeriodSeconds: 0,
  };
  return { ...object, metadata };
}

function isNamespace(object: ApiObject): object is Namespace {
  return object.kind === "Namespace" && object.apiVersion === "v1";
}

function isPodObject(object: ApiObject): object is Pod {
  return object.kind === "Pod" && object.apiVersion === "v1";
}
