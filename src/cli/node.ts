import { mkdir } from "node:fs/promises";
import { runAgent } from "../agent/agent.ts";
import { readHostNetwork, type HostNetwork } from "../agent/host-network.ts";
import { openVethNetwork } from "../agent/veth-network.ts";
import type { Logger } from "../base/logger.ts";
import { systemClock } from "../base/system-clock.ts";
import type { ApiClient, Informer, ListQuery } from "../client/client.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { createApiClient } from "../client/http-client.ts";
import type { ApiCredentials } from "../client/transport.ts";
import { createInformer } from "../client/informer.ts";
import { runTunnel, type TunnelHandler } from "../client/tunnel-client.ts";
import type { EndpointSlice, Node, PersistentVolume, Pod, Service } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import { VOLUME_NODE_LABEL } from "../model/storage.ts";
import { examineNetwork } from "../proxy/network/doctor.ts";
import { runNetwork, type NetworkState } from "../proxy/network/run-network.ts";
import { runProxy } from "../proxy/run-proxy.ts";
import { ServiceMemory } from "../proxy/service-memory.ts";
import { checkNetworks } from "./check-networks.ts";
import { clusterInfo } from "./cluster-info.ts";
import { lockNode } from "./node-lock.ts";
import { openRuntime } from "./node-parts.ts";
import type { NodeSetup } from "./node-setup.ts";
import { foregroundLogger } from "./process-logger.ts";
import { renewCertificate, type RenewalOptions } from "./renew-certificate.ts";

