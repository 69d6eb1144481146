import {
  FOREGROUND_FINALIZER,
  ORPHAN_FINALIZER,
  withoutFinalizer,
  type Propagation,
} from "../model/deletion.ts";
import { refOf, type ApiObject, type ObjectRef, type OwnerReference } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import { findResource } from "../model/resources.ts";
import type { World } from "./world.ts";

/** Dependents that one plan deletes or lets go at most; the rest follows when these have changed. */
const MAX_DEPENDENTS = 500;

/**
 * Garbage collection as Kubernetes does it. An object goes once all its owners are gone; while one is left, the references
 * to those that are gone go. Deleted in the foreground, an object waits until what it blocks on is gone; orphaning, until
 * nobody names it as owner. A namesake with another uid is no owner. Pure.
 */
export function planGarbage(world: World, object: ApiObject): Plan {
  if (object.metadata.deletionTimestamp !== undefined) return planDependents(world, object);
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0) return EMPTY_PLAN;
  const states = owners.map((owner) => ({ owner, state: stateOfOwner(world, object, owner) }));
  const lost = states.filter(({ state }) => state === "absent" || state === "waiting");
  if (lost.length === 0) return EMPTY_PLAN;
  if (lost.length < owners.length) {
    const kept = states.filter(({ state }) => state === "there" || state === "unknown");
    return {
      steps: [
        withOwners(
          object,
          kept.map(({ owner }) => owner),
        ),
      ],
    };
  }
  return { steps: [remove(object, propagationOf(world, object, states))] };
}

/** Whether the garbage collector may have something to do about an object like this. Pure. */
export function concernsGarbage({ metadata }: ApiObject): boolean {
  const { ownerReferences = [], finalizers = [], deletionTimestamp } = metadata;
  if (deletionTimestamp === undefined) return ownerReferences.length > 0;
  return finalizers.includes(FOREGROUND_FINALIZER) || finalizers.includes(ORPHAN_FINALIZER);
}

/** All that names this uid as an owner. Pure. */
export function dependentsOf(world: World, uid: string | undefined): readonly ApiObject[] {
  if (uid === undefined) return [];
  return world.dependents?.(uid) ?? world.ownedBy(uid);
}

/** Where an owner of `object` is, if it can be anywhere: a cluster-scoped object has no owner in a namespace. Pure. */
export function ownerRefOf(
  object: ApiObject,
  { apiVersion, kind, name }: Omit<OwnerReference, "uid">,
): ObjectRef | undefined {
  const resource = findResource(apiVersion, kind);
  if (resource === undefined) return undefined;
  if (!resource.namespaced) return { apiVersion, kind, name };
  const { namespace } = object.metadata;
  return namespace === undefined ? undefined : { apiVersion, kind, namespace, name };
}

/** `unknown`: it cannot be looked up, so nothing is concluded from it. `waiting`: it goes once its dependents are gone. */
type OwnerState = "there" | "absent" | "waiting" | "unknown";

function stateOfOwner(world: World, object: ApiObject, owner: OwnerReference): OwnerState {
  const ref = ownerRefOf(object, owner);
  if (ref === undefined) return "unknown";
  const found = world.get(ref);
  if (found?.metadata.uid !== owner.uid) return "absent";
  return isForeground(found) ? "waiting" : "there";
}

function isForeground({ metadata }: ApiObject): boolean {
  const { finalizers = [], deletionTimestamp } = metadata;
  return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND_FINALIZER);
}

/** What waits for its dependents hands the wait down to theirs. */
function propagationOf(
  world: World,
  object: ApiObject,
  states: readonly { readonly state: OwnerState }[],
): Propagation {
  const { finalizers = [], uid } = object.metadata;
  if (finalizers.includes(ORPHAN_FINALIZER)) return "Orphan";
  if (finalizers.includes(FOREGROUND_FINALIZER)) return "Foreground";
  const isWaitedFor = states.some(({ state }) => state === "waiting");
  return isWaitedFor && dependentsOf(world, uid).length > 0 ? "Foreground" : "Background";
}

function planDependents(world: World, object: ApiObject): Plan {
  const { finalizers = [], uid } = object.metadata;
  if (finalizers.includes(ORPHAN_FINALIZER)) {
    const dependents = dependentsOf(world, uid).slice(0, MAX_DEPENDENTS);
    if (dependents.length === 0) return { steps: [release(object, ORPHAN_FINALIZER)] };
    return { steps: dependents.map((dependent) => withoutOwner(dependent, uid)) };
  }
  if (!finalizers.includes(FOREGROUND_FINALIZER)) return EMPTY_PLAN;
  const blocking = dependentsOf(world, uid).filter((dependent) => blocks(dependent, uid));
  if (blocking.length === 0) return { steps: [release(object, FOREGROUND_FINALIZER)] };
  const steps = blocking
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .slice(0, MAX_DEPENDENTS)
    .flatMap((dependent) => planGarbage(world, dependent).steps);
  return { steps };
}

function blocks({ metadata }: ApiObject, uid: string | undefined): boolean {
  return (metadata.ownerReferences ?? []).some(
    (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
  );
}

function release(object: ApiObject, finalizer: string): Step {
  return { kind: "update", object: withoutFinalizer(object, finalizer), reason: "FinalizerDone" };
}

function withoutOwner(object: ApiObject, uid: string | undefined): Step {
  const owners = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
  return withOwners(object, owners);
}

function withOwners(object: ApiObject, ownerReferences: readonly OwnerReference[]): Step {
  const { ownerReferences: _, ...rest } = object.metadata;
  const metadata = ownerReferences.length === 0 ? rest : { ...rest, ownerReferences };
  return { kind: "update", object: { ...object, metadata }, reason: "Release" };
}

function remove(object: ApiObject, propagation: Propagation): Step {
  const uid = object.metadata.uid ?? "";
  return { kind: "delete", ref: refOf(object), uid, propagation, reason: "OwnerGone" };
}
