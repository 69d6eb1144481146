import type { ClusterInfo } from "../../client/client.ts";
import { overlaps, parseCidr } from "../../model/cidr.ts";
import { bridgeName, vethPrefix, vxlanName, wireguardName } from "../../model/instance.ts";
import { ROUTE_PROTOCOL, type HostRoute } from "./observe-host.ts";

type Networks = Pick<ClusterInfo, "clusterId" | "podCidr" | "serviceCidr">;

/** The routes of others that overlap the networks of the cluster. Pure. */
export function overlappingRoutes(
  routes: readonly HostRoute[],
  { clusterId, podCidr, serviceCidr }: Networks,
): readonly HostRoute[] {
  const networks = [podCidr, serviceCidr].flatMap((text) => parseCidr(text) ?? []);
  const ours = [bridgeName, vxlanName, wireguardName].map((name) => name(clusterId));
  return routes.filter(({ dst, dev = "", protocol, type = "unicast" }) => {
    if (ours.includes(dev) || dev.startsWith(vethPrefix(clusterId))) return false;
    if (protocol === ROUTE_PROTOCOL || type !== "unicast" || dst === "default") return false;
    const cidr = parseCidr(dst);
    return cidr !== undefined && networks.some((network) => overlaps(cidr, network));
  });
}
