import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ApiClient, ClusterInfo, Informer } from "../client/client.ts";
import type { EndpointSlice, Service } from "../model/kinds.gen.ts";
import { conntrackCleaner, staleFlows } from "./conntrack.ts";
import { ClusterDns } from "./dns.ts";
import { EndpointReporter } from "./endpoint-reporter.ts";
import { lostBackends } from "./frontend.ts";
import { NftProxy } from "./nft-proxy.ts";
import { nftTool } from "./nft.ts";
import { maintainNodeNetwork, setUpNodeNetwork } from "./node-network.ts";
import { runOnHost } from "./run-command.ts";
import type { RunCommand } from "./run-command.ts";
import { ServiceFeed } from "./service-feed.ts";
import { EMPTY_TABLE, changedFrontends, updateServiceTable } from "./service-table.ts";
import type { ServiceTable } from "./service-table.ts";

export interface ProxyOptions {
  readonly client: ApiClient;
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly nodeName: string;
  readonly clusterId: string;
  readonly cluster: ClusterInfo;
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

/**
 * Carries the cluster's Services on this node until `signal` aborts: network, rules, DNS, then every change.
 * Throws a `ProxyError` when the node cannot do that at all.
 */
export async function runProxy(options: ProxyOptions): Promise<void> {
  const { services, slices, clusterId, cluster, clock, logger, run = runOnHost } = options;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  try {
    await setUpNodeNetwork({ clusterId, cluster, logger, run }, signal);
    // A table from before a restart serves on until everything is known again.
    await Promise.all([services.ready(signal), slices.ready(signal)]);
    const parts = makeParts(options, run);
    try {
      await parts.first(signal);
      await Promise.all([
        parts.follow(signal),
        parts.proxy.guard(signal),
        parts.reporter.run(signal),
        parts.dns.run(signal),
        maintainNodeNetwork({ clusterId, cluster, logger, run, clock }, signal),
      ]);
    } finally {
      parts.close();
    }
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    failed.abort();
  }
}

interface Parts {
  readonly proxy: NftProxy;
  readonly reporter: EndpointReporter;
  readonly dns: ClusterDns;
  /** Loads everything; throws when the kernel or a tool refuses. */
  first(signal: AbortSignal): Promise<void>;
  /** Then brings in each change, and tries again what fails. */
  follow(signal: AbortSignal): Promise<void>;
  close(): void;
}

function makeParts(options: ProxyOptions, run: RunCommand): Parts {
  const { client, nodeName, clusterId, cluster, clock, logger } = options;
  const { podCidr, serviceCidr, dnsIp, domain } = cluster;
  const ruleset = { clusterId, podCidr, serviceCidr, dnsIp };
  const proxy = new NftProxy({ nft: nftTool(run), ruleset, clock, logger });
  const reporter = new EndpointReporter({ client, nodeName, clock, logger });
  const worker = { address: dnsIp, port: DNS_PORT, domain, podCidr, serviceCidr };
  const dns = new ClusterDns({ worker, clock, logger });
  const forgetFlows = conntrackCleaner(run, logger);
  const feed = new ServiceFeed(options.services, options.slices);
  /** What was wanted last, and what of it the kernel has. */
  let wanted: ServiceTable = EMPTY_TABLE;
  let applied: ServiceTable = EMPTY_TABLE;

  const step = async (signal: AbortSignal): Promise<void> => {
    const { states, revision } = feed.take();
    if (states.size > 0) wanted = updateServiceTable(wanted, states, { nodeName });
    dns.update(states);
    await proxy.apply(wanted, signal);
    const changes = changedFrontends(applied, wanted);
    applied = wanted;
    const hasLost = changes.some(({ before, after }) => lostBackends(before, after).length > 0);
    await forgetFlows(staleFlows(changes), signal);
    reporter.applied(revision, hasLost);
  };

  return {
    proxy,
    reporter,
    dns,
    first: step,
    follow: async (signal) => {
      while (!signal.aborted) {
        try {
          await feed.changed(signal);
          await step(signal);
          await clock.sleep(COALESCE_MS, signal);
        } catch (error) {
          if (signal.aborted) return;
          logger.error({ error }, "Cannot bring Services up to date: trying again");
          await retryLater(feed, clock, signal);
        }
      }
    },
    close: () => feed.close(),
  };
}

/** Nothing is lost meanwhile: the wanted table has what was taken, the feed has what comes. */
async function retryLater(feed: ServiceFeed, clock: Clock, signal: AbortSignal): Promise<void> {
  await clock.sleep(RETRY_MS, signal).catch(() => undefined);
  feed.wake();
}
