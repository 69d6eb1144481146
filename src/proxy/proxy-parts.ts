import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ApiClient, ClusterInfo, Informer } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { EndpointSlice, Node, Pod, Service } from "../model/kinds.gen.ts";
import { invariant } from "../base/assert.ts";
import { API_KEY, startApiRelay } from "./api-relay.ts";
import type { ApiRelay } from "./api-relay.ts";
import { chooseProxy } from "./choose-proxy.ts";
import type { NodePlace } from "./choose-backends.ts";
import { conntrackCleaner, staleFlows } from "./conntrack.ts";
import { ClusterDns } from "./dns.ts";
import { EndpointReporter } from "./endpoint-reporter.ts";
import { lostBackends } from "./frontend.ts";
import { HealthChecks } from "./health-checks.ts";
import { HostPortFeed } from "./host-ports.ts";
import { openOnHost } from "./run-command.ts";
import type { RunCommand } from "./run-command.ts";
import { ServiceFeed } from "./service-feed.ts";
import { ServiceMemory } from "./service-memory.ts";
import type { ServiceProxy } from "./service-proxy.ts";
import {
  EMPTY_TABLE,
  changedFrontends,
  updateFrontends,
  updateServiceTable,
} from "./service-table.ts";
import type { ServiceState, ServiceTable } from "./service-table.ts";

export interface ProxyOptions {
  readonly client: ApiClient;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  /** This node alone: its zone decides which endpoints are near. */
  readonly nodes?: Informer<Node>;
  /** The node's own pods, for their ports on the node. */
  readonly pods?: Informer<Pod>;
  /** Told when the node has to do without the kernel's rules. */
  readonly events?: EventRecorder;
  /** Where the last Services are kept, for a start while the control plane is away. */
  readonly stateDir?: string;
  readonly nodeName: string;
  readonly clusterId: string;
  readonly cluster: ClusterInfo;
  /** Where this node reaches the API, such as `https://192.0.2.10:6443`: pods get there by its Service. */
  readonly apiServer?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the proxy. The rules stay, so that what runs goes on being served. */
  readonly signal: AbortSignal;
  /** Where the tools of the host run: directly on it unless told. */
  readonly run?: RunCommand;
}

/** Changes that come within this time of the last ones are applied together; the first of a quiet time at once. */
const COALESCE_MS = 20;

/** The wait after a change that the kernel refused; the next attempt replaces the whole table. */
const RETRY_MS = 1000;

const DNS_PORT = 53;
const ZONE_LABEL = "topology.kubernetes.io/zone";

