import { machineReading, type CgroupReading, type ReadText } from "../cgroup.ts";
import type { PodContainer } from "../pod-view.ts";
import type { RunningPod } from "../stats.ts";
import { foldersOf, type FolderSizes } from "./consumption.ts";
import { readText, type ContainerMeter } from "./container-meter.ts";
import type { Counters } from "./counters.ts";
import type { Readings } from "./pressure.ts";

export interface ContainerSnapshot {
  readonly container: PodContainer;
  readonly counters: Counters;
  /** Its control group, from the root of the hierarchy. */
  readonly path: string;
  /** Bytes of its layer and of its log, as last measured. */
  readonly layerBytes: number;
  readonly logBytes: number;
}

/** What went over one interface since it was made. */
export interface InterfaceCounters {
  readonly name: string;
  readonly received: Traffic;
  readonly sent: Traffic;
}

export interface Traffic {
  readonly bytes: number;
  readonly packets: number;
  readonly errors: number;
  readonly dropped: number;
}

export interface PodSnapshot extends RunningPod {
  readonly snapshots: readonly ContainerSnapshot[];
  /** The sandbox's. Absent on the host's network. */
  readonly sandbox?: ContainerSnapshot;
  readonly interfaces: readonly InterfaceCounters[];
  readonly diskBytes: number;
}

/** All that a node can tell of what is used, at one moment. */
export interface NodeSnapshot {
  readonly pods: readonly PodSnapshot[];
  readonly machine: CgroupReading | undefined;
  readonly readings: Readings;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly interfaces: readonly InterfaceCounters[];
  /** In seconds since the epoch. */
  readonly bootedAt: number;
}

export interface SnapshotTools {
  readonly pods: () => readonly RunningPod[];
  readonly meter: ContainerMeter;
  readonly sizes: () => FolderSizes;
  readonly readHost: () => Promise<Readings>;
  readonly clusterId: string;
  readonly rootDir: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly read?: ReadText;
}

/** Pods read at a time: the files are small, the thread is shared. */
const PODS_AT_A_TIME = 16;

export async function takeSnapshot(tools: SnapshotTools): Promise<NodeSnapshot> {
  const { read = readText, cpus, memoryBytes } = tools;
  const running = tools.pods();
  const pods: PodSnapshot[] = [];
  for (let from = 0; from < running.length; from += PODS_AT_A_TIME) {
    const batch = running.slice(from, from + PODS_AT_A_TIME);
    pods.push(...(await Promise.all(batch.map((one) => snapshotPod(one, tools)))));
  }
  const [stat = "", meminfo = "", net = "", readings] = await Promise.all([
    read("/proc/stat"),
    read("/proc/meminfo"),
    read("/proc/net/dev"),
    tools.readHost(),
  ]);
  return {
    pods,
    machine: machineReading(stat, meminfo),
    readings,
    cpus,
    memoryBytes,
    interfaces: parseInterfaces(net),
    bootedAt: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0),
  };
}

async function snapshotPod(running: RunningPod, tools: SnapshotTools): Promise<PodSnapshot> {
  const { pod, containers } = running;
  const sandbox = containers.find(({ role, state }) => role === "sandbox" && state === "running");
  const members = containers.filter(({ role, state }) => role !== "sandbox" && state === "running");
  const [found, own, net] = await Promise.all([
    Promise.all(members.map((one) => snapshotContainer(one, tools))),
    sandbox === undefined ? undefined : snapshotContainer(sandbox, tools),
    sandbox?.pid === undefined || pod.spec.hostNetwork === true
      ? undefined
      : (tools.read ?? readText)(`/proc/${sandbox.pid}/net/dev`),
  ]);
  const sizes = tools.sizes();
  return {
    ...running,
    snapshots: found.flatMap((one) => one ?? []),
    ...(own === undefined ? {} : { sandbox: own }),
    interfaces: parseInterfaces(net ?? ""),
    diskBytes: foldersOf(running, tools).reduce((sum, one) => sum + (sizes.get(one) ?? 0), 0),
  };
}

async function snapshotContainer(
  container: PodContainer,
  { meter, sizes }: SnapshotTools,
): Promise<ContainerSnapshot | undefined> {
  const found = await meter.read(container);
  if (found === undefined) return undefined;
  const { layer = "", log = "" } = container.writtenIn ?? {};
  return {
    container,
    ...found,
    layerBytes: sizes().get(layer) ?? 0,
    logBytes: sizes().get(log) ?? 0,
  };
}

/** Of `/proc/<pid>/net/dev`, without the loopback. Pure. */
export function parseInterfaces(text: string): readonly InterfaceCounters[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*([^\s:]+):\s*(.*)$/.exec(line);
    if (match === null || match[1] === "lo") return [];
    const numbers = (match[2] ?? "").trim().split(/\s+/).map(Number);
    const traffic = (at: number): Traffic => ({
      bytes: numbers[at] ?? 0,
      packets: numbers[at + 1] ?? 0,
      errors: numbers[at + 2] ?? 0,
      dropped: numbers[at + 3] ?? 0,
    });
    return numbers.length < 16
      ? []
      : [{ name: match[1] ?? "", received: traffic(0), sent: traffic(8) }];
  });
}
