import type { IncomingMessage, ServerResponse } from "node:http";
import { invariant } from "../base/assert.ts";
import { isSameJson } from "../base/same-json.ts";
import type { ApiObject, ObjectMeta, ObjectRef } from "../model/meta.ts";
import { refOf } from "../model/meta.ts";
import type { CommitWriter } from "../model/write-request.ts";
import { ObjectStoreError } from "../store/object-store.ts";
import type { ObjectStore, StoredObject } from "../store/object-store.ts";
import type { Clock } from "../base/clock.ts";
import { createAdmitted, refuseNewFinalizers, type Admit } from "./admit.ts";
import { withEntries } from "./apply/track.ts";
import {
  keepOwners,
  readApply,
  readNewApply,
  trackWrite,
  trackingOf,
  type Tracking,
} from "./apply/tracking.ts";
import type { User } from "./authenticate.ts";
import { authorizeObjects, type AuthorizerFacts } from "./authorize.ts";
import { readJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { readsForApply, withLastApplied } from "./commit-write-apply.ts";
import { commitWrite, sendAnswer, wishedApp, type CommitContext } from "./commit-write.ts";
import { prepareDirectWrite, warningHeaders } from "./direct-write.ts";
import type { Complete } from "./direct-write.ts";
import { MODIFIED_MEANWHILE, conflict, fromStoreError, invalid, notFound } from "./failure.ts";
import { applyEphemeral, refuseUnsafeEphemeral } from "./ephemeral.ts";
import { readPatch, versionOf } from "./read-patch.ts";
import type { Change } from "./read-patch.ts";
import { refuseEscalation } from "./rbac/escalation.ts";
import type { Rbac } from "./rbac/rbac.ts";
import type { ResourceRequest } from "./request-info.ts";
import { sendJson, sendStored } from "./respond.ts";
import { applyResize } from "./resize.ts";
import { applyScale, toScale } from "./scale.ts";
import { checkShape } from "./shapes.ts";
import {
  checkIdentity,
  kindOf,
  refOfRequest,
  toNewObject,
  toUpdate,
  withoutStatus,
} from "./write-body.ts";
import { admitNodeWrite, goesToGit, refuseDeclared } from "./write-policy.ts";

/** Tries of a write that names no version, when others write the object at the same time. */
const MAX_TRIES = 8;

export interface WriteContext extends AuthorizerFacts {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly user: User;
  readonly query: URLSearchParams;
  readonly admit?: Admit | undefined;
  readonly complete?: Complete | undefined;
  /** Makes commits of what people write; without it such writes are refused. */
  readonly commits?: CommitWriter | undefined;
  /** Nobody gives rights that they do not have by it. */
  readonly rbac?: Rbac | undefined;
  readonly signal: AbortSignal;
}

/** Carries out POST, PUT and PATCH of one object, and answers with the object as stored. */
export async function answerWrite(
  request: IncomingMessage,
  response: ServerResponse,
  what: ResourceRequest,
  context: WriteContext,
): Promise<void> {
  const dryRun = parseDryRun(context.query.getAll("dryRun"));
  const tracking = await trackingOf(request, what, context);
  const asIs = { what, context, dryRun, tracking };
  if (what.verb === "create") return answerCreate(request, response, asIs);
  const { resource, verb, namespace, subresource } = what;
  const { objects, user } = context;
  const ref = refOfRequest(what);
  const current = objects.get(ref)?.object;
  if (current === undefined && tracking?.applies === true && subresource === undefined)
    return answerCreate(request, response, asIs);
  const asked = { user, verb, resource, current, namespace, subresource };
  const { commits } = context;
  if (commits !== undefined && goesToGit(objects, asked)) {
    return commitUpdate(request, response, { ...asIs, ref, context: { ...context, commits } });
  }
  refuseDeclared(objects, asked);
  const change = await readChange(request, what, tracking);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { stored, warnings } = await tryUpdate({ ...asIs, ref, change });
      return sendWritten(response, 200, { what, stored, warnings, isStored: !dryRun });
    } catch (error) {
      if (!(error instanceof ObjectStoreError)) throw error;
      if (error.code !== "conflict" || !change.mayRetry || attempt >= MAX_TRIES) {
        throw fromStoreError(error, resource, ref);
      }
    }
  }
}

interface CommitUpdate {
  readonly what: ResourceRequest;
  readonly ref: ObjectRef;
  readonly dryRun: boolean;
  readonly context: WriteContext & CommitContext;
  readonly tracking: Tracking | undefined;
}

