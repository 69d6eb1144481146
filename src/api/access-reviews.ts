import type { IncomingMessage, ServerResponse } from "node:http";
import type { PolicyRule } from "../model/kinds.gen.ts";
import { RESOURCES } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import { MASTERS_GROUP, userOf, type User } from "./authenticate.ts";
import { authorizeObjects, whyAllowed, type AuthorizerFacts } from "./authorize.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "./body.ts";
import { badRequest, invalid } from "./failure.ts";
import type { Action } from "./rbac/policy-rules.ts";
import type { Rbac } from "./rbac/rbac.ts";
import { methodNotAllowed, type Verb } from "./request-info.ts";
import { sendJson } from "./respond.ts";
import type { TokenAuthenticators } from "./tokens/bearer.ts";

/** Kinds that are only asked: who am I, and who may do what. Source: Kubernetes' authorization and authentication APIs. */
const REVIEWS = {
  selfsubjectaccessreviews: { group: "authorization.k8s.io", kind: "SelfSubjectAccessReview" },
  selfsubjectrulesreviews: { group: "authorization.k8s.io", kind: "SelfSubjectRulesReview" },
  subjectaccessreviews: { group: "authorization.k8s.io", kind: "SubjectAccessReview" },
  localsubjectaccessreviews: { group: "authorization.k8s.io", kind: "LocalSubjectAccessReview" },
  tokenreviews: { group: "authentication.k8s.io", kind: "TokenReview" },
  selfsubjectreviews: { group: "authentication.k8s.io", kind: "SelfSubjectReview" },
} as const;

type Review = keyof typeof REVIEWS;

export interface ReviewContext extends AuthorizerFacts, TokenAuthenticators {
  readonly rbac: Rbac;
}

/** The review that a path asks for; `undefined` when it asks for none. Pure. */
export function reviewOf(
  segments: readonly string[],
): { readonly review: Review; readonly namespace?: string } | undefined {
  const [root, group, version, ...rest] = segments;
  if (root !== "apis" || version !== "v1") return undefined;
  const isLocal = rest.length === 3 && rest[0] === "namespaces";
  const name = rest.length === 1 ? rest[0] : isLocal ? rest[2] : undefined;
  const review = (Object.keys(REVIEWS) as Review[]).find((item) => item === name);
  if (review === undefined || REVIEWS[review].group !== group) return undefined;
  if (isLocal !== (review === "localsubjectaccessreviews")) return undefined;
  const [, namespace] = rest;
  return isLocal && namespace !== undefined ? { review, namespace } : { review };
}

/** Answers a review: nothing is stored. Throws 400, 403, 405 or 422. */
export async function answerReview(
  request: IncomingMessage,
  response: ServerResponse,
  user: User,
  asked: { readonly review: Review; readonly namespace?: string },
  context: ReviewContext,
): Promise<void> {
  if (request.method !== "POST") throw methodNotAllowed();
  const { review, namespace } = asked;
  const { group, kind } = REVIEWS[review];
  // What one may do oneself everybody may ask; what others may do is a right.
  if (!review.startsWith("self")) {
    const scope = namespace === undefined ? {} : { namespace };
    authorizeObjects(user, { verb: "create", resource: reviewResource(review), ...scope }, context);
  }
  const body = await readJsonObject(request);
  const spec = isJsonObject(body["spec"]) ? body["spec"] : {};
  const status =
    review === "tokenreviews"
      ? await tokenStatus(spec, context)
      : statusOf(review, spec, user, { ...context, namespace });
  sendJson(response, 201, {
    kind,
    apiVersion: `${group}/v1`,
    metadata: { creationTimestamp: null },
    ...(review === "selfsubjectreviews" ? {} : { spec: review === "tokenreviews" ? {} : spec }),
    status,
  });
}

function statusOf(
  review: Review,
  spec: JsonObject,
  user: User,
  context: ReviewContext & { readonly namespace: string | undefined },
): object {
  switch (review) {
    case "selfsubjectreviews":
      return { userInfo: { username: user.name, groups: groupsOf(user) } };
    case "selfsubjectrulesreviews":
      return rulesStatus(user, text(spec["namespace"]), context.rbac);
    case "selfsubjectaccessreviews":
      return accessStatus(user, spec, context);
    default:
      return accessStatus(subjectOf(spec), spec, context);
  }
}

