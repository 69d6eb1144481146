/**
 * Names of what one cluster makes on a host. All carry the cluster's id (six characters of a-z and 0-9), so that
 * several clusters, and other people's things, live beside it, and `berth down` finds exactly its own.
 */

/** Labels on every container and volume that Berth makes. The containers are the agent's only state. */
export const LABELS = {
  cluster: "dev.berth.cluster",
  node: "dev.berth.node",
  podUid: "dev.berth.pod.uid",
  podName: "dev.berth.pod.name",
  podNamespace: "dev.berth.pod.namespace",
  /** `sandbox` or the container's name in the pod. */
  container: "dev.berth.container",
  /** `sandbox`, `init` or `main`. */
  role: "dev.berth.role",
  /** How many times the container was started before, from 0. */
  attempt: "dev.berth.attempt",
  /** Digest of what the container was made from. */
  specHash: "dev.berth.spec-hash",
  podIp: "dev.berth.pod.ip",
  /** Id of the sandbox whose namespaces the container joined. */
  sandbox: "dev.berth.sandbox",
  /** How many restarts in a row came before, from 0: the back-off that it has after its death. */
  crashes: "dev.berth.crashes",
  /** Where a registry has the container's image, as `repository@sha256:…`. */
  imageDigest: "dev.berth.image-digest",
} as const;

/** The bridge without ports that holds the cluster DNS address and the route of the service network. */
export function bridgeName(clusterId: string): string {
  return `berth-${clusterId}`;
}

/** The VXLAN device to the nodes behind routers. */
export function vxlanName(clusterId: string): string {
  return `berth-x-${clusterId}`;
}

/** The WireGuard device. */
export function wireguardName(clusterId: string): string {
  return `berth-w-${clusterId}`;
}

/** The nftables table, family ip, of what pods need between nodes. */
export function networkTableName(clusterId: string): string {
  return `${tableName(clusterId)}_net`;
}

/** The nftables table, family ip. */
export function tableName(clusterId: string): string {
  return `berth_${clusterId}`;
}

/** Host end of a pod's veth: 15 characters at most. `hex` is the pod uid's first eight hex digits. */
export function vethName(clusterId: string, podUid: string): string {
  return `${vethPrefix(clusterId)}${podUid.replaceAll("-", "").slice(0, 8)}`;
}

/** What the names of all veths of a cluster begin with. */
export function vethPrefix(clusterId: string): string {
  return `b${clusterId}`;
}

/** Comment that marks our rules among those of others. */
export function ruleComment(clusterId: string): string {
  return `berth-${clusterId}`;
}
