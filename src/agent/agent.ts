import { access } from "node:fs/promises";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ApiClient, ClusterInfo, Informer } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { TunnelHandler } from "../client/tunnel-client.ts";
import { LABELS } from "../model/instance.ts";
import type { PersistentVolume, Pod, Service } from "../model/kinds.gen.ts";
import { createAccountTokens } from "./account-tokens.ts";
import { apiConfigSource } from "./config-source.ts";
import { readHostResolver } from "./host-resolver.ts";
import { ImagePuller } from "./image-puller.ts";
import { openNodeMemory, type NodeMemory } from "./node-memory.ts";
import { openNodePolicy, refuseByPolicy, type NodePolicySource } from "./node-policy-file.ts";
import { reportNode } from "./node-status.ts";
import { ensurePauseImage } from "./pause-image.ts";
import { apiClaimSource } from "./pod-claims.ts";
import type { PodNetwork } from "./pod-network.ts";
import { PodSet } from "./pod-set.ts";
import type { PodServices } from "./pod-services.ts";
import { measureEventLoop } from "./probe.ts";
import type { Eviction } from "./pod-view.ts";
import { openResources, type HostView, type NodeResources } from "./resources/open-resources.ts";
import type { ResourceManager } from "./resources/resource-manager.ts";
import { RuntimeError, type ContainerRuntime } from "./runtime.ts";
import { Semaphore } from "./semaphore.ts";
import { UsageReporter } from "./stats.ts";
import { netnsDial } from "./streams/netns-dial.ts";
import { createStreamHandler } from "./streams/stream-handler.ts";
import { CallWatch } from "./stuck-calls.ts";
import { cleanVolumes } from "./volume-cleaner.ts";

export interface AgentOptions {
  readonly client: ApiClient;
  /** The pods of this node only. */
  readonly pods: Informer<Pod>;
  /** The volumes whose data this node keeps. */
  readonly volumes: Informer<PersistentVolume>;
  readonly runtime: ContainerRuntime;
  readonly events: EventRecorder;
  /** Makes the node's network once its part of the pod network is known. */
  readonly openNetwork: (podCidr: string) => Promise<PodNetwork>;
  readonly nodeName: string;
  /** The node's address, for instance of `readHostNetwork`. */
  readonly nodeIp: string;
  readonly cluster: ClusterInfo;
  /** PEM of the CA of the API, for pods that ask it. */
  readonly caBundle?: string | undefined;
  /** All Services as last known, for the variables of containers; without it they have none. */
  readonly clusterServices?: () => Promise<readonly Service[]>;
  /** The agent's own folder. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Refuses exec, attach and port-forward on this node, whatever the API allows. */
  readonly refuseExec?: boolean;
  /** How often all containers are listed. Default: every 30 s. */
  readonly relistMs?: Millis;
  /** Default: this machine. */
  readonly host?: HostView;
  /** Told once, as soon as logs, exec and the like can be asked for. */
  readonly onLogs?: (handler: TunnelHandler) => void;
}

/** The truth, whatever events were lost. */
const RELIST_MS: Millis = 30_000;
/** Every so many listings look into each container. */
const DEEP_EVERY = 10;
/** Beyond this the API counts as away, and what the node remembers is used. */
const FIRST_SYNC_MS: Millis = 3_000;
const EVENTS_BACKOFF: BackoffPolicy = { baseMs: 200, maxMs: 10_000 };
const RUNTIME_BACKOFF: BackoffPolicy = { baseMs: 500, maxMs: 10_000 };
const EXECS_PER_CORE = 2;
const STARTS_PER_CORE = 2;
/** A start or command that hangs takes no part in these limits after this: others must go on. */
const SLOT_PATIENCE_MS: Millis = 30_000;

