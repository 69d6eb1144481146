import { hash } from "node:crypto";
import { addressAt, parseCidr } from "../../model/cidr.ts";
import type { Node } from "../../model/kinds.gen.ts";

/** What a node says of itself for the others to reach its pods. Only the node itself may write these. */
export const NETWORK_ANNOTATIONS = {
  /** MAC address of its VXLAN device. */
  vtepMac: "network.berth.dev/vtep-mac",
  /** Public key of its WireGuard device. */
  wireguardKey: "network.berth.dev/wireguard-key",
  /** UDP port of the one and of the other, where it is not the usual one. */
  vxlanPort: "network.berth.dev/vxlan-port",
  wireguardPort: "network.berth.dev/wireguard-port",
} as const;

export const VXLAN_PORT = 8472;
export const WIREGUARD_PORT = 51_820;

/** A node as the others see it. Lists are one long today; a second family will stand beside the first. */
export interface RemoteNode {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
  readonly vtepMac: string | undefined;
  readonly wireguardKey: string | undefined;
  readonly wireguardPort: number;
}

/** What the Node object says; `undefined` while address or pod network are not known yet. Pure. */
export function readRemoteNode(node: Node): RemoteNode | undefined {
  const { name, annotations = {}, deletionTimestamp } = node.metadata;
  const addresses = (node.status?.addresses ?? [])
    .filter(({ type, address }) => type === "InternalIP" && isIpv4(address))
    .map(({ address }) => address);
  const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = node.spec;
  const podCidrs = podCIDRs.filter((cidr) => parseCidr(cidr) !== undefined);
  if (addresses.length === 0 || podCidrs.length === 0 || deletionTimestamp !== undefined)
    return undefined;
  return {
    name,
    addresses,
    podCidrs,
    vtepMac: matching(annotations[NETWORK_ANNOTATIONS.vtepMac], /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
    wireguardKey: matching(
      annotations[NETWORK_ANNOTATIONS.wireguardKey],
      /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/,
    ),
    wireguardPort: portOf(annotations[NETWORK_ANNOTATIONS.wireguardPort]) ?? WIREGUARD_PORT,
  };
}

/** The address of a node in its own part of the pod network: pods elsewhere see it as the sender. Pure. */
export function nodeAddressIn(podCidr: string): string {
  const cidr = parseCidr(podCidr);
  if (cidr === undefined) throw new Error(`Cannot use "${podCidr}": it is not a network`);
  return addressAt(cidr, 1);
}

/** The MAC address that a node's VXLAN device always has: locally administered, by cluster and name. Pure. */
export function vtepMacOf(clusterId: string, nodeName: string): string {
  const [, ...rest] = hash("sha256", `vtep ${clusterId} ${nodeName}`, "buffer").subarray(0, 6);
  return [0x02, ...rest].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

/** The VXLAN network of a cluster: two clusters on one host share the port. Pure. */
export function vniOf(clusterId: string): number {
  // 0 and small numbers are what people choose by hand.
  return 0x10_00_00 + (hash("sha256", `vni ${clusterId}`, "buffer").readUIntBE(0, 3) % 0xef_ff_ff);
}

/** Node objects are written by machines that may lie: what becomes part of a command is checked. */
function matching(text: string | undefined, pattern: RegExp): string | undefined {
  return text !== undefined && pattern.test(text) ? text : undefined;
}

function portOf(text: string | undefined): number | undefined {
  const port = Number(text);
  return text !== undefined && Number.isInteger(port) && port > 0 && port < 65_536
    ? port
    : undefined;
}

function isIpv4(address: string): boolean {
  return parseCidr(`${address}/32`) !== undefined;
}
