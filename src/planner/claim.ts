import { sortedBy } from "../base/order.ts";
import { matchesSelector } from "../model/labels.ts";
import { controllerOf, controllerRef, type ApiObject } from "../model/meta.ts";
import type { LabelSelector } from "../model/kinds.gen.ts";
import type { World } from "./world.ts";

/** What a controller's selector and the owner references make its own. */
export interface Claims<T extends ApiObject> {
  /** Its objects, in the order of their names, as they will be: adopted ones have the reference already. */
  readonly owned: readonly T[];
  /** Objects without a controller that its selector chooses, with the reference to be written. */
  readonly adopted: readonly T[];
  /** Objects that its selector no longer chooses, without the reference. */
  readonly released: readonly T[];
}

/** What an owner may claim. */
export interface Claimable<T extends ApiObject> {
  readonly apiVersion: string;
  readonly kind: string;
  /** What must hold of a claimed object beside its labels: that it is named as the owner names its own, say. */
  readonly isMember?: (object: T) => boolean;
}

/**
 * Sorts out which objects of a kind belong to `owner`: those that it controls and still chooses, and those that it
 * chooses and nobody controls. An object that is ending is never adopted. Pure.
 */
export function claimObjects<T extends ApiObject>(
  world: World,
  owner: ApiObject,
  selector: LabelSelector | undefined,
  { apiVersion, kind, isMember = () => true }: Claimable<T>,
): Claims<T> {
  const isOfKind = (object: ApiObject): object is T =>
    object.apiVersion === apiVersion && object.kind === kind;
  const isChosen = (object: T): boolean =>
    matchesSelector(selector, object.metadata.labels) && isMember(object);
  const held = world.ownedBy(owner.metadata.uid ?? "").filter(isOfKind);
  const adopted = orphansOf(world, apiVersion, kind, owner.metadata.namespace ?? "")
    .filter(isOfKind)
    .filter((object) => object.metadata.deletionTimestamp === undefined && isChosen(object))
    .map((object) => adopt(object, owner));
  const kept: T[] = [];
  const released: T[] = [];
  for (const object of held) (isChosen(object) ? kept : released).push(object);
  return {
    owned: byName([...kept, ...adopted]),
    adopted: byName(adopted),
    released: byName(released.map((object) => release(object, owner))),
  };
}

function byName<T extends ApiObject>(objects: readonly T[]): readonly T[] {
  return objects.length < 2 ? objects : sortedBy(objects, ({ metadata }) => metadata.name);
}

function orphansOf(
  world: World,
  apiVersion: string,
  kind: string,
  namespace: string,
): readonly ApiObject[] {
  const candidates =
    world.orphans?.(apiVersion, kind, namespace) ?? world.list(apiVersion, kind, namespace);
  return candidates.filter((object) => controllerOf(object) === undefined);
}

function adopt<T extends ApiObject>(object: T, owner: ApiObject): T {
  const ownerReferences = [...(object.metadata.ownerReferences ?? []), controllerRef(owner)];
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

function release<T extends ApiObject>(object: T, owner: ApiObject): T {
  const ownerReferences = (object.metadata.ownerReferences ?? []).filter(
    (reference) => reference.uid !== owner.metadata.uid,
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}
