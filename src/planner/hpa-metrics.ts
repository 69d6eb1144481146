import type { Millis } from "../base/clock.ts";
import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  MetricIdentifier,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  Pod,
} from "../model/kinds.gen.ts";
import { formatSelector } from "../model/labels.ts";
import { formatQuantity, parseQuantity } from "../model/quantity.ts";
import type { UsageView } from "../model/usage.ts";
import {
  replicasForShare,
  replicasForTotal,
  replicasForUsage,
  replicasForUtilization,
  type PodReading,
  type Tolerance,
} from "./hpa-replicas.ts";

/** A figure in thousandths. */
type Milli = number;

/** Metrics that somebody else than the nodes knows. */
export interface CustomMetrics {
  /** One reading for each of these pods that has the metric. */
  podMetric(
    namespace: string,
    pods: readonly string[],
    metric: MetricIdentifier,
  ): ReadonlyMap<string, { readonly milli: Milli; readonly at: Millis; readonly windowMs: Millis }>;
  objectMetric(
    namespace: string,
    object: CrossVersionObjectReference,
    metric: MetricIdentifier,
  ): Milli | undefined;
  /** The values of all series that the metric's selector chooses. */
  externalMetric(namespace: string, metric: MetricIdentifier): readonly Milli[];
}

/** What an autoscaler goes by. */
export interface Metrics extends Pick<UsageView, "podUsage"> {
  /** Without it no custom or external metric is served. */
  readonly custom?: CustomMetrics | undefined;
}

/** The workload that an autoscaler looks at. */
export interface ScaledPods {
  readonly now: Millis;
  readonly metrics: Metrics | undefined;
  readonly namespace: string;
  readonly pods: readonly Pod[];
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
}

/** What one metric asks for. */
export type Proposal =
  | {
      readonly kind: "replicas";
      readonly replicas: number;
      /** As Kubernetes names the metric in conditions and events. */
      readonly name: string;
      readonly status: MetricStatus;
    }
  | { readonly kind: "failed"; readonly reason: string; readonly message: string };

/** How many pods a metric asks for. Pure. */
export function proposeReplicas(metric: MetricSpec, scaled: ScaledPods): Proposal {
  switch (metric.type) {
    case "Resource":
      return metric.resource === undefined
        ? missingSource(metric)
        : proposeResource(metric.resource, scaled);
    case "ContainerResource":
      return metric.containerResource === undefined
        ? missingSource(metric)
        : proposeResource(metric.containerResource, scaled);
    case "Pods":
      return metric.pods === undefined ? missingSource(metric) : proposePods(metric.pods, scaled);
    case "Object":
      return metric.object === undefined
        ? missingSource(metric)
        : proposeObject(metric.object, scaled);
    case "External":
      return metric.external === undefined
        ? missingSource(metric)
        : proposeExternal(metric.external, scaled);
    default:
      return missingSource(metric);
  }
}

/** The tolerance of an autoscaler: a tenth, unless its behavior says otherwise. Pure. */
export function toleranceOf({ spec }: HorizontalPodAutoscaler): Tolerance {
  const read = (text: string | undefined): number =>
    text === undefined ? DEFAULT_TOLERANCE : milliOf(text) / 1000;
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  return { up: read(scaleUp?.tolerance), down: read(scaleDown?.tolerance) };
}

const DEFAULT_TOLERANCE = 0.1;

interface ResourceSource {
  readonly name: string;
  readonly target: MetricTarget;
  readonly container?: string;
}

