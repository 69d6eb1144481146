import { describe, expect, test } from "vitest";
import { ContainerMeter } from "../../../src/agent/resources/container-meter.ts";
import { cgroupFolders, readCounters } from "../../../src/agent/resources/counters.ts";
import { cadvisorMetrics } from "../../../src/agent/resources/metrics-cadvisor.ts";
import {
  kubeletMetrics,
  resourceMetrics,
  startSeconds,
} from "../../../src/agent/resources/metrics-kubelet.ts";
import { formatMetricFamilies } from "../../../src/agent/resources/metrics-text.ts";
import { takeSnapshot, type NodeSnapshot } from "../../../src/agent/resources/node-snapshot.ts";
import { statsSummary } from "../../../src/agent/resources/stats-summary.ts";
import type { PodContainer } from "../../../src/agent/pod-view.ts";
import { pod } from "../pod-builder.ts";

const ID = "e1b00d84043362322b7b9fb8984d3a723cc62c208dee61d20cfa7e3011cb0753";

/** As a kernel with cgroup v2 tells them. */
const V2: Readonly<Record<string, string>> = {
  "cpu.stat":
    "usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\nnr_periods 40\nnr_throttled 4\nthrottled_usec 250000\nnr_bursts 0\nburst_usec 0\n",
  "memory.current": "10485760\n",
  "memory.stat":
    "anon 4194304\nfile 6291456\nkernel 262144\nfile_mapped 1048576\ninactive_anon 4194304\nactive_anon 0\ninactive_file 2097152\nactive_file 4194304\npgfault 900\npgmajfault 3\n",
  "memory.peak": "20971520\n",
  "memory.events": "low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 0\n",
  "memory.swap.current": "0\n",
  "pids.current": "5\n",
  "io.stat":
    "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1000 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
};
/** As a kernel with cgroup v1 tells them. */
const V1: Readonly<Record<string, string>> = {
  "cpuacct/cpuacct.usage": "2500000000\n",
  "cpuacct/cpuacct.stat": "user 150\nsystem 100\n",
  "cpu/cpu.stat": "nr_periods 40\nnr_throttled 4\nthrottled_time 250000000\n",
  "memory/memory.usage_in_bytes": "10485760\n",
  "memory/memory.stat":
    "cache 1\nrss 1\ntotal_cache 6291456\ntotal_rss 4194304\ntotal_mapped_file 1048576\ntotal_swap 0\ntotal_pgfault 900\ntotal_pgmajfault 3\ntotal_inactive_file 2097152\n",
  "memory/memory.max_usage_in_bytes": "20971520\n",
  "memory/memory.failcnt": "7\n",
  "pids/pids.current": "5\n",
  "blkio/blkio.throttle.io_service_bytes_recursive":
    "8:0 Read 4096\n8:0 Write 8192\n8:0 Total 12288\n8:16 Read 1000\nTotal 13288\n",
  "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 1\n8:0 Write 2\n8:16 Read 1\nTotal 4\n",
};
const COUNTERS = {
  cpuNanos: 2.5e9,
  cpuUserNanos: 1.5e9,
  cpuSystemNanos: 1e9,
  cpuPeriods: 40,
  cpuThrottledPeriods: 4,
  cpuThrottledNanos: 2.5e8,
  memoryUsage: 10_485_760,
  memoryWorkingSet: 8_388_608,
  memoryRss: 4_194_304,
  memoryCache: 6_291_456,
  memoryMapped: 1_048_576,
  memorySwap: 0,
  memoryMax: 20_971_520,
  memoryFailures: 7,
  pageFaults: 900,
  majorPageFaults: 3,
  processes: 5,
  ioReadBytes: 5096,
  ioWriteBytes: 8192,
  ioReads: 2,
  ioWrites: 2,
};

describe("readCounters()", () => {
  test("reads cgroup v2", async () => {
    const folders = cgroupFolders(`0::/system.slice/docker-${ID}.scope\n`);
    expect(folders).toMatchObject({ version: 2, path: `/system.slice/docker-${ID}.scope` });
    const root = `/sys/fs/cgroup/system.slice/docker-${ID}.scope/`;
    const read = (path: string) => Promise.resolve(V2[path.replace(root, "")]);
    expect(folders && (await readCounters(folders, read))).toEqual(COUNTERS);
  });

  test("reads cgroup v1", async () => {
    const names = ["cpu", "cpuacct", "memory", "pids", "blkio"];
    const folders = cgroupFolders(
      names.map((name, at) => `${at}:${name}:/docker/${ID}\n`).join(""),
    );
    expect(folders).toMatchObject({ version: 1, path: `/docker/${ID}` });
    const read = (path: string) =>
      Promise.resolve(V1[path.replace("/sys/fs/cgroup/", "").replace(`docker/${ID}/`, "")]);
    expect(folders && (await readCounters(folders, read))).toEqual(COUNTERS);
  });

  test("of a container that has gone are none", async () => {
    expect(cgroupFolders("")).toBeUndefined();
    const folders = cgroupFolders("0::/x\n");
    expect(
      folders && (await readCounters(folders, () => Promise.resolve(undefined))),
    ).toBeUndefined();
  });
});

