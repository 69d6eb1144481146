import type {
  ControllerRevision,
  DaemonSet,
  DaemonSetSpec,
  PersistentVolumeClaim,
  ReplicationController,
  ReplicationControllerSpec,
  StatefulSet,
  StatefulSetSpec,
} from "../../src/model/kinds.gen.ts";
import type { ObjectMeta } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { template } from "./builders.ts";

export function statefulSet(
  fields: Partial<StatefulSetSpec> = {},
  metadata: Partial<ObjectMeta> = {},
  status?: StatefulSet["status"],
): StatefulSet {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "web", namespace: "shop", uid: "uid-sts", generation: 1, ...metadata },
    spec: {
      podManagementPolicy: "OrderedReady",
      replicas: 3,
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: "web" } },
      serviceName: "peers",
      template: template(),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
      ...fields,
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** A claim template of 1 GiB. */
export function claimTemplate(name = "data"): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, labels: { tier: "disk" } },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      volumeMode: "Filesystem",
    },
  } as PersistentVolumeClaim;
}

export function daemonSet(
  fields: Partial<DaemonSetSpec> = {},
  metadata: Partial<ObjectMeta> = {},
  status?: DaemonSet["status"],
): DaemonSet {
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "log", namespace: "shop", uid: "uid-ds", generation: 1, ...metadata },
    spec: {
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: "web" } },
      template: template(),
      updateStrategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
      },
      ...fields,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export function replicationController(
  fields: Partial<ReplicationControllerSpec> = {},
  metadata: Partial<ObjectMeta> = {},
): ReplicationController {
  return {
    apiVersion: "v1",
    kind: "ReplicationController",
    metadata: { name: "web", namespace: "shop", uid: "uid-rc", generation: 1, ...metadata },
    spec: { replicas: 3, selector: { app: "web" }, template: template(), ...fields },
  };
}

/** The revision that a plan makes, if any. */
export function madeRevision(plan: Plan): ControllerRevision | undefined {
  return plan.steps
    .flatMap((step) => (step.kind === "create" ? [step.object] : []))
    .find((object): object is ControllerRevision => object.kind === "ControllerRevision");
}
