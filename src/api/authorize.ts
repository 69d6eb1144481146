import { apiVersionOf } from "../model/resources.ts";
import type { PersistentVolume, Pod } from "../model/kinds.gen.ts";
import { VOLUME_NODE_LABEL } from "../model/storage.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { MASTERS_GROUP } from "./authenticate.ts";
import type { User } from "./authenticate.ts";
import { detailsOf, forbidden, qualifiedName } from "./failure.ts";
import type { ApiFailure } from "./failure.ts";
import { pinnedValue } from "./field-selector.ts";
import type { FieldSelector } from "./field-selector.ts";
import type { NodePods } from "./node-pods.ts";
import type { Action } from "./rbac/policy-rules.ts";
import type { Rbac } from "./rbac/rbac.ts";
import type { ResourceRequest, Verb } from "./request-info.ts";

/** A request to objects, with what narrows it. */
export interface ObjectAccess extends ResourceRequest {
  readonly fields?: FieldSelector | undefined;
  /** As written. */
  readonly labelSelector?: string | undefined;
}

export interface AuthorizerFacts {
  readonly objects: Pick<ObjectStore, "get">;
  readonly nodePods: Pick<NodePods, "references" | "claims">;
  /** Absent: only masters and nodes may do anything. */
  readonly rbac?: Pick<Rbac, "allows"> | undefined;
}

/** The namespace of the nodes' heartbeats. */
export const NODE_LEASE_NAMESPACE = "kube-node-lease";

interface NodeRule {
  readonly resources: readonly string[];
  readonly verbs: readonly Verb[];
  /** Absent: the object itself, not a subresource. */
  readonly subresource?: "status" | "token";
  readonly when?: (access: ObjectAccess, node: string, facts: AuthorizerFacts) => boolean;
}

const READ: readonly Verb[] = ["get", "list", "watch"];
const CHANGE: readonly Verb[] = ["update", "patch"];

/**
 * What a node may do; what stands in no row it may not. Which name a created object has is only known from its body:
 * see `admitNodeWrite`.
 */
const NODE_RULES: readonly NodeRule[] = [
  { resources: ["nodes", "services", "endpointslices"], verbs: READ },
  { resources: ["pods"], verbs: ["list", "watch"], when: isPinnedToNode },
  { resources: ["pods"], verbs: ["get", "delete"], when: isOwnPod },
  { resources: ["pods"], verbs: CHANGE, subresource: "status", when: isOwnPod },
  { resources: ["secrets", "configmaps"], verbs: READ, when: isReferenced },
  { resources: ["persistentvolumeclaims"], verbs: ["get"], when: isClaimedByPod },
  { resources: ["persistentvolumes"], verbs: ["get"], when: isVolumeOfPod },
  { resources: ["persistentvolumes"], verbs: ["get", ...CHANGE], when: isKeptByNode },
  { resources: ["persistentvolumes"], verbs: ["list", "watch"], when: isLabelledWithNode },
  // For which pod, its body says: see `answerTokenRequest`.
  { resources: ["serviceaccounts"], verbs: ["create"], subresource: "token" },
  { resources: ["nodes"], verbs: ["create"] },
  { resources: ["nodes"], verbs: CHANGE, when: isOwnName },
  { resources: ["nodes"], verbs: CHANGE, subresource: "status", when: isOwnName },
  { resources: ["events"], verbs: ["get", "create", ...CHANGE] },
  { resources: ["leases"], verbs: ["create"], when: isLeaseNamespace },
  {
    resources: ["leases"],
    verbs: ["get", ...CHANGE],
    when: (access, node) => isLeaseNamespace(access) && isOwnName(access, node),
  },
];

/** Whether the user may do that to these objects. Throws 403. */
export function authorizeObjects(user: User, access: ObjectAccess, facts: AuthorizerFacts): void {
  if (whyAllowed(user, access, facts) === undefined) throw accessDenied(user, access);
}

/** Why the user may do that, in words; `undefined` when they may not. */
export function whyAllowed(
  user: User,
  access: ObjectAccess,
  facts: AuthorizerFacts,
): string | undefined {
  if (user.groups.includes(MASTERS_GROUP)) return `group "${MASTERS_GROUP}" may do everything`;
  const { node } = user;
  if (node !== undefined && NODE_RULES.some((rule) => allows(rule, { access, node, facts }))) {
    return "a node may do that for its own pods";
  }
  return facts.rbac?.allows(user, actionOf(access));
}

/** Whether the user may use a path that is of no objects. Throws 403. */
export function authorizePath(
  user: User,
  verb: string,
  path: string,
  { rbac }: Pick<AuthorizerFacts, "rbac">,
): void {
  if (user.groups.includes(MASTERS_GROUP)) return;
  if (rbac?.allows(user, { verb, path }) !== undefined) return;
  throw forbidden(`forbidden: User "${user.name}" cannot ${verb} path "${path}"`);
}

