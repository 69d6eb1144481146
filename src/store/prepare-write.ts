import { invariant } from "../base/assert.ts";
import { formatTime, type Millis } from "../base/clock.ts";
import {
  formatRef,
  refOf,
  type ApiObject,
  type ObjectMeta,
  type ObjectRef,
} from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import { ObjectStoreError, type StoredObject } from "./object-store.ts";
import { isSameJson } from "../base/same-json.ts";

/** `status`, where a kind has one. */
type WithStatus = ApiObject & { readonly status?: unknown };

/** The object as created: uid (kept if it has one), creationTimestamp, generation 1. Throws "already-exists". Pure. */
export function prepareCreate(
  object: ApiObject,
  current: StoredObject | undefined,
  given: { readonly now: Millis; readonly uid: string },
): ApiObject {
  if (current !== undefined) {
    throw new ObjectStoreError(
      "already-exists",
      `Cannot create ${nameOf(object)}: it exists already`,
    );
  }
  const metadata = {
    ...withoutRevision(object.metadata),
    uid: object.metadata.uid ?? given.uid,
    generation: 1,
    creationTimestamp: formatTime(given.now),
  };
  return { ...object, metadata };
}

/**
 * The current object with all but `status` replaced; `undefined` when nothing changes. uid and creationTimestamp stay;
 * generation rises when anything but metadata and status changes. Throws "not-found" or "conflict". Pure.
 */
export function prepareUpdate(
  object: ApiObject,
  current: StoredObject | undefined,
): ApiObject | undefined {
  const base = checkCurrent("update", object, current);
  const { uid, creationTimestamp, generation = 1 } = base.metadata;
  const rest = contentOf(object);
  const hasNewContent = !isSameJson(rest, contentOf(base));
  const metadata = {
    ...withoutRevision(object.metadata),
    ...(uid === undefined ? {} : { uid }),
    generation: hasNewContent ? generation + 1 : generation,
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  };
  if (!hasNewContent && isSameJson(metadata, withoutRevision(base.metadata))) return undefined;
  return withStatus({ ...rest, metadata }, base);
}

/** As `prepareUpdate`, with `status` replaced as well. Throws as that. Pure. */
export function prepareReplace(
  object: ApiObject,
  current: StoredObject | undefined,
): ApiObject | undefined {
  const base = checkCurrent("replace", object, current);
  const hasNewStatus = !isSameJson((object as WithStatus).status, (base as WithStatus).status);
  const next = prepareUpdate(object, current);
  if (!hasNewStatus) return next;
  if (next !== undefined) return withStatus(bare(next), object);
  const metadata = withoutRevision(base.metadata);
  return withStatus({ ...contentOf(base), metadata }, object);
}

/** The current object with `status` replaced; `undefined` when nothing changes. Throws as `prepareUpdate`. Pure. */
export function prepareStatus(
  object: ApiObject,
  current: StoredObject | undefined,
): ApiObject | undefined {
  const base = checkCurrent("update the status of", object, current);
  if (isSameJson((object as WithStatus).status, (base as WithStatus).status)) return undefined;
  const metadata = withoutRevision(base.metadata);
  return withStatus({ ...contentOf(base), metadata }, object);
}

/** The object to remove. Throws "not-found" or "conflict". Pure. */
export function prepareRemove<T extends StoredObject>(
  ref: ObjectRef,
  current: T | undefined,
  precondition: { readonly uid?: string; readonly resourceVersion?: string },
): T {
  checkCurrent("delete", { ...ref, metadata: { ...precondition, name: ref.name } }, current, ref);
  invariant(current !== undefined, "checked above");
  return current;
}

/** Throws unless `ref` can be a key: a name, a namespace where the kind has one, and no "/" in either. */
export function checkRef(ref: ObjectRef, resource: Resource): void {
  invariant(
    ref.name !== "" && !ref.name.includes("/"),
    `${resource.kind} with the name "${ref.name}"`,
  );
  if (!resource.namespaced) return;
  const { namespace = "" } = ref;
  invariant(namespace !== "" && !namespace.includes("/"), `${formatRef(ref)} without a namespace`);
}

function checkCurrent(
  verb: string,
  wanted: ApiObject,
  current: StoredObject | undefined,
  ref: ObjectRef = refOf(wanted),
): ApiObject {
  const action = `Cannot ${verb} ${formatRef(ref)}`;
  if (current === undefined) {
    throw new ObjectStoreError("not-found", `${action}: it does not exist`);
  }
  const { uid, resourceVersion } = wanted.metadata;
  const found = current.object.metadata;
  if (uid !== undefined && uid !== found.uid) {
    const says = `uid "${uid}" is wanted, the current one has "${found.uid}"`;
    throw new ObjectStoreError("conflict", `${action}: ${says}`);
  }
  if (resourceVersion !== undefined && resourceVersion !== found.resourceVersion) {
    const says = `resourceVersion "${resourceVersion}" is wanted, the current one is "${found.resourceVersion}"`;
    throw new ObjectStoreError("conflict", `${action}: ${says}`);
  }
  return current.object;
}

function nameOf(object: ApiObject): string {
  return formatRef(refOf(object));
}

function withoutRevision(metadata: ObjectMeta): ObjectMeta {
  const { resourceVersion: _, ...rest } = metadata;
  return rest;
}

function contentOf(object: ApiObject): Omit<ApiObject, "metadata"> {
  const { metadata: _, status: __, ...rest } = object as WithStatus;
  return rest;
}

function bare(object: ApiObject): ApiObject {
  return { ...contentOf(object), metadata: object.metadata };
}

function withStatus(object: ApiObject, source: WithStatus): ApiObject {
  return source.status === undefined ? object : Object.assign(object, { status: source.status });
}