/** What carries Services on a node, wired together. */
export interface Parts {
  readonly proxy: ServiceProxy;
  readonly reporter: EndpointReporter;
  readonly dns: ClusterDns;
  readonly memory: ServiceMemory | undefined;
  /** Brings back what was true before, where nothing serves. */
  recall(signal: AbortSignal): Promise<void>;
  /** Loads everything; throws when the kernel or a tool refuses. All informers must be ready. */
  first(signal: AbortSignal): Promise<void>;
  /** Then brings in each change, and tries again what fails. */
  follow(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Makes the parts. The kernel's rules are used where they can be. */
export async function makeParts(
  options: ProxyOptions,
  run: RunCommand,
  signal: AbortSignal,
): Promise<Parts> {
  const { client, nodeName, clusterId, cluster, clock, logger, stateDir } = options;
  const { podCidr, serviceCidr, dnsIp, domain } = cluster;
  const ruleset = { clusterId, podCidr, serviceCidr, dnsIp };
  // Where commands run elsewhere, programs that stay would run in the wrong place.
  const open = options.run === undefined ? openOnHost : undefined;
  const { proxy, reason } = await chooseProxy({ ruleset, run, open, clock, logger }, signal);
  if (reason !== undefined) tellFallback(options, reason);
  const worker = { address: dnsIp, port: DNS_PORT, domain, podCidr, serviceCidr };
  const common = { nodeName, clock, logger };
  const { apiServer } = options;
  return wire(options, {
    api: apiServer === undefined ? undefined : await startApiRelay(dnsIp, apiServer),
    proxy,
    reporter: new EndpointReporter({ client, ...common }),
    dns: new ClusterDns({ worker, clock, logger }),
    memory: stateDir === undefined ? undefined : new ServiceMemory({ stateDir, clock, logger }),
    forgetFlows: conntrackCleaner(run, logger),
  });
}

interface Tools extends Pick<Parts, "proxy" | "reporter" | "dns" | "memory"> {
  readonly api: ApiRelay | undefined;
  readonly forgetFlows: ReturnType<typeof conntrackCleaner>;
}

function wire(options: ProxyOptions, tools: Tools): Parts {
  const { clock, logger, nodeName } = options;
  const { proxy, dns, memory, reporter } = tools;
  let isBehind = false;
  /** Changes whose health the balancers have not been told yet. */
  const untold = new Map<string, ServiceState>();
  const health = new HealthChecks({ nodeName, logger, isHealthy: () => !isBehind });
  let feeds: Feeds | undefined;
  /** What was wanted last, and what of it the kernel has. */
  let wanted: ServiceTable = EMPTY_TABLE;
  let applied: ServiceTable = EMPTY_TABLE;

  const withServices = (
    table: ServiceTable,
    states: ReadonlyMap<string, ServiceState>,
  ): ServiceTable => {
    if (states.size === 0) return table;
    const next = updateServiceTable(table, states, placeOf(options));
    const apiState = states.get(API_KEY);
    if (tools.api === undefined || apiState === undefined) return next;
    return updateFrontends(next, new Map([[API_KEY, tools.api.frontends(apiState)]]));
  };

  const step = async ({ services, hostPorts }: Feeds, signal: AbortSignal): Promise<void> => {
    const { states, revision } = services.take();
    for (const [key, state] of states) untold.set(key, state);
    wanted = withServices(wanted, states);
    const ports = hostPorts?.take() ?? new Map();
    if (ports.size > 0) wanted = updateFrontends(wanted, ports);
    dns.update(states);
    memory?.update(states);
    await proxy.apply(wanted, signal);
    const changes = changedFrontends(applied, wanted);
    applied = wanted;
    const hasLost = changes.some(({ before, after }) => lostBackends(before, after).length > 0);
    await tools.forgetFlows(staleFlows(changes), signal);
    reporter.applied(revision, hasLost);
    await health.update(untold);
    untold.clear();
    isBehind = false;
  };

  return {
    proxy,
    reporter,
    dns,
    memory,
    recall: async (signal) => {
      const states = (await memory?.read()) ?? new Map();
      if (states.size === 0) return;
      logger.warn(
        { services: states.size },
        "The API is away: serving the Services of the last run",
      );
      dns.update(states);
      if (await proxy.isServing(signal)) return;
      await proxy.apply(withServices(EMPTY_TABLE, states), signal);
    },
    first: (signal) => {
      feeds = openFeeds(options);
      return step(feeds, signal);
    },
    follow: async (signal) => {
      const current = feeds;
      invariant(current !== undefined, "changes were followed before the first load");
      while (!signal.aborted) {
        try {
          await current.services.changed(signal);
          await step(current, signal);
          await clock.sleep(COALESCE_MS, signal);
        } catch (error) {
          if (signal.aborted) return;
          isBehind = true;
          logger.error({ error }, "Cannot bring Services up to date: trying again");
          // Nothing is lost: the wanted table has what was taken, the feeds have what comes.
          await clock.sleep(RETRY_MS, signal).catch(() => undefined);
          current.services.wake();
        }
      }
    },
    close: () => {
      feeds?.close();
      health.close();
      tools.api?.close();
    },
  };
}

interface Feeds {
  readonly services: ServiceFeed;
  readonly hostPorts: HostPortFeed | undefined;
  close(): void;
}

function openFeeds(options: ProxyOptions): Feeds {
  const { pods, nodes } = options;
  const services = new ServiceFeed(options.services, options.slices);
  const hostPorts = pods === undefined ? undefined : new HostPortFeed(pods, () => services.wake());
  let zone = placeOf(options).zone;
  const stop = nodes?.subscribe(() => {
    const now = placeOf(options).zone;
    if (now === zone) return;
    zone = now;
    services.touchAll();
  });
  return {
    services,
    hostPorts,
    close: () => {
      services.close();
      hostPorts?.close();
      stop?.();
    },
  };
}

function placeOf({ nodeName, nodes }: ProxyOptions): NodePlace {
  return { nodeName, zone: nodes?.get(undefined, nodeName)?.metadata.labels?.[ZONE_LABEL] };
}

function tellFallback({ nodeName, logger, events }: ProxyOptions, reason: string): void {
  const message = `Services are carried in user space, slower and without clients' addresses: ${reason}`;
  logger.warn({}, message);
  const about = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName, uid: nodeName } };
  events?.record(about, { type: "Warning", reason: "UserspaceProxy", message });
}