function actionOf({ verb, resource, subresource, namespace, name, fields }: ObjectAccess): Action {
  const { group, plural } = resource;
  return {
    verb,
    group,
    resource: subresource === undefined ? plural : `${plural}/${subresource}`,
    namespace,
    // A list of one object is as good as a look at it.
    name: name ?? pinnedValue(fields, "metadata.name"),
  };
}

/** Whether the user may call an endpoint that is for the nodes themselves. Throws 403. Pure. */
export function authorizeNode(user: User, path: string): string {
  if (user.node !== undefined) return user.node;
  throw forbidden(`forbidden: User "${user.name}" is not a node and cannot use path "${path}"`);
}

/** Whether the user is an administrator. Throws 403. Pure. */
export function authorizeMaster(user: User, path: string): void {
  if (user.groups.includes(MASTERS_GROUP)) return;
  throw forbidden(`forbidden: User "${user.name}" cannot use path "${path}"`);
}

function allows(
  rule: NodeRule,
  request: {
    readonly access: ObjectAccess;
    readonly node: string;
    readonly facts: AuthorizerFacts;
  },
): boolean {
  const { access, node, facts } = request;
  return (
    rule.resources.includes(access.resource.plural) &&
    rule.verbs.includes(access.verb) &&
    rule.subresource === access.subresource &&
    (rule.when === undefined || rule.when(access, node, facts))
  );
}

function isPinnedToNode({ fields }: ObjectAccess, node: string): boolean {
  return pinnedValue(fields, "spec.nodeName") === node;
}

/** A pod that is gone is told to be gone: its node must learn of that. */
function isOwnPod(
  { resource, namespace, name }: ObjectAccess,
  node: string,
  { objects }: AuthorizerFacts,
): boolean {
  if (namespace === undefined || name === undefined) return false;
  const ref = { apiVersion: apiVersionOf(resource), kind: resource.kind, namespace, name };
  const pod = objects.get(ref)?.object as Pod | undefined;
  return pod === undefined || pod.spec.nodeName === node;
}

function isReferenced(
  { resource, namespace, name, fields }: ObjectAccess,
  node: string,
  { nodePods }: AuthorizerFacts,
): boolean {
  const wanted = name ?? pinnedValue(fields, "metadata.name");
  if (namespace === undefined || wanted === undefined) return false;
  const kind = resource.kind === "Secret" ? "Secret" : "ConfigMap";
  return nodePods.references(node, kind, namespace, wanted);
}

function isClaimedByPod(
  { namespace, name }: ObjectAccess,
  node: string,
  { nodePods }: AuthorizerFacts,
): boolean {
  return namespace !== undefined && name !== undefined && nodePods.claims(node, namespace, name);
}

/** The volume of a claim that a pod of the node uses. */
function isVolumeOfPod(
  access: ObjectAccess,
  node: string,
  { objects, nodePods }: AuthorizerFacts,
): boolean {
  const ref = findVolume(access, objects)?.spec.claimRef;
  return ref !== undefined && nodePods.claims(node, ref.namespace ?? "", ref.name);
}

/** A volume whose data the node keeps. */
function isKeptByNode(access: ObjectAccess, node: string, { objects }: AuthorizerFacts): boolean {
  return findVolume(access, objects)?.metadata.labels?.[VOLUME_NODE_LABEL] === node;
}

function isLabelledWithNode({ labelSelector }: ObjectAccess, node: string): boolean {
  return labelSelector === `${VOLUME_NODE_LABEL}=${node}`;
}

function findVolume(
  { resource, name }: ObjectAccess,
  objects: AuthorizerFacts["objects"],
): PersistentVolume | undefined {
  if (name === undefined) return undefined;
  const ref = { apiVersion: apiVersionOf(resource), kind: resource.kind, name };
  return objects.get(ref)?.object as PersistentVolume | undefined;
}

function isOwnName({ name }: ObjectAccess, node: string): boolean {
  return name === node;
}

function isLeaseNamespace({ namespace }: ObjectAccess): boolean {
  return namespace === NODE_LEASE_NAMESPACE;
}

function accessDenied(user: User, access: ObjectAccess): ApiFailure {
  const { verb, resource, namespace, name, subresource } = access;
  const what = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
  const where =
    namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const object = name === undefined ? "" : ` "${name}"`;
  return forbidden(
    `${qualifiedName(resource)}${object} is forbidden: User "${user.name}" cannot ${verb} resource "${what}" ` +
      `in API group "${resource.group}" ${where}`,
    detailsOf(resource, name),
  );
}
