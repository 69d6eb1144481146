import { mkdir } from "node:fs/promises";
import { runAgent } from "../agent/agent.ts";
import { readHostNetwork } from "../agent/host-network.ts";
import { openVethNetwork } from "../agent/veth-network.ts";
import { readKeyPair } from "../api/pki.ts";
import type { Logger } from "../base/logger.ts";
import { systemClock } from "../base/system-clock.ts";
import type { ApiClient, Informer, ListQuery } from "../client/client.ts";
import { createEventRecorder } from "../client/event-recorder.ts";
import { createApiClient } from "../client/http-client.ts";
import { createInformer } from "../client/informer.ts";
import type { ApiCredentials } from "../client/transport.ts";
import { runTunnel } from "../client/tunnel-client.ts";
import type { EndpointSlice, PersistentVolume, Pod, Service } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import { VOLUME_NODE_LABEL } from "../model/storage.ts";
import { runProxy } from "../proxy/run-proxy.ts";
import { CliError } from "./cli-error.ts";
import { clusterInfo } from "./cluster-info.ts";
import { readConfig, type ClusterConfig, type DataDir } from "./data-dir.ts";
import { serverUrl } from "./init-cluster.ts";
import { openRuntime } from "./node-parts.ts";
import { foregroundLogger } from "./process-logger.ts";

/** The node of one machine: agent, proxy and tunnel, until `signal` aborts. What runs, runs on after it. */
export async function runNode(dir: DataDir, signal: AbortSignal): Promise<void> {
  const config = await readConfig(dir);
  if (config === undefined) throw new CliError(`Cannot find a cluster in "${dir.root}"`);
  await mkdir(dir.node, { recursive: true, mode: 0o700 });
  const logger = foregroundLogger("node");
  const credentials = await nodeCredentials(dir, config);
  const client = createApiClient(credentials);
  const ended = new AbortController();
  const running = AbortSignal.any([signal, ended.signal]);
  const parts = { config, credentials, client, logger, signal: running };
  try {
    await Promise.all([startAgent(dir, parts), startProxy(parts)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    ended.abort();
    client.close();
  }
}

interface Parts {
  readonly config: ClusterConfig;
  readonly credentials: ApiCredentials;
  readonly client: ApiClient;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

async function startAgent(dir: DataDir, parts: Parts): Promise<void> {
  const { config, credentials, client, logger, signal } = parts;
  const { clusterId, nodeName } = config;
  const clock = systemClock;
  const [runtime, host] = await Promise.all([openRuntime(signal), readHostNetwork(signal)]);
  const pods = follow<Pod>(parts, "v1", "Pod", { fieldSelector: `spec.nodeName=${nodeName}` });
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
      openVethNetwork({ clusterId, podCidr, nodeIp: host.address, mtu: host.mtu, clock }),
    nodeName,
    nodeIp: host.address,
    cluster: clusterInfo(config),
    stateDir: dir.node,
    clock,
    logger,
    signal,
    onLogs: (handler) => {
      const { server, ...tls } = credentials;
      runTunnel({ server, tls, handler, signal, clock, logger }).then(
        tunnel.resolve,
        tunnel.reject,
      );
    },
  });
  await Promise.race([agent, tunnel.promise]);
  await agent;
}

async function startProxy(parts: Parts): Promise<void> {
  const { config, client, logger, signal } = parts;
  const services = follow<Service>(parts, "v1", "Service");
  const slices = follow<EndpointSlice>(parts, "discovery.k8s.io/v1", "EndpointSlice");
  const { clusterId, nodeName } = config;
  const cluster = clusterInfo(config);
  await runProxy({
    client,
    services,
    slices,
    nodeName,
    clusterId,
    cluster,
    clock: systemClock,
    logger,
    signal,
  });
}

function follow<T extends ApiObject>(
  parts: Parts,
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

async function nodeCredentials(dir: DataDir, config: ClusterConfig): Promise<ApiCredentials> {
  const [ca, node] = await Promise.all([readKeyPair(dir.pki, "ca"), readKeyPair(dir.pki, "node")]);
  if (ca !== undefined && node !== undefined)
    return { server: serverUrl(config), ca: ca.cert, ...node };
  throw new CliError(`Cannot find the node's certificate in "${dir.pki}"`, {
    cure: "run `berth up` again: it makes it",
  });
}
