import { cpuMetric } from "./default-policies.ts";
import { asFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { formatPath } from "./finding.ts";
import type { Finding } from "./finding.ts";

/** Annotations in which autoscaling/v1 carried what only later versions have fields for. */
const CARRIED: readonly string[] = [
  "autoscaling.alpha.kubernetes.io/behavior",
  "autoscaling.alpha.kubernetes.io/metrics",
];

/** An autoscaling/v1 HorizontalPodAutoscaler as autoscaling/v2, in which it is stored. Pure. */
export function convertAutoscaler(object: Fields): Fields {
  const { targetCPUUtilizationPercentage: percent, ...spec } = asFields(object["spec"]);
  return {
    ...object,
    apiVersion: "autoscaling/v2",
    spec: percent === undefined ? spec : { ...spec, metrics: [cpuMetric(percent)] },
  };
}

/** What of an autoscaling/v1 HorizontalPodAutoscaler would be lost on the way. Pure. */
export function checkConversion(object: Fields): readonly Finding[] {
  const annotations = asFields(asFields(object["metadata"])["annotations"]);
  return CARRIED.filter((name) => Object.hasOwn(annotations, name)).map((name) => {
    const path = ["metadata", "annotations", name];
    return {
      code: "field/refused" as const,
      message: `${formatPath(path)} is a field of autoscaling/v2`,
      path,
      on: "key" as const,
      hint: `write apiVersion: autoscaling/v2 and spec.${name.slice(name.indexOf("/") + 1)}`,
    };
  });
}
