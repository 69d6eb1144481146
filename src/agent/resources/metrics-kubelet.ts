import { parseTime } from "../../base/clock.ts";
import type { Pod } from "../../model/kinds.gen.ts";
import type { MetricFamily, Sample } from "./metrics-text.ts";
import type { NodeSnapshot } from "./node-snapshot.ts";

const NANOS = 1e9;
/** Kubelet's: seconds from the pod's creation until its containers run. */
const START_BUCKETS_S = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800,
  2700, 3600,
];

/** What `/metrics` serves, under kubelet's names. Pure. */
export function kubeletMetrics(
  { pods }: NodeSnapshot,
  { nodeName, process }: { readonly nodeName: string; readonly process: ProcessFigures },
): readonly MetricFamily[] {
  const containers = pods.flatMap((one) => one.containers.filter(({ role }) => role !== "sandbox"));
  const count = (state: string): number => containers.filter((one) => one.state === state).length;
  return [
    gauge("kubelet_node_name", "The node's name. The count is always 1.", [
      { labels: { node: nodeName }, value: 1 },
    ]),
    gauge("kubelet_running_pods", "Number of pods that have a running pod sandbox", [
      { value: pods.filter(({ sandbox }) => sandbox !== undefined).length },
    ]),
    gauge(
      "kubelet_running_containers",
      "Number of containers currently running",
      (["created", "running", "exited"] as const).map((state) => ({
        labels: { container_state: state },
        value: count(state),
      })),
    ),
    startDurations(pods.flatMap(({ pod }) => startSeconds(pod) ?? [])),
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.", [
      { value: process.residentBytes },
    ]),
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      help: "Total user and system CPU time spent in seconds.",
      samples: [{ value: process.cpuSeconds }],
    },
    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", [
      { value: process.startedAt },
    ]),
  ];
}

/** The agent itself. */
export interface ProcessFigures {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  /** In seconds since the epoch. */
  readonly startedAt: number;
}

/** What `/metrics/resource` serves: little, for those who ask often. Pure. */
export function resourceMetrics({ pods, machine }: NodeSnapshot): readonly MetricFamily[] {
  const members = pods.flatMap(({ pod, snapshots }) =>
    snapshots.map(({ container, counters }) => ({
      labels: { container: container.containerName, ...podLabels(pod) },
      counters,
      startedAt: (container.startedAt ?? 0) / 1000,
    })),
  );
  const perPod = (read: (one: (typeof members)[number]["counters"]) => number): readonly Sample[] =>
    pods.map(({ pod, snapshots }) => ({
      labels: podLabels(pod),
      value: snapshots.reduce((sum, { counters }) => sum + read(counters), 0),
    }));
  const node = machine === undefined ? [] : [machine];
  return [
    counter(
      "node_cpu_usage_seconds_total",
      "Cumulative cpu time consumed by the node in core-seconds",
      node.map(({ cpuNanos }) => ({ value: cpuNanos / NANOS })),
    ),
    gauge(
      "node_memory_working_set_bytes",
      "Current working set of the node in bytes",
      node.map(({ memoryBytes }) => ({ value: memoryBytes })),
    ),
    counter(
      "container_cpu_usage_seconds_total",
      "Cumulative cpu time consumed by the container in core-seconds",
      members.map(({ labels, counters }) => ({ labels, value: counters.cpuNanos / NANOS })),
    ),
    gauge(
      "container_memory_working_set_bytes",
      "Current working set of the container in bytes",
      members.map(({ labels, counters }) => ({ labels, value: counters.memoryWorkingSet })),
    ),
    gauge(
      "container_start_time_seconds",
      "Start time of the container since unix epoch in seconds",
      members.map(({ labels, startedAt }) => ({ labels, value: startedAt })),
    ),
    counter(
      "pod_cpu_usage_seconds_total",
      "Cumulative cpu time consumed by the pod in core-seconds",
      perPod((one) => one.cpuNanos / NANOS),
    ),
    gauge(
      "pod_memory_working_set_bytes",
      "Current working set of the pod in bytes",
      perPod((one) => one.memoryWorkingSet),
    ),
    gauge(
      "resource_scrape_error",
      "1 if there was an error while getting container metrics, 0 otherwise",
      [{ value: 0 }],
    ),
  ];
}

/** From its creation until the last of its containers had started; `undefined` while one has not. Pure. */
export function startSeconds({ metadata, status }: Pod): number | undefined {
  const created = parseTime(metadata.creationTimestamp);
  const started = (status?.containerStatuses ?? []).map(({ state, lastState }) =>
    parseTime(
      state.running?.startedAt ?? state.terminated?.startedAt ?? lastState.terminated?.startedAt,
    ),
  );
  if (created === undefined || started.length === 0 || started.includes(undefined))
    return undefined;
  const last = Math.max(...started.map((at) => at ?? 0));
  return Math.max(0, (last - created) / 1000);
}

function startDurations(seconds: readonly number[]): MetricFamily {
  const buckets = [...START_BUCKETS_S, Number.POSITIVE_INFINITY].map((le): Sample => ({
    suffix: "_bucket",
    labels: { le: le === Number.POSITIVE_INFINITY ? "+Inf" : String(le) },
    value: seconds.filter((one) => one <= le).length,
  }));
  return {
    name: "kubelet_pod_start_duration_seconds",
    type: "histogram",
    help: "Duration in seconds from a pod's creation until its containers run, of the pods that are here",
    samples: [
      ...buckets,
      { suffix: "_sum", value: seconds.reduce((sum, one) => sum + one, 0) },
      { suffix: "_count", value: seconds.length },
    ],
  };
}

function podLabels({ metadata }: Pod): { readonly namespace: string; readonly pod: string } {
  return { namespace: metadata.namespace ?? "", pod: metadata.name };
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type: "gauge", help, samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type: "counter", help, samples };
}
