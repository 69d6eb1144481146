import { parseTime } from "../../base/clock.ts";
import type {
  CronJob,
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
  MetricTarget,
  MetricValueStatus,
  PodDisruptionBudget,
  PodSpec,
} from "../../model/kinds.gen.ts";
import { humanDuration } from "../duration.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, NONE, podSpecColumns, selectorCell } from "./common.ts";

export const CRONJOB_COLUMNS: readonly Column<CronJob>[] = [
  NAME,
  {
    name: "Schedule",
    type: "string",
    description: "When it is due, in Cron format.",
    cell: ({ spec }) => spec.schedule,
  },
  {
    name: "Timezone",
    type: "string",
    description: "The time zone of the schedule.",
    cell: ({ spec }) => spec.timeZone ?? NONE,
  },
  {
    name: "Suspend",
    type: "string",
    description: "Whether no further run is started.",
    cell: ({ spec }) => (spec.suspend ? "True" : "False"),
  },
  {
    name: "Active",
    type: "integer",
    description: "Jobs at work.",
    cell: ({ status }) => status?.active?.length ?? 0,
  },
  {
    name: "Last Schedule",
    type: "string",
    description: "Time since its last run was due.",
    cell: ({ status }, now) => {
      const at = parseTime(status?.lastScheduleTime);
      return at === undefined ? NONE : humanDuration(now - at);
    },
  },
  AGE,
  ...podSpecColumns<CronJob>(({ spec }) => spec.jobTemplate.spec?.template.spec ?? NO_PODS),
  {
    name: "Selector",
    type: "string",
    description: "Labels by which its Jobs find their pods.",
    wide: true,
    cell: ({ spec }) => selectorCell(spec.jobTemplate.spec?.selector),
  },
];

export const PDB_COLUMNS: readonly Column<PodDisruptionBudget>[] = [
  NAME,
  {
    name: "Min Available",
    type: "string",
    description: "How many pods must stay.",
    cell: ({ spec }) => (spec.minAvailable === undefined ? "N/A" : String(spec.minAvailable)),
  },
  {
    name: "Max Unavailable",
    type: "string",
    description: "How many pods may be missing.",
    cell: ({ spec }) => (spec.maxUnavailable === undefined ? "N/A" : String(spec.maxUnavailable)),
  },
  {
    name: "Allowed Disruptions",
    type: "integer",
    description: "How many pods may be evicted now.",
    cell: ({ status }) => status?.disruptionsAllowed ?? 0,
  },
  AGE,
];

export const HPA_COLUMNS: readonly Column<HorizontalPodAutoscaler>[] = [
  NAME,
  {
    name: "Reference",
    type: "string",
    description: "What it scales.",
    cell: ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`,
  },
  {
    name: "Targets",
    type: "string",
    description: "What is measured, of what is wanted.",
    cell: targets,
  },
  {
    name: "MinPods",
    type: "string",
    description: "How many pods there are at least.",
    cell: ({ spec }) => String(spec.minReplicas),
  },
  {
    name: "MaxPods",
    type: "integer",
    description: "How many pods there are at most.",
    cell: ({ spec }) => spec.maxReplicas,
  },
  {
    name: "Replicas",
    type: "integer",
    description: "How many pods there are to be now.",
    cell: ({ status }) => status?.currentReplicas ?? 0,
  },
  AGE,
];

/** Metrics that one line has room for. */
const MAX_TARGETS = 2;
/** What a template without a spec runs. */
const NO_PODS: Pick<PodSpec, "containers"> = { containers: [] };

/** `cpu: 12%/80%`, as Kubernetes writes it. */
function targets({ spec, status }: HorizontalPodAutoscaler): string {
  if (spec.metrics.length === 0) return NONE;
  const texts = spec.metrics.map((metric) =>
    describe(
      metric,
      status?.currentMetrics?.find((current) => isSame(metric, current)),
    ),
  );
  const more = texts.length - MAX_TARGETS;
  const shown = texts.slice(0, MAX_TARGETS).join(", ");
  return more > 0 ? `${shown} + ${more} more...` : shown;
}

function isSame(metric: MetricSpec, current: MetricStatus): boolean {
  if (metric.type !== current.type) return false;
  switch (metric.type) {
    case "Resource":
      return metric.resource?.name === current.resource?.name;
    case "ContainerResource":
      return (
        metric.containerResource?.name === current.containerResource?.name &&
        metric.containerResource?.container === current.containerResource?.container
      );
    case "Pods":
      return metric.pods?.metric.name === current.pods?.metric.name;
    case "Object":
      return metric.object?.metric.name === current.object?.metric.name;
    case "External":
      return metric.external?.metric.name === current.external?.metric.name;
    default:
      return false;
  }
}

function describe(metric: MetricSpec, status: MetricStatus | undefined): string {
  const { resource, containerResource, pods, object, external } = metric;
  if (resource !== undefined)
    return `${resource.name}: ${pair(resource.target, status?.resource?.current)}`;
  if (containerResource !== undefined)
    return `${containerResource.name}: ${pair(containerResource.target, status?.containerResource?.current)}`;
  if (pods !== undefined) return pair(pods.target, status?.pods?.current);
  if (object !== undefined) return pair(object.target, status?.object?.current);
  if (external !== undefined) return pair(external.target, status?.external?.current);
  return "<unknown type>";
}

function pair(target: MetricTarget, current: MetricValueStatus | undefined): string {
  const { averageUtilization, averageValue, value } = target;
  if (averageUtilization !== undefined) {
    const now = current?.averageUtilization;
    return `${now === undefined ? "<unknown>" : `${now}%`}/${averageUtilization}%`;
  }
  if (averageValue !== undefined)
    return `${current?.averageValue ?? "<unknown>"}/${averageValue} (avg)`;
  return `${current?.value ?? "<unknown>"}/${value ?? "<unknown>"}`;
}
