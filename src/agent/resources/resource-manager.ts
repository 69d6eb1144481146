import type { Clock, Millis } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import type { Node, Pod } from "../../model/kinds.gen.ts";
import { isFinished } from "../../model/pod-phase.ts";
import { qosClass } from "../../model/qos.ts";
import type { Eviction } from "../pod-view.ts";
import { CRITICAL_PRIORITY } from "../qos.ts";
import type { RunningPod } from "../stats.ts";
import { foldersOf, measurePod, type ConsumptionTools, type FolderSizes } from "./consumption.ts";
import type { ContainerMeter } from "./container-meter.ts";
import {
  evictionMessage,
  evictionResource,
  rankForEviction,
  type PodConsumption,
} from "./eviction-rank.ts";
import { bytesToFree, type ImageGc } from "./image-gc.ts";
import { storageExcess } from "./local-storage.ts";
import type { NodeResourceConfig } from "./node-config.ts";
import {
  metThresholds,
  notePressure,
  pressuresAt,
  type MetThreshold,
  type PressureMemory,
  type PressureType,
  type Readings,
} from "./pressure.ts";

export interface ResourceManagerOptions {
  readonly config: NodeResourceConfig;
  readonly nodeName: string;
  readonly clusterId: string;
  /** The Docker Engine's folder. */
  readonly rootDir: string;
  readonly pods: {
    running(): readonly RunningPod[];
    evict(podUid: string, eviction: Eviction): void;
    /** Removes what is left of containers of pods that are over. */
    removeDead(): Promise<void>;
  };
  /** Absent: the host's images cannot be cleaned up. */
  readonly images?: Pick<ImageGc, "free">;
  /** Written down before the end. */
  readonly ledger?: { flush(): Promise<void> };
  readonly meter: ContainerMeter;
  readonly readHost: () => Promise<Readings>;
  readonly measureFolders: (
    folders: readonly string[],
    signal: AbortSignal,
    count?: "bytes" | "inodes",
  ) => Promise<FolderSizes>;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Kubelet's. */
export const LOOK_EVERY_MS: Millis = 10_000;
export const DISK_EVERY_MS: Millis = 60_000;
export const IMAGES_EVERY_MS: Millis = 300_000;
/** Folders are walked for at most one twentieth of the time. */
const DISK_REST_FACTOR = 20;
/** An evicted pod may take this long to end before the next one is. */
const EVICTION_WAIT_MS: Millis = 30_000;
/** Kubelet's for hard thresholds. */
const EVICTION_GRACE_MS: Millis = 1_000;
const MEMORY_TAINT = "node.kubernetes.io/memory-pressure";

/** Watches what the node has left, and ends or removes what takes it from the others. */
export class ResourceManager {
  readonly #options: ResourceManagerOptions;
  readonly #node: Node;
  #pressure: PressureMemory = {};
  #bytes: FolderSizes = new Map();
  #diskDueAt: Millis = 0;
  #imagesDueAt: Millis = 0;
  #lastEvicted: { readonly uid: string; readonly until: Millis } | undefined;

  constructor(options: ResourceManagerOptions) {
    const { nodeName: name } = options;
    this.#options = options;
    this.#node = { apiVersion: "v1", kind: "Node", metadata: { name, uid: name }, spec: {} };
  }

  /** The conditions that the node has now. */
  get pressures(): ReadonlySet<PressureType> {
    const { clock, config } = this.#options;
    return pressuresAt(
      this.#pressure,
      clock.monotonic(),
      config.evictionPressureTransitionPeriodMs,
    );
  }

  /** Bytes by folder, as last measured. */
  get folderSizes(): FolderSizes {
    return this.#bytes;
  }

