import type { ReadText } from "../cgroup.ts";

/** The folders of a process's control group, by what is counted there. */
export interface CgroupFolders {
  readonly version: 1 | 2;
  readonly cpu: string;
  readonly cpuacct: string;
  readonly memory: string;
  readonly pids: string;
  readonly blkio: string;
  /** As metrics call it: the path below the root of the hierarchy. */
  readonly path: string;
}

/** All that the kernel counts of one container, since it began. Bytes, nanoseconds, pieces. */
export interface Counters {
  readonly cpuNanos: number;
  readonly cpuUserNanos: number;
  readonly cpuSystemNanos: number;
  readonly cpuPeriods: number;
  readonly cpuThrottledPeriods: number;
  readonly cpuThrottledNanos: number;
  readonly memoryUsage: number;
  readonly memoryWorkingSet: number;
  readonly memoryRss: number;
  readonly memoryCache: number;
  readonly memoryMapped: number;
  readonly memorySwap: number;
  readonly memoryMax: number;
  readonly memoryFailures: number;
  readonly pageFaults: number;
  readonly majorPageFaults: number;
  readonly processes: number;
  readonly ioReadBytes: number;
  readonly ioWriteBytes: number;
  readonly ioReads: number;
  readonly ioWrites: number;
}

const ROOT = "/sys/fs/cgroup";
/** Ticks of cpuacct.stat in a second. */
const NANOS_PER_TICK = 10_000_000;

/** From a process's `/proc/<pid>/cgroup`; `undefined` when it has gone. Pure. */
export function cgroupFolders(procCgroup: string): CgroupFolders | undefined {
  const groups = procCgroup.split("\n").flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    return match === null
      ? []
      : [{ names: match[1] ?? "", path: (match[2] ?? "").replace(/\/$/, "") }];
  });
  const folder = (name: string): string | undefined => {
    const found = groups.find(({ names }) => names.split(",").includes(name));
    return found === undefined ? undefined : `${ROOT}/${found.names}${found.path}`;
  };
  const memory = folder("memory");
  const path = groups.find(({ names }) => names.split(",").includes("memory"))?.path;
  if (memory !== undefined && path !== undefined) {
    const [cpu, cpuacct, pids, blkio] = ["cpu", "cpuacct", "pids", "blkio"].map(
      (name) => folder(name) ?? "",
    );
    return {
      version: 1,
      memory,
      cpu: cpu ?? "",
      cpuacct: cpuacct ?? "",
      pids: pids ?? "",
      blkio: blkio ?? "",
      path,
    };
  }
  const unified = groups.find(({ names }) => names === "");
  if (unified === undefined) return undefined;
  const all = `${ROOT}${unified.path}`;
  return {
    version: 2,
    cpu: all,
    cpuacct: all,
    memory: all,
    pids: all,
    blkio: all,
    path: unified.path,
  };
}

/** What cannot be read counts as 0; `undefined` when the container has gone. */
export async function readCounters(
  folders: CgroupFolders,
  read: ReadText,
): Promise<Counters | undefined> {
  return folders.version === 1 ? await readV1(folders, read) : await readV2(folders, read);
}

