import { join } from "node:path";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { ApiError, type ApiClient, type Informer } from "../../client/client.ts";
import type { ClusterInfo } from "../../client/client.ts";
import { bridgeName, networkTableName, vxlanName, wireguardName } from "../../model/instance.ts";
import type { Node } from "../../model/kinds.gen.ts";
import { runTool } from "../host-tool.ts";
import { runOnHost, type RunCommand } from "../run-command.ts";
import { Wakeup } from "../wakeup.ts";
import type { LocalNode, NetworkDriver, NetworkDriverChoice } from "./driver.ts";
import { serveEcho, type Echo } from "./echo.ts";
import { hostGw } from "./host-gw.ts";
import { watchHost } from "./watch-host.ts";
import { renderNetworkTable } from "./network-table.ts";
import { observeHost, observePieces, toNeighbour, type HostState } from "./observe-host.ts";
import { planNetwork, type NetworkPlan } from "./plan-network.ts";
import { NETWORK_ANNOTATIONS, nodeAddressIn, readRemoteNode, vtepMacOf } from "./remote-node.ts";
import { repairDevices, repairHost, repairPieces } from "./repair-host.ts";
import { vxlan } from "./vxlan.ts";
import { wireguard } from "./wireguard.ts";
import { openWireguardKeys, type WireguardKeys } from "./wireguard-key.ts";

export interface NetworkOptions {
  readonly client: ApiClient;
  readonly nodes: Informer<Node>;
  readonly nodeName: string;
  /** The node's address on its host. */
  readonly address: string;
  readonly clusterId: string;
  readonly cluster: Pick<ClusterInfo, "podCidr">;
  readonly choice: NetworkDriverChoice;
  /** The node's own folder. */
  readonly stateDir: string;
  /** Told the MTU that new pods shall have, whenever it changed. */
  readonly onPodMtu: (mtu: number) => void;
  /** Told after each look what is wanted, and how the host was then. */
  readonly onState?: (state: NetworkState) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the tools of the host run: directly on it unless told. */
  readonly run?: RunCommand;
}

/** Others change the host too: this often everything is looked at, whatever the kernel told. */
const CHECK_MS: Millis = 10_000;
/** Changes come in bursts, say when a network card comes up. */
const SETTLE_MS: Millis = 500;
const WIREGUARD_KEY_FILE = "wireguard.key";

/** Keeps the ways to the pods of all other nodes, until `signal` aborts. They stay, so that what runs goes on. */
export async function runNetwork(options: NetworkOptions, signal: AbortSignal): Promise<void> {
  const { nodes, clock, logger } = options;
  const wakeup = new Wakeup();
  const network = new Network(options);
  await nodes.ready(signal).catch(() => undefined);
  const unsubscribe = nodes.subscribe(() => wakeup.wake());
  const watching = watchHost({ ...options, onChange: () => wakeup.wake() }, signal);
  wakeup.wake();
  try {
    while (!signal.aborted) {
      const stop = new AbortController();
      const either = AbortSignal.any([signal, stop.signal]);
      await Promise.race([wakeup.wait(either), clock.sleep(CHECK_MS, either)]).catch(
        () => undefined,
      );
      stop.abort();
      if (signal.aborted) return;
      try {
        await network.repair(signal);
        await clock.sleep(SETTLE_MS, signal);
      } catch (error) {
        if (!signal.aborted)
          logger.error({ error }, "Cannot keep the ways to other nodes: trying again");
      }
    }
  } finally {
    unsubscribe();
    network.close();
    await watching;
  }
}

/** What a node knows of its ways to others. */
export interface NetworkState {
  readonly plan: NetworkPlan;
  readonly host: HostState;
}

