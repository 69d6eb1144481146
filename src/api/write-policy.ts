import { canonicalJson } from "../base/hash.ts";
import {
  APPLIED_ANNOTATION,
  APP_LABEL,
  ROOT_APP,
  SOURCE_ANNOTATION,
  UNMANAGED_ANNOTATION,
} from "../model/app.ts";
import type { Node } from "../model/kinds.gen.ts";
import { controllerOf, formatRef, refOf } from "../model/meta.ts";
import { VOLUME_FINALIZER } from "../model/storage.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { findResource } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { User } from "./authenticate.ts";
import { conflict, detailsOf, forbidden, invalid } from "./failure.ts";
import type { ApiFailure } from "./failure.ts";
import { methodNotAllowed } from "./request-info.ts";
import type { Verb } from "./request-info.ts";

/** Owners above owners that are followed to find what Git declares. */
const MAX_OWNERS = 8;

/** Marks that tell of Git: nobody else may set them. */
const GIT_LABELS: readonly string[] = [APP_LABEL];
const GIT_ANNOTATIONS: readonly string[] = [SOURCE_ANNOTATION, APPLIED_ANNOTATION];

/**
 * What declarable objects state is Git's: a person's write to one is refused, with where to make the change instead.
 * The exceptions are what is in an unmanaged namespace, and deletions of what Git knows nothing about: a pod or Job
 * with a controller, which is a wish of the moment, and a claim or volume that was made for a pod. Throws 405.
 */
export function refuseDeclared(
  objects: Pick<ObjectStore, "get">,
  request: {
    readonly user: User;
    readonly verb: Verb;
    readonly resource: Resource;
    readonly current: ApiObject | undefined;
    /** Of an object that is not there. */
    readonly namespace?: string | undefined;
    readonly subresource?: string | undefined;
  },
): void {
  const { user, verb, resource, current, subresource } = request;
  if (user.node !== undefined || subresource === EPHEMERAL) return;
  if (!resource.declarable) {
    // Apps are written through the API, except those that are themselves in Git.
    const isGits = current?.metadata.annotations?.[SOURCE_ANNOTATION] !== undefined;
    if (resource.kind === "App" && isGits && subresource === undefined)
      throw changeInGit(objects, current);
    return;
  }
  const namespace = current?.metadata.namespace ?? request.namespace;
  if (isUnmanaged(objects, namespace)) {
    if (subresource !== "status") return;
    throw methodNotAllowed(`the status of a ${resource.kind} is written by Berth alone`);
  }
  const isWish = isAccount(user) || (current !== undefined && isOwned(current));
  if (isWish && subresource !== "status") return;
  if (mayDelete(objects, verb, current)) return;
  throw current === undefined
    ? methodNotAllowed(
        `writes are commits: add a manifest of the ${resource.kind} to the repository and commit it`,
      )
    : changeInGit(objects, current);
}

function mayDelete(
  objects: Pick<ObjectStore, "get">,
  verb: Verb,
  current: ApiObject | undefined,
): boolean {
  return verb === "delete" && current !== undefined && isMadeByBerth(objects, current);
}

/** Names of users that are programs in the cluster: what they write is runtime. */
const ACCOUNT_PREFIX = "system:serviceaccount:";

export interface AskedWrite {
  readonly user: User;
  readonly verb: Verb;
  readonly resource: Resource;
  readonly current: ApiObject | undefined;
  /** Of an object that is not there yet: as it is to be. */
  readonly created?: ApiObject | undefined;
  readonly namespace?: string | undefined;
  readonly subresource?: string | undefined;
}

/**
 * Whether a write becomes a commit: that of a person to what manifests state. Not: status, what Berth made for something
 * declared, and what an unmanaged namespace holds.
 */
