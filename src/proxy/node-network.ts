import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ClusterInfo } from "../client/client.ts";
import { bridgeName } from "../model/instance.ts";
import { ensureForwardRules } from "./forward-rules.ts";
import { isWithin } from "./network/observe-host.ts";
import { runTool } from "./host-tool.ts";
import { runOnHost } from "./run-command.ts";
import type { RunCommand } from "./run-command.ts";

export interface NodeNetworkOptions {
  readonly clusterId: string;
  readonly cluster: Pick<ClusterInfo, "podCidr" | "serviceCidr" | "dnsIp">;
  readonly logger: Logger;
  /** Where the tools run: on this host unless told. */
  readonly run?: RunCommand;
}

const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

/** dockerd puts its rules in order anew when it restarts, and administrators flush: we look this often. */
const MAINTENANCE_INTERVAL_MS = 30_000;

/**
 * Makes what Services need of the host besides rules; may be repeated.
 *
 * - A bridge without ports that has the cluster DNS address and the route of the service network. Without a route,
 *   the host itself could not connect to a Service: it looks the route up before the output hook translates.
 *   (A dummy link would do as well, but some kernels have none.)
 * - Forwarding between interfaces. `rp_filter` may stay as it is, also strict: each pod has a route through its own
 *   veth. The `bridge-nf` settings do not matter either: pods are routed, no packet of theirs crosses a bridge.
 * - Routes of last resort for both networks, see `reserveNetworks`.
 * - Room in the host's firewall, see `ensureForwardRules`.
 */
export async function setUpNodeNetwork(
  options: NodeNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clusterId, cluster, logger, run = runOnHost } = options;
  const bridge = bridgeName(clusterId);
  const ip = (...args: readonly string[]): Promise<string> => runTool(run, "ip", args, { signal });

  if (!(await hasLink(run, bridge, signal))) {
    await ip("link", "add", "name", bridge, "type", "bridge");
    await ip("link", "set", "dev", bridge, "addrgenmode", "none");
  }
  await ip("link", "set", "dev", bridge, "up");
  await ip("addr", "replace", `${cluster.dnsIp}/32`, "dev", bridge);
  await dropOtherAddresses(run, { bridge, cluster }, signal);
  const source = await nodeAddress(run, signal);
  const as = source === undefined ? [] : ["src", source];
  await ip("route", "replace", cluster.serviceCidr, "dev", bridge, ...as);
  await reserveNetworks(cluster, signal, run);

  if ((await runTool(run, "cat", [IP_FORWARD], { signal })).trim() !== "1") {
    await runTool(run, "tee", [IP_FORWARD], { stdin: "1", signal });
    logger.info({}, "Switched on IP forwarding, which pods need");
  }
  if (await ensureForwardRules({ clusterId, podCidr: cluster.podCidr, run }, signal)) {
    logger.info({ podCidr: cluster.podCidr }, "Accepted the pods' traffic in the host's firewall");
  }
}

/** Worse than every route that somebody wants. */
const RESERVED_METRIC = "1000000";

/** The networks of a cluster. */
export type Networks = Pick<ClusterInfo, "podCidr" | "serviceCidr">;

/**
 * Says on this host whose the pod and service networks are: another cluster chooses other ones, and what goes to a pod
 * that is not there is refused at once rather than sent to the default gateway. The routes of pods and nodes are
 * narrower, that of the services is better. May be repeated.
 */
export async function reserveNetworks(
  { podCidr, serviceCidr }: Networks,
  signal: AbortSignal,
  run: RunCommand = runOnHost,
): Promise<void> {
  for (const cidr of [podCidr, serviceCidr]) {
    const route = ["unreachable", cidr, "metric", RESERVED_METRIC];
    await runTool(run, "ip", ["route", "replace", ...route], { signal });
  }
}

/** Takes the reservations back; none is fine. */
export async function releaseNetworks(
  { podCidr, serviceCidr }: Networks,
  signal: AbortSignal,
  run: RunCommand = runOnHost,
): Promise<void> {
  for (const cidr of [podCidr, serviceCidr]) {
    const route = ["unreachable", cidr, "metric", RESERVED_METRIC];
    await run("ip", ["route", "delete", ...route], { signal });
  }
}

/** Repeats `setUpNodeNetwork` now and then, since others change the same host. Until `signal` aborts. */
export async function maintainNodeNetwork(
  options: NodeNetworkOptions & { readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await options.clock.sleep(MAINTENANCE_INTERVAL_MS, signal);
      await setUpNodeNetwork(options, signal);
    } catch (error) {
      if (!signal.aborted) options.logger.error({ error }, "Cannot keep the network of this node");
    }
  }
}

/** Whether the host has a link of that name. */
export async function hasLink(
  run: RunCommand,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  return (await run("ip", ["link", "show", "dev", name], { signal })).exitCode === 0;
}

interface Link {
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** An address of an earlier service network would go on to be answered here. The one of the pod network stays. */
async function dropOtherAddresses(
  run: RunCommand,
  { bridge, cluster }: { readonly bridge: string; readonly cluster: NodeNetworkOptions["cluster"] },
  signal: AbortSignal,
): Promise<void> {
  const listed = await runTool(run, "ip", ["-j", "-4", "addr", "show", "dev", bridge], { signal });
  for (const { local, prefixlen } of (JSON.parse(listed) as Link[]).flatMap(addressesOf)) {
    if (local === undefined || local === cluster.dnsIp || isWithin(local, cluster.podCidr))
      continue;
    const address = `${local}/${prefixlen ?? 32}`;
    await runTool(run, "ip", ["addr", "delete", address, "dev", bridge], { signal });
  }
}

/** The address by which the host itself calls Services: that of the default route's interface, if there is one. */
async function nodeAddress(run: RunCommand, signal: AbortSignal): Promise<string | undefined> {
  const routes = await runTool(run, "ip", ["-j", "-4", "route", "show", "default"], { signal });
  const [route] = JSON.parse(routes || "[]") as { dev?: string; prefsrc?: string }[];
  if (route?.dev === undefined || route.prefsrc !== undefined) return route?.prefsrc;
  const show = ["-j", "-4", "addr", "show", "dev", route.dev, "scope", "global"];
  const listed = await runTool(run, "ip", show, { signal });
  return (JSON.parse(listed || "[]") as Link[]).flatMap(addressesOf)[0]?.local;
}

function addressesOf(link: Link): NonNullable<Link["addr_info"]> {
  return link.addr_info ?? [];
}
