import type { Counters } from "./counters.ts";
import type { MetricFamily, Sample } from "./metrics-text.ts";
import type {
  ContainerSnapshot,
  InterfaceCounters,
  NodeSnapshot,
  PodSnapshot,
  Traffic,
} from "./node-snapshot.ts";

type Labels = Readonly<Record<string, string>>;
type Type = MetricFamily["type"];

const NANOS = 1e9;
const CPU_PERIOD_US = 100_000;

/** What is told of each container, under cAdvisor's names. */
const PER_CONTAINER: readonly (readonly [
  name: string,
  type: Type,
  help: string,
  read: (counters: Counters, snapshot: ContainerSnapshot) => number,
  more?: Labels,
])[] = [
  [
    "container_cpu_usage_seconds_total",
    "counter",
    "Cumulative cpu time consumed in seconds.",
    (c) => c.cpuNanos / NANOS,
    { cpu: "total" },
  ],
  [
    "container_cpu_user_seconds_total",
    "counter",
    "Cumulative user cpu time consumed in seconds.",
    (c) => c.cpuUserNanos / NANOS,
  ],
  [
    "container_cpu_system_seconds_total",
    "counter",
    "Cumulative system cpu time consumed in seconds.",
    (c) => c.cpuSystemNanos / NANOS,
  ],
  [
    "container_cpu_cfs_periods_total",
    "counter",
    "Number of elapsed enforcement period intervals.",
    (c) => c.cpuPeriods,
  ],
  [
    "container_cpu_cfs_throttled_periods_total",
    "counter",
    "Number of throttled period intervals.",
    (c) => c.cpuThrottledPeriods,
  ],
  [
    "container_cpu_cfs_throttled_seconds_total",
    "counter",
    "Total time duration the container has been throttled.",
    (c) => c.cpuThrottledNanos / NANOS,
  ],
  [
    "container_memory_usage_bytes",
    "gauge",
    "Current memory usage in bytes, including all memory regardless of when it was accessed",
    (c) => c.memoryUsage,
  ],
  [
    "container_memory_working_set_bytes",
    "gauge",
    "Current working set in bytes.",
    (c) => c.memoryWorkingSet,
  ],
  ["container_memory_rss", "gauge", "Size of RSS in bytes.", (c) => c.memoryRss],
  [
    "container_memory_cache",
    "gauge",
    "Number of bytes of page cache memory.",
    (c) => c.memoryCache,
  ],
  [
    "container_memory_mapped_file",
    "gauge",
    "Size of memory mapped files in bytes.",
    (c) => c.memoryMapped,
  ],
  ["container_memory_swap", "gauge", "Container swap usage in bytes.", (c) => c.memorySwap],
  [
    "container_memory_max_usage_bytes",
    "gauge",
    "Maximum memory usage recorded in bytes",
    (c) => c.memoryMax,
  ],
  [
    "container_memory_failcnt",
    "counter",
    "Number of memory usage hits limits",
    (c) => c.memoryFailures,
  ],
  [
    "container_processes",
    "gauge",
    "Number of processes running inside the container.",
    (c) => c.processes,
  ],
  [
    "container_fs_reads_bytes_total",
    "counter",
    "Cumulative count of bytes read",
    (c) => c.ioReadBytes,
    { device: "" },
  ],
  [
    "container_fs_writes_bytes_total",
    "counter",
    "Cumulative count of bytes written",
    (c) => c.ioWriteBytes,
    { device: "" },
  ],
  [
    "container_fs_reads_total",
    "counter",
    "Cumulative count of reads completed",
    (c) => c.ioReads,
    { device: "" },
  ],
  [
    "container_fs_writes_total",
    "counter",
    "Cumulative count of writes completed",
    (c) => c.ioWrites,
    { device: "" },
  ],
  [
    "container_fs_usage_bytes",
    "gauge",
    "Number of bytes that are consumed by the container on this filesystem.",
    (_, { layerBytes }) => layerBytes,
    { device: "" },
  ],
  [
    "container_oom_events_total",
    "counter",
    "Count of out of memory events observed for the container",
    (_, { container }) => (container.oomKilled === true ? 1 : 0),
  ],
  [
    "container_start_time_seconds",
    "gauge",
    "Start time of the container since unix epoch in seconds.",
    (_, { container }) => (container.startedAt ?? 0) / 1000,
  ],
  [
    "container_spec_cpu_shares",
    "gauge",
    "CPU share of the container.",
    (_, { container }) => container.limits?.cpuShares ?? 0,
  ],
  [
    "container_spec_memory_limit_bytes",
    "gauge",
    "Memory limit for the container.",
    (_, { container }) => container.limits?.memoryBytes ?? 0,
  ],
];

const TRAFFIC: readonly (readonly [
  name: string,
  help: string,
  read: (traffic: Traffic) => number,
])[] = [
  ["bytes_total", "bytes", (traffic) => traffic.bytes],
  ["packets_total", "packets", (traffic) => traffic.packets],
  ["errors_total", "errors", (traffic) => traffic.errors],
  ["packets_dropped_total", "packets dropped", (traffic) => traffic.dropped],
];

