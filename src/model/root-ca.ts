import type { ConfigMap } from "./kinds.gen.ts";

/** The name of the ConfigMap in each namespace that holds the certificate of the cluster's CA. */
export const ROOT_CA_CONFIG_MAP = "kube-root-ca.crt";
/** Its one entry. */
export const ROOT_CA_NAME = "ca.crt";
/** Where the control plane puts it; the others are copies. */
export const ROOT_CA_NAMESPACE = "kube-system";

/** The ConfigMap of a namespace, with PEM certificates. Pure. */
export function rootCaConfigMap(namespace: string, caBundle: string): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: ROOT_CA_CONFIG_MAP, namespace },
    data: { [ROOT_CA_NAME]: caBundle },
  };
}
