import { formatCidr } from "../../../src/model/cidr.ts";
import type { Node } from "../../../src/model/kinds.gen.ts";
import type { LocalNode, Neighbour } from "../../../src/proxy/network/driver.ts";
import { NETWORK_ANNOTATIONS, vtepMacOf } from "../../../src/proxy/network/remote-node.ts";

export const CLUSTER_ID = "abc123";
export const LOCAL: LocalNode = {
  clusterId: CLUSTER_ID,
  name: "n0",
  address: "192.0.2.10",
  podCidr: "10.32.0.0/24",
  mtu: 1500,
};
const WIREGUARD_KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";

/** The n-th node, on the same Ethernet unless told. */
export function neighbour(index: number, changes: Partial<Neighbour> = {}): Neighbour {
  const name = `n${index}`;
  const address = `192.0.2.${10 + index}`;
  return {
    name,
    address,
    addresses: [address],
    podCidrs: [formatCidr({ base: 0x0a_20_00_00 + index * 256, bits: 24 })],
    vtepMac: vtepMacOf(CLUSTER_ID, name),
    wireguardKey: WIREGUARD_KEY,
    wireguardPort: 51_820,
    dev: "eth0",
    isOnLink: true,
    ...changes,
  };
}

export function nodeObject(changes: {
  readonly address?: string;
  readonly podCIDR?: string;
  readonly vtepMac?: string;
}): Node {
  const {
    address = "192.0.2.11",
    podCIDR = "10.32.1.0/24",
    vtepMac = "02:00:00:00:00:01",
  } = changes;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1", annotations: { [NETWORK_ANNOTATIONS.vtepMac]: vtepMac } },
    spec: { podCIDR, podCIDRs: [podCIDR] },
    status: { addresses: [{ type: "InternalIP", address }] },
  };
}
