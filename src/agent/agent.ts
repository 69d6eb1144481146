import { access } from "node:fs/promises";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ApiClient, ClusterInfo, Informer } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { TunnelHandler } from "../client/tunnel-client.ts";
import { LABELS } from "../model/instance.ts";
import type { Pod } from "../model/pod.ts";
import { apiConfigSource } from "./config-source.ts";
import { ImagePuller } from "./image-puller.ts";
import { createLogsHandler } from "./logs-handler.ts";
import { openNodeMemory } from "./node-memory.ts";
import { reportNode } from "./node-status.ts";
import { ensurePauseImage } from "./pause-image.ts";
import type { PodNetwork } from "./pod-network.ts";
import { PodSet } from "./pod-set.ts";
import type { PodServices } from "./pod-services.ts";
import { measureEventLoop } from "./probe.ts";
import type { ContainerRuntime } from "./runtime.ts";
import { Semaphore } from "./semaphore.ts";

export interface AgentOptions {
  readonly client: ApiClient;
  /** The pods of this node only. */
  readonly pods: Informer<Pod>;
  readonly runtime: ContainerRuntime;
  readonly events: EventRecorder;
  /** Makes the node's network once its part of the pod network is known. */
  readonly openNetwork: (podCidr: string) => Promise<PodNetwork>;
  readonly nodeName: string;
  /** The node's address, for instance of `readHostNetwork`. */
  readonly nodeIp: string;
  readonly cluster: ClusterInfo;
  /** The agent's own folder. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told once, as soon as logs can be asked for. */
  readonly onLogs?: (handler: TunnelHandler) => void;
}

/** The truth, whatever events were lost. */
const RELIST_MS: Millis = 30_000;
/** Every so many listings look into each container. */
const DEEP_EVERY = 10;
/** Beyond this the API counts as away, and what the node remembers is used. */
const FIRST_SYNC_MS: Millis = 3_000;
const EVENTS_BACKOFF: BackoffPolicy = { baseMs: 200, maxMs: 10_000 };
const EXECS_PER_CORE = 2;
const STARTS_PER_CORE = 2;

/**
 * Runs the pods of one node until `signal` aborts; they run on after it. What runs at the start is adopted, and
 * nothing is removed before the API has said which pods there are.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { runtime, signal, logger, clock, cluster } = options;
  const memory = await openNodeMemory(options);
  const [info, pauseImage, hasIpv6] = await Promise.all([
    runtime.info(signal),
    ensurePauseImage(runtime, process.arch, signal),
    exists("/proc/sys/net/ipv6"),
  ]);
  const network = Promise.withResolvers<PodNetwork>();
  network.promise.catch(() => undefined);
  signal.addEventListener("abort", () => network.reject(signal.reason), { once: true });
  const services: PodServices = {
    client: options.client,
    runtime,
    clock,
    logger,
    events: options.events,
    images: new ImagePuller({ runtime, clock, signal }),
    config: apiConfigSource(options.client),
    probes: {
      runtime,
      clock,
      execs: new Semaphore(info.cpus * EXECS_PER_CORE),
      measureLoop: measureEventLoop,
    },
    network: (waiting) => unlessAborted(network.promise, waiting),
    starts: new Semaphore(info.cpus * STARTS_PER_CORE),
    node: {
      clusterId: cluster.clusterId,
      nodeName: options.nodeName,
      dnsIp: cluster.dnsIp,
      domain: cluster.domain,
      pauseImage,
      memoryBytes: info.memoryBytes,
      hasIpv6,
    },
    hostIp: options.nodeIp,
    stateDir: options.stateDir,
  };
  const health = { lastGoodAt: clock.monotonic() };
  let openedFor: string | undefined;
  const openNetwork = async (podCidr: string): Promise<void> => {
    if (openedFor !== undefined) {
      if (openedFor !== podCidr) {
        logger.error(
          { podCidr, openedFor },
          "The node was given another pod network: restart the agent to use it",
        );
      }
      return;
    }
    openedFor = podCidr;
    network.resolve(await options.openNetwork(podCidr));
    await memory.savePodCidr(podCidr);
  };
  const node = reportNode({
    client: options.client,
    runtime,
    nodeName: options.nodeName,
    version: cluster.version,
    address: options.nodeIp,
    clock,
    logger,
    runtimeSeenAt: () => health.lastGoodAt,
    gotPodCidr: (podCidr) => {
      openNetwork(podCidr).catch((error: unknown) => {
        logger.error({ error, podCidr }, "Cannot set up the node's pod network");
        network.reject(error);
      });
    },
    signal,
  });
  if (memory.podCidr !== undefined) await openNetwork(memory.podCidr);
  const pods = new PodSet({ services, memory, informer: options.pods, signal });
  await pods.adopt(await awaitSync(options));
  health.lastGoodAt = clock.monotonic();
  options.onLogs?.(
    createLogsHandler({ runtime, clock, containersOf: (uid) => pods.containersOf(uid) }),
  );
  await Promise.all([
    node,
    pods.follow(),
    followEvents(services, pods, signal),
    relist(services, pods, health, signal),
  ]);
}

/** Whether the API has said which pods there are, within a short time. */
async function awaitSync({ pods, clock, signal }: AgentOptions): Promise<boolean> {
  if (pods.synced) return true;
  const stop = new AbortController();
  const bounded = AbortSignal.any([signal, stop.signal]);
  try {
    return await Promise.race([
      pods.ready(bounded).then(
        () => true,
        () => false,
      ),
      clock.sleep(FIRST_SYNC_MS, bounded).then(
        () => false,
        () => false,
      ),
    ]);
  } finally {
    stop.abort();
  }
}

/** Events are hints: they only say whom to look at. After each break everybody is looked at. */
async function followEvents(
  { runtime, clock, logger, node }: PodServices,
  pods: PodSet,
  signal: AbortSignal,
): Promise<void> {
  const labels = { [LABELS.cluster]: node.clusterId, [LABELS.node]: node.nodeName };
  let since = clock.now();
  for (let failures = 0; !signal.aborted;) {
    try {
      for await (const event of runtime.events(labels, since, signal)) {
        since = event.at;
        failures = 0;
        pods.hint(event.labels[LABELS.podUid] ?? "", event.containerId, event.kind);
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ error }, "Cannot follow the container runtime's events: trying again");
    }
    failures += 1;
    await clock.sleep(backoffMs(EVENTS_BACKOFF, failures), signal).catch(() => undefined);
    if (signal.aborted) return;
    await pods.relist(true).catch((error: unknown) => {
      if (!signal.aborted) logger.warn({ error }, "Cannot list containers");
    });
  }
}

async function relist(
  { clock, logger }: PodServices,
  pods: PodSet,
  health: { lastGoodAt: Millis },
  signal: AbortSignal,
): Promise<void> {
  for (let count = 1; !signal.aborted; count += 1) {
    await clock.sleep(RELIST_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await pods.relist(count % DEEP_EVERY === 0);
      health.lastGoodAt = clock.monotonic();
    } catch (error) {
      if (!signal.aborted) logger.warn({ error }, "Cannot list containers: trying again");
    }
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