export function goesToGit(objects: Pick<ObjectStore, "get">, asked: AskedWrite): boolean {
  const { user, verb, resource, current, created, subresource } = asked;
  if (user.node !== undefined || isAccount(user) || isRuntime(subresource)) return false;
  const isGits = current?.metadata.annotations?.[SOURCE_ANNOTATION] !== undefined;
  if (!resource.declarable)
    return resource.kind === "App" && (isGits || isForGit(objects, created));
  if (isUnmanaged(objects, current?.metadata.namespace ?? asked.namespace)) return false;
  const object = current ?? created;
  if (object === undefined) return true;
  if (isOwned(object)) return false;
  return verb !== "delete" || !isMadeByBerth(objects, object);
}

/** A further App goes to the folder of the first one, unless it is said to be nobody's. */
function isForGit(objects: Pick<ObjectStore, "get">, created: ApiObject | undefined): boolean {
  if (created === undefined || created.metadata.name === ROOT_APP) return false;
  if (created.metadata.annotations?.[UNMANAGED_ANNOTATION] === "true") return false;
  return objects.get({ ...refOf(created), name: ROOT_APP }) !== undefined;
}

const EPHEMERAL = "ephemeralcontainers";

/** Whether Git never states what is written. */
function isRuntime(subresource: string | undefined): boolean {
  return subresource === "status" || subresource === EPHEMERAL;
}

/** Whether the user is a program in the cluster. Pure. */
export function isAccount({ name }: User): boolean {
  return name.startsWith(ACCOUNT_PREFIX);
}

/** Whether an object is made for another one, by which it lives: Git says nothing about it. Pure. */
export function isOwned(object: ApiObject): boolean {
  return controllerOf(object) !== undefined;
}

/**
 * A program's write to what Git declares: it may add labels, annotations and finalizers of its own, and leaves the rest
 * as it is. Throws 409. Pure.
 */
export function refuseGitFields(
  user: User,
  resource: Resource,
  object: ApiObject,
  current: ApiObject | undefined,
): void {
  const applied = current?.metadata.annotations?.[APPLIED_ANNOTATION];
  if (!isAccount(user) || current === undefined || applied === undefined) return;
  const bare = (one: ApiObject): string => {
    const { metadata: _, status: __, ...rest } = one as ApiObject & { readonly status?: unknown };
    return canonicalJson(rest);
  };
  const stated = JSON.parse(applied) as Partial<
    Record<"labels" | "annotations", readonly string[]>
  >;
  const fields = (["labels", "annotations"] as const).flatMap((map) =>
    [...(stated[map] ?? []), ...(map === "labels" ? GIT_LABELS : GIT_ANNOTATIONS)]
      .filter((key) => object.metadata[map]?.[key] !== current.metadata[map]?.[key])
      .map((key) => `metadata.${map}[${JSON.stringify(key)}]`),
  );
  if (bare(object) !== bare(current)) fields.push("spec");
  if (fields.length === 0) return;
  const source = current.metadata.annotations?.[SOURCE_ANNOTATION] ?? "Git";
  throw conflict(
    resource,
    object.metadata.name,
    `${fields.join(", ")} is Git's (${source}): programs in the cluster do not change it`,
  );
}

/** Whether people write the objects of this namespace, and not Git: its Namespace says so. */
export function isUnmanaged(
  objects: Pick<ObjectStore, "get">,
  namespace: string | undefined,
): boolean {
  if (namespace === undefined) return false;
  const found = objects.get({ apiVersion: "v1", kind: "Namespace", name: namespace })?.object;
  return found?.metadata.annotations?.[UNMANAGED_ANNOTATION] === "true";
}

/** The marks of what Git declares are not for people to set or change. Throws 422. Pure. */
export function refuseGitMarks(
  resource: Resource,
  object: ApiObject,
  current: ApiObject | undefined,
): void {
  const changed = (field: "labels" | "annotations", keys: readonly string[]) =>
    keys
      .filter((key) => object.metadata[field]?.[key] !== current?.metadata[field]?.[key])
      .map((key) => ({
        reason: "FieldValueForbidden",
        field: `metadata.${field}[${JSON.stringify(key)}]`,
        message: "Forbidden: set by Berth on what Git declares; leave it as it is",
      }));
  const causes = [...changed("labels", GIT_LABELS), ...changed("annotations", GIT_ANNOTATIONS)];
  if (causes.length > 0) throw invalid(resource, object.metadata.name, causes);
}

