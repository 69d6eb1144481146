import type { ClusterRole, ClusterRoleBinding, PolicyRule } from "../model/kinds.gen.ts";
import { RESOURCES } from "../model/resources.ts";

/*
 * The roles that every cluster has, by the names that people know. Source: kubernetes.io, "Using RBAC Authorization",
 * "Default roles and role bindings". They follow the kinds that are served: a new kind is in them at once.
 */

const API_VERSION = "rbac.authorization.k8s.io/v1";
const RBAC_GROUP = "rbac.authorization.k8s.io";
const LABELS = { "kubernetes.io/bootstrapping": "rbac-defaults" };
const ANNOTATIONS = { "rbac.authorization.kubernetes.io/autoupdate": "true" };
const AGGREGATE_LABEL = "rbac.authorization.k8s.io/aggregate-to-";

const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];

/** Kinds of namespaces that whoever edits may not write, since they set bounds or give rights. */
const BOUNDS: ReadonlySet<string> = new Set(["resourcequotas", "limitranges"]);
/** What runs: read by everybody with a view, written by those who run it. */
const RUNTIME: ReadonlySet<string> = new Set(["events", "endpointslices", "endpoints"]);

/** Namespaced kinds but Secrets and rights, with their subresources. */
function namespacedResources(): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  for (const { group, plural, namespaced, subresources } of RESOURCES) {
    if (!namespaced || plural === "secrets" || group === RBAC_GROUP) continue;
    const list = groups.get(group) ?? [];
    const readable = subresources.filter((item) => ["status", "scale", "log"].includes(item));
    list.push(plural, ...readable.map((item) => `${plural}/${item}`));
    groups.set(group, list);
  }
  return groups;
}

function viewRules(): readonly PolicyRule[] {
  const rules = [...namespacedResources()].map(([group, resources]) => ({
    apiGroups: [group],
    resources: resources.toSorted((a, b) => (a < b ? -1 : 1)),
    verbs: READ,
  }));
  return [
    ...rules,
    { apiGroups: [""], resources: ["namespaces"], verbs: READ },
    { apiGroups: ["metrics.k8s.io"], resources: ["pods"], verbs: READ },
  ];
}

function editRules(): readonly PolicyRule[] {
  const writable = [...namespacedResources()].map(([group, resources]) => ({
    apiGroups: [group],
    resources: resources
      .filter((item) => !BOUNDS.has(item) && !RUNTIME.has(item) && !/\/(?:status|log)$/.test(item))
      .toSorted((a, b) => (a < b ? -1 : 1)),
    verbs: WRITE,
  }));
  return [
    ...writable.filter(({ resources }) => resources.length > 0),
    { apiGroups: [""], resources: ["secrets"], verbs: [...READ, ...WRITE] },
    {
      apiGroups: [""],
      resources: ["pods/attach", "pods/exec", "pods/portforward"],
      verbs: ["get", ...WRITE],
    },
    { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
    {
      apiGroups: [""],
      resources: ["pods/ephemeralcontainers", "pods/resize"],
      verbs: ["patch", "update"],
    },
    { apiGroups: [""], resources: ["serviceaccounts"], verbs: ["impersonate"] },
    { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
  ];
}

const ADMIN_RULES: readonly PolicyRule[] = [
  {
    apiGroups: [RBAC_GROUP],
    resources: ["roles", "rolebindings"],
    verbs: [...READ, ...WRITE],
  },
  {
    apiGroups: ["authorization.k8s.io"],
    resources: ["localsubjectaccessreviews"],
    verbs: ["create"],
  },
];

const DISCOVERY_PATHS = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];
const PUBLIC_PATHS = ["/healthz", "/livez", "/readyz", "/version", "/version/"];

function role(name: string, rules: readonly PolicyRule[], partOf?: string): ClusterRole {
  const labels =
    partOf === undefined ? LABELS : { ...LABELS, [`${AGGREGATE_LABEL}${partOf}`]: "true" };
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRole",
    metadata: { name, labels, annotations: ANNOTATIONS },
    rules,
  };
}

/** A role made of those with its label, and itself part of the next greater one. */
function aggregate(name: string, partOf?: string): ClusterRole {
  const matchLabels = { [`${AGGREGATE_LABEL}${name}`]: "true" };
  const rule = { clusterRoleSelectors: [{ matchLabels }] };
  return { ...role(name, [], partOf), aggregationRule: rule };
}

function binding(name: string, groups: readonly string[], to: string = name): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRoleBinding",
    metadata: { name, labels: LABELS, annotations: ANNOTATIONS },
    roleRef: { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: to },
    subjects: groups.map((group) => ({ kind: "Group", apiGroup: RBAC_GROUP, name: group })),
  };
}

/** The roles of every cluster. Pure. */
export function defaultRoles(): readonly ClusterRole[] {
  return [
    role("cluster-admin", [
      { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
      { nonResourceURLs: ["*"], verbs: ["*"] },
    ]),
    aggregate("admin"),
    aggregate("edit", "admin"),
    aggregate("view", "edit"),
    role("system:aggregate-to-admin", ADMIN_RULES, "admin"),
    role("system:aggregate-to-edit", editRules(), "edit"),
    role("system:aggregate-to-view", viewRules(), "view"),
    role("system:basic-user", [
      {
        apiGroups: ["authorization.k8s.io"],
        resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        verbs: ["create"],
      },
      {
        apiGroups: ["authentication.k8s.io"],
        resources: ["selfsubjectreviews"],
        verbs: ["create"],
      },
    ]),
    role("system:discovery", [
      { nonResourceURLs: [...PUBLIC_PATHS, ...DISCOVERY_PATHS], verbs: ["get"] },
    ]),
    role("system:public-info-viewer", [{ nonResourceURLs: PUBLIC_PATHS, verbs: ["get"] }]),
    role("system:auth-delegator", [
      { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
      {
        apiGroups: ["authorization.k8s.io"],
        resources: ["subjectaccessreviews"],
        verbs: ["create"],
      },
    ]),
    role("system:monitoring", [{ nonResourceURLs: ["/metrics", ...PUBLIC_PATHS], verbs: ["get"] }]),
  ];
}

/** Who has them without anybody's doing. Pure. */
export function defaultBindings(): readonly ClusterRoleBinding[] {
  return [
    binding("cluster-admin", ["system:masters"]),
    binding("system:basic-user", ["system:authenticated"]),
    binding("system:discovery", ["system:authenticated"]),
    binding("system:public-info-viewer", ["system:authenticated", "system:unauthenticated"]),
    binding("system:monitoring", ["system:monitoring"]),
  ];
}
