import type { ObjectRef } from "./meta.ts";

/** How the API names a kind. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Lower-case plural, as in URLs. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
  readonly categories: readonly string[];
  readonly subresources: readonly (
    | "status"
    | "scale"
    | "log"
    | "eviction"
    | "exec"
    | "attach"
    | "portforward"
    | "resize"
    | "ephemeralcontainers"
    | "token"
  )[];
  /** May users state it in Git? The others are written by Berth only. */
  readonly declarable: boolean;
}

/** Of what runs. */
const POD_SUBRESOURCES = [
  "log",
  "eviction",
  "exec",
  "attach",
  "portforward",
  "resize",
  "ephemeralcontainers",
] as const;

/** Every kind that the store holds, in the order in which an App applies them. */
export const RESOURCES: readonly Resource[] = [
  define("", "v1", "Namespace", "namespaces", {
    shortNames: ["ns"],
    namespaced: false,
    status: true,
  }),
  define("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", {
    shortNames: ["crd", "crds"],
    namespaced: false,
    status: true,
  }),
  define("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", {
    shortNames: ["pc"],
    namespaced: false,
  }),
  define("storage.k8s.io", "v1", "StorageClass", "storageclasses", {
    shortNames: ["sc"],
    namespaced: false,
  }),
  define("networking.k8s.io", "v1", "IngressClass", "ingressclasses", { namespaced: false }),
  define("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", { namespaced: false }),
  define("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", {
    namespaced: false,
  }),
  define("rbac.authorization.k8s.io", "v1", "Role", "roles", {}),
  define("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", {}),
  define("", "v1", "ServiceAccount", "serviceaccounts", { shortNames: ["sa"], token: true }),
  define("", "v1", "ResourceQuota", "resourcequotas", { shortNames: ["quota"], status: true }),
  define("", "v1", "LimitRange", "limitranges", { shortNames: ["limits"] }),
  define("", "v1", "ConfigMap", "configmaps", { shortNames: ["cm"] }),
  define("", "v1", "Secret", "secrets", {}),
  define("", "v1", "PersistentVolume", "persistentvolumes", {
    shortNames: ["pv"],
    namespaced: false,
    status: true,
  }),
  define("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", {
    shortNames: ["pvc"],
    status: true,
  }),
  define("", "v1", "Service", "services", { shortNames: ["svc"], all: true, status: true }),
  define("", "v1", "Endpoints", "endpoints", { shortNames: ["ep"] }),
  define("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", { shortNames: ["netpol"] }),
  define("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", {
    shortNames: ["pdb"],
    status: true,
  }),
  define("apps", "v1", "Deployment", "deployments", {
    shortNames: ["deploy"],
    all: true,
    status: true,
    scale: true,
  }),
  define("apps", "v1", "StatefulSet", "statefulsets", {
    shortNames: ["sts"],
    all: true,
    status: true,
    scale: true,
  }),
  define("apps", "v1", "DaemonSet", "daemonsets", { shortNames: ["ds"], all: true, status: true }),
  define("apps", "v1", "ReplicaSet", "replicasets", {
    shortNames: ["rs"],
    all: true,
    status: true,
    scale: true,
  }),
  define("", "v1", "ReplicationController", "replicationcontrollers", {
    shortNames: ["rc"],
    all: true,
    status: true,
    scale: true,
  }),
  define("batch", "v1", "CronJob", "cronjobs", { shortNames: ["cj"], all: true, status: true }),
  define("batch", "v1", "Job", "jobs", { all: true, status: true }),
  define("", "v1", "Pod", "pods", { shortNames: ["po"], all: true, status: true, log: true }),
  define("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", {
    shortNames: ["hpa"],
    all: true,
    status: true,
  }),
  define("networking.k8s.io", "v1", "Ingress", "ingresses", { shortNames: ["ing"], status: true }),
  define("", "v1", "Node", "nodes", {
    shortNames: ["no"],
    namespaced: false,
    status: true,
    declarable: false,
  }),
  define("", "v1", "Event", "events", { shortNames: ["ev"], declarable: false }),
  define("apps", "v1", "ControllerRevision", "controllerrevisions", { declarable: false }),
  define("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", {}),
  define("coordination.k8s.io", "v1", "Lease", "leases", { declarable: false }),
  define("berth.dev", "v1", "App", "apps", { namespaced: false, status: true, declarable: false }),
  define("berth.dev", "v1", "Release", "releases", {
    shortNames: ["rel"],
    namespaced: false,
    status: true,
    declarable: false,
  }),
];

/** By API version, then kind: looked up for every object, so without making a key. */
const BY_KIND: ReadonlyMap<string, ReadonlyMap<string, Resource>> = new Map(
  [...new Set(RESOURCES.map(apiVersionOf))].map((apiVersion) => {
    const own = RESOURCES.filter((resource) => apiVersionOf(resource) === apiVersion);
    return [apiVersion, new Map(own.map((resource) => [resource.kind, resource]))];
  }),
);
const PREFIXES: ReadonlyMap<Resource, string> = new Map(
  RESOURCES.map((resource) => [resource, makePrefix(resource)]),
);

/** The resource of a kind, or `undefined` when Berth has no such kind. Pure. */
export function findResource(apiVersion: string, kind: string): Resource | undefined {
  return BY_KIND.get(apiVersion)?.get(kind);
}

/** The resource of a kind that is known to be there. Throws for any other. Pure. */
export function resourceOf(ref: Pick<ObjectRef, "apiVersion" | "kind">): Resource {
  const resource = findResource(ref.apiVersion, ref.kind);
  if (resource === undefined)
    throw new Error(`Cannot find a resource for "${ref.apiVersion}/${ref.kind}"`);
  return resource;
}

/** `v1` or `apps/v1`. Pure. */
export function apiVersionOf(resource: Pick<Resource, "group" | "version">): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}

/** The prefix of all keys of a resource, or of one of its namespaces. Pure. */
export function prefixOf(resource: Resource, namespace?: string): string {
  const prefix = PREFIXES.get(resource) ?? makePrefix(resource);
  return namespace === undefined ? prefix : `${prefix}${namespace}/`;
}

function makePrefix({ group, plural }: Resource): string {
  return `/${group === "" ? "core" : group}/${plural}/`;
}

interface Extras {
  readonly shortNames?: readonly string[];
  readonly namespaced?: boolean;
  readonly all?: boolean;
  readonly status?: boolean;
  readonly scale?: boolean;
  readonly log?: boolean;
  readonly token?: boolean;
  readonly declarable?: boolean;
}

function define(
  group: string,
  version: string,
  kind: string,
  plural: string,
  extras: Extras,
): Resource {
  return {
    group,
    version,
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: extras.shortNames ?? [],
    namespaced: extras.namespaced ?? true,
    categories: extras.all === true ? ["all"] : [],
    subresources: [
      ...(extras.status === true ? (["status"] as const) : []),
      ...(extras.scale === true ? (["scale"] as const) : []),
      ...(extras.log === true ? POD_SUBRESOURCES : []),
      ...(extras.token === true ? (["token"] as const) : []),
    ],
    declarable: extras.declarable ?? true,
  };
}
