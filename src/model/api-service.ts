import { addressAt, parseCidr } from "./cidr.ts";
import type { Service } from "./kinds.gen.ts";

/** The Service by which pods reach the API. */
export const API_SERVICE = { namespace: "default", name: "kubernetes" } as const;
export const API_SERVICE_PORT = 443;

/** Its address: the first of the service network, as in Kubernetes. Pure. */
export function apiServiceIp(serviceCidr: string): string {
  const cidr = parseCidr(serviceCidr);
  return cidr === undefined ? "" : addressAt(cidr, 1);
}

/** The Service itself. It has no endpoints: each node passes connections on by its own way to the API. Pure. */
export function apiService(serviceCidr: string): Service {
  const clusterIP = apiServiceIp(serviceCidr);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...API_SERVICE, labels: { component: "apiserver", provider: "kubernetes" } },
    spec: {
      type: "ClusterIP",
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
      sessionAffinity: "None",
      ports: [{ name: "https", protocol: "TCP", port: API_SERVICE_PORT, targetPort: 6443 }],
    },
  };
}
