import type { Usage } from "../model/usage.ts";

/** Reads a small file of the kernel's; `undefined` when it is not there. */
export type ReadText = (path: string) => Promise<string | undefined>;

/** Where the kernel counts what one container uses. */
export interface CgroupFiles {
  readonly version: 1 | 2;
  readonly cpu: string;
  readonly memory: string;
  readonly memoryStat: string;
}

/** A reading of the counters. */
export interface CgroupReading {
  /** CPU time since the container began, in nanoseconds. */
  readonly cpuNanos: number;
  readonly memoryBytes: number;
}

const ROOT = "/sys/fs/cgroup";
/** Ticks of /proc/stat in a second: the same on all of Linux' architectures that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The files of a process's control group, from its `/proc/<pid>/cgroup`; `undefined` when they cannot be told. Pure. */
export function cgroupFiles(procCgroup: string): CgroupFiles | undefined {
  const groups = procCgroup.split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    return match === null ? [] : [{ controllers: match[1] ?? "", path: trim(match[2] ?? "") }];
  });
  const withController = (name: string): string | undefined => {
    const group = groups.find(({ controllers }) => controllers.split(",").includes(name));
    return group === undefined ? undefined : `${ROOT}/${group.controllers}${group.path}`;
  };
  const cpu = withController("cpuacct");
  const memory = withController("memory");
  if (cpu !== undefined && memory !== undefined) {
    return {
      version: 1,
      cpu: `${cpu}/cpuacct.usage`,
      memory: `${memory}/memory.usage_in_bytes`,
      memoryStat: `${memory}/memory.stat`,
    };
  }
  const unified = groups.find(({ controllers }) => controllers === "");
  if (unified === undefined) return undefined;
  const folder = `${ROOT}${unified.path}`;
  return {
    version: 2,
    cpu: `${folder}/cpu.stat`,
    memory: `${folder}/memory.current`,
    memoryStat: `${folder}/memory.stat`,
  };
}

/** The counters of a container; `undefined` when it has gone meanwhile. */
export async function readCgroup(
  files: CgroupFiles,
  read: ReadText,
): Promise<CgroupReading | undefined> {
  const [cpu, memory, stat] = await Promise.all([
    read(files.cpu),
    read(files.memory),
    read(files.memoryStat),
  ]);
  if (cpu === undefined || memory === undefined) return undefined;
  const isV1 = files.version === 1;
  const cpuNanos = isV1 ? Number(cpu) : (valueOf(cpu, "usage_usec") ?? Number.NaN) * 1000;
  const inactive = valueOf(stat ?? "", isV1 ? "total_inactive_file" : "inactive_file") ?? 0;
  const memoryBytes = Math.max(0, Number(memory) - inactive);
  return Number.isFinite(cpuNanos) && Number.isFinite(memoryBytes)
    ? { cpuNanos, memoryBytes }
    : undefined;
}

/** The counters of the whole machine, from /proc/stat and /proc/meminfo. Pure. */
export function machineReading(stat: string, meminfo: string): CgroupReading | undefined {
  const line = /^cpu\s+(.*)$/m.exec(stat)?.[1]?.trim().split(/\s+/).map(Number);
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line;
  const busy = user + nice + system + irq + softirq + steal;
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? 0);
  const used = kibibytes("MemTotal") - kibibytes("MemFree") - kibibytes("Inactive\\(file\\)");
  return {
    cpuNanos: (busy / TICKS_PER_SECOND) * 1_000_000_000,
    memoryBytes: Math.max(0, used * 1024),
  };
}

/** What was used between two readings. A counter that went back tells nothing. Pure. */
export function usageBetween(
  before: { readonly cpuNanos: number; readonly at: number },
  after: CgroupReading & { readonly at: number },
): Usage | undefined {
  const elapsedMs = after.at - before.at;
  const spent = after.cpuNanos - before.cpuNanos;
  if (elapsedMs <= 0 || spent < 0) return undefined;
  const cpuNanocores = Math.round((spent / elapsedMs) * 1000);
  return { cpuNanocores, memoryBytes: after.memoryBytes };
}

function trim(path: string): string {
  return path === "/" ? "" : path;
}

function valueOf(text: string, name: string): number | undefined {
  for (const line of text.split("\n")) {
    if (line.startsWith(`${name} `)) return Number(line.slice(name.length + 1));
  }
  return undefined;
}
