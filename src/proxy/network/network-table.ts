import { networkTableName } from "../../model/instance.ts";

export interface NetworkTableOptions {
  readonly clusterId: string;
  readonly podCidr: string;
  /** Nodes that answer to a pod's own address the way that it came. */
  readonly directNodes: readonly string[];
}

/**
 * The rules that pods need between nodes, in one transaction. Pure.
 *
 * - `clamp`: a pod may have a larger MTU than the way to its peer; TCP learns of that in its first packet.
 * - `keep-source`: the proxy hides pods behind the node's address when they leave the cluster. Nodes that have a route
 *   back are of the cluster: an identity translation, one step earlier, keeps the pod's address. The others, behind a
 *   tunnel, would answer by another way than the question came.
 */
export function renderNetworkTable(options: NetworkTableOptions): string {
  const { clusterId, podCidr, directNodes } = options;
  const name = networkTableName(clusterId);
  const elements = directNodes.length === 0 ? "" : ` elements = { ${directNodes.join(", ")} };`;
  const clamp = "tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu";
  return `${renderNetworkTableRemoval(clusterId)}table ip ${name} {
  set direct-nodes { type ipv4_addr;${elements} }
  chain clamp {
    type filter hook forward priority -150;
    ip saddr ${podCidr} ${clamp}
    ip daddr ${podCidr} ${clamp}
  }
  chain keep-source {
    type nat hook postrouting priority 99;
    ip saddr ${podCidr} ip daddr @direct-nodes snat to ip saddr
  }
}
`;
}

/** Takes the table away; also when there is none. Pure. */
export function renderNetworkTableRemoval(clusterId: string): string {
  const name = networkTableName(clusterId);
  return `add table ip ${name}\ndelete table ip ${name}\n`;
}
