import { vxlanName } from "../../model/instance.ts";
import type { Device, LocalNode, NetworkDriver } from "./driver.ts";
import { nodeAddressIn, VXLAN_PORT, vniOf, vtepMacOf } from "./remote-node.ts";

/** Outer IPv4 and UDP headers, the VXLAN header, and the inner Ethernet header. */
const OVERHEAD = 20 + 8 + 8 + 14;

/**
 * Packets in UDP, through any routed network. Nothing is learned and nobody is asked: for each remote node the kernel
 * is told its route, its MAC address and where that is.
 */
export const vxlan: NetworkDriver = {
  name: "vxlan",
  overhead: OVERHEAD,
  device: vxlanDevice,
  pieces: ({ clusterId }, { address, podCidrs, vtepMac: mac }) => {
    if (mac === undefined) return undefined;
    const dev = vxlanName(clusterId);
    return [
      ...podCidrs.flatMap((to) => {
        const via = nodeAddressIn(to);
        return [
          { kind: "route", to, via, dev, isOnLink: true },
          { kind: "neighbour", address: via, mac, dev },
        ] as const;
      }),
      { kind: "forwarding", mac, address, dev },
    ];
  },
};

function vxlanDevice({ clusterId, name, address, podCidr, mtu }: LocalNode): Device {
  const id = vniOf(clusterId);
  return {
    name: vxlanName(clusterId),
    mtu: mtu - OVERHEAD,
    mac: vtepMacOf(clusterId, name),
    add: [
      "type",
      "vxlan",
      "id",
      String(id),
      "local",
      address,
      "dstport",
      String(VXLAN_PORT),
      "nolearning",
    ],
    address: nodeAddressIn(podCidr),
    details: { id, local: address, port: VXLAN_PORT, learning: false },
  };
}
