import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import { formatMicroTime, formatTime, type Clock, type Millis } from "../base/clock.ts";
import { canonicalJson } from "../base/hash.ts";
import type { Logger } from "../base/logger.ts";
import { ApiError, type ApiClient } from "../client/client.ts";
import { findCondition, isTrue, setCondition } from "../model/condition.ts";
import type { Lease, Node, NodeStatus } from "../model/kinds.gen.ts";
import type { Condition, ObjectRef } from "../model/meta.ts";
import { formatBytes, formatCpuMillis } from "../model/quantity.ts";
import { resourceOf } from "../model/resources.ts";
import type { Allocatable } from "./pod-fields.ts";
import { saysPressures, withPressures } from "./resources/node-conditions.ts";
import type { NodeResources } from "./resources/open-resources.ts";
import type { PressureType } from "./resources/pressure.ts";
import type { ContainerRuntime, RuntimeInfo } from "./runtime.ts";

export interface NodeReporterOptions {
  readonly client: ApiClient;
  readonly runtime: ContainerRuntime;
  readonly nodeName: string;
  /** Berth's own version. */
  readonly version: string;
  readonly address: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** When the runtime was last seen in order, in monotonic ms. */
  readonly runtimeSeenAt: () => Millis;
  /** Of how many containers the runtime gives no answer. */
  readonly stuckContainers: () => number;
  /** What the node has, and what of it pods may use. */
  readonly resources: Pick<NodeResources, "allocatable" | "config" | "diskBytes">;
  /** What it runs out of. */
  readonly pressures: () => ReadonlySet<PressureType>;
  /** Told of the node's part of the pod network, once the control plane gave it. */
  readonly gotPodCidr: (podCidr: string) => void;
  readonly signal: AbortSignal;
}

export const HEARTBEAT_MS: Millis = 10_000;
const LEASE_SECONDS = 40;
const LEASE_NAMESPACE = "kube-node-lease";
const STATUS_EVERY_MS: Millis = 300_000;
/** Kubelet's: without a good listing for this long, the runtime is unhealthy. */
export const RUNTIME_DEADLINE_MS: Millis = 180_000;
const BACKOFF: BackoffPolicy = { baseMs: 250, maxMs: 15_000 };
/** The API's version that a kubelet of ours would have. */
const KUBELET_VERSION = "v1.33.0";

/** Registers the node, then keeps its heartbeat and its status until the signal aborts. Outlives any absence of the API. */
export async function reportNode(options: NodeReporterOptions): Promise<void> {
  const facts = await readNodeFacts(options);
  await Promise.all([
    persist(options, "register the node", () => register(options, facts)).then(() =>
      Promise.all([
        persist(options, "learn the node's pod network", () => awaitPodCidr(options)),
        keepStatus(options, facts),
      ]),
    ),
    keepLease(options),
  ]);
}

/** What does not change while the agent runs. */
export interface NodeFacts {
  readonly info: RuntimeInfo;
  readonly arch: string;
  readonly hostname: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly systemUuid: string;
  readonly diskBytes: number;
  readonly allocatable: Allocatable;
  readonly maxPods: number;
}

async function readNodeFacts({
  runtime,
  resources,
  signal,
}: NodeReporterOptions): Promise<NodeFacts> {
  const info = await runtime.info(signal);
  const [machineId, bootId, systemUuid] = await Promise.all([
    readText("/etc/machine-id"),
    readText("/proc/sys/kernel/random/boot_id"),
    readText("/sys/class/dmi/id/product_uuid"),
  ]);
  return {
    info,
    arch: process.arch === "x64" ? "amd64" : process.arch,
    hostname: hostname(),
    machineId,
    bootId,
    systemUuid,
    diskBytes: resources.diskBytes,
    allocatable: resources.allocatable,
    maxPods: resources.config.maxPods,
  };
}

/** The Node object without status, as it is created. Pure. */
export function buildNode(nodeName: string, facts: NodeFacts): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: nodeName,
      labels: {
        "kubernetes.io/hostname": nodeName,
        "kubernetes.io/arch": facts.arch,
        "kubernetes.io/os": "linux",
      },
    },
    spec: {},
  };
}