/** The same change, made in Git. */
async function commitUpdate(
  request: IncomingMessage,
  response: ServerResponse,
  { what, ref, dryRun, context, tracking }: CommitUpdate,
): Promise<void> {
  const { resource } = what;
  const change = await readChange(request, what, tracking);
  const before = context.objects.get(ref)?.object.metadata.managedFields;
  let owners = before;
  const wanted = (base: ApiObject | undefined, isAhead: boolean): ApiObject => {
    if (base === undefined) throw notFound(resource, ref.name);
    const live = withEntries(base, before);
    const body = withoutStatus(change.apply(live as unknown as JsonObject), what);
    checkIdentity(body, resource, ref);
    checkShape(resource, body);
    if (isAhead && !change.mayRetry) throw conflict(resource, ref.name, MODIFIED_MEANWHILE);
    const next = toUpdate(body, base, resource);
    refuseEscalation(resource, next, context);
    refuseNewFinalizers(resource, base, next);
    owners = trackWrite(tracking, live, next, next.metadata.managedFields).metadata.managedFields;
    return next;
  };
  const call = { verb: "update" as const, ref, dryRun, resource, wanted };
  const { object: written, warnings } = await commitWrite(request, call, context);
  const object = await withOwners(written, ref, { owners, context, dryRun });
  if (object === undefined) throw notFound(resource, ref.name);
  // `kubectl diff` compares it with what it has read.
  const isCompared = dryRun && readsForApply(request);
  const shown = isCompared ? await withLastApplied(object, context) : object;
  sendAnswer(response, 200, warnings, what.subresource === "scale" ? toScale(object) : shown);
}

/** What is committed has owners too, which Git knows nothing of: they are kept with what is stored. */
async function withOwners(
  object: ApiObject | undefined,
  ref: ObjectRef,
  { owners, context, dryRun }: Pick<WriteRequest, "context" | "dryRun"> & { owners: Owners },
): Promise<ApiObject | undefined> {
  if (object === undefined) return undefined;
  if (dryRun) return withEntries(object, owners);
  if (owners === undefined && object.metadata.managedFields === undefined) return object;
  return (await keepOwners(context.objects, ref, owners)) ?? object;
}

type Owners = ObjectMeta["managedFields"];

interface Written {
  readonly what: ResourceRequest;
  readonly stored: StoredObject;
  readonly warnings: readonly string[];
  /** Whether the bytes are those of the object. */
  readonly isStored: boolean;
}

function sendWritten(response: ServerResponse, code: number, written: Written): void {
  const { what, stored, warnings, isStored } = written;
  if (warnings.length > 0) response.setHeader("Warning", warningHeaders(warnings));
  if (what.subresource === "scale") sendJson(response, code, toScale(stored.object));
  else if (isStored) sendStored(response, code, stored.bytes);
  else sendJson(response, code, stored.object);
}

export { refOfRequest } from "./write-body.ts";

/** Whether nothing is to be written. Throws 422. Pure. */
export function parseDryRun(values: readonly unknown[]): boolean {
  if (values.some((value) => value !== "All")) {
    throw invalid({ kind: "Options", group: "meta.k8s.io" }, "", [
      { field: "dryRun", message: 'Unsupported value: supported values: "All"' },
    ]);
  }
  return values.length > 0;
}

interface WriteRequest {
  readonly what: ResourceRequest;
  readonly context: WriteContext;
  readonly dryRun: boolean;
  readonly tracking: Tracking | undefined;
}

async function answerCreate(
  request: IncomingMessage,
  response: ServerResponse,
  { what, context, dryRun, tracking }: WriteRequest,
): Promise<void> {
  const { resource, namespace } = what;
  const { objects, user, commits } = context;
  const asked = { user, verb: "create" as const, resource, current: undefined, namespace };
  if (commits === undefined) refuseDeclared(objects, asked);
  const body = await readNew(request, what, context, tracking);
  const wanted = toNewObject(withoutStatus(body, what), what);
  const { managedFields: owners } = body["metadata"] as ObjectMeta;
  refuseEscalation(resource, wanted, context);
  if (commits !== undefined && goesToGit(objects, { ...asked, created: wanted })) {
    const ref = refOf(wanted);
    const app = wishedApp(wanted);
    const call = { verb: "create" as const, ref, dryRun, resource, app, wanted: () => wanted };
    const { object, warnings } = await commitWrite(request, call, { ...context, commits });
    const applied = tracking?.applies === true ? owners : undefined;
    const stored = await withOwners(object, ref, { owners: applied, context, dryRun });
    return sendAnswer(response, 201, warnings, stored ?? wanted);
  }
  admitNodeWrite(user, resource, wanted, undefined);
  const { object, warnings, settle } = prepareDirectWrite(resource, wanted, undefined, context);
  // What is only tried is in no store, and has no bytes.
  const create = (one: ApiObject): Promise<StoredObject> => {
    const owned = trackWrite(tracking, undefined, one, owners);
    return dryRun ? Promise.resolve({ object: owned, bytes: NO_BYTES }) : objects.create(owned);
  };
  try {
    const stored = await createAdmitted(resource, object, context.admit, create);
    sendWritten(response, 201, { what, stored, warnings, isStored: !dryRun });
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    throw fromStoreError(error, resource, object.metadata);
  } finally {
    settle();
  }
}