/** The node of one machine: agent, proxy and tunnel, until `signal` aborts. What runs, runs on after it. */
export async function runNode(setup: NodeSetup, signal: AbortSignal): Promise<void> {
  await mkdir(setup.stateDir, { recursive: true, mode: 0o700 });
  await using held = new AsyncDisposableStack();
  held.use(await lockNode(setup));
  await checkNetworks(setup, signal);
  const logger = foregroundLogger("node");
  let { credentials } = setup;
  const client = createApiClient(() => credentials);
  const ended = new AbortController();
  const running = AbortSignal.any([signal, ended.signal]);
  const host = await readHostNetwork(running);
  const renewal = keepCertificate(setup, {
    credentials: () => credentials,
    use: (fresh) => {
      credentials = fresh;
    },
    logger,
    signal: running,
  });
  const base = {
    ...setup,
    tls: () => credentials,
    client,
    logger,
    host,
    podMtu: host.mtu,
    signal: running,
  };
  const parts: Parts = { ...base, ...followCluster(base) };
  try {
    await Promise.all([startAgent(parts), startProxy(parts), startNetwork(parts), renewal]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    ended.abort();
    client.close();
  }
}

/** A node of another machine renews its certificate; the one beside the control plane gets it at each start. */
async function keepCertificate(
  { joinDir }: NodeSetup,
  options: Omit<RenewalOptions, "dir" | "clock">,
): Promise<void> {
  if (joinDir !== undefined)
    await renewCertificate({ ...options, dir: joinDir, clock: systemClock });
}

interface Parts extends NodeSetup {
  /** The certificate as of now. */
  readonly tls: () => ApiCredentials;
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly host: HostNetwork;
  /** Of new pods, as the ways to other nodes allow. */
  podMtu: number;
  /** As of the last look at the host. */
  networkState?: NetworkState;
  readonly signal: AbortSignal;
  /** Of this node. */
  readonly pods: Informer<Pod>;
  readonly services: Informer<Service>;
  readonly nodes: Informer<Node>;
}

/** What several parts of a node look at. */
function followCluster(
  parts: Followed & Pick<Parts, "config">,
): Pick<Parts, "pods" | "services" | "nodes"> {
  const fieldSelector = `spec.nodeName=${parts.config.nodeName}`;
  return {
    pods: follow<Pod>(parts, "v1", "Pod", { fieldSelector }),
    services: follow<Service>(parts, "v1", "Service"),
    nodes: follow<Node>(parts, "v1", "Node"),
  };
}

async function startAgent(parts: Parts): Promise<void> {
  const { config, credentials, client, logger, host, pods, services, signal } = parts;
  const { clusterId, nodeName } = config;
  const clock = systemClock;
  const runtime = await openRuntime(signal);
  const labelSelector = `${VOLUME_NODE_LABEL}=${nodeName}`;
  const volumes = follow<PersistentVolume>(parts, "v1", "PersistentVolume", { labelSelector });
  const tunnel = Promise.withResolvers<void>();
  const agent = runAgent({
    client,
    pods,
    volumes,
    runtime,
    events: createEventRecorder(client, {
      component: "berth-agent",
      host: nodeName,
      clock,
      logger,
      signal,
    }),
    openNetwork: (podCidr) =>
      openVethNetwork({
        clusterId,
        podCidr,
        nodeIp: host.address,
        mtu: () => parts.podMtu,
        clock,
        stateDir: parts.stateDir,
      }),
    nodeName,
    nodeIp: host.address,
    caBundle: credentials.ca,
    cluster: clusterInfo(config),
    clusterServices: () => lastServices(parts, services),
    stateDir: parts.stateDir,
    clock,
    logger,
    signal,
    refuseExec: parts.refuseExec === true,
    onLogs: (answerPods) => {
      const { server } = credentials;
      const { tls } = parts;
      const handler = withDoctor(parts, answerPods);
      runTunnel({ server, tls, handler, signal, clock, logger }).then(
        tunnel.resolve,
        tunnel.reject,
      );
    },
  });
  await Promise.race([agent, tunnel.promise]);
  await agent;
}

/** Answers what is asked of the node itself, and leaves the rest to the agent. */
function withDoctor(parts: Parts, answerPods: TunnelHandler): TunnelHandler {
  const { client, config, nodes } = parts;
  const { nodeName } = config;
  const cluster = clusterInfo(config);
  const state = (): NetworkState | undefined => parts.networkState;
  const options = { client, nodes, nodeName, cluster, state, clock: systemClock };
  return async (request, stream) => {
    if (request.kind !== "doctor") return answerPods(request, stream);
    const report = await examineNetwork(options, stream.signal);
    await stream.write(Buffer.from(JSON.stringify(report)));
  };
}

/** While the API has not answered yet, those of the last run. */
async function lastServices(
  { stateDir, logger }: Parts,
  services: Informer<Service>,
): Promise<readonly Service[]> {
  if (services.synced) return services.list();
  const memory = new ServiceMemory({ stateDir, clock: systemClock, logger });
  return [...(await memory.read()).values()].flatMap(({ service }) => service ?? []);
}

async function startProxy(parts: Parts): Promise<void> {
  const { config, client, logger, pods, services, nodes, stateDir, signal } = parts;
  const slices = follow<EndpointSlice>(parts, "discovery.k8s.io/v1", "EndpointSlice");
  const { clusterId, nodeName } = config;
  const cluster = clusterInfo(config);
  await runProxy({
    client,
    services,
    slices,
    nodes,
    pods,
    events: createEventRecorder(client, {
      component: "berth-proxy",
      host: nodeName,
      clock: systemClock,
      logger,
      signal,
    }),
    stateDir,
    apiServer: parts.credentials.server,
    nodeName,
    clusterId,
    cluster,
    clock: systemClock,
    logger,
    signal,
  });
}

async function startNetwork(parts: Parts): Promise<void> {
  const { config, client, logger, host, stateDir, signal } = parts;
  const { clusterId, nodeName, networkDriver: choice = "auto" } = config;
  await runNetwork(
    {
      client,
      nodes: parts.nodes,
      nodeName,
      address: host.address,
      clusterId,
      cluster: clusterInfo(config),
      choice,
      stateDir,
      onPodMtu: (mtu) => {
        parts.podMtu = mtu;
      },
      onState: (state) => {
        parts.networkState = state;
      },
      clock: systemClock,
      logger,
    },
    signal,
  );
}

type Followed = Pick<Parts, "client" | "logger" | "signal">;

function follow<T extends ApiObject>(
  parts: Followed,
  apiVersion: string,
  kind: string,
  query?: ListQuery,
): Informer<T> {
  const { client, logger, signal } = parts;
  return createInformer<T>(client, resourceOf({ apiVersion, kind }), query, {
    clock: systemClock,
    logger,
    signal,
  });
}
