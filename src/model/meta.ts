import type { Condition, ObjectMeta, OwnerReference } from "./kinds.gen.ts";

/** A value as JSON has it. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export type StringMap = Readonly<Record<string, string>>;

export type { Condition, ObjectMeta, OwnerReference };
export type ConditionStatus = Condition["status"];

/** What every API object has. `spec`, `status` and the rest are in the kinds. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** Names one object of the cluster, whether or not it exists. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly name: string;
}

/** The reference that names `object`. Pure. */
export function refOf(object: ApiObject): ObjectRef {
  const { apiVersion, kind, metadata } = object;
  return metadata.namespace === undefined
    ? { apiVersion, kind, name: metadata.name }
    : { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}

/** `apps/v1/Deployment/shop/web`; cluster-scoped: `v1/Namespace//shop`. Unique per object. Pure. */
export function refKey(ref: ObjectRef): string {
  return `${ref.apiVersion}/${ref.kind}/${ref.namespace ?? ""}/${ref.name}`;
}

/** The reference that `refKey` made the text from. Throws on any other text. Pure. */
export function parseRefKey(key: string): ObjectRef {
  const parts = key.split("/");
  const name = parts.pop();
  const namespace = parts.pop();
  const kind = parts.pop();
  if (name === undefined || namespace === undefined || kind === undefined || parts.length === 0) {
    throw new Error(`Cannot parse the reference key "${key}"`);
  }
  const apiVersion = parts.join("/");
  return namespace === "" ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
}

/** `Deployment shop/web`, as messages name an object. Pure. */
export function formatRef(ref: ObjectRef): string {
  return ref.namespace === undefined
    ? `${ref.kind} ${ref.name}`
    : `${ref.kind} ${ref.namespace}/${ref.name}`;
}

/** The owner reference with `controller: true`, if any. Pure. */
export function controllerOf(object: ApiObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

/** The uids of all owners but the controller. Pure. */
export function otherOwnersOf({ metadata }: ApiObject): readonly string[] {
  if (metadata.ownerReferences === undefined) return [];
  const others = metadata.ownerReferences.filter((owner) => owner.controller !== true);
  return others.map(({ uid }) => uid);
}

/** A controller's owner reference to `owner`, which must have a uid. Pure. */
export function controllerRef(owner: ApiObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? "",
    controller: true,
    blockOwnerDeletion: true,
  };
}
