import type { FieldPath } from "./field-path.ts";
import type { CronJob, Deployment, Pod, PodSpec, PodTemplateSpec } from "./kinds.gen.ts";
import type { ApiObject } from "./meta.ts";

/** What an object says about its pods, if it is a Pod or has a template of them. */
export interface PodSource {
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** Where the spec of the pods stands in the object. */
  readonly path: FieldPath;
}

/** The kinds that have a template at `spec.template`. */
const WITH_TEMPLATE: ReadonlySet<string> = new Set([
  "v1/ReplicationController",
  "apps/v1/DaemonSet",
  "apps/v1/Deployment",
  "apps/v1/ReplicaSet",
  "apps/v1/StatefulSet",
  "batch/v1/Job",
]);

/** The pods that a valid, defaulted object makes. Pure. */
export function podSourceOf(object: ApiObject): PodSource | undefined {
  const kind = `${object.apiVersion}/${object.kind}`;
  if (kind === "v1/Pod") {
    const { metadata, spec } = object as Pod;
    return { labels: metadata.labels ?? {}, spec, path: ["spec"] };
  }
  if (kind === "batch/v1/CronJob") {
    const template = (object as CronJob).spec.jobTemplate.spec?.template;
    if (template === undefined) return undefined;
    return sourceOf(template, ["spec", "jobTemplate", "spec", "template", "spec"]);
  }
  if (!WITH_TEMPLATE.has(kind)) return undefined;
  return sourceOf((object as Deployment).spec.template, ["spec", "template", "spec"]);
}

function sourceOf(template: PodTemplateSpec, path: FieldPath): PodSource {
  return { labels: template.metadata?.labels ?? {}, spec: template.spec, path };
}