async function tokenStatus(
  spec: JsonObject,
  { tokens, oidc }: TokenAuthenticators,
): Promise<object> {
  const token = text(spec["token"]);
  const wanted = Array.isArray(spec["audiences"]) ? spec["audiences"].map(text) : [];
  const verified = await tokens?.verify(token, wanted.length === 0 ? undefined : wanted);
  const user =
    verified?.user ?? (wanted.length === 0 ? await oidc?.authenticate(token) : undefined);
  if (user === undefined) return { authenticated: false, error: "the token is not good here" };
  const { name: username, uid, extra } = user;
  return {
    authenticated: true,
    user: {
      username,
      groups: groupsOf(user),
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
    },
    ...(verified === undefined ? {} : { audiences: verified.audiences }),
  };
}

function groupsOf({ groups }: User): readonly string[] {
  return [...new Set([...groups, "system:authenticated"])];
}

function subjectOf(spec: JsonObject): User {
  const groups = Array.isArray(spec["groups"])
    ? spec["groups"].filter((item) => typeof item === "string")
    : [];
  const name = text(spec["user"]);
  if (name === "" && groups.length === 0) {
    throw invalid({ kind: "SubjectAccessReview", group: "authorization.k8s.io" }, "", [
      {
        field: "spec.user",
        message: "Invalid value: at least one of user or group must be specified",
      },
    ]);
  }
  return userOf(name, groups);
}

function accessStatus(
  user: User,
  spec: JsonObject,
  context: ReviewContext & { readonly namespace: string | undefined },
): object {
  const { resourceAttributes: wanted, nonResourceAttributes: path } = spec;
  if (isJsonObject(wanted) === isJsonObject(path)) {
    throw badRequest(
      "exactly one of resourceAttributes and nonResourceAttributes must be specified",
    );
  }
  const reason = isJsonObject(wanted)
    ? whyOnObjects(user, wanted, context)
    : whyOnPath(user, path as JsonObject, context.rbac);
  if (reason === undefined) return { allowed: false };
  return { allowed: true, reason };
}

function whyOnObjects(
  user: User,
  wanted: JsonObject,
  context: ReviewContext & { readonly namespace: string | undefined },
): string | undefined {
  const [verb, group, plural, subresource] = ["verb", "group", "resource", "subresource"].map(
    (field) => text(wanted[field]),
  ) as [string, string, string, string];
  const namespace = text(wanted["namespace"]);
  if (context.namespace !== undefined && namespace !== context.namespace) {
    throw badRequest("the namespace of the review and of what is asked about differ");
  }
  const name = text(wanted["name"]);
  const parts = {
    ...(namespace === "" ? {} : { namespace }),
    ...(name === "" ? {} : { name }),
  };
  const resource = RESOURCES.find((item) => item.plural === plural && item.group === group);
  if (resource !== undefined) {
    const sub = subresource === "" ? {} : { subresource };
    // Words beyond the API's own verbs (`bind`, `impersonate`) are as good for rules.
    return whyAllowed(user, { verb: verb as Verb, resource, ...parts, ...sub }, context);
  }
  const whole = subresource === "" ? plural : `${plural}/${subresource}`;
  return whyByRules(user, { verb, group, resource: whole, ...parts }, context.rbac);
}

function whyOnPath(user: User, wanted: JsonObject, rbac: Rbac): string | undefined {
  return whyByRules(user, { verb: text(wanted["verb"]), path: text(wanted["path"]) }, rbac);
}

function whyByRules(user: User, action: Action, rbac: Rbac): string | undefined {
  if (user.groups.includes(MASTERS_GROUP)) return `group "${MASTERS_GROUP}" may do everything`;
  return rbac.allows(user, action);
}

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

function rulesStatus(user: User, namespace: string, rbac: Rbac): object {
  const own = rbac.rulesFor(user, namespace === "" ? undefined : namespace);
  const rules = user.groups.includes(MASTERS_GROUP) ? [...EVERYTHING, ...own] : own;
  const isPath = ({ nonResourceURLs = [] }: PolicyRule): boolean => nonResourceURLs.length > 0;
  return {
    resourceRules: rules
      .filter((rule) => !isPath(rule))
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames === undefined ? {} : { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(isPath)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    // What nodes may do beside their rules is not among them.
    incomplete: user.node !== undefined,
  };
}

/** The review as a resource, for rights to it. */
function reviewResource(review: Review): Resource {
  const { group, kind } = REVIEWS[review];
  return {
    group,
    version: "v1",
    kind,
    plural: review,
    singular: kind.toLowerCase(),
    shortNames: [],
    namespaced: review === "localsubjectaccessreviews",
    categories: [],
    subresources: [],
    declarable: false,
  };
}

/** The kinds that are only asked, as resources for discovery. Pure. */
export function reviewResources(): readonly Resource[] {
  return (Object.keys(REVIEWS) as Review[]).map(reviewResource);
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  throw badRequest("the spec of a review holds texts");
}
