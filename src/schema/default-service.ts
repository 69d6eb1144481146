import { asFields, asList, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** How long a client stays with its pod, when nothing is said: three hours. */
const AFFINITY_SECONDS = 10_800;

/** What Kubernetes fills into the spec of a Service. Pure, idempotent. */
export function defaultServiceSpec(spec: Fields): Fields {
  const { clusterIP, clusterIPs, sessionAffinityConfig: _, ...rest } = spec;
  const address = clusterIP ?? asList(clusterIPs)[0] ?? "";
  return {
    type: "ClusterIP",
    sessionAffinity: "None",
    ports: [],
    ...defaultsOfType(spec),
    ...rest,
    ...defaultAffinity(spec),
    // An empty address is an absent one: the allocator gives it.
    ...(address === "" ? {} : { clusterIP: address, clusterIPs: [address] }),
    ...mapList(spec, "ports", defaultPort),
  };
}

/** A Service that is only another name has no addresses, and so no traffic of its own. */
function defaultsOfType(spec: Fields): Fields {
  const type = spec["type"] ?? "ClusterIP";
  if (type === "ExternalName") return {};
  const isOutside =
    type === "NodePort" || type === "LoadBalancer" || asList(spec["externalIPs"]).length > 0;
  return {
    internalTrafficPolicy: "Cluster",
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ...(isOutside ? { externalTrafficPolicy: "Cluster" } : {}),
    ...(type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: true } : {}),
  };
}

function defaultAffinity(spec: Fields): Fields {
  if (spec["sessionAffinity"] !== "ClientIP") return {};
  const config = asFields(spec["sessionAffinityConfig"]);
  const clientIP = { timeoutSeconds: AFFINITY_SECONDS, ...asFields(config["clientIP"]) };
  return { sessionAffinityConfig: { ...config, clientIP } };
}

function defaultPort(port: Fields): Fields {
  const target = port["targetPort"];
  const targetPort = target === undefined || target === "" || target === 0 ? port["port"] : target;
  return { protocol: "TCP", ...port, targetPort };
}