const NET = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0
`;

async function snapshot(): Promise<NodeSnapshot> {
  const container = (
    name: string,
    pid: number,
    more: Partial<PodContainer> = {},
  ): PodContainer => ({
    id: `${name}-id`,
    name: `berth_${name}_web`,
    labels: {},
    state: "running",
    image: name === "sandbox" ? "pause:1" : "shop/app:1",
    imageId: "sha256:1",
    role: name === "sandbox" ? "sandbox" : "main",
    containerName: name,
    attempt: 0,
    crashes: 0,
    sandboxId: "sandbox-id",
    startedAt: 1_700_000_000_000,
    pid,
    ...more,
  });
  const read = (path: string): Promise<string | undefined> => {
    if (/^\/proc\/\d+\/cgroup$/.test(path)) return Promise.resolve("0::/docker/x\n");
    if (/^\/proc\/(\d+\/)?net\/dev$/.test(path)) return Promise.resolve(NET);
    if (path === "/proc/stat")
      return Promise.resolve("cpu  100 0 50 1000 0 0 0 0 0 0\nbtime 1690000000\n");
    if (path === "/proc/meminfo")
      return Promise.resolve("MemTotal: 2000 kB\nMemFree: 500 kB\nInactive(file): 500 kB\n");
    return Promise.resolve(V2[path.slice(path.lastIndexOf("/") + 1)]);
  };
  const app = container("app", 2, {
    limits: { cpuShares: 512, cpuQuotaUs: 50_000, memoryBytes: 64 * 2 ** 20 },
    writtenIn: { layer: "/layer", log: "/log" },
  });
  return await takeSnapshot({
    pods: () => [
      {
        pod: pod({ name: "web", labels: { app: "web" } }),
        containers: [container("sandbox", 1), app],
      },
    ],
    meter: new ContainerMeter(read),
    sizes: () =>
      new Map([
        ["/layer", 4096],
        ["/log", 100],
      ]),
    readHost: () => Promise.resolve({ "nodefs.available": { available: 10, capacity: 100 } }),
    clusterId: "abc",
    rootDir: "/docker",
    cpus: 2,
    memoryBytes: 2_048_000,
    read,
  });
}

/** What the usual dashboards ask for, with the labels that they choose and sum by. */
const ASKED: readonly (readonly [page: "cadvisor" | "kubelet" | "resource", line: string])[] = [
  [
    "cadvisor",
    'container_cpu_usage_seconds_total{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web",cpu="total"} 2.5',
  ],
  [
    "cadvisor",
    'container_cpu_usage_seconds_total{container="",id="/",image="",name="",namespace="",pod="",cpu="total"} 1.5',
  ],
  [
    "cadvisor",
    'container_cpu_cfs_throttled_periods_total{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 4',
  ],
  [
    "cadvisor",
    'container_cpu_cfs_periods_total{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 40',
  ],
  [
    "cadvisor",
    'container_memory_working_set_bytes{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 8388608',
  ],
  [
    "cadvisor",
    'container_memory_rss{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 4194304',
  ],
  [
    "cadvisor",
    'container_memory_cache{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 6291456',
  ],
  [
    "cadvisor",
    'container_memory_swap{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 0',
  ],
  [
    "cadvisor",
    'container_spec_memory_limit_bytes{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 67108864',
  ],
  [
    "cadvisor",
    'container_spec_cpu_quota{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 50000',
  ],
  [
    "cadvisor",
    'container_spec_cpu_period{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 100000',
  ],
  [
    "cadvisor",
    'container_network_receive_bytes_total{container="",id="/docker/x",image="pause:1",name="berth_sandbox_web",namespace="shop",pod="web",interface="eth0"} 1000',
  ],
  [
    "cadvisor",
    'container_network_transmit_bytes_total{container="",id="/docker/x",image="pause:1",name="berth_sandbox_web",namespace="shop",pod="web",interface="eth0"} 2000',
  ],
  [
    "cadvisor",
    'container_network_receive_packets_dropped_total{container="",id="/docker/x",image="pause:1",name="berth_sandbox_web",namespace="shop",pod="web",interface="eth0"} 2',
  ],
  [
    "cadvisor",
    'container_network_transmit_packets_dropped_total{container="",id="/docker/x",image="pause:1",name="berth_sandbox_web",namespace="shop",pod="web",interface="eth0"} 4',
  ],
  [
    "cadvisor",
    'container_fs_reads_bytes_total{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web",device=""} 5096',
  ],
  [
    "cadvisor",
    'container_fs_writes_total{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web",device=""} 2',
  ],
  [
    "cadvisor",
    'container_fs_usage_bytes{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web",device=""} 4096',
  ],
  [
    "cadvisor",
    'container_start_time_seconds{container="app",id="/docker/x",image="shop/app:1",name="berth_app_web",namespace="shop",pod="web"} 1700000000',
  ],
  ["cadvisor", "machine_cpu_cores 2"],
  ["cadvisor", "machine_memory_bytes 2048000"],
  ["kubelet", "kubelet_running_pods 1"],
  ["kubelet", 'kubelet_running_containers{container_state="running"} 1'],
  ["kubelet", 'kubelet_node_name{node="node-a"} 1'],
  ["kubelet", 'kubelet_pod_start_duration_seconds_bucket{le="+Inf"} 0'],
  ["kubelet", "kubelet_pod_start_duration_seconds_count 0"],
  ["kubelet", "process_resident_memory_bytes 7"],
  ["resource", 'container_cpu_usage_seconds_total{container="app",namespace="shop",pod="web"} 2.5'],
  [
    "resource",
    'container_memory_working_set_bytes{container="app",namespace="shop",pod="web"} 8388608',
  ],
  ["resource", 'pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 2.5'],
  ["resource", "node_cpu_usage_seconds_total 1.5"],
  ["resource", "node_memory_working_set_bytes 1024000"],
  ["resource", "resource_scrape_error 0"],
];

describe("metrics", () => {
  test.each(ASKED)("%s: %s", async (page, line) => {
    const node = await snapshot();
    const process = { residentBytes: 7, cpuSeconds: 1, startedAt: 2 };
    const families = {
      cadvisor: () => cadvisorMetrics(node, "0.1.0"),
      kubelet: () => kubeletMetrics(node, { nodeName: "node-a", process }),
      resource: () => resourceMetrics(node),
    };
    expect(formatMetricFamilies(families[page]()).split("\n")).toContain(line);
  });

  test("are well formed: each family once, with help and type before its samples", async () => {
    const text = formatMetricFamilies(cadvisorMetrics(await snapshot(), "0.1.0"));
    const types = [...text.matchAll(/^# TYPE (\S+) (?:counter|gauge|histogram)$/gm)].map(
      ([, name]) => name,
    );
    expect(new Set(types).size).toBe(types.length);
    for (const line of text.trimEnd().split("\n"))
      expect(line).toMatch(
        /^(# (HELP|TYPE) |[a-z_]+(\{([a-zA-Z_]+="([^"\\\n]|\\.)*",?)+\})? [-+0-9.eINFa]+$)/,
      );
  });

  test("escape what a label cannot hold", () => {
    const samples = [{ labels: { a: 'x"y\\z\nw' }, value: 1 }];
    const text = formatMetricFamilies([{ name: "m", help: "h", type: "gauge", samples }]);
    expect(text).toBe('# HELP m h\n# TYPE m gauge\nm{a="x\\"y\\\\z\\nw"} 1\n');
  });

  test("a pod's start counts from its creation to its last container's", () => {
    const one = pod();
    const started = (startedAt: string) =>
      ({
        name: "a",
        image: "a",
        imageID: "",
        ready: true,
        restartCount: 0,
        lastState: {},
        state: { running: { startedAt } },
      }) as const;
    const made = {
      ...one,
      metadata: { ...one.metadata, creationTimestamp: "2026-01-01T00:00:00Z" },
    };
    const containerStatuses = [started("2026-01-01T00:00:02Z"), started("2026-01-01T00:00:05Z")];
    expect(startSeconds({ ...made, status: { phase: "Running", containerStatuses } })).toBe(5);
    expect(startSeconds(made)).toBeUndefined();
  });

  test("the summary has pods, containers, network and disks", async () => {
    const summary = statsSummary(await snapshot(), "node-a", 1_700_000_000_000);
    expect(summary).toMatchObject({
      node: {
        nodeName: "node-a",
        cpu: { usageCoreNanoSeconds: 1.5e9 },
        fs: { availableBytes: 10, capacityBytes: 100, usedBytes: 90 },
      },
      pods: [
        {
          podRef: { name: "web", namespace: "shop", uid: "web-uid" },
          containers: [
            {
              name: "app",
              cpu: { usageCoreNanoSeconds: 2.5e9 },
              memory: { workingSetBytes: 8_388_608 },
              rootfs: { usedBytes: 4096 },
              logs: { usedBytes: 100 },
            },
          ],
          network: { name: "eth0", rxBytes: 1000, txBytes: 2000 },
          "ephemeral-storage": { usedBytes: 4196 },
          process_stats: { process_count: 5 },
        },
      ],
    });
  });
});
