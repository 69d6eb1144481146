import { APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../../model/app.ts";
import { canonicalJson } from "../../base/hash.ts";
import type { ManagedFieldsEntry } from "../../model/kinds.gen.ts";
import type { ApiObject } from "../../model/meta.ts";
import type { JsonObject } from "../body.ts";
import { badRequest } from "../failure.ts";
import { applyConfig, claimChanges, GIT_MANAGER } from "./apply-config.ts";
import type { ApplyConflict } from "./apply-config.ts";
import { readClaims, writeClaims } from "./claims.ts";
import type { Claim, Writer } from "./claims.ts";
import { applyConflict } from "./conflicts.ts";
import { membersOf, setOf, subtract, unite } from "./field-set.ts";
import type { FieldSet } from "./field-set.ts";
import type { FieldType } from "./field-type.ts";
import { checkItems, differences, fieldsOf, isFields, TypedValueError } from "./typed-value.ts";
import { visiblePart, withVisiblePart } from "./visible.ts";

/** One write, as far as owners of fields go. */
export interface Tracked {
  readonly type: FieldType;
  readonly by: Writer;
  /** In RFC 3339. */
  readonly now: string;
}

type Entries = readonly ManagedFieldsEntry[];

/** Kubernetes' name for all who wrote an object before somebody applied it. */
const BEFORE_FIRST_APPLY = "before-first-apply";
/** Who applies without saying who: what kubectl kept for its own way of applying counts for it. */
const KUBECTL = "kubectl";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * The object that applying `config` makes of `live`, with the owners of its fields in `metadata.managedFields`. Throws
 * 400, and 409 where others own what it would change. Pure.
 */
export function applyToObject(
  live: JsonObject | undefined,
  config: JsonObject,
  tracked: Tracked & { readonly force: boolean },
): JsonObject {
  const { type, by, now, force } = tracked;
  const stated = withoutNulls(config) as JsonObject;
  const part = visiblePart(stated, by.subresource);
  refuseAmbiguous(part, type, stated);
  const before = live === undefined ? undefined : visiblePart(live, by.subresource);
  const claims = live === undefined ? [] : claimsOfLive(live, tracked);
  const request = { live: before ?? {}, config: part, type, claims, by, now };
  let outcome = applyConfig({ ...request, force });
  if (outcome.kind === "conflicts" && mayTakeOver(live, outcome.conflicts, tracked))
    outcome = applyConfig({ ...request, force: true });
  if (outcome.kind === "conflicts") throw applyConflict(outcome.conflicts);
  const base = live ?? identityOf(stated);
  const next = withVisiblePart(base, outcome.value as JsonObject, by.subresource);
  const metadata = {
    ...(isFields(next["metadata"]) ? next["metadata"] : {}),
    ...versionsOf(stated),
    managedFields: writeClaims(outcome.claims),
  };
  return withLastApplied({ ...next, metadata }, live, stated, by);
}

/**
 * `next` with the owners of its fields: what it has otherwise than `live` is the writer's. `given` is what the writer
 * says of them itself. Objects that nobody applied and that were there before have none. Pure.
 */
export function trackUpdate(
  live: ApiObject | undefined,
  next: ApiObject,
  given: Entries | undefined,
  { type, by, now }: Tracked,
): ApiObject {
  const before = live?.metadata.managedFields;
  const isReset = given?.length === 1 && Object.keys(given[0] ?? {}).length === 0;
  if (isReset) return withEntries(next, undefined);
  const stated = given !== undefined && given.length > 0 ? readClaims(given) : undefined;
  const claims = stated ?? readClaims(before) ?? [];
  if (live !== undefined && claims.length === 0) return withEntries(next, before);
  const part = (object: ApiObject | undefined): unknown =>
    object === undefined ? {} : visiblePart(object as unknown as JsonObject, by.subresource);
  const owned = claimChanges({ live: part(live), next: part(next), type, claims, by, now });
  return withEntries(next, owned === claims && stated === undefined ? before : writeClaims(owned));
}

/** The object with these owners, and no others. Pure. */
export function withEntries(object: ApiObject, entries: Entries | undefined): ApiObject {
  const { managedFields: before, ...metadata } = object.metadata;
  if (entries === undefined || entries.length === 0)
    return before === undefined ? object : { ...object, metadata };
  return { ...object, metadata: { ...metadata, managedFields: entries } };
}

/** Whoever wrote an object that nobody applied yet owns all of it: Git, or somebody unknown. */
function claimsOfLive(live: JsonObject, { type, by, now }: Tracked): readonly Claim[] {
  const metadata = isFields(live["metadata"]) ? live["metadata"] : {};
  const claims = readClaims(metadata["managedFields"] as Entries | undefined) ?? [];
  if (claims.length > 0) return claims;
  const annotations = isFields(metadata["annotations"]) ? metadata["annotations"] : {};
  const isGits =
    annotations[SOURCE_ANNOTATION] !== undefined || annotations[APPLIED_ANNOTATION] !== undefined;
  const manager = isGits ? GIT_MANAGER : BEFORE_FIRST_APPLY;
  const { apiVersion } = by;
  const earlier: Writer = { manager, operation: "Update", apiVersion, subresource: "" };
  const next = visiblePart(live, by.subresource);
  return claimChanges({ live: {}, next, type, claims: [], by: earlier, now });
}

/** What kubectl applied in its own way, and nobody changed since, it may apply in this one. */
function mayTakeOver(
  live: JsonObject | undefined,
  conflicts: readonly ApplyConflict[],
  { type, by }: Tracked,
): boolean {
  const text = by.manager === KUBECTL && live !== undefined ? lastAppliedOf(live) : undefined;
  const applied = text === undefined ? undefined : parseObject(text);
  if (applied === undefined || live === undefined) return false;
  const before = visiblePart(withoutNulls(applied) as JsonObject, by.subresource);
  const { changed, removed } = differences(before, visiblePart(live, by.subresource), type);
  const same = subtract(fieldsOf(before, type), unite(changed, removed));
  const allowed = unite(same, setOf(["f:metadata", "f:annotations", `f:${LAST_APPLIED}`]));
  const wanted: FieldSet = setOf(...conflicts.map(({ path }) => path));
  return membersOf(subtract(wanted, allowed)).length === 0;
}

function withLastApplied(
  next: JsonObject,
  live: JsonObject | undefined,
  config: JsonObject,
  by: Writer,
): JsonObject {
  const isKept = by.manager === KUBECTL && by.subresource === "" && live !== undefined;
  if (!isKept || lastAppliedOf(live) === undefined) return next;
  const metadata = next["metadata"] as JsonObject;
  const annotations = isFields(metadata["annotations"]) ? metadata["annotations"] : {};
  const text = `${canonicalJson(config)}\n`;
  return {
    ...next,
    metadata: { ...metadata, annotations: { ...annotations, [LAST_APPLIED]: text } },
  };
}

function lastAppliedOf({ metadata }: JsonObject): string | undefined {
  const annotations = isFields(metadata) ? metadata["annotations"] : undefined;
  const text = isFields(annotations) ? annotations[LAST_APPLIED] : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuseAmbiguous(part: JsonObject, type: FieldType, config: JsonObject): void {
  try {
    checkItems(part, type);
  } catch (error) {
    if (!(error instanceof TypedValueError)) throw error;
    const { namespace = "", name = "" } = config["metadata"] as JsonObject;
    const what = `${String(namespace)}/${String(name)}; ${String(config["apiVersion"])}, Kind=${String(config["kind"])}`;
    throw badRequest(`failed to create typed patch object (${what}): ${error.message}`);
  }
}

function identityOf({ apiVersion, kind, metadata }: JsonObject): JsonObject {
  const { name, namespace } = isFields(metadata) ? metadata : {};
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  };
}

/** What the applier expects the object to be. */
function versionsOf({ metadata }: JsonObject): JsonObject {
  const { uid, resourceVersion } = isFields(metadata) ? metadata : {};
  return {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** A field without a value is not stated. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value)) return value;
  const stated = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(stated.map(([name, field]) => [name, withoutNulls(field)]));
}