const NO_BYTES = new Uint8Array();

/** What is to be created: a body, or what somebody applies under a name that nothing has. */
async function readNew(
  request: IncomingMessage,
  what: ResourceRequest,
  context: WriteContext,
  tracking: Tracking | undefined,
): Promise<JsonObject> {
  if (tracking?.applies !== true) return readJsonObject(request);
  const { resource, name = "" } = what;
  authorizeObjects(context.user, { ...what, verb: "create" }, context);
  const body = await readNewApply(request, tracking);
  checkIdentity(body, resource, refOfRequest(what));
  if (versionOf(body) !== undefined) throw conflict(resource, name, MODIFIED_MEANWHILE);
  return { ...body, metadata: { ...(body["metadata"] as JsonObject), name } };
}

function toReplacement(body: JsonObject): Change {
  return { apply: () => body, mayRetry: versionOf(body) === undefined };
}

async function readChange(
  request: IncomingMessage,
  what: ResourceRequest,
  tracking: Tracking | undefined,
): Promise<Change> {
  if (tracking?.applies === true) return readApply(request, what, tracking);
  const { verb, resource, subresource } = what;
  const isScale = subresource === "scale";
  const kind = isScale ? { apiVersion: "autoscaling/v1", kind: "Scale" } : kindOf(resource);
  const change =
    verb === "patch"
      ? await readPatch(request, kind)
      : toReplacement(await readJsonObject(request));
  if (subresource === "resize")
    return {
      ...change,
      apply: (current) => applyResize(current as unknown as ApiObject, change.apply(current)),
    };
  if (subresource === "ephemeralcontainers")
    return {
      ...change,
      apply: (current) => applyEphemeral(current as unknown as ApiObject, change.apply(current)),
    };
  if (!isScale) return change;
  const apply = (current: JsonObject): JsonObject => {
    const object = current as unknown as ApiObject;
    return applyScale(object, change.apply(toScale(object) as unknown as JsonObject));
  };
  return { ...change, apply };
}

interface UpdateRequest extends WriteRequest {
  readonly ref: ObjectRef;
  readonly change: Change;
}

async function tryUpdate({
  what,
  ref,
  change,
  context,
  dryRun,
  tracking,
}: UpdateRequest): Promise<Pick<Written, "stored" | "warnings">> {
  const { resource, subresource } = what;
  const { objects, user } = context;
  const current = objects.get(ref);
  if (current === undefined) throw notFound(resource, ref.name);
  const body = withoutStatus(change.apply(current.object as unknown as JsonObject), what);
  checkIdentity(body, resource, ref);
  checkShape(resource, body);
  const wanted = toUpdate(body, current.object, resource);
  const track = (object: ApiObject): ApiObject =>
    trackWrite(tracking, current.object, object, wanted.metadata.managedFields);
  if (subresource === "status") {
    const { metadata } = current.object;
    const { resourceVersion } = wanted.metadata;
    const status = { ...current.object, status: body["status"] ?? {} };
    const object = track({ ...status, metadata: { ...metadata, resourceVersion } as ObjectMeta });
    const isSame = isSameJson(object.metadata.managedFields, metadata.managedFields);
    const write = (): Promise<StoredObject> =>
      isSame ? objects.updateStatus(object) : replace(objects, object);
    return { stored: dryRun ? { ...current, object } : await write(), warnings: [] };
  }
  refuseEscalation(resource, wanted, context);
  refuseNewFinalizers(resource, current.object, wanted);
  admitNodeWrite(user, resource, wanted, current.object);
  if (subresource === "resize" || subresource === "ephemeralcontainers") {
    if (subresource === "ephemeralcontainers") refuseUnsafeEphemeral(objects, resource, wanted);
    const object = track(wanted);
    const stored = dryRun ? { ...current, object } : await objects.update(object);
    return { stored, warnings: [] };
  }
  const prepared = prepareDirectWrite(resource, wanted, current.object, context);
  const { warnings, settle } = prepared;
  const object = track(prepared.object);
  try {
    const stored = dryRun ? { ...current, object } : await objects.update(object);
    return { stored, warnings };
  } finally {
    settle();
  }
}

async function replace(objects: ObjectStore, object: ApiObject): Promise<StoredObject> {
  const [stored] = await objects.transact([{ kind: "replace", object }]);
  invariant(stored !== undefined, "one write has one outcome");
  return stored;
}
