import { isSameJson } from "../base/same-json.ts";
import type {
  Amounts,
  ConfigMap,
  Container,
  Job,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Service,
} from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { memoryBytes } from "../model/quantity.ts";
import { keepAdmitted } from "./keep-admitted.ts";

/** A field that was changed although it must not be. */
export interface ImmutableChange {
  /** As users write it: `spec.selector`. */
  readonly path: string;
  readonly hint: string;
}

/** A field that is fixed at creation. */
interface Rule {
  readonly kind: string;
  readonly path: string;
  readonly isChanged: (next: never, stored: never) => boolean;
  readonly hint?: string;
}

const RENAME =
  "give the object another name, or remove it in one commit and add it again in the next";

const RUNS_ONCE = "a Job runs once: give the new one another name";

/** Fields that simply stay as they are once they are set, by kind. */
const FIXED: Readonly<Record<string, readonly string[]>> = {
  "apps/v1/DaemonSet": ["spec.selector"],
  "apps/v1/Deployment": ["spec.selector"],
  "apps/v1/ReplicaSet": ["spec.selector"],
  "apps/v1/StatefulSet": [
    "spec.selector",
    "spec.serviceName",
    "spec.podManagementPolicy",
    "spec.volumeClaimTemplates",
  ],
  "v1/PersistentVolume": ["spec.volumeMode"],
  "v1/ResourceQuota": ["spec.scopes"],
  "v1/Secret": ["type"],
  "storage.k8s.io/v1/StorageClass": [
    "provisioner",
    "parameters",
    "reclaimPolicy",
    "volumeBindingMode",
  ],
  "scheduling.k8s.io/v1/PriorityClass": ["value", "preemptionPolicy"],
  "networking.k8s.io/v1/IngressClass": ["spec.controller"],
  "rbac.authorization.k8s.io/v1/RoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ["roleRef"],
  "apiextensions.k8s.io/v1/CustomResourceDefinition": [
    "spec.group",
    "spec.scope",
    "spec.names.plural",
    "spec.names.kind",
  ],
};

/** What helps where there is more to say than `RENAME`. */
const HINTS: Readonly<Record<string, string>> = {
  "apps/v1/StatefulSet":
    "give the set another name, or remove it in one commit and add it again in the next: its claims stay, unless persistentVolumeClaimRetentionPolicy says otherwise",
};

/** Fields that stay as they are, and that somebody else may set where the manifest says nothing. */
const FIXED_WHEN_STATED: Readonly<Record<string, readonly string[]>> = {
  "v1/PersistentVolumeClaim": [
    "spec.accessModes",
    "spec.selector",
    "spec.storageClassName",
    "spec.volumeMode",
    "spec.volumeName",
  ],
};

/** Fields of a Job that cannot change; its selector is made for it unless it is stated. */
const FIXED_IN_JOBS: readonly string[] = [
  "spec.template",
  "spec.completionMode",
  "spec.podFailurePolicy",
  "spec.successPolicy",
  "spec.backoffLimitPerIndex",
  "spec.managedBy",
];

/** Kubernetes' rules for the kinds that Git may state, beside those above. The first match is told. */
const RULES: readonly Rule[] = [
  {
    kind: "batch/v1/Job",
    path: "spec.completions",
    isChanged: (next: Job, stored: Job) =>
      next.spec.completions !== stored.spec.completions && !isElastic(next, stored),
    hint: RUNS_ONCE,
  },
  {
    kind: "batch/v1/Job",
    path: "spec.selector",
    isChanged: (next: Job, stored: Job) =>
      next.spec.selector !== undefined && differs(next.spec.selector, stored.spec.selector),
  },
  {
    kind: "v1/PersistentVolumeClaim",
    path: "spec.resources.requests.storage",
    isChanged: (next: PersistentVolumeClaim, stored: PersistentVolumeClaim) =>
      isSmaller(next.spec.resources.requests, stored.spec.resources.requests),
    hint: "a claim can grow, not shrink",
  },
  {
    kind: "v1/PersistentVolume",
    path: "spec",
    isChanged: (next: PersistentVolume, stored: PersistentVolume) =>
      differs(sourceOf(next), sourceOf(stored)),
    hint: "the place of a volume's data cannot change: declare another volume",
  },
  {
    kind: "v1/PersistentVolume",
    path: "spec.nodeAffinity",
    isChanged: (next: PersistentVolume, stored: PersistentVolume) =>
      stored.spec.nodeAffinity !== undefined &&
      differs(next.spec.nodeAffinity, stored.spec.nodeAffinity),
  },
  {
    kind: "v1/Service",
    path: "spec.clusterIP",
    isChanged: (next: Service, stored: Service) => isAddressChanged(next, stored),
  },
  {
    kind: "v1/Secret",
    path: "data",
    isChanged: (next: Secret, stored: Secret) =>
      stored.immutable === true && (next.immutable !== true || differs(next.data, stored.data)),
  },
  {
    kind: "v1/ConfigMap",
    path: "data",
    isChanged: (next: ConfigMap, stored: ConfigMap) =>
      stored.immutable === true &&
      (next.immutable !== true ||
        differs([next.data, next.binaryData], [stored.data, stored.binaryData])),
  },
  {
    kind: "v1/Pod",
    path: "spec",
    isChanged: (next: Pod, stored: Pod) =>
      differs(fixedSpec(keepAdmitted(next, stored), stored), fixedSpec(stored, stored)),
    hint: "only the images of a running pod can be changed; a Deployment replaces its pods by itself",
  },
];