function isMadeByBerth(objects: Pick<ObjectStore, "get">, object: ApiObject): boolean {
  if (object.kind === "Pod" || object.kind === "Job") return controllerOf(object) !== undefined;
  const isStorage = object.kind === "PersistentVolumeClaim" || object.kind === "PersistentVolume";
  return isStorage && declaredOwner(objects, object) === undefined;
}

/** What a node may write is not only a matter of names: see the rules. Throws 403. Pure. */
export function admitNodeWrite(
  user: User,
  resource: Resource,
  object: ApiObject,
  current: ApiObject | undefined,
): void {
  const { node } = user;
  if (node === undefined) return;
  const { name } = object.metadata;
  const isNamedAfterNode = resource.plural === "nodes" || resource.plural === "leases";
  if (isNamedAfterNode && name !== node) {
    throw forbidden(
      `${resource.plural} "${name}" is forbidden: node "${node}" may only write its own`,
      detailsOf(resource, name),
    );
  }
  if (resource.plural === "persistentvolumes") admitVolumeWrite(node, object, current);
  if (resource.plural !== "nodes" || current === undefined) return;
  const before = canonicalJson((current as Node).spec ?? {});
  if (canonicalJson((object as Node).spec ?? {}) !== before) {
    throw forbidden(
      `nodes "${name}" is forbidden: the spec of a node is not for the node itself to change`,
      detailsOf(resource, name),
    );
  }
}

/** A node may say of a deleted volume that its data is gone, and nothing else. */
function admitVolumeWrite(node: string, object: ApiObject, current: ApiObject | undefined): void {
  const bare = (volume: ApiObject): string => {
    const { finalizers: _, resourceVersion: __, ...metadata } = volume.metadata;
    // The status is not written this way, whatever is sent.
    const { status: ___, ...rest } = volume as ApiObject & { readonly status?: unknown };
    return canonicalJson({ ...rest, metadata });
  };
  const before = current?.metadata.finalizers ?? [];
  const after = object.metadata.finalizers ?? [];
  const isAllowed =
    current?.metadata.deletionTimestamp !== undefined &&
    bare(object) === bare(current) &&
    canonicalJson(after) === canonicalJson(before.filter((one) => one !== VOLUME_FINALIZER));
  if (isAllowed) return;
  throw forbidden(
    `persistentvolumes "${object.metadata.name}" is forbidden: node "${node}" may only say that a deleted volume's ` +
      "data is gone",
  );
}

function changeInGit(objects: Pick<ObjectStore, "get">, object: ApiObject): ApiFailure {
  const declared = declaredOwner(objects, object);
  const source = declared?.metadata.annotations?.[SOURCE_ANNOTATION];
  const whose =
    declared === undefined || declared === object ? "" : ` (${formatRef(refOf(declared))})`;
  return methodNotAllowed(
    source === undefined
      ? `writes are commits: change ${formatRef(refOf(object))} in the repository and commit it`
      : `writes are commits: edit ${source}${whose} and commit it`,
  );
}

/** The object itself or the nearest owner that says where in Git it stands. */
function declaredOwner(
  objects: Pick<ObjectStore, "get">,
  object: ApiObject,
): ApiObject | undefined {
  let at: ApiObject | undefined = object;
  for (let level = 0; level < MAX_OWNERS && at !== undefined; level += 1) {
    if (at.metadata.annotations?.[SOURCE_ANNOTATION] !== undefined) return at;
    const ref = ownerRef(at);
    at = ref === undefined ? undefined : objects.get(ref)?.object;
  }
  return undefined;
}

function ownerRef(object: ApiObject): ObjectRef | undefined {
  const owner = controllerOf(object);
  if (owner === undefined) return undefined;
  const { apiVersion, kind, name } = owner;
  const { namespace } = object.metadata;
  const isNamespaced = findResource(apiVersion, kind)?.namespaced ?? true;
  return isNamespaced && namespace !== undefined
    ? { apiVersion, kind, namespace, name }
    : { apiVersion, kind, name };
}