class Network {
  readonly #options: NetworkOptions;
  readonly #run: RunCommand;
  #echo: Echo | undefined;
  #keys: WireguardKeys | undefined;
  #told = "";
  #podMtu: number | undefined;
  /** The table as applied, and as the kernel printed it then. */
  #table: { readonly text: string; readonly listed: string } | undefined;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#run = options.run ?? runOnHost;
  }

  async repair(signal: AbortSignal): Promise<void> {
    const { nodes, nodeName, clusterId, cluster } = this.#options;
    const own = nodes.get(undefined, nodeName);
    if (own?.spec.podCIDR === undefined) return;
    const host = await observeHost(this.#run, signal);
    const plan = await this.#plan(own, host);
    this.#tell(plan);
    const all = [vxlanName(clusterId), wireguardName(clusterId)];
    const { podCidr } = cluster;
    const wasRepaired = await repairDevices(this.#run, plan.devices, { host, all }, signal);
    const now = wasRepaired ? await observeHost(this.#run, signal) : host;
    const devices = plan.devices.map(({ name }) => name);
    const present = await observePieces(this.#run, { host: now, podCidr, devices }, signal);
    await repairHost(this.#run, repairPieces(plan.pieces, present), signal);
    await this.#applyTable(plan, signal);
    await this.#answer(own.spec.podCIDR, host, signal);
    await this.#publish(own, signal);
    this.#options.onState?.({ plan, host: now });
  }

  /** The node has an address in the pod network, by which others see whether packets get through. */
  async #answer(podCidr: string, { links }: HostState, signal: AbortSignal): Promise<void> {
    const dev = bridgeName(this.#options.clusterId);
    const address = nodeAddressIn(podCidr);
    const bridge = links.find(({ ifname }) => ifname === dev);
    if (bridge === undefined) return;
    const has = (bridge.addr_info ?? []).some(({ local }) => local === address);
    if (!has)
      await runTool(this.#run, "ip", ["addr", "replace", `${address}/32`, "dev", dev], { signal });
    this.#echo ??= await serveEcho(address, this.#options.cluster.podCidr);
  }

  close(): void {
    this.#echo?.close();
  }

  async #plan(own: Node, host: HostState): Promise<NetworkPlan> {
    const { nodes, nodeName, address, clusterId, choice, stateDir } = this.#options;
    if (choice === "wireguard")
      this.#keys ??= await openWireguardKeys(join(stateDir, WIREGUARD_KEY_FILE));
    const link = host.links.find(({ addr_info: addresses = [] }) =>
      addresses.some(({ local }) => local === address),
    );
    const local: LocalNode = {
      clusterId,
      name: nodeName,
      address,
      podCidr: own.spec.podCIDR ?? "",
      mtu: link?.mtu ?? DEFAULT_MTU,
    };
    const remotes = nodes
      .list()
      .filter(({ metadata }) => metadata.name !== nodeName)
      .flatMap((node) => readRemoteNode(node) ?? [])
      .map((remote) => toNeighbour(remote, host));
    return planNetwork({ local, remotes, choice, drivers: this.#drivers() });
  }

  #drivers(): Record<"host-gw" | "vxlan" | "wireguard", NetworkDriver | undefined> {
    const keys = this.#keys;
    return {
      "host-gw": hostGw,
      vxlan,
      wireguard: keys === undefined ? undefined : wireguard(keys.privateKey),
    };
  }

  /** Says once how each node is reached, and again when that changes. */
  #tell({ ways, missing, podMtu }: NetworkPlan): void {
    const { logger, onPodMtu } = this.#options;
    const told = JSON.stringify([[...ways], [...missing]]);
    if (told !== this.#told) {
      logger.info({ ways: Object.fromEntries(ways) }, "Ways to the pods of other nodes");
      for (const [node, reason] of missing)
        logger.warn({ node, reason }, "Cannot reach the pods of a node");
    }
    this.#told = told;
    if (podMtu !== this.#podMtu) onPodMtu(podMtu);
    this.#podMtu = podMtu;
  }

  async #applyTable({ directNodes }: NetworkPlan, signal: AbortSignal): Promise<void> {
    const { clusterId, cluster } = this.#options;
    const list = async (): Promise<string> => {
      const listing = ["list", "table", "ip", networkTableName(clusterId)];
      return (await this.#run("nft", listing, { signal })).stdout;
    };
    const text = renderNetworkTable({ clusterId, podCidr: cluster.podCidr, directNodes });
    if (this.#table?.text === text && this.#table.listed === (await list())) return;
    await runTool(this.#run, "nft", ["-f", "-"], { stdin: text, signal });
    this.#table = { text, listed: await list() };
  }

  /** Writes what other nodes must know of this one, unless it stands there. */
  async #publish(own: Node, signal: AbortSignal): Promise<void> {
    const { client, clusterId, nodeName } = this.#options;
    // The agent is about to: its first write must not meet ours.
    if ((own.status?.addresses ?? []).length === 0) return;
    const wanted: Record<string, string> = {
      [NETWORK_ANNOTATIONS.vtepMac]: vtepMacOf(clusterId, nodeName),
      ...(this.#keys === undefined
        ? {}
        : { [NETWORK_ANNOTATIONS.wireguardKey]: this.#keys.publicKey }),
    };
    const has = own.metadata.annotations ?? {};
    if (Object.entries(wanted).every(([key, value]) => has[key] === value)) return;
    const metadata = { ...own.metadata, annotations: { ...has, ...wanted } };
    try {
      await client.update<Node>({ ...own, metadata }, signal);
    } catch (error) {
      // Somebody else wrote it meanwhile; that change comes here too.
      if (!(error instanceof ApiError && error.reason === "Conflict")) throw error;
    }
  }
}

const DEFAULT_MTU = 1500;
