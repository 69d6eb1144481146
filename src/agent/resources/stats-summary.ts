import { formatTime, type Millis } from "../../base/clock.ts";
import type { Counters } from "./counters.ts";
import type { InterfaceCounters, NodeSnapshot, PodSnapshot } from "./node-snapshot.ts";
import type { Reading } from "./pressure.ts";

/** What `/stats/summary` serves: kubelet's Summary, as far as it is measured. Pure. */
export function statsSummary(node: NodeSnapshot, nodeName: string, now: Millis): object {
  const time = formatTime(now);
  const { machine, readings } = node;
  const memory = readings["memory.available"];
  return {
    node: {
      nodeName,
      startTime: formatTime(node.bootedAt * 1000),
      ...(machine === undefined
        ? {}
        : {
            cpu: { time, usageCoreNanoSeconds: Math.round(machine.cpuNanos) },
            memory: {
              time,
              ...(memory === undefined ? {} : { availableBytes: memory.available }),
              workingSetBytes: machine.memoryBytes,
            },
          }),
      network: { time, ...network(node.interfaces) },
      ...filesystem("fs", time, readings["nodefs.available"], readings["nodefs.inodesFree"]),
      runtime: filesystem(
        "imageFs",
        time,
        readings["imagefs.available"],
        readings["imagefs.inodesFree"],
      ),
      ...rlimit(time, readings["pid.available"]),
    },
    pods: node.pods.map((pod) => summarizePod(pod, time)),
  };
}

function summarizePod(
  { pod, snapshots, interfaces, diskBytes }: PodSnapshot,
  time: string,
): object {
  const { name, namespace = "", uid = "" } = pod.metadata;
  const sum = (read: (counters: Counters) => number): number =>
    snapshots.reduce((total, { counters }) => total + read(counters), 0);
  return {
    podRef: { name, namespace, uid },
    startTime: pod.status?.startTime ?? null,
    containers: snapshots.map(({ container, counters, layerBytes, logBytes }) => ({
      name: container.containerName,
      startTime: formatTime(container.startedAt ?? 0),
      cpu: { time, usageCoreNanoSeconds: Math.round(counters.cpuNanos) },
      memory: {
        time,
        usageBytes: counters.memoryUsage,
        workingSetBytes: counters.memoryWorkingSet,
        rssBytes: counters.memoryRss,
        pageFaults: counters.pageFaults,
        majorPageFaults: counters.majorPageFaults,
      },
      rootfs: { time, usedBytes: layerBytes },
      logs: { time, usedBytes: logBytes },
    })),
    cpu: { time, usageCoreNanoSeconds: Math.round(sum((one) => one.cpuNanos)) },
    memory: {
      time,
      workingSetBytes: sum((one) => one.memoryWorkingSet),
      rssBytes: sum((one) => one.memoryRss),
    },
    network: { time, ...network(interfaces) },
    "ephemeral-storage": { time, usedBytes: diskBytes },
    process_stats: { process_count: sum((one) => one.processes) },
  };
}

function network(interfaces: readonly InterfaceCounters[]): object {
  const told = interfaces.map(({ name, received, sent }) => ({
    name,
    rxBytes: received.bytes,
    rxErrors: received.errors,
    txBytes: sent.bytes,
    txErrors: sent.errors,
  }));
  return { ...told[0], interfaces: told };
}

function filesystem(
  name: string,
  time: string,
  bytes: Reading | undefined,
  inodes: Reading | undefined,
): object {
  if (bytes === undefined) return {};
  return {
    [name]: {
      time,
      availableBytes: bytes.available,
      capacityBytes: bytes.capacity,
      usedBytes: bytes.capacity - bytes.available,
      ...(inodes === undefined
        ? {}
        : {
            inodesFree: inodes.available,
            inodes: inodes.capacity,
            inodesUsed: inodes.capacity - inodes.available,
          }),
    },
  };
}

function rlimit(time: string, pids: Reading | undefined): object {
  if (pids === undefined) return {};
  return { rlimit: { time, maxpid: pids.capacity, curproc: pids.capacity - pids.available } };
}
