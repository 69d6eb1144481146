import { randomInt } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ApiObject, ObjectMeta, ObjectRef } from "../model/meta.ts";
import { refOf } from "../model/meta.ts";
import { isDnsSubdomain } from "../model/names.ts";
import { apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { CommitWriter } from "../model/write-request.ts";
import { ObjectStoreError } from "../store/object-store.ts";
import type { ObjectStore, StoredObject } from "../store/object-store.ts";
import { createAdmitted, refuseNewFinalizers, type Admit } from "./admit.ts";
import type { User } from "./authenticate.ts";
import { isJsonObject, readJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { readsForApply, withLastApplied } from "./commit-write-apply.ts";
import { commitWrite, sendAnswer, wishedApp, type CommitContext } from "./commit-write.ts";
import { prepareDirectWrite, warningHeaders } from "./direct-write.ts";
import type { Complete } from "./direct-write.ts";
import {
  MODIFIED_MEANWHILE,
  badRequest,
  conflict,
  fromStoreError,
  invalid,
  notFound,
} from "./failure.ts";
import { readPatch, versionOf } from "./read-patch.ts";
import type { Change } from "./read-patch.ts";
import { refuseEscalation } from "./rbac/escalation.ts";
import type { Rbac } from "./rbac/rbac.ts";
import type { ResourceRequest } from "./request-info.ts";
import { sendJson, sendStored } from "./respond.ts";
import { applyResize } from "./resize.ts";
import { applyScale, toScale } from "./scale.ts";
import { checkShape } from "./shapes.ts";
import { admitNodeWrite, goesToGit, refuseDeclared } from "./write-policy.ts";

/** Tries of a write that names no version, when others write the object at the same time. */
const MAX_TRIES = 8;
/** Characters that Kubernetes appends to `generateName`: no vowels, so that no word arises. */
const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;

export interface WriteContext {
  readonly objects: ObjectStore;
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
  if (what.verb === "create") return answerCreate(request, response, { what, context, dryRun });
  const { resource, verb, namespace, subresource } = what;
  const { objects, user } = context;
  const ref = refOfRequest(what);
  const current = objects.get(ref)?.object;
  const asked = { user, verb, resource, current, namespace, subresource };
  const { commits } = context;
  if (commits !== undefined && goesToGit(objects, asked)) {
    return commitUpdate(request, response, { what, ref, dryRun, context: { ...context, commits } });
  }
  refuseDeclared(objects, asked);
  const change = await readChange(request, what);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { stored, warnings } = await tryUpdate({ what, ref, change, context, dryRun });
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
}

/** The same change, made in Git. */
async function commitUpdate(
  request: IncomingMessage,
  response: ServerResponse,
  { what, ref, dryRun, context }: CommitUpdate,
): Promise<void> {
  const { resource } = what;
  const change = await readChange(request, what);
  const wanted = (base: ApiObject | undefined, isAhead: boolean): ApiObject => {
    if (base === undefined) throw notFound(resource, ref.name);
    const body = withoutStatus(change.apply(base as unknown as JsonObject), what);
    checkIdentity(body, resource, ref);
    checkShape(resource, body);
    if (isAhead && !change.mayRetry) throw conflict(resource, ref.name, MODIFIED_MEANWHILE);
    const next = toUpdate(body, base, resource);
    refuseEscalation(resource, next, context);
    refuseNewFinalizers(resource, base, next);
    return next;
  };
  const call = { verb: "update" as const, ref, dryRun, resource, wanted };
  const { object, warnings } = await commitWrite(request, call, context);
  if (object === undefined) throw notFound(resource, ref.name);
  // `kubectl diff` compares it with what it has read.
  const isCompared = dryRun && readsForApply(request);
  const shown = isCompared ? await withLastApplied(object, context) : object;
  sendAnswer(response, 200, warnings, what.subresource === "scale" ? toScale(object) : shown);
}

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

/** Names the object of a request with a name in its path. Pure. */
export function refOfRequest({ resource, namespace, name }: ResourceRequest): ObjectRef {
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind, name: name ?? "" };
  return namespace === undefined ? kind : { ...kind, namespace };
}

/** Whether nothing is to be written. Throws 422. Pure. */
export function parseDryRun(values: readonly unknown[]): boolean {
  if (values.some((value) => value !== "All")) {
    throw invalid({ kind: "Options", group: "meta.k8s.io" }, "", [
      { field: "dryRun", message: 'Unsupported value: supported values: "All"' },
    ]);
  }
  return values.length > 0;
}

interface CreateRequest {
  readonly what: ResourceRequest;
  readonly context: WriteContext;
  readonly dryRun: boolean;
}

async function answerCreate(
  request: IncomingMessage,
  response: ServerResponse,
  { what, context, dryRun }: CreateRequest,
): Promise<void> {
  const { resource, namespace } = what;
  const { objects, user, commits } = context;
  const asked = { user, verb: "create" as const, resource, current: undefined, namespace };
  if (commits === undefined) refuseDeclared(objects, asked);
  const body = await readJsonObject(request);
  const wanted = toNewObject(withoutStatus(body, what), what);
  refuseEscalation(resource, wanted, context);
  if (commits !== undefined && goesToGit(objects, { ...asked, created: wanted })) {
    const ref = refOf(wanted);
    const app = wishedApp(wanted);
    const call = { verb: "create" as const, ref, dryRun, resource, app, wanted: () => wanted };
    const { object, warnings } = await commitWrite(request, call, { ...context, commits });
    return sendAnswer(response, 201, warnings, object ?? wanted);
  }
  admitNodeWrite(user, resource, wanted, undefined);
  const { object, warnings, settle } = prepareDirectWrite(resource, wanted, undefined, context);
  // What is only tried is in no store, and has no bytes.
  const create = (one: ApiObject): Promise<StoredObject> =>
    dryRun ? Promise.resolve({ object: one, bytes: NO_BYTES }) : objects.create(one);
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

function toReplacement(body: JsonObject): Change {
  return { apply: () => body, mayRetry: versionOf(body) === undefined };
}

async function readChange(
  request: IncomingMessage,
  { verb, resource, subresource }: ResourceRequest,
): Promise<Change> {
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
  if (!isScale) return change;
  const apply = (current: JsonObject): JsonObject => {
    const object = current as unknown as ApiObject;
    return applyScale(object, change.apply(toScale(object) as unknown as JsonObject));
  };
  return { ...change, apply };
}

interface UpdateRequest {
  readonly what: ResourceRequest;
  readonly ref: ObjectRef;
  readonly change: Change;
  readonly context: WriteContext;
  readonly dryRun: boolean;
}

async function tryUpdate({
  what,
  ref,
  change,
  context,
  dryRun,
}: UpdateRequest): Promise<Pick<Written, "stored" | "warnings">> {
  const { resource, subresource } = what;
  const { objects, user } = context;
  const current = objects.get(ref);
  if (current === undefined) throw notFound(resource, ref.name);
  const body = withoutStatus(change.apply(current.object as unknown as JsonObject), what);
  checkIdentity(body, resource, ref);
  checkShape(resource, body);
  const wanted = toUpdate(body, current.object, resource);
  if (subresource === "status") {
    const object = { ...current.object, status: body["status"] ?? {}, metadata: wanted.metadata };
    const stored = dryRun ? { ...current, object } : await objects.updateStatus(object);
    return { stored, warnings: [] };
  }
  refuseEscalation(resource, wanted, context);
  refuseNewFinalizers(resource, current.object, wanted);
  admitNodeWrite(user, resource, wanted, current.object);
  if (subresource === "resize") {
    const stored = dryRun ? { ...current, object: wanted } : await objects.update(wanted);
    return { stored, warnings: [] };
  }
  const { object, warnings, settle } = prepareDirectWrite(
    resource,
    wanted,
    current.object,
    context,
  );
  try {
    const stored = dryRun ? { ...current, object } : await objects.update(object);
    return { stored, warnings };
  } finally {
    settle();
  }
}

/** The status of what people may declare has a way of its own; clients send an empty one along. */
function withoutStatus(body: JsonObject, { resource, subresource }: ResourceRequest): JsonObject {
  if (!resource.declarable || subresource === "status") return body;
  const { status: _, ...rest } = body;
  return rest;
}

/** The body as the next state of `current`: what the server sets itself stays. */
function toUpdate(body: JsonObject, current: ApiObject, resource: Resource): ApiObject {
  const metadata = body["metadata"] as ObjectMeta;
  const { name } = current.metadata;
  if (metadata.uid !== undefined && metadata.uid !== "" && metadata.uid !== current.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(resource, name, why);
  }
  const version = versionOf(body);
  if (version !== undefined && version !== current.metadata.resourceVersion) {
    throw conflict(resource, name, MODIFIED_MEANWHILE);
  }
  return { ...body, ...kindOf(resource), metadata: { ...metadata, ...systemFields(current) } };
}

/** Fields of metadata that callers cannot set. */
function systemFields({ metadata }: ApiObject): Partial<ObjectMeta> & { readonly name: string } {
  const kept: (keyof ObjectMeta)[] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
  ];
  const fields = kept.map((key) => [key, metadata[key]] as const);
  const present = fields.filter(([, value]) => value !== undefined);
  return { name: metadata.name, ...Object.fromEntries(present) };
}

function toNewObject(body: JsonObject, what: ResourceRequest): ApiObject {
  const { resource, namespace } = what;
  if (resource.namespaced && namespace === undefined) {
    throw badRequest("the server requires a namespace in the path of this request");
  }
  if (versionOf(body) !== undefined) {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  const given = isJsonObject(body["metadata"]) ? body["metadata"] : {};
  const name = newName(given["name"], given["generateName"]);
  const place = { ...refOfRequest(what), name };
  checkIdentity({ ...body, metadata: { ...given, name } }, resource, place);
  const { labels, annotations, ownerReferences, finalizers } = given as unknown as ObjectMeta;
  const metadata: ObjectMeta = {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
    ...(ownerReferences && { ownerReferences }),
    ...(finalizers && { finalizers }),
  };
  const object = { ...body, ...kindOf(resource), metadata };
  checkShape(resource, object as unknown as JsonObject);
  if (!isDnsSubdomain(name)) {
    throw invalid(resource, name, [
      { field: "metadata.name", message: `Invalid value: "${name}": must be a DNS subdomain` },
    ]);
  }
  return object;
}

function newName(name: unknown, prefix: unknown): string {
  if (typeof name === "string" && name !== "") return name;
  if (typeof prefix !== "string" || prefix === "") {
    throw badRequest("name or generateName is required");
  }
  const pick = (): string => SUFFIX_ALPHABET[randomInt(SUFFIX_ALPHABET.length)] ?? "";
  return prefix + Array.from({ length: SUFFIX_LENGTH }, pick).join("");
}

/** Kind, name and namespace, where the body states them, must be those of the path. Throws 400. */
function checkIdentity(body: JsonObject, resource: Resource, ref: ObjectRef): void {
  const { apiVersion, kind, metadata } = body;
  const expected = kindOf(resource);
  const isOther =
    (apiVersion !== undefined && apiVersion !== expected.apiVersion) ||
    (kind !== undefined && kind !== expected.kind);
  if (isOther) {
    throw badRequest(
      `the kind of the object (${JSON.stringify(apiVersion)}, ${JSON.stringify(kind)}) ` +
        `does not match the expected kind (${expected.apiVersion}, ${expected.kind})`,
    );
  }
  if (!isJsonObject(metadata)) throw badRequest("metadata of the object is required");
  const { name, namespace } = metadata;
  if (name !== undefined && name !== ref.name) {
    throw badRequest(
      `the name of the object (${JSON.stringify(name)}) does not match the name on the URL (${ref.name})`,
    );
  }
  if (namespace !== undefined && namespace !== "" && namespace !== ref.namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
}

function kindOf(resource: Resource): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind };
}