  /** Why a pod that has just come is not taken; `undefined` when it is. */
  refuse(pod: Pod): Eviction | undefined {
    const { pressures } = this;
    if (pressures.size === 0 || (pod.spec.priority ?? 0) >= CRITICAL_PRIORITY) return undefined;
    const isMemoryAlone = pressures.size === 1 && pressures.has("MemoryPressure");
    if (isMemoryAlone && (qosClass(pod.spec) !== "BestEffort" || toleratesMemory(pod)))
      return undefined;
    return { message: `The node had condition: [${[...pressures].join(" ")}]. `, graceMs: 0 };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.look(signal);
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ error }, "Cannot look at the node's resources: trying again");
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
    await this.#options.ledger?.flush();
  }

  /** One look: at the disk now and then, at all else each time. */
  async look(signal: AbortSignal): Promise<void> {
    await this.#measureDisk(signal);
    await this.#collectImages(signal);
    const met = await this.#readPressure();
    const [first] = met;
    if (first === undefined || this.#isEnding()) return;
    const resource = evictionResource(first.signal);
    this.#tellNode("EvictionThresholdMet", `Attempting to reclaim ${resource}`);
    if (resource === "ephemeral-storage" || resource === "inodes") {
      if (await this.#reclaim(first, signal)) return;
    }
    await this.#evictOne(first, signal);
  }

  async #readPressure(): Promise<readonly MetThreshold[]> {
    const { readHost, config, clock } = this.#options;
    const met = metThresholds(await readHost(), config);
    this.#pressure = notePressure(this.#pressure, met, clock.monotonic());
    return met;
  }

  /** Whether what nobody needs was enough. */
  async #reclaim({ signal: name }: MetThreshold, signal: AbortSignal): Promise<boolean> {
    const { pods, images, logger } = this.#options;
    try {
      await pods.removeDead();
      await images?.free(Number.MAX_SAFE_INTEGER, 0, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ error }, "Cannot remove what nobody needs");
    }
    return (await this.#readPressure()).every((one) => one.signal !== name);
  }

  async #evictOne(met: MetThreshold, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const resource = evictionResource(met.signal);
    const isDisk = resource === "ephemeral-storage" || resource === "inodes";
    if (isDisk) await this.#walk(signal);
    const inodes =
      resource === "inodes"
        ? await this.#options.measureFolders(this.#folders(), signal, "inodes")
        : new Map<string, number>();
    const [victim] = rankForEviction(await this.#consumptions(inodes), resource);
    if (victim === undefined) {
      logger.warn(
        { signal: met.signal },
        "The node has too little left, and no pod that may be ended",
      );
      return;
    }
    this.#evict(victim.pod, evictionMessage(victim, met));
  }

  #evict(pod: Pod, message: string): void {
    const { pods, events, logger, clock } = this.#options;
    const { uid = "", name, namespace } = pod.metadata;
    logger.warn({ pod: `${namespace ?? ""}/${name}`, message }, "Ending a pod for the node's sake");
    events.record(pod, { type: "Warning", reason: "Evicted", message });
    pods.evict(uid, { message, graceMs: EVICTION_GRACE_MS });
    this.#lastEvicted = { uid, until: clock.monotonic() + EVICTION_WAIT_MS };
  }

  /** Whether the pod that was evicted last still holds what is to be freed. */
  #isEnding(): boolean {
    const last = this.#lastEvicted;
    if (last === undefined || this.#options.clock.monotonic() >= last.until) return false;
    const found = this.#options.pods.running().find(({ pod }) => pod.metadata.uid === last.uid);
    return found?.containers.some(({ state }) => state === "running") === true;
  }

  async #measureDisk(signal: AbortSignal): Promise<void> {
    if (this.#options.clock.monotonic() < this.#diskDueAt) return;
    await this.#walk(signal);
    for (const one of await this.#consumptions(new Map())) {
      const excess = storageExcess(one);
      if (excess !== undefined) this.#evict(one.pod, excess);
    }
  }

  async #walk(signal: AbortSignal): Promise<void> {
    const { clock, measureFolders } = this.#options;
    const startedAt = clock.monotonic();
    const measured = await measureFolders(this.#folders(), signal);
    const folders = new Set(this.#folders());
    const kept = [...this.#bytes].filter(([folder]) => folders.has(folder));
    this.#bytes = new Map([...kept, ...measured]);
    const now = clock.monotonic();
    this.#diskDueAt = now + Math.max(DISK_EVERY_MS, (now - startedAt) * DISK_REST_FACTOR);
  }

  async #collectImages(signal: AbortSignal): Promise<void> {
    const { images, config, readHost, clock, logger } = this.#options;
    if (images === undefined || clock.monotonic() < this.#imagesDueAt) return;
    this.#imagesDueAt = clock.monotonic() + IMAGES_EVERY_MS;
    const disk = (await readHost())["imagefs.available"];
    const { imageGcHighPercent: highPercent, imageGcLowPercent: lowPercent } = config;
    const wanted = disk === undefined ? 0 : bytesToFree(disk, { highPercent, lowPercent });
    if (wanted === 0) return;
    try {
      const { freedBytes } = await images.free(wanted, config.imageMinimumGcAgeMs, signal);
      if (freedBytes >= wanted) return;
      this.#tellNode(
        "FreeDiskSpaceFailed",
        `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freedBytes} bytes eligible to free.`,
      );
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ error }, "Cannot clean up images");
      this.#tellNode("ImageGCFailed", error instanceof Error ? error.message : String(error));
    }
  }

  #active(): readonly RunningPod[] {
    return this.#options.pods.running().filter(({ pod }) => !isFinished(pod));
  }

  #folders(): readonly string[] {
    return this.#active().flatMap((one) => foldersOf(one, this.#options));
  }

  async #consumptions(inodes: FolderSizes): Promise<readonly PodConsumption[]> {
    const { meter, clusterId, rootDir } = this.#options;
    const active = this.#active();
    meter.keep(active.flatMap(({ containers }) => containers));
    const tools: ConsumptionTools = { meter, clusterId, rootDir, bytes: this.#bytes, inodes };
    return await Promise.all(active.map((one) => measurePod(one, tools)));
  }

  #tellNode(reason: string, message: string): void {
    this.#options.events.record(this.#node, { type: "Warning", reason, message });
  }
}

function toleratesMemory({ spec }: Pod): boolean {
  return (spec.tolerations ?? []).some(
    ({ key, effect }) =>
      (key === MEMORY_TAINT || key === undefined || key === "") &&
      (effect === undefined || effect === "NoSchedule"),
  );
}
