import { readFile } from "node:fs/promises";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { BERTH_PATHS, type ApiClient } from "../client/client.ts";
import type { Pod } from "../model/kinds.gen.ts";
import {
  USAGE_REPORT_MS,
  type ContainerUsage,
  type PodUsage,
  type UsageReport,
} from "../model/usage.ts";
import {
  cgroupFiles,
  machineReading,
  readCgroup,
  usageBetween,
  type CgroupFiles,
  type CgroupReading,
  type ReadText,
} from "./cgroup.ts";
import type { PodContainer } from "./pod-view.ts";
import { isSidecar } from "./sidecar.ts";

/** A pod with what the agent knows of its containers. */
export interface RunningPod {
  readonly pod: Pod;
  readonly containers: readonly PodContainer[];
}

export interface UsageReporterOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly pods: () => readonly RunningPod[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly read?: ReadText;
}

/** A container is read at most this many at a time: the files are small, the thread is shared. */
const READS_AT_A_TIME = 16;

interface Counted {
  readonly files: CgroupFiles;
  readonly reading: CgroupReading & { readonly at: Millis };
}

/**
 * Tells the control plane what this node and its containers use, until `signal` aborts. One pass over the kernel's
 * counters each time; nothing is asked of the container runtime. A report that is lost is followed by the next.
 */
export class UsageReporter {
  readonly #options: UsageReporterOptions;
  readonly #read: ReadText;
  /** By container id. */
  #counted: ReadonlyMap<string, Counted> = new Map();
  #machine: (CgroupReading & { readonly at: Millis }) | undefined;

  constructor(options: UsageReporterOptions) {
    this.#options = options;
    this.#read = options.read ?? readText;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, client, logger } = this.#options;
    while (!signal.aborted) {
      try {
        const report = await this.measure();
        if (report !== undefined)
          await client.request("POST", BERTH_PATHS.usageReport, report, signal);
      } catch (error) {
        if (!signal.aborted) logger.debug({ error }, "Cannot report what the node uses");
      }
      await clock.sleep(USAGE_REPORT_MS, signal).catch(() => undefined);
    }
  }

  /** What was used since the last call; `undefined` the first time. */
  async measure(): Promise<UsageReport | undefined> {
    const { nodeName, pods, clock } = this.#options;
    const machine = this.#machine;
    this.#machine = await this.#readMachine();
    const counted = new Map<string, Counted>();
    const usages: PodUsage[] = [];
    for (const { pod, containers } of pods()) {
      const { namespace = "", name, uid = "" } = pod.metadata;
      const sidecars = new Set(pod.spec.initContainers?.filter(isSidecar).map((one) => one.name));
      const running = containers.filter(
        ({ role, containerName, state, pid }) =>
          (role === "main" || sidecars.has(containerName)) &&
          state === "running" &&
          pid !== undefined,
      );
      const found: ContainerUsage[] = [];
      for (let from = 0; from < running.length; from += READS_AT_A_TIME) {
        const batch = running.slice(from, from + READS_AT_A_TIME);
        const measured = await Promise.all(batch.map((one) => this.#measure(one, counted)));
        found.push(...measured.flatMap((usage) => usage ?? []));
      }
      if (found.length > 0) usages.push({ namespace, name, uid, containers: found });
    }
    this.#counted = counted;
    const usage = machine && this.#machine && usageBetween(machine, this.#machine);
    if (usage === undefined || machine === undefined) return undefined;
    return { node: nodeName, windowMs: clock.monotonic() - machine.at, usage, pods: usages };
  }

  async #measure(
    container: PodContainer,
    counted: Map<string, Counted>,
  ): Promise<ContainerUsage | undefined> {
    const { id, pid = 0, containerName: name } = container;
    const before = this.#counted.get(id);
    const files = before?.files ?? cgroupFiles((await this.#read(`/proc/${pid}/cgroup`)) ?? "");
    if (files === undefined) return undefined;
    const reading = await readCgroup(files, this.#read);
    if (reading === undefined) return undefined;
    const at = this.#options.clock.monotonic();
    counted.set(id, { files, reading: { ...reading, at } });
    const usage =
      before === undefined ? undefined : usageBetween(before.reading, { ...reading, at });
    return usage === undefined ? undefined : { name, ...usage };
  }

  async #readMachine(): Promise<(CgroupReading & { readonly at: Millis }) | undefined> {
    const [stat, meminfo] = await Promise.all([
      this.#read("/proc/stat"),
      this.#read("/proc/meminfo"),
    ]);
    const reading = machineReading(stat ?? "", meminfo ?? "");
    return reading === undefined ? undefined : { ...reading, at: this.#options.clock.monotonic() };
  }
}

function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch(() => undefined);
}