function proposeResource(source: ResourceSource, scaled: ScaledPods): Proposal {
  const { name, target, container } = source;
  const reason =
    container === undefined ? "FailedGetResourceMetric" : "FailedGetContainerResourceMetric";
  const fail = (why: string): Proposal =>
    failed(reason, `failed to get ${name} utilization: ${why}`);
  const readings = resourceReadings(source, scaled);
  if (readings.size === 0)
    return fail(
      `unable to get metrics for resource ${name}: no metrics returned from resource metrics API`,
    );
  const isUtilization = target.averageUtilization !== undefined;
  const label = container === undefined ? `${name} resource` : `${name} container resource`;
  const statusOf = (current: object): MetricStatus =>
    (container === undefined
      ? { type: "Resource", resource: { name, current } }
      : {
          type: "ContainerResource",
          containerResource: { name, container, current },
        }) as MetricStatus;
  if (!isUtilization) {
    const found = replicasForUsage(readings, {
      ...scaled,
      targetMilli: milliOf(target.averageValue ?? "0"),
      isCpu: name === "cpu",
    });
    if (found.kind === "failed")
      return failed(reason, `failed to get ${name} usage: ${found.message}`);
    const current = { averageValue: formatMilli(found.averageMilli, name) };
    return { kind: "replicas", replicas: found.replicas, name: label, status: statusOf(current) };
  }
  const requests = podRequests(source, scaled.pods);
  if (typeof requests === "string") return fail(requests);
  const found = replicasForUtilization(readings, requests, {
    ...scaled,
    targetPercent: target.averageUtilization ?? 0,
    isCpu: name === "cpu",
  });
  if (found.kind === "failed") return fail(found.message);
  const current = {
    averageUtilization: found.utilization,
    averageValue: formatMilli(found.averageMilli, name),
  };
  const long = `${label} utilization (percentage of request)`;
  return { kind: "replicas", replicas: found.replicas, name: long, status: statusOf(current) };
}

/** By pod: what it, or its one container, uses. A pod of which a container is not measured has none. */
function resourceReadings(
  { name, container }: ResourceSource,
  { metrics, namespace, pods }: ScaledPods,
): ReadonlyMap<string, PodReading> {
  const readings = new Map<string, PodReading>();
  for (const pod of pods) {
    const sample = metrics?.podUsage(namespace, pod.metadata.name);
    if (sample === undefined || sample.uid !== pod.metadata.uid) continue;
    const chosen = sample.containers.filter(
      (usage) => container === undefined || usage.name === container,
    );
    const expected = container === undefined ? pod.spec.containers.length : 1;
    if (chosen.length < expected) continue;
    const milli = chosen.reduce(
      (sum, usage) =>
        sum + (name === "cpu" ? Math.ceil(usage.cpuNanocores / 1e6) : usage.memoryBytes * 1000),
      0,
    );
    readings.set(pod.metadata.name, { milli, at: sample.at, windowMs: sample.windowMs });
  }
  return readings;
}

/** By pod: what it requests; a message when one does not. */
function podRequests(
  { name, container }: ResourceSource,
  pods: readonly Pod[],
): ReadonlyMap<string, Milli> | string {
  const requests = new Map<string, Milli>();
  for (const pod of pods) {
    let sum = 0;
    for (const { name: containerName, resources } of pod.spec.containers) {
      if (container !== undefined && container !== containerName) continue;
      const text = resources?.requests?.[name as "cpu"];
      if (text === undefined)
        return `missing request for ${name} in container ${containerName} of Pod ${pod.metadata.name}`;
      sum += milliOf(text);
    }
    requests.set(pod.metadata.name, sum);
  }
  return requests;
}

function proposePods(
  { metric, target }: { readonly metric: MetricIdentifier; readonly target: MetricTarget },
  scaled: ScaledPods,
): Proposal {
  const fail = (why: string): Proposal =>
    failed(
      "FailedGetPodsMetric",
      `failed to get pods metric value: unable to get metric ${metric.name}: ${why}`,
    );
  const { metrics, namespace, pods } = scaled;
  if (metrics?.custom === undefined) return fail(NO_CUSTOM);
  const names = pods.map((pod) => pod.metadata.name);
  const readings = metrics.custom.podMetric(namespace, names, metric);
  if (readings.size === 0) return fail("no metrics returned from custom metrics API");
  const found = replicasForUsage(readings, {
    ...scaled,
    targetMilli: milliOf(target.averageValue ?? "0"),
    isCpu: false,
  });
  if (found.kind === "failed") return fail(found.message);
  return {
    kind: "replicas",
    replicas: found.replicas,
    name: `pods metric ${metric.name}`,
    status: {
      type: "Pods",
      pods: { metric, current: { averageValue: formatMilli(found.averageMilli) } },
    },
  };
}

