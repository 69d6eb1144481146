import { statfs } from "node:fs/promises";
import type { ReadText } from "../cgroup.ts";
import { readText } from "./container-meter.ts";
import type { Reading, Readings } from "./pressure.ts";

export interface HostPlaces {
  /** The agent's folder: its filesystem is the node's. */
  readonly stateDir: string;
  /** The Docker Engine's folder: images, layers and volumes. */
  readonly rootDir: string;
}

/** What is left on this host of what a node watches. What cannot be read is left out. */
export async function readHost(places: HostPlaces, read: ReadText = readText): Promise<Readings> {
  const [meminfo, pidMax, loadavg, nodefs, imagefs] = await Promise.all([
    read("/proc/meminfo"),
    read("/proc/sys/kernel/pid_max"),
    read("/proc/loadavg"),
    readDisk(places.stateDir),
    readDisk(places.rootDir),
  ]);
  const memory = memoryReading(meminfo ?? "");
  const pid = pidReading(pidMax ?? "", loadavg ?? "");
  return {
    ...(memory === undefined ? {} : { "memory.available": memory }),
    ...(nodefs === undefined ? {} : { "nodefs.available": nodefs.bytes }),
    ...(nodefs?.inodes === undefined ? {} : { "nodefs.inodesFree": nodefs.inodes }),
    ...(imagefs === undefined ? {} : { "imagefs.available": imagefs.bytes }),
    ...(imagefs?.inodes === undefined ? {} : { "imagefs.inodesFree": imagefs.inodes }),
    ...(pid === undefined ? {} : { "pid.available": pid }),
  };
}

/** As kubelet counts: what files occupy that nobody has used lately is free. Pure. */
export function memoryReading(meminfo: string): Reading | undefined {
  const kibibytes = (name: string): number | undefined => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const total = kibibytes("MemTotal");
  const free = kibibytes("MemFree");
  if (total === undefined || free === undefined) return undefined;
  const available = free + (kibibytes("Inactive\\(file\\)") ?? 0);
  return { available: Math.min(total, available) * 1024, capacity: total * 1024 };
}

/** Processes and threads, of `/proc/loadavg`'s `running/all`. Pure. */
export function pidReading(pidMax: string, loadavg: string): Reading | undefined {
  const capacity = Number.parseInt(pidMax, 10);
  const used = Number(/\s\d+\/(\d+)\s/.exec(loadavg)?.[1]);
  return Number.isFinite(capacity) && Number.isFinite(used)
    ? { available: Math.max(0, capacity - used), capacity }
    : undefined;
}

export interface DiskReading {
  readonly bytes: Reading;
  /** Absent on a filesystem that has no fixed number of them. */
  readonly inodes?: Reading;
}

export async function readDisk(path: string): Promise<DiskReading | undefined> {
  try {
    const found = await statfs(path);
    const bytes = { available: found.bavail * found.bsize, capacity: found.blocks * found.bsize };
    if (found.files === 0) return { bytes };
    return { bytes, inodes: { available: found.ffree, capacity: found.files } };
  } catch {
    return undefined;
  }
}
