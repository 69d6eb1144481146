import type { CronJob, Pod, PodTemplateSpec } from "./kinds.gen.ts";
import type { ApiObject } from "./meta.ts";
import type { CheckedPod } from "./pod-security-checks.ts";

interface Workload extends ApiObject {
  readonly spec?: { readonly template?: PodTemplateSpec };
}

/** The kinds that carry a pod, or a template of pods. */
const CARRIERS: ReadonlySet<string> = new Set([
  "v1/Pod",
  "v1/ReplicationController",
  "apps/v1/DaemonSet",
  "apps/v1/Deployment",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
  "batch/v1/CronJob",
  "batch/v1/Job",
]);

/** What the Pod Security Standards look at in an object: itself, or the template of its pods. Pure. */
export function checkedPodOf(object: ApiObject): CheckedPod | undefined {
  if (!CARRIERS.has(`${object.apiVersion}/${object.kind}`)) return undefined;
  if (object.kind === "Pod") return object as Pod;
  return object.kind === "CronJob"
    ? (object as CronJob).spec.jobTemplate.spec.template
    : (object as Workload).spec?.template;
}
