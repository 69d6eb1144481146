import type { IncomingMessage } from "node:http";
import { formatTime } from "../../base/clock.ts";
import type { Clock } from "../../base/clock.ts";
import type { ManagedFieldsEntry } from "../../model/kinds.gen.ts";
import type { ApiObject, ObjectRef } from "../../model/meta.ts";
import { ObjectStoreError } from "../../store/object-store.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";
import { mediaType, unsupportedMediaType } from "../body.ts";
import type { JsonObject } from "../body.ts";
import { PATCH_TYPES, versionOf } from "../read-patch.ts";
import type { Change } from "../read-patch.ts";
import type { ResourceRequest } from "../request-info.ts";
import { applyScale } from "../scale.ts";
import { readSchemaFiles } from "../schema-files.ts";
import { createFieldTypes } from "./field-types.ts";
import { isApply, parseForce, readConfig, writerOf } from "./read-apply.ts";
import { applyToObject, trackUpdate, withEntries } from "./track.ts";
import type { Tracked } from "./track.ts";

/** How one request changes who owns which fields. */
export interface Tracking extends Tracked {
  /** Whether it is server-side apply. */
  readonly applies: boolean;
  readonly force: boolean;
}

interface Asked {
  readonly user: User;
  readonly query: URLSearchParams;
  readonly clock: Clock;
}

/** Of the package itself: they do not change. */
const FIELD_TYPES = createFieldTypes(readSchemaFiles);
/** Kinds that machines write all the time, each for itself. */
const UNTRACKED: ReadonlySet<string> = new Set(["Event", "Lease"]);
/** Subresources that take what is applied; the others change a little, by rules of their own. */
const APPLICABLE: ReadonlySet<string | undefined> = new Set([undefined, "status", "scale"]);
/** Tries to note owners while others write the object. */
const MAX_TRIES = 8;

/** `undefined` where nobody asks who owns what. Throws 415 or 422. */
export async function trackingOf(
  request: IncomingMessage,
  what: ResourceRequest,
  { user, query, clock }: Asked,
): Promise<Tracking | undefined> {
  const applies = isApply(request);
  const force = parseForce(query, applies);
  const by = writerOf(request, query, what);
  if (applies && !APPLICABLE.has(what.subresource))
    throw unsupportedMediaType(mediaType(request), PATCH_TYPES);
  const isOurs = user.node !== undefined || UNTRACKED.has(what.resource.kind);
  if (isOurs && !applies) return undefined;
  const type = await FIELD_TYPES.of(what.resource);
  return { type, by, now: formatTime(clock.now()), applies, force };
}

/** What is applied, as a change of what is there. Throws 400 or 413; the change 400, 409 or 422. */
export async function readApply(
  request: IncomingMessage,
  { subresource }: ResourceRequest,
  tracking: Tracking,
): Promise<Change> {
  const config = await readConfig(request);
  return {
    mayRetry: versionOf(config) === undefined,
    apply: (current) =>
      applyToObject(
        current,
        subresource === "scale" ? scaleConfig(current, config) : config,
        tracking,
      ),
  };
}

/** The object to create where nothing is, of what is applied. Throws as `readApply`. */
export async function readNewApply(
  request: IncomingMessage,
  tracking: Tracking,
): Promise<JsonObject> {
  return applyToObject(undefined, await readConfig(request), tracking);
}

/** The written object with the owners of its fields; `given` is what the writer says of them. Pure. */
export function trackWrite(
  tracking: Tracking | undefined,
  live: ApiObject | undefined,
  next: ApiObject,
  given: readonly ManagedFieldsEntry[] | undefined,
): ApiObject {
  if (tracking === undefined) return withEntries(next, live?.metadata.managedFields);
  if (tracking.applies) return withEntries(next, given);
  const isWhole = tracking.by.subresource === "";
  return trackUpdate(live, next, isWhole ? given : undefined, tracking);
}

/** Notes the owners of a stored object, whose content is written in another way. */
export async function keepOwners(
  objects: Pick<ObjectStore, "get" | "update">,
  ref: ObjectRef,
  entries: readonly ManagedFieldsEntry[] | undefined,
): Promise<ApiObject | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const current = objects.get(ref)?.object;
    if (current === undefined) return undefined;
    try {
      return (await objects.update(withEntries(current, entries))).object;
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code === "not-found") return undefined;
      if (error.code !== "conflict" || attempt >= MAX_TRIES) throw error;
    }
  }
}

/** A scale that is applied, as what it says of its object. */
function scaleConfig(current: JsonObject, scale: JsonObject): JsonObject {
  const object = current as unknown as ApiObject;
  const { spec, metadata } = applyScale(object, scale);
  const { apiVersion, kind } = object;
  return { apiVersion, kind, metadata: versionsOnly(metadata), spec: replicasOf(spec) };
}

function versionsOnly(metadata: unknown): JsonObject {
  const { name, namespace, uid, resourceVersion } = metadata as ApiObject["metadata"];
  return { name, namespace, uid, resourceVersion };
}

function replicasOf(spec: unknown): JsonObject {
  return { replicas: (spec as { readonly replicas: number }).replicas };
}
