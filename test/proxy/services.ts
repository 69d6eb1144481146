import { SERVICE_NAME_LABEL } from "../../src/model/labels.ts";
import type {
  Endpoint,
  EndpointPort,
  EndpointSlice,
  Service,
  ServicePort,
  ServiceSpec,
} from "../../src/model/kinds.gen.ts";
import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { NodePlace } from "../../src/proxy/choose-backends.ts";
import type { Frontend } from "../../src/proxy/frontend.ts";
import type { ServiceState, ServiceTable } from "../../src/proxy/service-table.ts";

export const NODE = "node-a";
export const HERE: NodePlace = { nodeName: NODE };

/** TCP 80 → 8080 unless told otherwise. */
export function servicePort(fields: Partial<ServicePort> = {}): ServicePort {
  return { protocol: "TCP", port: 80, targetPort: 8080, ...fields };
}

/** `shop/web` on 10.96.0.5 unless told otherwise. */
export function service(fields: Partial<ServiceSpec> = {}, name = "web"): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "shop", name },
    spec: {
      type: "ClusterIP",
      clusterIP: "10.96.0.5",
      sessionAffinity: "None",
      ports: [servicePort()],
      ...fields,
    },
  };
}

/** A ready endpoint on this node. */
export function endpoint(address: string, fields: Partial<Endpoint> = {}): Endpoint {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    nodeName: NODE,
    ...fields,
  };
}

export const terminating: Endpoint["conditions"] = {
  ready: false,
  serving: true,
  terminating: true,
};
export const unready: Endpoint["conditions"] = { ready: false, serving: false, terminating: false };

/** A slice of `shop/web`. */
export function slice(
  endpoints: readonly Endpoint[],
  fields: {
    readonly name?: string;
    readonly service?: string;
    readonly ports?: readonly EndpointPort[];
  } = {},
): EndpointSlice {
  const { name = "web-1", service: owner = "web", ports } = fields;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "shop", name, labels: { [SERVICE_NAME_LABEL]: owner } },
    addressType: "IPv4",
    endpoints,
    ports: ports ?? [{ name: "", protocol: "TCP", port: 8080 }],
  };
}

/** The table of some Services from nothing. */
export function tableOf(...states: readonly (readonly [string, ServiceState])[]): ServiceTable {
  return updateServiceTable(EMPTY_TABLE, new Map(states), HERE);
}

/** `TCP 10.96.0.5:80 -> 10.32.0.2:8080 10.32.0.3:8080 (remote)`, one line for each frontend in force, sorted. */
export function renderTable(table: ServiceTable): string[] {
  return [...table.claims.values()].map(([frontend]) => renderFrontend(frontend)).toSorted();
}

function renderFrontend({ address, protocol, port, backends }: Frontend): string {
  const to = backends.map((b) => ` ${b.address}:${b.port}${b.local ? "" : " (remote)"}`);
  return `${protocol} ${address ?? "node"}:${port} ->${to.join("")}`;
}
