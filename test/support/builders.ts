import { formatTime } from "../../src/base/clock.ts";
import type {
  Container,
  CronJob,
  CronJobSpec,
  Deployment,
  DeploymentSpec,
  Job,
  JobSpec,
  Namespace,
  Node,
  Pod,
  PodSpec,
  PodTemplateSpec,
  ReplicaSet,
  Service,
} from "../../src/model/kinds.gen.ts";
import type { Condition, ObjectMeta, StringMap } from "../../src/model/meta.ts";

/** 2026-01-02T03:00:00Z, where every test's clock stands. */
export const NOW = 1_767_322_800_000;

export const seconds = (count: number): number => count * 1000;
/** RFC 3339, `offset` seconds from `NOW`. */
export const at = (offset: number): string => formatTime(NOW + seconds(offset));

export function container(fields: Partial<Container> = {}): Container {
  return { name: "app", image: "app:v1", imagePullPolicy: "IfNotPresent", ...fields };
}

export function podSpec(fields: Partial<PodSpec> = {}): PodSpec {
  return {
    containers: [container()],
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    schedulerName: "default-scheduler",
    ...fields,
  };
}

/** A template of `app: web` whose image says which version it is. */
export function template(version = "v1", fields: Partial<PodSpec> = {}): PodTemplateSpec {
  return {
    metadata: { labels: { app: "web" } },
    spec: podSpec({ containers: [container({ image: `app:${version}` })], ...fields }),
  };
}

export function deployment(
  fields: Partial<DeploymentSpec> = {},
  metadata: Partial<ObjectMeta> = {},
): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web", namespace: "shop", uid: "uid-web", generation: 1, ...metadata },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web" } },
      template: template(),
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...fields,
    },
  };
}

export function replicaSet(
  spec: Partial<ReplicaSet["spec"]> = {},
  metadata: Partial<ObjectMeta> = {},
): ReplicaSet {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: { name: "web", namespace: "shop", uid: "uid-rs", generation: 1, ...metadata },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: "web" } },
      template: template(),
      ...spec,
    },
  };
}

export interface PodFields {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: StringMap;
  readonly annotations?: StringMap;
  /** Its controller: a ReplicaSet or Job. */
  readonly owner?: {
    readonly kind: string;
    readonly apiVersion: string;
    readonly metadata: ObjectMeta;
  };
  readonly node?: string;
  readonly phase?: NonNullable<Pod["status"]>["phase"];
  /** Seconds from NOW since when it is Ready; `null`: it is not. */
  readonly ready?: number | null;
  /** Seconds from NOW. */
  readonly created?: number;
  readonly terminating?: boolean;
  readonly restarts?: number;
  readonly ip?: string;
  readonly spec?: Partial<PodSpec>;
}

/** A pod on node `a`, Running and Ready for a minute, unless told otherwise. */
export function pod(fields: PodFields): Pod {
  const { name, owner, ready = -60, phase = "Running", ip } = fields;
  const isReady = ready !== null && phase === "Running";
  const condition: Condition = {
    type: "Ready",
    status: isReady ? "True" : "False",
    lastTransitionTime: at(ready ?? 0),
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: fields.namespace ?? "shop",
      uid: `uid-${name}`,
      creationTimestamp: at(fields.created ?? -120),
      labels: fields.labels ?? { app: "web" },
      ...(fields.annotations === undefined ? {} : { annotations: fields.annotations }),
      ...(fields.terminating === true ? { deletionTimestamp: at(30) } : {}),
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: owner.apiVersion,
                kind: owner.kind,
                name: owner.metadata.name,
                uid: owner.metadata.uid ?? "",
                controller: true,
                blockOwnerDeletion: true,
              },
            ],
          }),
    },
    spec: podSpec({
      ...(fields.node === "" ? {} : { nodeName: fields.node ?? "a" }),
      ...fields.spec,
    }),
    status: {
      phase,
      conditions: [condition],
      ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
      ...(fields.restarts === undefined
        ? {}
        : {
            containerStatuses: [
              {
                name: "app",
                image: "app:v1",
                imageID: "",
                ready: isReady,
                restartCount: fields.restarts,
                state: {},
                lastState: {},
              },
            ],
          }),
    },
  };
}

export interface NodeFields {
  readonly name: string;
  readonly labels?: StringMap;
  readonly spec?: Node["spec"];
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly ready?: Condition["status"];
}

/** A Ready node with 4 cores, 8 GiB and room for 110 pods, unless told otherwise. */
export function node(fields: NodeFields): Node {
  const allocatable = {
    cpu: fields.cpu ?? "4",
    memory: fields.memory ?? "8Gi",
    pods: fields.pods ?? "110",
  };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: fields.name,
      uid: `uid-node-${fields.name}`,
      labels: { "kubernetes.io/hostname": fields.name, ...fields.labels },
    },
    spec: fields.spec ?? {},
    status: {
      capacity: allocatable,
      allocatable,
      conditions: [{ type: "Ready", status: fields.ready ?? "True" }],
    },
  };
}

export function service(
  spec: Partial<Service["spec"]> = {},
  metadata: Partial<ObjectMeta> = {},
): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "shop", uid: "uid-svc", generation: 1, ...metadata },
    spec: {
      type: "ClusterIP",
      selector: { app: "web" },
      ports: [{ protocol: "TCP", port: 80, targetPort: 8080 }],
      sessionAffinity: "None",
      clusterIP: "10.96.0.10",
      ...spec,
    },
  };
}

export function job(spec: Partial<JobSpec> = {}, metadata: Partial<ObjectMeta> = {}): Job {
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "sum", namespace: "shop", uid: "uid-job", generation: 1, ...metadata },
    spec: {
      parallelism: 1,
      completions: 1,
      completionMode: "NonIndexed",
      backoffLimit: 6,
      template: { metadata: { labels: { app: "sum" } }, spec: podSpec({ restartPolicy: "Never" }) },
      ...spec,
    },
  };
}

export function cronJob(
  spec: Partial<CronJobSpec> = {},
  metadata: Partial<ObjectMeta> = {},
): CronJob {
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "tick", namespace: "shop", uid: "uid-cron", generation: 1, ...metadata },
    spec: {
      schedule: "* * * * *",
      concurrencyPolicy: "Allow",
      suspend: false,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: { spec: job().spec },
      ...spec,
    },
  };
}

export function namespace(name = "shop", phase: "Active" | "Terminating" = "Active"): Namespace {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, uid: `uid-ns-${name}` },
    status: { phase },
  };
}