export interface NodeStatusQuestion {
  readonly facts: NodeFacts;
  readonly previous: NodeStatus | undefined;
  readonly version: string;
  readonly address: string;
  readonly now: Millis;
  readonly runtimeIsHealthy: boolean;
  readonly stuckContainers: number;
  readonly pressures: ReadonlySet<PressureType>;
}

const STUCK = "ContainersStuck";

/** One hung container says nothing about the node: it stays Ready, and says this beside it. Pure. */
function withStuck(
  conditions: readonly Condition[],
  { now, stuckContainers: count }: NodeStatusQuestion,
): readonly Condition[] {
  if (count === 0 && findCondition(conditions, STUCK) === undefined) return conditions;
  const condition: Condition =
    count === 0
      ? {
          type: STUCK,
          status: "False",
          reason: "AllContainersAnswer",
          message: "the container runtime answers about every container",
        }
      : {
          type: STUCK,
          status: "True",
          reason: "RuntimeCallsHang",
          message: `the container runtime does not answer about ${count} ${count === 1 ? "container" : "containers"}; the events of their pods say which`,
        };
  return setCondition(conditions, condition, formatTime(now));
}

/** The node's status as kubelet would write it. Pure. */
export function nodeStatus(question: NodeStatusQuestion): NodeStatus {
  const { facts, previous, version, address, now, runtimeIsHealthy } = question;
  const capacity = {
    cpu: String(facts.info.cpus),
    memory: formatBytes(facts.info.memoryBytes),
    "ephemeral-storage": formatBytes(facts.diskBytes),
    pods: String(facts.maxPods),
  };
  const allocatable = {
    ...capacity,
    cpu: formatCpuMillis(facts.allocatable.cpuMillis),
    memory: formatBytes(facts.allocatable.memoryBytes),
    "ephemeral-storage": formatBytes(facts.allocatable.ephemeralBytes),
  };
  const ready: Condition = runtimeIsHealthy
    ? {
        type: "Ready",
        status: "True",
        reason: "KubeletReady",
        message: "the agent is posting ready status",
      }
    : {
        type: "Ready",
        status: "False",
        reason: "ContainerRuntimeUnhealthy",
        message: `the container runtime has not answered for ${RUNTIME_DEADLINE_MS / 60_000} minutes`,
      };
  const kubelet = `${KUBELET_VERSION}+berth.${version}`;
  return {
    capacity,
    allocatable,
    conditions: withStuck(
      withPressures(
        setCondition(previous?.conditions, ready, formatTime(now)),
        question.pressures,
        now,
      ),
      question,
    ),
    addresses: [
      { type: "InternalIP", address },
      { type: "Hostname", address: facts.hostname },
    ],
    nodeInfo: {
      architecture: facts.arch,
      operatingSystem: "linux",
      osImage: facts.info.osImage,
      kernelVersion: facts.info.kernelVersion,
      containerRuntimeVersion: facts.info.version,
      kubeletVersion: kubelet,
      kubeProxyVersion: kubelet,
      machineID: facts.machineId,
      bootID: facts.bootId,
      systemUUID: facts.systemUuid,
    },
  };
}

async function register(options: NodeReporterOptions, facts: NodeFacts): Promise<void> {
  const { client, nodeName, signal } = options;
  const wanted = buildNode(nodeName, facts);
  let node: Node;
  try {
    node = await client.get<Node>(nodeRef(nodeName), signal);
    const labels = { ...node.metadata.labels, ...wanted.metadata.labels };
    if (canonicalJson(labels) !== canonicalJson(node.metadata.labels ?? {})) {
      node = await client.update({ ...node, metadata: { ...node.metadata, labels } }, signal);
    }
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 404)) throw error;
    node = await client.create(wanted, signal);
  }
  await writeStatus(options, facts, node);
}

