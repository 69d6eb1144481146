import { randomInt } from "node:crypto";
import type { ApiObject, ObjectMeta, ObjectRef } from "../model/meta.ts";
import { isDnsSubdomain } from "../model/names.ts";
import { apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import { isJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";
import { MODIFIED_MEANWHILE, badRequest, conflict, invalid } from "./failure.ts";
import { versionOf } from "./read-patch.ts";
import type { ResourceRequest } from "./request-info.ts";
import { checkShape } from "./shapes.ts";

/** Characters that Kubernetes appends to `generateName`: no vowels, so that no word arises. */
const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_LENGTH = 5;

/** Names the object of a request with a name in its path. Pure. */
export function refOfRequest({ resource, namespace, name }: ResourceRequest): ObjectRef {
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind, name: name ?? "" };
  return namespace === undefined ? kind : { ...kind, namespace };
}

/** The status of what people may declare has a way of its own; clients send an empty one along. */
export function withoutStatus(
  body: JsonObject,
  { resource, subresource }: ResourceRequest,
): JsonObject {
  if (!resource.declarable || subresource === "status") return body;
  const { status: _, ...rest } = body;
  return rest;
}

/** The body as the next state of `current`: what the server sets itself stays. */
export function toUpdate(body: JsonObject, current: ApiObject, resource: Resource): ApiObject {
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

/** The object that a body asks to create. Throws 400 or 422. */
export function toNewObject(body: JsonObject, what: ResourceRequest): ApiObject {
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
export function checkIdentity(body: JsonObject, resource: Resource, ref: ObjectRef): void {
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

/** Pure. */
export function kindOf(resource: Resource): { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind };
}
