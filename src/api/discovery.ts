import { compare, groupBy } from "../base/order.ts";
import { RESOURCES, apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import type { DiscoveryVersion } from "./accept.ts";
import { reviewResources } from "./access-reviews.ts";
import { SCALE_KIND } from "./scale.ts";
import { METRICS_AGGREGATED, METRICS_API_GROUP, METRICS_DOCUMENTS } from "./metrics-discovery.ts";

/** Documents that say which kinds there are. All are fixed for the life of the server. */
export interface Discovery {
  /** Aggregated `/api` or `/apis`. */
  aggregated(root: "api" | "apis", version: DiscoveryVersion): unknown;
  /** The legacy documents, by path without a slash at the end. */
  readonly legacy: ReadonlyMap<string, unknown>;
}

/** What people may do with objects of a namespace or that Git does not declare, and what with the others. */
const RUNTIME_VERBS: readonly string[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];
const DECLARED_VERBS: readonly string[] = ["get", "list", "watch"];
/** What Kubernetes calls the options of the subresources that are streams. */
const STREAM_KINDS: Readonly<Record<string, string>> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portforward: "PodPortForwardOptions",
};
/** What is only asked, never stored. */
const REVIEWS: ReadonlySet<string> = new Set(reviewResources().map(({ plural }) => plural));
const EVICTION_KIND = { group: "policy", version: "v1", kind: "Eviction" } as const;
const TOKEN_KIND = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenRequest",
} as const;

/** Pure. */
export function createDiscovery(serverAddress: string): Discovery {
  // Within a group in the order of names, as in Kubernetes: `kubectl get all` prints in this order.
  const groups = groupBy(
    [...RESOURCES, ...reviewResources()].toSorted((a, b) => compare(a.plural, b.plural)),
    (resource) => resource.group,
  );
  return {
    aggregated: (root, version) => aggregate(root, version, groups),
    legacy: new Map(legacyDocuments(groups, serverAddress)),
  };
}

type Groups = ReadonlyMap<string, readonly Resource[]>;

function aggregate(root: "api" | "apis", version: DiscoveryVersion, groups: Groups): unknown {
  const wanted = groupOrder(groups).filter(([group]) => (group === "") === (root === "api"));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: [
      ...wanted.map(([group, resources]) => ({
        metadata:
          group === "" ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
        versions: [...groupBy(resources, (resource) => resource.version)].map(
          ([name, members]) => ({
            version: name,
            freshness: "Current",
            resources: members.map(toAggregated),
          }),
        ),
      })),
      ...(root === "apis" ? [METRICS_AGGREGATED] : []),
    ],
  };
}

/** Kubernetes' groups as `RESOURCES` has them. */
function groupOrder(groups: Groups): readonly (readonly [string, readonly Resource[]])[] {
  return [...new Set([...RESOURCES.map(({ group }) => group), ...groups.keys()])].map(
    (group) => [group, groups.get(group) ?? []] as const,
  );
}

function toAggregated(resource: Resource): unknown {
  const { group, version, kind } = resource;
  const responseKind = { group, version, kind };
  return {
    resource: resource.plural,
    responseKind,
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: verbsOf(resource),
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
    ...(resource.subresources.length > 0
      ? {
          subresources: resource.subresources.map((subresource) => ({
            subresource,
            responseKind: kindOfSubresource(subresource) ?? responseKind,
            verbs: subresourceVerbs(subresource),
          })),
        }
      : {}),
  };
}

function* legacyDocuments(
  groups: Groups,
  serverAddress: string,
): Generator<readonly [string, unknown]> {
  yield [
    "/api",
    {
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }],
    },
  ];
  const named = groupOrder(groups).filter(([group]) => group !== "");
  const apiGroups = [
    ...named.map(([group, resources]) => toGroup(group, resources)),
    METRICS_API_GROUP,
  ];
  yield ["/apis", { kind: "APIGroupList", apiVersion: "v1", groups: apiGroups }];
  yield* METRICS_DOCUMENTS;
  for (const [group, resources] of named) {
    yield [`/apis/${group}`, { kind: "APIGroup", apiVersion: "v1", ...toGroup(group, resources) }];
  }
  for (const [groupVersion, resources] of groupBy([...groups.values()].flat(), apiVersionOf)) {
    const root = groupVersion.includes("/") ? "/apis" : "/api";
    yield [
      `${root}/${groupVersion}`,
      {
        kind: "APIResourceList",
        apiVersion: "v1",
        groupVersion,
        resources: resources.flatMap(toLegacy),
      },
    ];
  }
}

function toGroup(name: string, resources: readonly Resource[]) {
  const versions = [...new Set(resources.map(({ version }) => version))].map((version) => ({
    groupVersion: `${name}/${version}`,
    version,
  }));
  return { name, versions, preferredVersion: versions[0] };
}

function toLegacy(resource: Resource): readonly unknown[] {
  const { plural, singular, namespaced, kind, shortNames, categories } = resource;
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: verbsOf(resource),
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    ...resource.subresources.map((subresource) => ({
      name: `${plural}/${subresource}`,
      singularName: "",
      namespaced,
      ...(kindOfSubresource(subresource) ?? { kind }),
      verbs: subresourceVerbs(subresource),
    })),
  ];
}

/** Declared objects of a namespace are written where it is unmanaged; elsewhere the answer says which file to edit. */
function verbsOf(resource: Resource): readonly string[] {
  if (REVIEWS.has(resource.plural)) return ["create"];
  return resource.declarable && !resource.namespaced ? DECLARED_VERBS : RUNTIME_VERBS;
}

/** Of subresources that are of a kind of their own. */
function kindOfSubresource(subresource: Resource["subresources"][number]) {
  if (subresource === "eviction") return EVICTION_KIND;
  if (subresource === "token") return TOKEN_KIND;
  const stream = STREAM_KINDS[subresource];
  if (stream !== undefined) return { group: "", version: "v1", kind: stream };
  return subresource === "scale" ? SCALE_KIND : undefined;
}

function subresourceVerbs(subresource: Resource["subresources"][number]): readonly string[] {
  if (subresource === "eviction" || subresource === "token") return ["create"];
  if (STREAM_KINDS[subresource] !== undefined) return ["create", "get"];
  return subresource === "log" ? ["get"] : ["get", "patch", "update"];
}
