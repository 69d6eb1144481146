/** How a strategic merge patch treats a field; without any of these, maps merge and lists are replaced. */
export interface MergeField {
  /** A list of maps: elements with the same value of this field are the same one. */
  readonly key?: string;
  /** A list of plain values without doubles: what the patch has is added. */
  readonly isSet?: boolean;
  /** A map that the patch replaces as a whole. */
  readonly isReplaced?: boolean;
  /** Of the map, or of each element of the list. */
  readonly fields?: MergeFields;
}

export type MergeFields = Readonly<Record<string, MergeField>>;

const METADATA: MergeField = {
  fields: { finalizers: { isSet: true }, ownerReferences: { key: "uid" } },
};

const CONDITIONS: MergeField = { fields: { conditions: { key: "type" } } };

const CONTAINERS: MergeField = {
  key: "name",
  fields: {
    env: { key: "name" },
    ports: { key: "containerPort" },
    volumeDevices: { key: "devicePath" },
    volumeMounts: { key: "mountPath" },
  },
};

const POD_SPEC: MergeField = {
  fields: {
    containers: CONTAINERS,
    initContainers: CONTAINERS,
    ephemeralContainers: CONTAINERS,
    volumes: { key: "name" },
    hostAliases: { key: "ip" },
    imagePullSecrets: { key: "name" },
    resourceClaims: { key: "name" },
    schedulingGates: { key: "name" },
    topologySpreadConstraints: { key: "topologyKey" },
  },
};

const TEMPLATE: MergeField = { fields: { metadata: METADATA, spec: POD_SPEC } };
const WORKLOAD_SPEC: MergeField = { fields: { template: TEMPLATE } };
const WORKLOAD: MergeFields = {
  spec: WORKLOAD_SPEC,
  status: CONDITIONS,
};

/** What the kinds have beside `metadata`. */
const KINDS: Readonly<Record<string, MergeFields>> = {
  "v1/Pod": {
    spec: POD_SPEC,
    status: {
      fields: {
        conditions: { key: "type" },
        podIPs: { key: "ip" },
        hostIPs: { key: "ip" },
        resourceClaimStatuses: { key: "name" },
      },
    },
  },
  "v1/ReplicationController": WORKLOAD,
  "v1/Service": { spec: { fields: { ports: { key: "port" } } }, status: CONDITIONS },
  "v1/ServiceAccount": { secrets: { key: "name" } },
  "v1/Namespace": { status: CONDITIONS },
  "v1/Node": {
    spec: { fields: { podCIDRs: { isSet: true } } },
    status: { fields: { conditions: { key: "type" }, addresses: { key: "type" } } },
  },
  "v1/PersistentVolumeClaim": { status: CONDITIONS },
  "apps/v1/Deployment": WORKLOAD,
  "apps/v1/ReplicaSet": WORKLOAD,
  "apps/v1/StatefulSet": WORKLOAD,
  "apps/v1/DaemonSet": WORKLOAD,
  "batch/v1/Job": WORKLOAD,
  "batch/v1/CronJob": {
    spec: { fields: { jobTemplate: { fields: { metadata: METADATA, spec: WORKLOAD_SPEC } } } },
  },
  "autoscaling/v2/HorizontalPodAutoscaler": { status: CONDITIONS },
  "policy/v1/PodDisruptionBudget": {
    spec: { fields: { selector: { isReplaced: true } } },
    status: CONDITIONS,
  },
};

/** The merge rules of a kind. Pure. */
export function mergeFieldsOf(apiVersion: string, kind: string): MergeFields {
  return { metadata: METADATA, ...KINDS[`${apiVersion}/${kind}`] };
}
