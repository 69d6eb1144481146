import type { ClusterInfo } from "../client/client.ts";
import { VERSION } from "./version.ts";

/** What nodes are told of the cluster. Pure. */
export function clusterInfo(config: Omit<ClusterInfo, "version">): ClusterInfo {
  const { clusterId, podCidr, serviceCidr, dnsIp, domain } = config;
  return { clusterId, version: VERSION, podCidr, serviceCidr, dnsIp, domain };
}