async function writeStatus(
  options: NodeReporterOptions,
  facts: NodeFacts,
  node: Node,
): Promise<void> {
  const { client, version, address, clock, signal } = options;
  const status = nodeStatus({
    facts,
    previous: node.status,
    version,
    address,
    now: clock.now(),
    runtimeIsHealthy: isHealthy(options),
    stuckContainers: options.stuckContainers(),
    pressures: options.pressures(),
  });
  await client.updateStatus<Node>({ ...node, status: { ...node.status, ...status } }, signal);
}

function isHealthy({ runtimeSeenAt, clock }: NodeReporterOptions): boolean {
  return clock.monotonic() - runtimeSeenAt() < RUNTIME_DEADLINE_MS;
}

/** Writes when the stored status says something else than is so, and now and then. */
async function keepStatus(options: NodeReporterOptions, facts: NodeFacts): Promise<void> {
  const { client, clock, signal, nodeName } = options;
  let writtenAt = clock.monotonic();
  while (!signal.aborted) {
    await clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    await persist(options, "write the node's status", async () => {
      try {
        const node = await client.get<Node>(nodeRef(nodeName), signal);
        const isDue = clock.monotonic() - writtenAt >= STATUS_EVERY_MS;
        // After a silence the control plane has written Unknown: it must hear that the node is back.
        const { conditions } = node.status ?? {};
        const isSo =
          isTrue(conditions, "Ready") === isHealthy(options) &&
          isTrue(conditions, STUCK) === options.stuckContainers() > 0 &&
          saysPressures(conditions, options.pressures());
        if (!isDue && isSo) return;
        await writeStatus(options, facts, node);
      } catch (error) {
        // Somebody deleted the Node: it lives, so it comes back.
        if (!(error instanceof ApiError && error.code === 404)) throw error;
        await register(options, facts);
      }
      writtenAt = clock.monotonic();
    });
  }
}

/** The heartbeat goes on whatever else is slow. */
async function keepLease(options: NodeReporterOptions): Promise<void> {
  const { clock, signal, logger } = options;
  while (!signal.aborted) {
    try {
      await renewLease(options);
    } catch (error) {
      if (signal.aborted) return;
      logger.debug({ error }, "Cannot renew the node's lease: trying again");
    }
    await clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
  }
}

async function renewLease({ client, nodeName, clock, signal }: NodeReporterOptions): Promise<void> {
  const lease: Lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: nodeName, namespace: LEASE_NAMESPACE },
    spec: {
      holderIdentity: nodeName,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: formatMicroTime(clock.now()),
    },
  };
  try {
    await client.update(lease, signal);
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 404)) throw error;
    await client.create(lease, signal);
  }
}

/** Until the control plane has given the node its part of the pod network. */
async function awaitPodCidr(options: NodeReporterOptions): Promise<void> {
  const { client, nodeName, signal, gotPodCidr } = options;
  const node = await client.get<Node>(nodeRef(nodeName), signal);
  if (node.spec.podCIDR !== undefined) {
    gotPodCidr(node.spec.podCIDR);
    return;
  }
  const query = { fieldSelector: `metadata.name=${nodeName}` };
  const version = node.metadata.resourceVersion ?? "0";
  const stop = new AbortController();
  try {
    const watch = client.watch<Node>(
      resourceOf(nodeRef(nodeName)),
      version,
      query,
      AbortSignal.any([signal, stop.signal]),
    );
    for await (const event of watch) {
      if (event.type === "BOOKMARK" || event.object.spec.podCIDR === undefined) continue;
      gotPodCidr(event.object.spec.podCIDR);
      return;
    }
  } finally {
    stop.abort();
  }
  throw new Error("Cannot learn the node's pod network: the watch ended");
}

/** Tries until it works or the signal aborts. */
async function persist(
  { clock, logger, signal }: NodeReporterOptions,
  purpose: string,
  work: () => Promise<void>,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ error, failures }, `Cannot ${purpose}: trying again`);
      await clock.sleep(backoffMs(BACKOFF, failures), signal).catch(() => undefined);
    }
  }
}

function nodeRef(name: string): ObjectRef {
  return { apiVersion: "v1", kind: "Node", name };
}

async function readText(path: string): Promise<string> {
  return (await readFile(path, "utf8").catch(() => "")).trim();
}
