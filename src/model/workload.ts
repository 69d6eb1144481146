import type { ApiObject, Condition } from "./meta.ts";
import type { PodTemplateSpec } from "./pod.ts";

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelRequirement[];
}

export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values?: readonly string[];
}

/** apps/v1 Deployment after defaulting. */
export interface Deployment extends ApiObject {
  readonly apiVersion: "apps/v1";
  readonly kind: "Deployment";
  readonly spec: DeploymentSpec;
  readonly status?: DeploymentStatus;
}

export interface DeploymentSpec {
  readonly replicas: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplateSpec;
  readonly strategy: DeploymentStrategy;
  readonly minReadySeconds?: number;
  readonly progressDeadlineSeconds: number;
  readonly revisionHistoryLimit: number;
  readonly paused?: boolean;
}

export type DeploymentStrategy =
  | { readonly type: "Recreate" }
  | {
      readonly type: "RollingUpdate";
      readonly rollingUpdate: {
        readonly maxSurge: number | string;
        readonly maxUnavailable: number | string;
      };
    };

export interface DeploymentStatus {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly unavailableReplicas?: number;
  readonly conditions?: readonly Condition[];
}

/** apps/v1 ReplicaSet after defaulting. */
export interface ReplicaSet extends ApiObject {
  readonly apiVersion: "apps/v1";
  readonly kind: "ReplicaSet";
  readonly spec: {
    readonly replicas: number;
    readonly minReadySeconds?: number;
    readonly selector: LabelSelector;
    readonly template: PodTemplateSpec;
  };
  readonly status?: {
    readonly replicas: number;
    readonly fullyLabeledReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

/** batch/v1 Job after defaulting. */
export interface Job extends ApiObject {
  readonly apiVersion: "batch/v1";
  readonly kind: "Job";
  readonly spec: JobSpec;
  readonly status?: JobStatus;
}

export interface JobSpec {
  readonly parallelism: number;
  readonly completions?: number;
  readonly completionMode: "NonIndexed";
  readonly backoffLimit: number;
  readonly activeDeadlineSeconds?: number;
  readonly ttlSecondsAfterFinished?: number;
  readonly suspend?: boolean;
  readonly selector?: LabelSelector;
  readonly template: PodTemplateSpec;
}

export interface JobStatus {
  readonly active?: number;
  readonly ready?: number;
  readonly succeeded?: number;
  readonly failed?: number;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly conditions?: readonly Condition[];
  /** Uids of finished pods that are counted above; a pod is counted once, whatever is lost. */
  readonly countedPodUids?: readonly string[];
}
