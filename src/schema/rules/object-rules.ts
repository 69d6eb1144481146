import { APP_LABEL, APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../../model/app.ts";
import type { ApiObject } from "../../model/meta.ts";
import { findResource } from "../../model/resources.ts";
import { formatPath } from "../finding.ts";
import type { Finding } from "../finding.ts";
import { autoscalerBounds, autoscalerMetrics } from "./autoscaler.ts";
import { bindingRole, bindingSubjects } from "./binding-rules.ts";
import { persistentVolumeClaim } from "./claim-spec.ts";
import { configMap, secretSize } from "./config-map.ts";
import { definitionSchemas } from "../crd-definition.ts";
import { definitionName, definitionVersions } from "./custom-resource.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { ingressPaths, ingressTarget } from "./ingress-rules.ts";
import { limitRange } from "./limit-range.ts";
import { networkPolicy } from "./network-policy.ts";
import { persistentVolume } from "./persistent-volume.ts";
import { podSecurityLabels } from "./pod-security-labels.ts";
import { priorityClass } from "./priority-class.ts";
import { quotaScopes } from "./resource-quota.ts";
import { clusterRoleRules, roleRules } from "./role-rules.ts";
import type { ObjectRule, Report } from "./rule.ts";
import { secretKeys } from "./secret-keys.ts";
import { serviceFields } from "./service-fields.ts";
import { servicePorts } from "./service-ports.ts";
import {
  checkCronJob,
  checkDaemonSet,
  checkDeployment,
  checkJob,
  checkPod,
  checkReplicaSet,
  checkReplicationController,
  checkStatefulSet,
} from "./workload-rules.ts";

/** What must hold between the fields of one valid, defaulted object. Pure. */
export function checkRules(object: ApiObject): readonly Finding[] {
  const findings: Finding[] = [];
  const report: Report = (finding) => {
    findings.push(finding);
  };
  checkMetadata(object, report);
  const rules = RULES[`${object.apiVersion}/${object.kind}`] ?? [];
  for (const rule of rules) rule(object as never, report);
  return findings;
}

/** The schema has told the kinds apart: the name is what each rule's type relies on. */
const RULES: Readonly<Record<string, readonly ObjectRule<never>[]>> = {
  "v1/ConfigMap": [configMap],
  "v1/LimitRange": [limitRange],
  "v1/Namespace": [podSecurityLabels],
  "v1/PersistentVolume": [persistentVolume],
  "v1/PersistentVolumeClaim": [persistentVolumeClaim],
  "v1/Pod": [checkPod],
  "v1/ReplicationController": [checkReplicationController],
  "v1/ResourceQuota": [quotaScopes],
  "v1/Secret": [secretSize, secretKeys],
  "v1/Service": [servicePorts, serviceFields],
  "apiextensions.k8s.io/v1/CustomResourceDefinition": [
    definitionName,
    definitionVersions,
    definitionSchemas,
  ],
  "apps/v1/DaemonSet": [checkDaemonSet],
  "apps/v1/Deployment": [checkDeployment],
  "apps/v1/ReplicaSet": [checkReplicaSet],
  "apps/v1/StatefulSet": [checkStatefulSet],
  "autoscaling/v2/HorizontalPodAutoscaler": [autoscalerBounds, autoscalerMetrics],
  "batch/v1/CronJob": [checkCronJob],
  "batch/v1/Job": [checkJob],
  "networking.k8s.io/v1/Ingress": [ingressTarget, ingressPaths],
  "networking.k8s.io/v1/NetworkPolicy": [networkPolicy],
  "policy/v1/PodDisruptionBudget": [disruptionBudget],
  "rbac.authorization.k8s.io/v1/ClusterRole": [clusterRoleRules],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": [bindingRole, bindingSubjects],
  "rbac.authorization.k8s.io/v1/Role": [roleRules],
  "rbac.authorization.k8s.io/v1/RoleBinding": [bindingRole, bindingSubjects],
  "scheduling.k8s.io/v1/PriorityClass": [priorityClass],
};

/** Berth's own marks: a manifest that carried them would be taken for something else. */
const RESERVED: readonly string[] = [APP_LABEL, SOURCE_ANNOTATION, APPLIED_ANNOTATION];

function checkMetadata({ apiVersion, kind, metadata }: ApiObject, report: Report): void {
  for (const field of ["labels", "annotations"] as const) {
    const entries = metadata[field];
    if (entries === undefined) continue;
    for (const key of RESERVED) {
      if (!Object.hasOwn(entries, key)) continue;
      const path = ["metadata", field, key];
      const message = `${formatPath(path)} is written by Berth`;
      report({ code: "label/reserved", message, path, on: "key", hint: "remove it" });
    }
  }
  if (metadata.namespace === undefined || findResource(apiVersion, kind)?.namespaced !== false)
    return;
  const path = ["metadata", "namespace"];
  const message = `metadata.namespace must be absent: a ${kind} is in no namespace`;
  report({ code: "object/cluster-scoped", message, path, on: "key", hint: "remove it" });
}
