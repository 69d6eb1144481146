export const METRICS_GROUP = "metrics.k8s.io";
export const METRICS_VERSION = "v1beta1";

const VERBS: readonly string[] = ["get", "list"];
const KINDS = [
  { name: "nodes", kind: "NodeMetrics", namespaced: false },
  { name: "pods", kind: "PodMetrics", namespaced: true },
] as const;

const groupVersion = `${METRICS_GROUP}/${METRICS_VERSION}`;
const version = { groupVersion, version: METRICS_VERSION };

/** The group as `/apis` lists it. */
export const METRICS_API_GROUP: object = {
  name: METRICS_GROUP,
  versions: [version],
  preferredVersion: version,
};

/** The group as aggregated discovery lists it. */
export const METRICS_AGGREGATED: object = {
  metadata: { name: METRICS_GROUP, creationTimestamp: null },
  versions: [
    {
      version: METRICS_VERSION,
      freshness: "Current",
      resources: KINDS.map(({ name, kind, namespaced }) => ({
        resource: name,
        responseKind: { group: METRICS_GROUP, version: METRICS_VERSION, kind },
        scope: namespaced ? "Namespaced" : "Cluster",
        singularResource: "",
        verbs: VERBS,
      })),
    },
  ],
};

/** The legacy documents of the group, by path. */
export const METRICS_DOCUMENTS: readonly (readonly [path: string, document: unknown])[] = [
  [`/apis/${METRICS_GROUP}`, { kind: "APIGroup", apiVersion: "v1", ...METRICS_API_GROUP }],
  [
    `/apis/${groupVersion}`,
    {
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion,
      resources: KINDS.map((item) => ({ ...item, singularName: "", verbs: VERBS })),
    },
  ],
];
