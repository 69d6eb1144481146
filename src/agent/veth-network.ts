import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { vethName, vethPrefix } from "../model/instance.ts";
import { AddressPool } from "./address-pool.ts";
import { PodNetworkError, type PodNetwork } from "./pod-network.ts";
import { runCommand } from "./run-command.ts";

export interface VethNetworkOptions {
  readonly clusterId: string;
  /** The node's part of the pod network. */
  readonly podCidr: string;
  /** What pods see as the sender when the host speaks to them. */
  readonly nodeIp: string;
  readonly mtu: number;
  readonly clock: Clock;
}

/** Every pod's gateway, on the host end of its own wire: no bridge, no ARP but for this one. */
const GATEWAY = "169.254.1.1";
/** There while the kernel has IPv6; pods have none, so the host ends need no address of it. */
const IPV6 = "/proc/sys/net/ipv6";
const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

/**
 * A pair of veth per pod, routed: the pod has a /32 and the host a route to it. Needs root and iproute2. Two
 * programs are run per pod; the host end goes by itself with the sandbox's network namespace.
 */
export async function openVethNetwork(options: VethNetworkOptions): Promise<PodNetwork> {
  await forwardPackets();
  const hasIpv6 = existsSync(IPV6);
  const { clusterId, clock } = options;
  const pool = new AddressPool(options.podCidr, clock);
  return {
    reserve: (podUid, wanted) => pool.reserve(podUid, wanted),
    release: (podUid) => pool.release(podUid),
    attach: async (podUid, sandboxPid, signal) => {
      const wire = { link: vethName(clusterId, podUid), ip: pool.reserve(podUid), pid: sandboxPid };
      try {
        await ip(hostCommands(wire, options, hasIpv6), signal);
      } catch (error) {
        if (!(error instanceof PodNetworkError && /File exists/.test(error.message))) throw error;
        await removeLink(wire.link, signal);
        await ip(hostCommands(wire, options, hasIpv6), signal);
      }
      await ip(podCommands(wire), signal, sandboxPid);
    },
    detach: (podUid, signal) => removeLink(vethName(clusterId, podUid), signal),
    sweep: async (podUids, signal) => {
      const links = await listVeths(clusterId, signal);
      const owners = new Map(podUids.map((uid) => [vethName(clusterId, uid), uid]));
      const leaked = links.filter((link) => !owners.has(link));
      await removeLinks(leaked, signal);
      return new Set(links.flatMap((link) => owners.get(link) ?? []));
    },
  };
}

/** Removes the host ends of all pods of a cluster, the pods' ends with them. Returns how many there were. */
export async function removeVeths(clusterId: string, signal: AbortSignal): Promise<number> {
  const links = await listVeths(clusterId, signal);
  await removeLinks(links, signal);
  return links.length;
}

interface Wire {
  readonly link: string;
  readonly ip: string;
  readonly pid: number;
}

function hostCommands(
  { link, ip: address, pid }: Wire,
  { mtu, nodeIp }: VethNetworkOptions,
  hasIpv6: boolean,
): readonly string[] {
  return [
    `link add name ${link} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pid}`,
    ...(hasIpv6 ? [`link set dev ${link} addrgenmode none`] : []),
    `addr add ${GATEWAY}/32 dev ${link} scope link`,
    `link set dev ${link} up`,
    `route replace ${address}/32 dev ${link} src ${nodeIp}`,
  ];
}

function podCommands({ ip: address }: Wire): readonly string[] {
  return [
    "link set dev lo up",
    `addr add ${address}/32 dev eth0`,
    "link set dev eth0 up",
    `route replace ${GATEWAY}/32 dev eth0 scope link src ${address}`,
    `route replace default via ${GATEWAY} dev eth0 onlink src ${address}`,
  ];
}

async function ip(commands: readonly string[], signal: AbortSignal, pid?: number): Promise<void> {
  const batch = ["-batch", "-"];
  const input = `${commands.join("\n")}\n`;
  const result =
    pid === undefined
      ? await runCommand("ip", batch, input, signal)
      : await runCommand("nsenter", ["-t", String(pid), "-n", "ip", ...batch], input, signal);
  if (result.exitCode !== 0) {
    throw new PodNetworkError(`Cannot wire a pod: ${result.stderr.trim().split("\n").join("; ")}`);
  }
}

async function removeLink(link: string, signal: AbortSignal): Promise<void> {
  const { exitCode, stderr } = await runCommand("ip", ["link", "del", "dev", link], "", signal);
  if (exitCode !== 0 && !/Cannot find device/.test(stderr)) {
    throw new PodNetworkError(`Cannot remove the link "${link}": ${stderr.trim()}`);
  }
}

async function removeLinks(links: readonly string[], signal: AbortSignal): Promise<void> {
  for (const link of links) await removeLink(link, signal);
}

async function listVeths(clusterId: string, signal: AbortSignal): Promise<readonly string[]> {
  const { stdout } = await runCommand("ip", ["-j", "link", "show", "type", "veth"], "", signal);
  if (stdout.trim() === "") return [];
  const links = JSON.parse(stdout) as readonly { readonly ifname?: string }[];
  return links.flatMap(({ ifname }) =>
    ifname?.startsWith(vethPrefix(clusterId)) === true ? [ifname] : [],
  );
}

async function forwardPackets(): Promise<void> {
  const current = await readFile(IP_FORWARD, "utf8");
  if (current.trim() !== "1") await writeFile(IP_FORWARD, "1\n");
}
