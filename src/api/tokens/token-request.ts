import type { IncomingMessage, ServerResponse } from "node:http";
import { formatTime, type Clock } from "../../base/clock.ts";
import type { Pod, ServiceAccount } from "../../model/kinds.gen.ts";
import type { ApiObject } from "../../model/meta.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "../body.ts";
import { badRequest, conflict, forbidden, invalid, notFound, unavailable } from "../failure.ts";
import { sendJson } from "../respond.ts";
import type { ResourceRequest } from "../request-info.ts";
import { resourceOf } from "../../model/resources.ts";
import type { BoundObject, ServiceTokens, TokenWish } from "./service-tokens.ts";

/** Shortest and longest life of a token, and what it is when nobody says. Source: Kubernetes' TokenRequest. */
const MIN_SECONDS = 600;
const MAX_SECONDS = 86_400 * 365;
const DEFAULT_SECONDS = 3600;
const MAX_AUDIENCES = 20;
const KIND = { kind: "TokenRequest", group: "authentication.k8s.io" } as const;
const BINDABLE = ["Pod", "Secret", "Node"] as const;

export interface TokenRequestContext {
  readonly objects: Pick<ObjectStore, "get">;
  readonly tokens?: ServiceTokens | undefined;
  readonly clock: Clock;
}

/**
 * Answers `serviceaccounts/token`: a token for the account, bound to what asks for it. A node only gets one for a pod that
 * runs on it, with the pod's own account. Throws 400, 403, 404, 409 or 422.
 */
export async function answerTokenRequest(
  request: IncomingMessage,
  response: ServerResponse,
  user: User,
  what: ResourceRequest,
  context: TokenRequestContext,
): Promise<void> {
  const { tokens } = context;
  if (tokens === undefined) throw unavailable("this API has no key to sign tokens with");
  const made = await makeToken(user, what, await readJsonObject(request), { ...context, tokens });
  sendJson(response, 201, made);
}

async function makeToken(
  user: User,
  { namespace = "", name = "" }: ResourceRequest,
  body: JsonObject,
  context: TokenRequestContext & { readonly tokens: ServiceTokens },
): Promise<object> {
  const accounts = resourceOf({ apiVersion: "v1", kind: "ServiceAccount" });
  const ref = { apiVersion: "v1", kind: "ServiceAccount", namespace, name };
  const account = context.objects.get(ref)?.object as ServiceAccount | undefined;
  if (account === undefined) throw notFound(accounts, name);
  const spec = isJsonObject(body["spec"]) ? body["spec"] : {};
  const audiences = readAudiences(spec["audiences"]);
  const seconds = readSeconds(spec["expirationSeconds"]);
  const bound = readBound(spec["boundObjectRef"], namespace, context);
  const pod = bound?.kind === "Pod" ? (bound.object as Pod) : undefined;
  if (user.node !== undefined) checkNode(user.node, name, pod);
  const wish: TokenWish = {
    account: { namespace, name, uid: account.metadata.uid ?? "" },
    audiences,
    seconds,
    bound,
    node: nodeOf(pod, context),
  };
  const { token, expiresAt } = await context.tokens.issue(wish);
  return {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { name, namespace, creationTimestamp: formatTime(context.clock.now()) },
    spec: {
      audiences: audiences.length === 0 ? [context.tokens.issuer] : audiences,
      expirationSeconds: seconds,
      boundObjectRef: spec["boundObjectRef"] ?? null,
    },
    status: { token, expirationTimestamp: formatTime(expiresAt) },
  };
}

function checkNode(node: string, account: string, pod: Pod | undefined): void {
  if (pod === undefined) {
    throw forbidden(`node "${node}" can only ask for tokens that are bound to a pod`);
  }
  const { spec, metadata } = pod;
  if (spec.nodeName === node && (spec.serviceAccountName ?? "default") === account) return;
  throw forbidden(
    `node "${node}" can only ask for tokens of the accounts of its own pods: pod "${metadata.name}" is none of them`,
  );
}

function nodeOf(pod: Pod | undefined, { objects }: TokenRequestContext): TokenWish["node"] {
  const name = pod?.spec.nodeName;
  if (name === undefined || name === "") return undefined;
  const uid = objects.get({ apiVersion: "v1", kind: "Node", name })?.object.metadata.uid;
  return uid === undefined ? undefined : { name, uid };
}

function readAudiences(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  const isList = Array.isArray(value) && value.length <= MAX_AUDIENCES;
  if (isList && value.every((item) => typeof item === "string" && item !== "")) return value;
  throw badRequest(`spec.audiences must be a list of at most ${MAX_AUDIENCES} texts`);
}

function readSeconds(value: unknown): number {
  if (value === undefined || value === null) return DEFAULT_SECONDS;
  const refuse = (why: string): never => {
    const message = `Invalid value: ${JSON.stringify(value)}: ${why}`;
    throw invalid(KIND, "", [{ field: "spec.expirationSeconds", message }]);
  };
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    return refuse("must be a whole number");
  if (value < MIN_SECONDS) return refuse("may not specify a duration less than 10 minutes");
  if (value > MAX_SECONDS) return refuse("may not specify a duration longer than a year");
  return value;
}

function readBound(
  value: unknown,
  namespace: string,
  { objects }: TokenRequestContext,
): (BoundObject & { readonly object: ApiObject }) | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw badRequest("spec.boundObjectRef must be an object");
  const kind = BINDABLE.find((item) => item === value["kind"]);
  const { name, uid } = value;
  if (kind === undefined || typeof name !== "string") {
    throw badRequest(
      `cannot bind a token to ${JSON.stringify(value["kind"])}: only to a Pod, Secret or Node`,
    );
  }
  const scope = kind === "Node" ? {} : { namespace };
  const found = objects.get({ apiVersion: "v1", kind, name, ...scope })?.object;
  const resource = resourceOf({ apiVersion: "v1", kind });
  if (found === undefined) throw notFound(resource, name);
  const actual = found.metadata.uid ?? "";
  if (typeof uid === "string" && uid !== "" && uid !== actual) {
    throw conflict(
      resource,
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record (${actual})`,
    );
  }
  return { kind, name, uid: actual, object: found };
}