function proposeObject(
  source: {
    readonly describedObject: CrossVersionObjectReference;
    readonly metric: MetricIdentifier;
    readonly target: MetricTarget;
  },
  scaled: ScaledPods,
): Proposal {
  const { describedObject, metric, target } = source;
  const fail = (why: string): Proposal =>
    failed(
      "FailedGetObjectMetric",
      `failed to get object metric value: unable to get metric ${metric.name}: ${describedObject.kind} on ${scaled.namespace} ${describedObject.name}: ${why}`,
    );
  const custom = scaled.metrics?.custom;
  if (custom === undefined) return fail(NO_CUSTOM);
  const milli = custom.objectMetric(scaled.namespace, describedObject, metric);
  if (milli === undefined) return fail("no metrics returned from custom metrics API");
  const { replicas, current } = proposeTotal(milli, target, scaled);
  return {
    kind: "replicas",
    replicas,
    name: `${describedObject.kind} metric ${metric.name}`,
    status: { type: "Object", object: { metric, describedObject, current } },
  };
}

function proposeExternal(
  { metric, target }: { readonly metric: MetricIdentifier; readonly target: MetricTarget },
  scaled: ScaledPods,
): Proposal {
  const selector = formatSelector(metric.selector ?? {});
  const fail = (why: string): Proposal =>
    failed(
      "FailedGetExternalMetric",
      `failed to get external metric ${metric.name}: unable to get external metric ${scaled.namespace}/${metric.name}/${selector}: ${why}`,
    );
  const custom = scaled.metrics?.custom;
  if (custom === undefined)
    return fail(
      "unable to fetch metrics from external metrics API: no external metrics API is served",
    );
  const values = custom.externalMetric(scaled.namespace, metric);
  if (values.length === 0) return fail("no metrics returned from external metrics API");
  const total = values.reduce((sum, value) => sum + value, 0);
  const { replicas, current } = proposeTotal(total, target, scaled);
  return {
    kind: "replicas",
    replicas,
    name: `external metric ${metric.name}(${selector})`,
    status: { type: "External", external: { metric, current } },
  };
}

/** One figure for all pods: each has its share, or the replicas follow its ratio. */
function proposeTotal(
  totalMilli: Milli,
  target: MetricTarget,
  scaled: ScaledPods,
): { readonly replicas: number; readonly current: object } {
  if (target.averageValue !== undefined) {
    const share = replicasForShare(totalMilli, milliOf(target.averageValue), scaled);
    return { replicas: share.replicas, current: { averageValue: formatMilli(share.averageMilli) } };
  }
  const replicas = replicasForTotal(totalMilli, milliOf(target.value ?? "0"), scaled);
  return { replicas, current: { value: formatMilli(totalMilli) } };
}

const NO_CUSTOM =
  "unable to fetch metrics from custom metrics API: no custom metrics API is served";

function failed(reason: string, message: string): Proposal {
  return { kind: "failed", reason, message };
}

function missingSource({ type }: MetricSpec): Proposal {
  return failed("InvalidMetricSourceType", `the metric of type "${type}" does not say which`);
}

function milliOf(text: string | number): Milli {
  const quantity = parseQuantity(String(text));
  return quantity === undefined ? 0 : Math.ceil(Number(quantity.nanos) / 1e6);
}

/** `250m`, or whole bytes of memory. */
function formatMilli(milli: Milli, resource?: string): string {
  const whole = resource === "memory" ? Math.round(milli / 1000) * 1000 : Math.round(milli);
  return formatQuantity({ nanos: BigInt(whole) * 1_000_000n, form: "decimal" });
}
