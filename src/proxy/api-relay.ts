import { API_SERVICE, API_SERVICE_PORT } from "../model/api-service.ts";
import type { Frontend } from "./frontend.ts";
import type { ServiceState } from "./service-table.ts";
import { startTcpRelay } from "./userspace/tcp-relay.ts";

/** Where the Service of the API is in a table. */
export const API_KEY: string = `${API_SERVICE.namespace}/${API_SERVICE.name}`;

export interface ApiRelay {
  /** What the Service of the API wants on this node, in place of its endpoints. */
  frontends(state: ServiceState): readonly Frontend[];
  close(): void;
}

const HTTPS_PORT = 443;

/**
 * Passes pods' connections to the API on by the way that the node itself has: the API may listen on the loopback
 * address alone, or beyond networks that pods cannot cross. TLS goes through unopened. `address` is one of the node's.
 */
export async function startApiRelay(address: string, server: string): Promise<ApiRelay> {
  const { hostname, port: serverPort } = new URL(server);
  const backend = {
    address: hostname.replace(/^\[|\]$/g, ""),
    port: serverPort === "" ? HTTPS_PORT : Number(serverPort),
    local: false,
  };
  const base = {
    service: API_KEY,
    address,
    protocol: "TCP",
    port: API_SERVICE_PORT,
    backends: [backend],
    isOutside: false,
  } as const;
  const relay = await startTcpRelay({
    address,
    port: 0,
    frontend: () => base,
    pick: (_client, tried) => (tried.size === 0 ? backend : undefined),
  });
  const backends = [{ address, port: relay.port, local: false }];
  return {
    frontends: ({ service }) => {
      const clusterIP = service?.spec.clusterIP;
      return clusterIP === undefined ? [] : [{ ...base, address: clusterIP, backends }];
    },
    close: () => relay.close(),
  };
}