async function readV1(folders: CgroupFolders, read: ReadText): Promise<Counters | undefined> {
  const { cpu, cpuacct, memory, pids, blkio } = folders;
  const [used, ticks, throttling, usage, stat, max, failures, tasks, bytes, serviced] =
    await Promise.all(
      [
        `${cpuacct}/cpuacct.usage`,
        `${cpuacct}/cpuacct.stat`,
        `${cpu}/cpu.stat`,
        `${memory}/memory.usage_in_bytes`,
        `${memory}/memory.stat`,
        `${memory}/memory.max_usage_in_bytes`,
        `${memory}/memory.failcnt`,
        `${pids}/pids.current`,
        `${blkio}/blkio.throttle.io_service_bytes_recursive`,
        `${blkio}/blkio.throttle.io_serviced_recursive`,
      ].map(read),
    );
  if (used === undefined || usage === undefined) return undefined;
  const of = table(stat);
  const cpuTicks = table(ticks);
  const limits = table(throttling);
  const memoryUsage = Number(usage);
  return {
    cpuNanos: Number(used),
    cpuUserNanos: cpuTicks("user") * NANOS_PER_TICK,
    cpuSystemNanos: cpuTicks("system") * NANOS_PER_TICK,
    cpuPeriods: limits("nr_periods"),
    cpuThrottledPeriods: limits("nr_throttled"),
    cpuThrottledNanos: limits("throttled_time"),
    memoryUsage,
    memoryWorkingSet: Math.max(0, memoryUsage - of("total_inactive_file")),
    memoryRss: of("total_rss"),
    memoryCache: of("total_cache"),
    memoryMapped: of("total_mapped_file"),
    memorySwap: of("total_swap"),
    memoryMax: Number(max ?? 0),
    memoryFailures: Number(failures ?? 0),
    pageFaults: of("total_pgfault"),
    majorPageFaults: of("total_pgmajfault"),
    processes: Number(tasks ?? 0),
    ioReadBytes: sumOfDevices(bytes, "Read"),
    ioWriteBytes: sumOfDevices(bytes, "Write"),
    ioReads: sumOfDevices(serviced, "Read"),
    ioWrites: sumOfDevices(serviced, "Write"),
  };
}

async function readV2(
  { cpu: folder }: CgroupFolders,
  read: ReadText,
): Promise<Counters | undefined> {
  const files = [
    "cpu.stat",
    "memory.current",
    "memory.stat",
    "memory.peak",
    "memory.events",
    "memory.swap.current",
    "pids.current",
    "io.stat",
  ];
  const [cpu, usage, stat, peak, events, swap, tasks, io] = await Promise.all(
    files.map((name) => read(`${folder}/${name}`)),
  );
  if (cpu === undefined || usage === undefined) return undefined;
  const ofCpu = table(cpu);
  const of = table(stat);
  const memoryUsage = Number(usage);
  return {
    cpuNanos: ofCpu("usage_usec") * 1000,
    cpuUserNanos: ofCpu("user_usec") * 1000,
    cpuSystemNanos: ofCpu("system_usec") * 1000,
    cpuPeriods: ofCpu("nr_periods"),
    cpuThrottledPeriods: ofCpu("nr_throttled"),
    cpuThrottledNanos: ofCpu("throttled_usec") * 1000,
    memoryUsage,
    memoryWorkingSet: Math.max(0, memoryUsage - of("inactive_file")),
    memoryRss: of("anon"),
    memoryCache: of("file"),
    memoryMapped: of("file_mapped"),
    memorySwap: Number(swap ?? 0),
    memoryMax: Number(peak ?? 0),
    memoryFailures: table(events)("max"),
    pageFaults: of("pgfault"),
    majorPageFaults: of("pgmajfault"),
    processes: Number(tasks ?? 0),
    ioReadBytes: sumOfKeys(io, "rbytes"),
    ioWriteBytes: sumOfKeys(io, "wbytes"),
    ioReads: sumOfKeys(io, "rios"),
    ioWrites: sumOfKeys(io, "wios"),
  };
}

/** Lines of a name and a number. */
function table(text = ""): (name: string) => number {
  const found = new Map(
    text.split("\n").map((line): [string, number] => {
      const [name = "", value = ""] = line.split(" ");
      return [name, Number(value)];
    }),
  );
  return (name) => found.get(name) ?? 0;
}

/** Lines `8:0 Read 4096`. */
function sumOfDevices(text: string | undefined, operation: string): number {
  return sum((text ?? "").matchAll(new RegExp(`^\\d+:\\d+ ${operation} (\\d+)$`, "gm")));
}

/** Lines `8:0 rbytes=4096 wbytes=0 …`. */
function sumOfKeys(text: string | undefined, key: string): number {
  return sum((text ?? "").matchAll(new RegExp(`\\b${key}=(\\d+)`, "g")));
}

function sum(matches: Iterable<RegExpMatchArray>): number {
  let total = 0;
  for (const match of matches) total += Number(match[1]);
  return total;
}
