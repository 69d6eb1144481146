import { existsSync, renameSync, writeFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { vethName, vethPrefix } from "../model/instance.ts";
import { AddressPool, type AddressMemory } from "./address-pool.ts";
import { CommandShell } from "./command-shell.ts";
import { PodNetworkError, type PodNetwork } from "./pod-network.ts";
import { runCommand } from "./run-command.ts";

export interface VethNetworkOptions {
  readonly clusterId: string;
  /** The node's part of the pod network. */
  readonly podCidr: string;
  /** What pods see as the sender when the host speaks to them. */
  readonly nodeIp: string;
  /** Of the wire of a new pod. */
  readonly mtu: () => number;
  readonly clock: Clock;
  /** The agent's own folder. */
  readonly stateDir: string;
}

/** Every pod's gateway, on the host end of its own wire: no bridge, no ARP but for this one. */
const GATEWAY = "169.254.1.1";
/** There while the kernel has IPv6; pods have none, so the host ends need no address of it. */
const IPV6 = "/proc/sys/net/ipv6";
/** Wires are made in parallel, but not by many. */
const SHELLS = 2;
const MEMORY_FILE = "addresses.json";
const IP_FORWARD = "/proc/sys/net/ipv4/ip_forward";

/**
 * A pair of veth per pod, routed: the pod has a /32 and the host a route to it. Needs root and iproute2. The host end
 * goes by itself with the sandbox's network namespace.
 */
export async function openVethNetwork(options: VethNetworkOptions): Promise<PodNetwork> {
  await forwardPackets();
  const hasIpv6 = existsSync(IPV6);
  const { clusterId, clock } = options;
  const memory = join(options.stateDir, MEMORY_FILE);
  const pool = new AddressPool(options.podCidr, clock, await readMemory(memory));
  const remember = (): void => writeMemory(memory, pool.remember());
  const linkOf = (podUid: string): string => checkedName(vethName(clusterId, podUid));
  const shells = Array.from({ length: SHELLS }, () => new CommandShell());
  const run = async (script: string, signal: AbortSignal): Promise<void> => {
    const [shell = new CommandShell()] = shells.toSorted((a, b) => a.load - b.load);
    const { exitCode, output } = await shell.run(script, signal);
    if (exitCode !== 0) throw new PodNetworkError(`Cannot wire a pod: ${oneLine(output)}`);
  };
  return {
    reserve: (podUid, wanted) => {
      const known = pool.addressOf(podUid);
      if (known !== undefined) return known;
      const address = pool.reserve(podUid, wanted);
      remember();
      return address;
    },
    release: (podUid) => {
      if (pool.addressOf(podUid) === undefined) return;
      pool.release(podUid);
      remember();
    },
    attach: async (podUid, sandboxPid, signal) => {
      const wire = { link: linkOf(podUid), ip: pool.reserve(podUid), pid: sandboxPid };
      const script = attachScript(wire, options, hasIpv6);
      try {
        await run(script, signal);
      } catch (error) {
        if (!(error instanceof PodNetworkError && /File exists/.test(error.message))) throw error;
        await run(detachScript(wire.link), signal);
        await run(script, signal);
      }
    },
    detach: (podUid, signal) => run(detachScript(linkOf(podUid)), signal),
    sweep: async (podUids, signal) => {
      const links = await listVeths(clusterId, signal);
      const owners = new Map(podUids.map((uid) => [linkOf(uid), uid]));
      const leaked = links.filter((link) => !owners.has(link));
      for (const link of leaked) await run(detachScript(link), signal);
      return new Set(links.flatMap((link) => owners.get(link) ?? []));
    },
  };
}

/** Removes the host ends of all pods of a cluster, the pods' ends with them. Returns how many there were. */
export async function removeVeths(clusterId: string, signal: AbortSignal): Promise<number> {
  const links = await listVeths(clusterId, signal);
  const shell = new CommandShell();
  for (const link of links) await shell.run(detachScript(link), signal);
  return links.length;
}

interface Wire {
  readonly link: string;
  readonly ip: string;
  readonly pid: number;
}

/** Both ends in one go: the host's first, which makes the pair, then the pod's in its namespace. */
function attachScript(wire: Wire, options: VethNetworkOptions, hasIpv6: boolean): string {
  const host = batch("ip -batch -", hostCommands(wire, options, hasIpv6));
  const pod = batch(`nsenter -t ${wire.pid} -n ip -batch -`, podCommands(wire));
  return `if ${host}then ${pod}else false\nfi`;
}

function detachScript(link: string): string {
  // It may go by itself meanwhile, with the namespace of its other end.
  return `ip link del dev ${link} 2>/dev/null || ! ip link show dev ${link} >/dev/null 2>&1`;
}

function batch(command: string, lines: readonly string[]): string {
  return `${command} <<'BERTH'\n${lines.join("\n")}\nBERTH\n`;
}

function hostCommands(
  { link, ip: address, pid }: Wire,
  { mtu, nodeIp }: VethNetworkOptions,
  hasIpv6: boolean,
): readonly string[] {
  return [
    `link add name ${link} mtu ${mtu()} type veth peer name eth0 mtu ${mtu()} netns ${pid}`,
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

/** The name becomes part of a script. */
function checkedName(link: string): string {
  if (/^[A-Za-z0-9]{1,15}$/.test(link)) return link;
  throw new PodNetworkError(`Cannot wire a pod: "${link}" is no name for a link`);
}

function oneLine(output: string): string {
  return output.trim().split("\n").join("; ");
}

/** Before anybody is told of the address: a crash right after must find it written. It is one small file. */
function writeMemory(path: string, memory: AddressMemory): void {
  writeFileSync(`${path}.next`, JSON.stringify(memory), { mode: 0o600 });
  renameSync(`${path}.next`, path);
}

/** A file that is not there or not readable counts as none: then released addresses have rested. */
async function readMemory(path: string): Promise<AddressMemory | undefined> {
  try {
    const memory = JSON.parse(await readFile(path, "utf8")) as Partial<AddressMemory> | null;
    return { taken: memory?.taken ?? [], resting: memory?.resting ?? {} };
  } catch {
    return undefined;
  }
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
