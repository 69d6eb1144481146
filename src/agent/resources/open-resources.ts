import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { BERTH_PATHS, type ApiClient } from "../../client/client.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { NodeContext } from "../container-spec.ts";
import type { Allocatable } from "../pod-fields.ts";
import type { PodSet } from "../pod-set.ts";
import type { ContainerRuntime, RuntimeInfo } from "../runtime.ts";
import { ContainerMeter } from "./container-meter.ts";
import { measureFolders } from "./disk-usage.ts";
import { readDisk, readHost } from "./host-readings.ts";
import { ImageGc } from "./image-gc.ts";
import { ImageLedger } from "./image-ledger.ts";
import type { NodeResourceConfig } from "./node-config.ts";
import { mayLowerOomScore } from "./oom-score.ts";
import type { SnapshotTools } from "./node-snapshot.ts";
import { reservedOf, type Readings } from "./pressure.ts";
import { readNodeConfig } from "./read-node-config.ts";
import { ResourceManager, type ResourceManagerOptions } from "./resource-manager.ts";

/** What a node can see of its machine; another one stands for a machine in tests and simulations. */
export interface HostView {
  readonly readHost: (rootDir: string) => Promise<Readings>;
  readonly measureFolders: ResourceManagerOptions["measureFolders"];
}

/** A machine that has plenty of everything. */
export const AMPLE_HOST: HostView = {
  readHost: () => Promise.resolve({}),
  measureFolders: () => Promise.resolve(new Map()),
};

/** What the node has, what of it pods may use, and who sees to it. */
export interface NodeResources {
  readonly config: NodeResourceConfig;
  readonly ledger: ImageLedger;
  readonly info: RuntimeInfo;
  readonly meter: ContainerMeter;
  readonly allocatable: Allocatable;
  readonly context: Pick<NodeContext, "podPidsLimit" | "mayLowerOomScore">;
  readonly diskBytes: number;
  manage(pods: PodSet): ResourceManager;
  /** What is needed to tell what is used. */
  figures(pods: PodSet, manager: ResourceManager): SnapshotTools & { readonly nodeName: string };
}

export interface OpenResourcesOptions {
  readonly client: ApiClient;
  readonly runtime: ContainerRuntime;
  readonly events: EventRecorder;
  readonly nodeName: string;
  readonly clusterId: string;
  readonly stateDir: string;
  readonly host?: HostView | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Reads what the node has, and what its file says of it. Throws `NodeConfigError`. */
export async function openResources(options: OpenResourcesOptions): Promise<NodeResources> {
  const { runtime, stateDir, clock, logger, signal } = options;
  const [config, info, mayLower] = await Promise.all([
    readNodeConfig(stateDir),
    runtime.info(signal),
    mayLowerOomScore(),
  ]);
  const ledger = await ImageLedger.open({ stateDir, now: () => clock.now(), logger });
  const disk = (await readDisk(info.rootDir)) ?? (await readDisk("/"));
  const diskBytes = disk?.bytes.capacity ?? 0;
  const capacity = {
    cpuMillis: info.cpus * 1000,
    memoryBytes: info.memoryBytes,
    ephemeralBytes: diskBytes,
  };
  const reserved = reservedOf(config, capacity);
  const left = (name: keyof Allocatable): number => Math.max(0, capacity[name] - reserved[name]);
  const meter = new ContainerMeter();
  return {
    config,
    ledger,
    info,
    meter,
    diskBytes,
    allocatable: {
      cpuMillis: left("cpuMillis"),
      memoryBytes: left("memoryBytes"),
      ephemeralBytes: left("ephemeralBytes"),
    },
    context: {
      mayLowerOomScore: mayLower,
      ...(config.podPidsLimit < 0 ? {} : { podPidsLimit: config.podPidsLimit }),
    },
    manage: (pods) => manage(options, { config, ledger, info, meter }, pods),
    figures: (pods, manager) => ({
      nodeName: options.nodeName,
      clusterId: options.clusterId,
      rootDir: info.rootDir,
      cpus: info.cpus,
      memoryBytes: info.memoryBytes,
      meter,
      pods: () => pods.running(),
      sizes: () => manager.folderSizes,
      readHost: () => hostOf(options).readHost(info.rootDir),
    }),
  };
}

function manage(
  options: OpenResourcesOptions,
  parts: Pick<NodeResources, "config" | "ledger" | "info" | "meter">,
  pods: PodSet,
): ResourceManager {
  const { client, runtime, clock, logger, signal } = options;
  const { ledger, info } = parts;
  const host = hostOf(options);
  const askNeeded = async (references: readonly string[]): Promise<readonly string[]> => {
    const body = { references };
    const answer = await client.request<{ readonly references: readonly string[] }>(
      "POST",
      BERTH_PATHS.imagesNeeded,
      body,
      signal,
    );
    return answer.references;
  };
  const images =
    runtime.imageStore === undefined
      ? {}
      : {
          images: new ImageGc({
            store: runtime.imageStore,
            ledger,
            askNeeded,
            now: () => clock.now(),
            logger,
          }),
        };
  return new ResourceManager({
    ...options,
    ...parts,
    ...images,
    rootDir: info.rootDir,
    pods,
    readHost: () => host.readHost(info.rootDir),
    measureFolders: host.measureFolders,
  });
}

function hostOf({ host, stateDir }: OpenResourcesOptions): HostView {
  return host ?? { readHost: (rootDir) => readHost({ stateDir, rootDir }), measureFolders };
}