/** The first field that `next` changes of `stored` although it is fixed at creation. Pure. */
export function findImmutable(next: ApiObject, stored: ApiObject): ImmutableChange | undefined {
  const kind = `${next.apiVersion}/${next.kind}`;
  const fixed = FIXED[kind]?.find((path) => differs(valueAt(next, path), valueAt(stored, path)));
  if (fixed !== undefined) return { path: fixed, hint: HINTS[kind] ?? RENAME };
  const stated = FIXED_WHEN_STATED[kind]?.find((path) => {
    const value = valueAt(next, path);
    return value !== undefined && differs(value, valueAt(stored, path));
  });
  if (stated !== undefined) return { path: stated, hint: RENAME };
  if (kind === "batch/v1/Job") {
    const path = FIXED_IN_JOBS.find((item) => differs(valueAt(next, item), valueAt(stored, item)));
    if (path !== undefined) return { path, hint: RUNS_ONCE };
  }
  const rule = RULES.find(
    (item) => item.kind === kind && item.isChanged(next as never, stored as never),
  );
  return rule === undefined ? undefined : { path: rule.path, hint: rule.hint ?? RENAME };
}

function valueAt(object: ApiObject, path: string): unknown {
  let value: unknown = object;
  for (const field of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[field];
  }
  return value;
}

/** An Indexed Job may be made larger or smaller, with as many pods at once as it has indexes. */
function isElastic({ spec: next }: Job, { spec: stored }: Job): boolean {
  return (
    stored.completionMode === "Indexed" &&
    next.completions === next.parallelism &&
    stored.completions === stored.parallelism
  );
}

function isSmaller(next: Amounts | undefined, stored: Amounts | undefined): boolean {
  const [wanted, given] = [next?.["storage"], stored?.["storage"]];
  if (wanted === undefined || given === undefined) return false;
  return (memoryBytes(wanted) ?? 0) < (memoryBytes(given) ?? 0);
}

/** Where the data of a volume are. */
function sourceOf({ spec }: PersistentVolume): unknown {
  const { hostPath, nfs, local, csi } = spec;
  return { hostPath, nfs, local, csi };
}

function differs(a: unknown, b: unknown): boolean {
  return !isSameJson(a ?? null, b ?? null);
}

/** An address is kept once given; without one, and with one, are different kinds of Service. */
function isAddressChanged({ spec: next }: Service, { spec: stored }: Service): boolean {
  if (stored.clusterIP === undefined) return false;
  if (next.clusterIP === undefined) return stored.clusterIP === "None";
  return next.clusterIP !== stored.clusterIP;
}

/** A pod's spec without what may change: images, and the node when Git does not name one. */
function fixedSpec({ spec }: Pod, stored: Pod): unknown {
  const bare = (containers: readonly Container[] | undefined): unknown =>
    containers?.map((container) => ({ ...container, image: "" }));
  const { activeDeadlineSeconds: _, tolerations: __, ephemeralContainers: ___, ...rest } = spec;
  return {
    nodeName: stored.spec.nodeName,
    ...rest,
    containers: bare(spec.containers),
    initContainers: bare(spec.initContainers),
  };
}
