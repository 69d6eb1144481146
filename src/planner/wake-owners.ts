import { isSameJson } from "../base/same-json.ts";
import { findCondition } from "../model/condition.ts";
import type { ReplicaSet } from "../model/kinds.gen.ts";
import { controllerOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { concernsGarbage, ownerRefOf } from "./plan-garbage.ts";
import type { World } from "./world.ts";

/** Controllers above an object that are woken with it: a pod's Job and its CronJob, say. */
const MAX_OWNERS = 2;

/** The controllers above an object. Pure. */
export function owners(world: World, object: ApiObject): readonly ObjectRef[] {
  const refs: ObjectRef[] = [];
  let owner = controllerOf(object);
  while (owner !== undefined) {
    const { namespace } = object.metadata;
    const { apiVersion, kind, name } = owner;
    const ref =
      namespace === undefined ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
    refs.push(ref);
    const next: ApiObject | undefined = refs.length < MAX_OWNERS ? world.get(ref) : undefined;
    owner = next === undefined ? undefined : controllerOf(next);
  }
  return refs;
}

/** Owners that wait for what they own to go: they look whether it is gone now. Pure. */
export function waitingOwners(world: World, object: ApiObject): readonly ObjectRef[] {
  const { ownerReferences } = object.metadata;
  if (ownerReferences === undefined) return [];
  return ownerReferences.flatMap((reference) => {
    const ref = ownerRefOf(object, reference);
    const owner = ref === undefined ? undefined : world.get(ref);
    const waits = owner?.metadata.deletionTimestamp !== undefined && concernsGarbage(owner);
    return ref !== undefined && waits ? [ref] : [];
  });
}

/** Whether two states of an object, one after the other, differ in the status alone. Pure. */
export function isStatusChange(a: ApiObject, b: ApiObject): boolean {
  const [left, right] = [a.metadata, b.metadata];
  return (
    left.uid === right.uid &&
    left.generation !== undefined &&
    left.generation === right.generation &&
    left.deletionTimestamp === right.deletionTimestamp &&
    isSameJson(left.finalizers, right.finalizers) &&
    isSameJson(left.labels, right.labels) &&
    isSameJson(left.annotations, right.annotations) &&
    isSameJson(left.ownerReferences, right.ownerReferences)
  );
}

/**
 * Whether the controllers above an object have nothing to do with what changed in its status. A Deployment counts the pods
 * itself: of the status of its sets it looks at whether they fail, and of those in its history at whether they have seen
 * that they are to be empty. Pure.
 */
export function isOwnBusiness(before: ApiObject, after: ApiObject): boolean {
  if (after.kind !== "ReplicaSet" || after.apiVersion !== "apps/v1") return false;
  const [left, right] = [(before as ReplicaSet).status, (after as ReplicaSet).status];
  const failures = [left, right].map((status) =>
    findCondition(status?.conditions, "ReplicaFailure"),
  );
  if (!isSameJson(failures[0], failures[1])) return false;
  const isHistory = (after as ReplicaSet).spec.replicas === 0;
  return !isHistory || left?.observedGeneration === right?.observedGeneration;
}
