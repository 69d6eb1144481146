import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NetworkDriverChoice } from "../proxy/network/driver.ts";
import { observeHost } from "../proxy/network/observe-host.ts";
import { overlappingRoutes } from "../proxy/network/overlapping-routes.ts";
import { runOnHost } from "../proxy/run-command.ts";
import { CliError } from "./cli-error.ts";
import type { NodeSetup } from "./node-setup.ts";

/**
 * Refuses a machine that sends parts of the cluster's networks elsewhere, before it becomes a node: its own programs, or
 * the pods, would lose what is there. A node that has worked goes on: `berth doctor network` tells of a later route.
 */
export async function checkNetworks(
  { config, stateDir }: NodeSetup,
  signal: AbortSignal,
): Promise<void> {
  if (await hasWorked(stateDir)) return;
  await checkDriver(config.networkDriver, signal);
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

/** Refuses the driver that needs something of the kernel, where it is not there. */
export async function checkDriver(
  choice: NetworkDriverChoice | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (choice !== "wireguard") return;
  const device = ["dev", "berth-w-probe"];
  const add = ["link", "add", ...device, "type", "wireguard"];
  const { exitCode, stderr } = await runOnHost("ip", add, { signal });
  if (exitCode === 0) await runOnHost("ip", ["link", "delete", ...device], { signal });
  if (exitCode === 0 || stderr.includes("File exists")) return;
  throw new CliError(`Cannot use the network driver "wireguard": ${stderr.trim()}`, {
    cure: "use a kernel with WireGuard (5.6 or newer, module wireguard), or --network-driver auto",
  });
}

/** The agent writes down its part of the pod network once it has one. */
async function hasWorked(stateDir: string): Promise<boolean> {
  return await readFile(join(stateDir, "node.json")).then(
    () => true,
    () => false,
  );
}
