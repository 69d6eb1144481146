import { bridgeName } from "../model/instance.ts";
import { removeForwardRules } from "./forward-rules.ts";
import { runTool } from "./host-tool.ts";
import { renderRemoval } from "./nft-ruleset.ts";
import { nftTool } from "./nft.ts";
import { hasLink, releaseNetworks } from "./node-network.ts";
import { ProxyError } from "./proxy-error.ts";
import { runOnHost } from "./run-command.ts";
import type { RunCommand } from "./run-command.ts";

export interface RemoveNetworkOptions {
  readonly clusterId: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** Where the tools run: on this host unless told. */
  readonly run?: RunCommand;
}

/**
 * Deletes what the proxy made on this host for a cluster, and nothing else: table, bridge with its address and route,
 * firewall rules. May be repeated.
 */
export async function removeNodeNetwork(
  { run = runOnHost, ...options }: RemoveNetworkOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clusterId } = options;
  await unlessMissing(() => nftTool(run).apply(renderRemoval(clusterId), signal));
  await unlessMissing(() => removeBridge(run, bridgeName(clusterId), signal));
  await unlessMissing(() => releaseNetworks(options, signal, run));
  await removeForwardRules({ clusterId, run }, signal);
}

async function removeBridge(run: RunCommand, bridge: string, signal: AbortSignal): Promise<void> {
  if (!(await hasLink(run, bridge, signal))) return;
  await runTool(run, "ip", ["link", "delete", "dev", bridge], { signal });
}

/** A tool that is not installed has made nothing that it would have to remove. */
async function unlessMissing(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof ProxyError) || error.code !== "tool-missing") throw error;
  }
}
