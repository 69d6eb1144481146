import type { ApiObject } from "../model/meta.ts";
import { findResource } from "../model/resources.ts";
import { defaultAppSpec } from "./default-app.ts";
import { defaultNamespace, defaultSecret } from "./default-config.ts";
import { defaultDefinitionSpec } from "./default-crd.ts";
import type { Default } from "./default-fields.ts";
import { defaultBarePodSpec, defaultPodSpec } from "./default-pod.ts";
import {
  defaultAutoscalerSpec,
  defaultIngressClassSpec,
  defaultLimitRangeSpec,
  defaultNetworkPolicySpec,
  defaultPriorityClass,
  defaultQuotaSpec,
} from "./default-policies.ts";
import { defaultBinding } from "./default-rbac.ts";
import { defaultServiceSpec } from "./default-service.ts";
import { defaultStorageClass, defaultVolumeSpec } from "./default-storage.ts";
import { defaultClaimSpec } from "./default-volume.ts";
import {
  defaultCronJobSpec,
  defaultDaemonSetSpec,
  defaultDeploymentSpec,
  defaultJob,
  defaultReplicaSetSpec,
  defaultReplicationController,
  defaultStatefulSetSpec,
} from "./default-workloads.ts";
import { defaultEndpoints, defaultEndpointSlice } from "./default-endpoints.ts";
import { asFields } from "./fields.ts";
import type { Fields } from "./fields.ts";

/**
 * The object with every field that Kubernetes would fill in, and with the namespace when its kind has one.
 * For objects that their schema accepts. Pure; `defaultObject(defaultObject(x)) = defaultObject(x)`.
 */
export function defaultObject(object: ApiObject, namespace: string): ApiObject {
  const fill = DEFAULTS[`${object.apiVersion}/${object.kind}`];
  const namespaced = findResource(object.apiVersion, object.kind)?.namespaced ?? true;
  const placed: ApiObject = namespaced
    ? {
        ...object,
        metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace },
      }
    : object;
  return fill === undefined ? placed : (fill(placed as unknown as Fields) as unknown as ApiObject);
}

/** Kinds that are not listed have nothing to fill in. */
const DEFAULTS: Readonly<Record<string, Default>> = {
  "v1/Namespace": defaultNamespace,
  "v1/Secret": defaultSecret,
  "v1/Service": specDefault(defaultServiceSpec),
  "v1/Pod": specDefault((spec) => defaultBarePodSpec(defaultPodSpec(spec))),
  "v1/ReplicationController": defaultReplicationController,
  "v1/PersistentVolume": specDefault(defaultVolumeSpec),
  "v1/PersistentVolumeClaim": specDefault(defaultClaimSpec),
  "v1/Endpoints": defaultEndpoints,
  "v1/LimitRange": specDefault(defaultLimitRangeSpec),
  "v1/ResourceQuota": specDefault(defaultQuotaSpec),
  "apps/v1/Deployment": specDefault(defaultDeploymentSpec),
  "apps/v1/ReplicaSet": specDefault(defaultReplicaSetSpec),
  "apps/v1/StatefulSet": specDefault(defaultStatefulSetSpec),
  "apps/v1/DaemonSet": specDefault(defaultDaemonSetSpec),
  "batch/v1/Job": defaultJob,
  "batch/v1/CronJob": specDefault(defaultCronJobSpec),
  "autoscaling/v2/HorizontalPodAutoscaler": specDefault(defaultAutoscalerSpec),
  "discovery.k8s.io/v1/EndpointSlice": defaultEndpointSlice,
  "networking.k8s.io/v1/NetworkPolicy": specDefault(defaultNetworkPolicySpec),
  "networking.k8s.io/v1/IngressClass": specDefault(defaultIngressClassSpec),
  "scheduling.k8s.io/v1/PriorityClass": defaultPriorityClass,
  "storage.k8s.io/v1/StorageClass": defaultStorageClass,
  "rbac.authorization.k8s.io/v1/RoleBinding": defaultBinding,
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": defaultBinding,
  "berth.dev/v1/App": specDefault(defaultAppSpec),
  "apiextensions.k8s.io/v1/CustomResourceDefinition": specDefault(defaultDefinitionSpec),
};

function specDefault(fill: Default): Default {
  return (object) => ({ ...object, spec: fill(asFields(object["spec"])) });
}
