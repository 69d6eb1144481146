import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { overlaps, parseCidr } from "../model/cidr.ts";
import { bridgeName, vethPrefix, vxlanName, wireguardName } from "../model/instance.ts";
import { observeHost, ROUTE_PROTOCOL, type HostRoute } from "../proxy/network/observe-host.ts";
import { runOnHost } from "../proxy/run-command.ts";
import { CliError } from "./cli-error.ts";
import type { NodeConfig, NodeSetup } from "./node-setup.ts";

type Networks = Pick<NodeConfig, "clusterId" | "podCidr" | "serviceCidr">;

/**
 * Refuses a machine that sends parts of the cluster's networks elsewhere, before it becomes a node: its own programs, or
 * the pods, would lose what is there. A node that has worked goes on: `berth doctor network` tells of a later route.
 */
export async function checkNetworks(
  { config, stateDir }: NodeSetup,
  signal: AbortSignal,
): Promise<void> {
  if (await hasWorked(stateDir)) return;
  const { routes } = await observeHost(runOnHost, signal);
  const [found] = overlappingRoutes(routes, config);
  if (found === undefined) return;
  const dev = found.dev === undefined ? "" : ` on "${found.dev}"`;
  throw new CliError(
    `Cannot make this machine a node: its route to ${found.dst}${dev} overlaps the cluster's networks ${config.podCidr} and ${config.serviceCidr}`,
    {
      cure: "take that route away, or make the cluster with other networks: berth up --pod-cidr 172.16.0.0/13 --service-cidr 172.24.0.0/16",
    },
  );
}

/** The routes of others that overlap the networks of the cluster. Pure. */
export function overlappingRoutes(
  routes: readonly HostRoute[],
  { clusterId, podCidr, serviceCidr }: Networks,
): readonly HostRoute[] {
  const networks = [podCidr, serviceCidr].flatMap((text) => parseCidr(text) ?? []);
  const ours = [bridgeName, vxlanName, wireguardName].map((name) => name(clusterId));
  return routes.filter(({ dst, dev = "", protocol, type = "unicast" }) => {
    if (ours.includes(dev) || dev.startsWith(vethPrefix(clusterId))) return false;
    if (protocol === ROUTE_PROTOCOL || type !== "unicast" || dst === "default") return false;
    const cidr = parseCidr(dst);
    return cidr !== undefined && networks.some((network) => overlaps(cidr, network));
  });
}

/** The agent writes down its part of the pod network once it has one. */
async function hasWorked(stateDir: string): Promise<boolean> {
  return await readFile(join(stateDir, "node.json")).then(
    () => true,
    () => false,
  );
}