/**
 * Runs the pods of one node until `signal` aborts; they run on after it. What runs at the start is adopted, and
 * nothing is removed before the API has said which pods there are.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const memory = await openNodeMemory({ ...options, signal });
  try {
    await run({ ...options, signal }, memory);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    failed.abort(new Error("The agent has ended"));
    await memory.flush();
  }
}

async function run(given: AgentOptions, memory: NodeMemory): Promise<void> {
  // What waits for the end from here on would not hear of one that came before.
  given.signal.throwIfAborted();
  const calls = new CallWatch(given.clock);
  const options = { ...given, runtime: calls.watch(given.runtime) };
  const { runtime, signal, clock, cluster } = options;
  const network = new NodeNetwork(options, memory);
  const { clusterId } = cluster;
  const resources = await persist(options, () => openResources({ ...options, clusterId }));
  const policy = await openNodePolicy(options);
  const services = await persist(options, () =>
    openServices(options, { network, memory, resources, policy }),
  );
  const health = { lastGoodAt: clock.monotonic() };
  let manager: ResourceManager | undefined = undefined as ResourceManager | undefined;
  const node = reportNode({
    client: options.client,
    runtime,
    nodeName: options.nodeName,
    version: cluster.version,
    address: options.nodeIp,
    clock,
    logger: options.logger,
    runtimeSeenAt: () => health.lastGoodAt,
    stuckContainers: () => calls.stuck().length,
    resources,
    pressures: () => manager?.pressures ?? new Set(),
    gotPodCidr: (podCidr) => network.open(podCidr),
    signal,
  });
  // It is awaited below; until then its failure must not count as unhandled.
  node.catch(() => undefined);
  if (memory.podCidr !== undefined) network.open(memory.podCidr);
  const refuse = (pod: Pod): Eviction | undefined =>
    refuseByPolicy(pod, policy, options.events) ?? manager?.refuse(pod);
  const pods = new PodSet({ services, memory, informer: options.pods, refuse, signal });
  manager = resources.manage(pods);
  const isSynced = await awaitSync(options);
  await persist(options, () => pods.adopt(isSynced));
  signal.throwIfAborted();
  health.lastGoodAt = clock.monotonic();
  options.onLogs?.(
    createStreamHandler({
      runtime,
      clock,
      containersOf: (uid) => pods.containersOf(uid),
      dial: netnsDial(options.stateDir),
      refuseExec: options.refuseExec === true,
      policyForbidsExec: () => policy.current.exec === false,
      metrics: { ...resources.figures(pods, manager), version: cluster.version, clock },
    }),
  );
  await Promise.all([
    node,
    network.failed,
    pods.follow(),
    followEvents(services, pods, signal),
    new UsageReporter({ ...options, pods: () => pods.running() }).run(signal),
    relist({ services, pods, health, calls, everyMs: options.relistMs ?? RELIST_MS }, signal),
    cleanVolumes({ ...options, signal }),
    manager.run(signal),
    policy.follow(signal),
  ]);
}

interface ServiceParts {
  readonly network: NodeNetwork;
  readonly memory: NodeMemory;
  readonly resources: NodeResources;
  readonly policy: NodePolicySource;
}

async function openServices(
  options: AgentOptions,
  { network, memory, resources, policy }: ServiceParts,
): Promise<PodServices> {
  const { client, runtime, clock, logger, cluster, signal } = options;
  const { info, ledger: recorder, config } = resources;
  const [pauseImage, hasIpv6, resolver] = await Promise.all([
    ensurePauseImage(runtime, process.arch, signal),
    exists("/proc/sys/net/ipv6"),
    readHostResolver(),
  ]);
  const patience = { clock, ms: SLOT_PATIENCE_MS };
  return {
    client,
    runtime,
    clock,
    logger,
    events: options.events,
    images: new ImagePuller({
      runtime,
      clock,
      signal,
      recorder,
      pullsAtATime: config.maxParallelImagePulls,
    }),
    config: apiConfigSource(client, memory.objects),
    claims: apiClaimSource(client, memory.objects),
    tokens: createAccountTokens(client, clock),
    caBundle: options.caBundle,
    policy,
    probes: {
      runtime,
      clock,
      execs: new Semaphore(info.cpus * EXECS_PER_CORE, patience),
      measureLoop: measureEventLoop,
    },
    network: (waiting) => network.get(waiting),
    starts: new Semaphore(info.cpus * STARTS_PER_CORE, patience),
    node: {
      clusterId: cluster.clusterId,
      nodeName: options.nodeName,
      dnsIp: cluster.dnsIp,
      domain: cluster.domain,
      pauseImage,
      memoryBytes: info.memoryBytes,
      ...resources.context,
      allocatable: resources.allocatable,
      hasIpv6,
      hasAppArmor: info.hasAppArmor,
      resolver,
    },
    hostIp: options.nodeIp,
    clusterServices: options.clusterServices,
    stateDir: options.stateDir,
  };
}

/** The node's pod network: there once its part is known, by the control plane or from before. */
class NodeNetwork {
  readonly #options: AgentOptions;
  readonly #memory: NodeMemory;
  readonly #network = Promise.withResolvers<PodNetwork>();
  readonly #failed = Promise.withResolvers<void>();
  #podCidr: string | undefined;

  constructor(options: AgentOptions, memory: NodeMemory) {
    this.#options = options;
    this.#memory = memory;
    this.#network.promise.catch(() => undefined);
    this.#failed.promise.catch(() => undefined);
    options.signal.addEventListener("abort", () => this.#failed.resolve(), { once: true });
  }

  /** Rejects when the network cannot be set up; resolves at the end. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  get(signal: AbortSignal): Promise<PodNetwork> {
    return unlessAborted(this.#network.promise, signal);
  }

  open(podCidr: string): void {
    const { logger } = this.#options;
    if (this.#podCidr === undefined) {
      this.#podCidr = podCidr;
      this.#open(podCidr).catch((error: unknown) => {
        this.#network.reject(error);
        this.#failed.reject(error);
      });
    } else if (this.#podCidr !== podCidr) {
      logger.error(
        { podCidr, used: this.#podCidr },
        "The node was given another pod network: it is used after a restart of the agent",
      );
    }
  }

  async #open(podCidr: string): Promise<void> {
    this.#network.resolve(await this.#options.openNetwork(podCidr));
    await this.#memory.savePodCidr(podCidr);
  }
}

/** Waits for a runtime that is out of order: what runs on it needs nothing of us meanwhile. */
async function persist<T>(
  { clock, logger, signal }: AgentOptions,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code === "unsupported") throw error;
      logger.warn({ error, failures }, "The container runtime is out of order: trying again");
      await clock.sleep(backoffMs(RUNTIME_BACKOFF, failures), signal);
    }
  }
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

interface Relisting {
  readonly services: PodServices;
  readonly pods: PodSet;
  readonly health: { lastGoodAt: Millis };
  readonly calls: CallWatch;
  readonly everyMs: Millis;
}

async function relist(
  { services, pods, health, calls, everyMs }: Relisting,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger } = services;
  for (let count = 1; !signal.aborted; count += 1) {
    await clock.sleep(everyMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await pods.relist(count % DEEP_EVERY === 0);
      health.lastGoodAt = clock.monotonic();
    } catch (error) {
      if (!signal.aborted) logger.warn({ error }, "Cannot list containers: trying again");
    }
    for (const call of calls.stuck()) pods.tellStuck(call);
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
