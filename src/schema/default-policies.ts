import { canonicalAmount, canonicalAmounts, mapField } from "./default-fields.ts";
import { asFields, asList, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** Share of the requested CPU that an autoscaler without metrics aims at. */
const CPU_PERCENT = 80;

/** What Kubernetes fills into the spec of a HorizontalPodAutoscaler. Pure, idempotent. */
export function defaultAutoscalerSpec(spec: Fields): Fields {
  const metrics = asList(spec["metrics"]);
  return {
    minReplicas: 1,
    ...spec,
    metrics: metrics.length === 0 ? [cpuMetric(CPU_PERCENT)] : metrics.map(canonicalMetric),
    ...mapField(spec, "behavior", (behavior) => ({
      scaleUp: scalingRules(SCALE_UP, asFields(behavior["scaleUp"])),
      scaleDown: scalingRules(SCALE_DOWN, asFields(behavior["scaleDown"])),
    })),
  };
}

/** The metric of an autoscaler that keeps the use of CPU at a share of what is requested. Pure. */
export function cpuMetric(percent: unknown): Fields {
  const target = { type: "Utilization", averageUtilization: percent };
  return { type: "Resource", resource: { name: "cpu", target } };
}

/** What Kubernetes fills into the spec of a LimitRange: each limit from the one beside it. Pure, idempotent. */
export function defaultLimitRangeSpec(spec: Fields): Fields {
  return { ...spec, ...mapList(spec, "limits", defaultLimit) };
}

/** What Kubernetes fills into the spec of a ResourceQuota. Pure, idempotent. */
export function defaultQuotaSpec(spec: Fields): Fields {
  return { ...spec, ...mapField(spec, "hard", canonicalAmounts) };
}

/** What Kubernetes fills into the spec of a NetworkPolicy. Pure, idempotent. */
export function defaultNetworkPolicySpec(spec: Fields): Fields {
  const hasEgress = asList(spec["egress"]).length > 0;
  const isTyped = asList(spec["policyTypes"]).length > 0;
  const withPorts = (rule: Fields): Fields => ({
    ...rule,
    ...mapList(rule, "ports", (port) => ({ protocol: "TCP", ...port })),
  });
  return {
    podSelector: {},
    ...spec,
    ...(isTyped ? {} : { policyTypes: hasEgress ? ["Ingress", "Egress"] : ["Ingress"] }),
    ...mapList(spec, "ingress", withPorts),
    ...mapList(spec, "egress", withPorts),
  };
}

/** What Kubernetes fills into the spec of an IngressClass. Pure, idempotent. */
export function defaultIngressClassSpec(spec: Fields): Fields {
  return {
    ...spec,
    ...mapField(spec, "parameters", (parameters) => ({ scope: "Cluster", ...parameters })),
  };
}

/** What Kubernetes fills into a PriorityClass. Pure, idempotent. */
export function defaultPriorityClass(object: Fields): Fields {
  return { preemptionPolicy: "PreemptLowerPriority", ...object };
}

const SCALE_UP: Fields = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN: Fields = {
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

function scalingRules(defaults: Fields, rules: Fields): Fields {
  return { ...defaults, ...rules };
}

function canonicalMetric(metric: unknown): Fields {
  const filled: Record<string, unknown> = { ...asFields(metric) };
  for (const source of ["resource", "containerResource", "pods", "object", "external"]) {
    const target = asFields(asFields(filled[source])["target"]);
    if (target["value"] === undefined && target["averageValue"] === undefined) continue;
    const canonical: Record<string, unknown> = { ...target };
    for (const amount of ["value", "averageValue"])
      if (target[amount] !== undefined) canonical[amount] = canonicalAmount(target[amount]);
    filled[source] = { ...asFields(filled[source]), target: canonical };
  }
  return filled;
}

const LIMIT_FIELDS = ["default", "defaultRequest", "max", "maxLimitRequestRatio", "min"] as const;

function defaultLimit(limit: Fields): Fields {
  const filled: Record<string, unknown> = { ...limit };
  for (const field of LIMIT_FIELDS)
    if (limit[field] !== undefined) filled[field] = canonicalAmounts(asFields(limit[field]));
  if (limit["type"] !== "Container") return filled;
  const limits = { ...asFields(filled["max"]), ...asFields(filled["default"]) };
  const requests = { ...asFields(filled["min"]), ...limits, ...asFields(filled["defaultRequest"]) };
  if (Object.keys(limits).length > 0) filled["default"] = limits;
  if (Object.keys(requests).length > 0) filled["defaultRequest"] = requests;
  return filled;
}
