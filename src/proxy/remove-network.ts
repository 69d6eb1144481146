import { bridgeName, vxlanName, wireguardName } from "../model/instance.ts";
import { removeForwardRules } from "./forward-rules.ts";
import { runTool } from "./host-tool.ts";
import { renderRemoval } from "./nft-ruleset.ts";
import { nftTool } from "./nft.ts";
import { renderNetworkTableRemoval } from "./network/network-table.ts";
import { observeHost, ourRoutes } from "./network/observe-host.ts";
import { repairHost, repairPieces } from "./network/repair-host.ts";
import { hasLink, releaseNetworks } from "./node-network.ts";
import { ProxyError } from "./proxy-error.ts";
import { runOnHost } from "./run-command.ts";
import type { RunCommand } from "./run-command.ts";
import { disownServices } from "./userspace/own-services.ts";

export interface RemoveNetworkOptions {
  readonly clusterId: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Where the tools run: on this host unless told. */
  readonly run?: RunCommand;
}

/**
 * Deletes what the proxy made on this host for a cluster, and nothing else: tables, devices and routes,
 * firewall rules. May be repeated.
 */
export async function removeNodeNetwork(
  { run = runOnHost, ...options }: RemoveNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clusterId } = options;
  await unlessMissing(() => nftTool(run).apply(renderRemoval(clusterId), signal));
  await unlessMissing(() => nftTool(run).apply(renderNetworkTableRemoval(clusterId), signal));
  for (const device of [bridgeName, vxlanName, wireguardName])
    await unlessMissing(() => removeLink(run, device(clusterId), signal));
  await unlessMissing(() => removeRoutes(run, options.podCidr, signal));
  await unlessMissing(() => releaseNetworks(options, signal, run));
  await unlessMissing(() => disownServices(run, options.serviceCidr, signal));
  await removeForwardRules({ clusterId, run }, signal);
}

async function removeLink(run: RunCommand, name: string, signal: AbortSignal): Promise<void> {
  if (!(await hasLink(run, name, signal))) return;
  await runTool(run, "ip", ["link", "delete", "dev", name], { signal });
}

/** Those to other nodes; those of pods go with their links. */
async function removeRoutes(run: RunCommand, podCidr: string, signal: AbortSignal): Promise<void> {
  const ours = ourRoutes(await observeHost(run, signal), podCidr);
  await repairHost(run, repairPieces([], ours), signal);
}

/** A tool that is not installed has made nothing that it would have to remove. */
async function unlessMissing(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code !== "tool-missing") throw error;
  }
}