/** What `/metrics/cadvisor` serves. Pure. */
export function cadvisorMetrics(node: NodeSnapshot, version: string): readonly MetricFamily[] {
  const members = node.pods.flatMap((pod) =>
    pod.snapshots.map((snapshot) => ({ snapshot, labels: containerLabels(pod, snapshot) })),
  );
  const perContainer = PER_CONTAINER.map(([name, type, help, read, more = {}]): MetricFamily => {
    const samples = members.map(({ snapshot, labels }) => ({
      labels: { ...labels, ...more },
      value: read(snapshot.counters, snapshot),
    }));
    return { name, type, help, samples: [...rootSamples(node, name), ...samples] };
  });
  return [
    gauge("cadvisor_version_info", "A metric with a constant '1' value.", [
      { labels: { cadvisorVersion: `berth-${version}` }, value: 1 },
    ]),
    ...perContainer,
    ...cpuQuotas(members),
    {
      name: "container_memory_failures_total",
      type: "counter",
      help: "Cumulative count of memory allocation failures.",
      samples: members.flatMap(({ snapshot: { counters }, labels }) => [
        {
          labels: { ...labels, failure_type: "pgfault", scope: "container" },
          value: counters.pageFaults,
        },
        {
          labels: { ...labels, failure_type: "pgmajfault", scope: "container" },
          value: counters.majorPageFaults,
        },
      ]),
    },
    ...networkMetrics(node),
    gauge("machine_cpu_cores", "Number of logical CPU cores.", [{ value: node.cpus }]),
    gauge("machine_memory_bytes", "Amount of memory installed on the machine.", [
      { value: node.memoryBytes },
    ]),
  ];
}

/** As cAdvisor names a container: its control group, image and host name beside where it belongs. Pure. */
function containerLabels({ pod }: PodSnapshot, { container, path }: ContainerSnapshot): Labels {
  return {
    container: container.containerName,
    id: path,
    image: container.image,
    name: container.name,
    namespace: pod.metadata.namespace ?? "",
    pod: pod.metadata.name,
  };
}

/** The machine as a whole is the container at the root. */
function rootSamples({ machine }: NodeSnapshot, name: string): readonly Sample[] {
  if (machine === undefined) return [];
  const labels = { container: "", id: "/", image: "", name: "", namespace: "", pod: "" };
  if (name === "container_cpu_usage_seconds_total")
    return [{ labels: { ...labels, cpu: "total" }, value: machine.cpuNanos / NANOS }];
  return name === "container_memory_working_set_bytes"
    ? [{ labels, value: machine.memoryBytes }]
    : [];
}

function cpuQuotas(
  members: readonly { readonly snapshot: ContainerSnapshot; readonly labels: Labels }[],
): readonly MetricFamily[] {
  const limited = members.filter(
    ({ snapshot }) => (snapshot.container.limits?.cpuQuotaUs ?? 0) > 0,
  );
  return [
    gauge(
      "container_spec_cpu_period",
      "CPU period of the container.",
      members.map(({ labels }) => ({ labels, value: CPU_PERIOD_US })),
    ),
    gauge(
      "container_spec_cpu_quota",
      "CPU quota of the container.",
      limited.map(({ snapshot, labels }) => ({
        labels,
        value: snapshot.container.limits?.cpuQuotaUs ?? 0,
      })),
    ),
  ];
}

/** Of pods as a whole: their containers share one network. */
function networkMetrics({ pods, interfaces }: NodeSnapshot): readonly MetricFamily[] {
  const holders = [
    ...pods.map((pod) => ({ labels: podLabels(pod), interfaces: pod.interfaces })),
    { labels: { container: "", id: "/", image: "", name: "", namespace: "", pod: "" }, interfaces },
  ];
  return (["receive", "transmit"] as const).flatMap((way) =>
    TRAFFIC.map(([suffix, what, read]): MetricFamily => ({
      name: `container_network_${way}_${suffix}`,
      type: "counter",
      help: `Cumulative count of ${what} ${way === "receive" ? "received" : "transmitted"}`,
      samples: holders.flatMap(({ labels, interfaces: found }) =>
        found.map((one) => ({
          labels: { ...labels, interface: one.name },
          value: read(trafficOf(one, way)),
        })),
      ),
    })),
  );
}

function trafficOf({ received, sent }: InterfaceCounters, way: "receive" | "transmit"): Traffic {
  return way === "receive" ? received : sent;
}

function podLabels({ pod, sandbox }: PodSnapshot): Labels {
  return {
    container: "",
    id: sandbox?.path ?? "",
    image: sandbox?.container.image ?? "",
    name: sandbox?.container.name ?? "",
    namespace: pod.metadata.namespace ?? "",
    pod: pod.metadata.name,
  };
}

function gauge(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, type: "gauge", help, samples };
}
