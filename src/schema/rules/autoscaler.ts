import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** Kubernetes' bounds of a scaling rule, in seconds. */
const MAX_PERIOD_SECONDS = 1800;
const MAX_WINDOW_SECONDS = 3600;

/** An autoscaler's bounds leave room. */
export const autoscalerBounds: ObjectRule<HorizontalPodAutoscaler> = ({ spec }, report) => {
  const { minReplicas, maxReplicas } = spec;
  if (maxReplicas < minReplicas) {
    report({
      code: "autoscaler/bounds",
      message: `spec.maxReplicas must be at least spec.minReplicas (${minReplicas}): it is ${maxReplicas}`,
      path: ["spec", "maxReplicas"],
    });
  }
  checkScaling(spec.behavior?.scaleUp, ["spec", "behavior", "scaleUp"], report);
  checkScaling(spec.behavior?.scaleDown, ["spec", "behavior", "scaleDown"], report);
};

/** Each metric has the source that its type names, and a target of its type. */
export const autoscalerMetrics: ObjectRule<HorizontalPodAutoscaler> = ({ spec }, report) => {
  spec.metrics.forEach((metric, index) => {
    const path = ["spec", "metrics", index];
    const field = SOURCE[metric.type];
    const others = Object.values(SOURCE).filter(
      (name) => name !== field && metric[name] !== undefined,
    );
    for (const other of others) {
      const message = `${formatPath([...path, other])} must be absent when the type is ${metric.type}`;
      report({ code: "autoscaler/metric", message, path: [...path, other], on: "key" });
    }
    const target = metric[field]?.target;
    if (target === undefined) {
      const at = [...path, field];
      const message = `${formatPath(at)} is required when the type is ${metric.type}`;
      report({ code: "autoscaler/metric", message, path: at });
    } else checkTarget(target, [...path, field, "target"], { type: metric.type, report });
  });
};

const SOURCE = {
  Resource: "resource",
  ContainerResource: "containerResource",
  Pods: "pods",
  Object: "object",
  External: "external",
} as const satisfies Record<MetricSpec["type"], keyof MetricSpec>;

const TARGET_FIELD = {
  Utilization: "averageUtilization",
  Value: "value",
  AverageValue: "averageValue",
} as const satisfies Record<MetricTarget["type"], keyof MetricTarget>;

function checkTarget(
  target: MetricTarget,
  path: FieldPath,
  { type, report }: { readonly type: MetricSpec["type"]; readonly report: Report },
): void {
  const isResource = type === "Resource" || type === "ContainerResource";
  if (target.type === "Utilization" && !isResource) {
    const at = [...path, "type"];
    const message = `${formatPath(at)} Utilization is for metrics of a resource`;
    report({ code: "autoscaler/metric", message, path: at });
    return;
  }
  const field = TARGET_FIELD[target.type];
  if (target[field] !== undefined) return;
  const at = [...path, field];
  const message = `${formatPath(at)} is required when the target's type is ${target.type}`;
  report({ code: "autoscaler/metric", message, path: at });
}

function checkScaling(rules: HPAScalingRules | undefined, path: FieldPath, report: Report): void {
  if (rules === undefined) return;
  const { policies = [], stabilizationWindowSeconds: window = 0 } = rules;
  if (window > MAX_WINDOW_SECONDS) {
    const at = [...path, "stabilizationWindowSeconds"];
    const message = `${formatPath(at)} must be at most ${MAX_WINDOW_SECONDS}: it is ${window}`;
    report({ code: "autoscaler/bounds", message, path: at });
  }
  if (policies.length === 0) {
    const at = [...path, "policies"];
    const message = `${formatPath(at)} must have at least one policy`;
    const hint = 'write "selectPolicy: Disabled" to forbid this direction';
    report({ code: "autoscaler/bounds", message, path: at, hint });
  }
  policies.forEach(({ periodSeconds }, index) => {
    if (periodSeconds <= MAX_PERIOD_SECONDS) return;
    const at = [...path, "policies", index, "periodSeconds"];
    const message = `${formatPath(at)} must be at most ${MAX_PERIOD_SECONDS}: it is ${periodSeconds}`;
    report({ code: "autoscaler/bounds", message, path: at });
  });
}
