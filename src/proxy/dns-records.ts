import { isIPv4 } from "node:net";
import type { Endpoint, EndpointSlice, Service } from "../model/kinds.gen.ts";
import type { Protocol } from "./frontend.ts";
import type { ServiceState } from "./service-table.ts";

/** What DNS answers for one Service. Plain data: it goes to the DNS thread as a message. */
export interface ServiceRecords {
  readonly namespace: string;
  readonly name: string;
  /** `undefined` for a headless Service. */
  readonly clusterIP: string | undefined;
  /** Another name that this one stands for; such a Service has nothing else. */
  readonly externalName?: string;
  /** Named ports of a Service with a cluster address; a headless one has them at its pods. */
  readonly ports: readonly NamedPort[];
  /** Pods of a headless Service, in the order of their addresses. */
  readonly pods: readonly PodRecord[];
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export interface PodRecord {
  readonly address: string;
  /** One label, below the Service's name. */
  readonly label: string;
  readonly ports: readonly NamedPort[];
}

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The records of a Service; `undefined` when it has none: it is gone, or has no address yet. Pure. */
export function toServiceRecords({ service, slices }: ServiceState): ServiceRecords | undefined {
  if (service === undefined) return undefined;
  const { namespace = "", name } = service.metadata;
  const { clusterIP, type, externalName } = service.spec;
  if (type === "ExternalName" && externalName !== undefined) {
    const target = externalName.toLowerCase().replace(/\.$/, "");
    return { namespace, name, clusterIP: undefined, externalName: target, ports: [], pods: [] };
  }
  if (clusterIP === undefined) return undefined;
  if (isIPv4(clusterIP)) {
    return { namespace, name, clusterIP, ports: namedPorts(service), pods: [] };
  }
  return { namespace, name, clusterIP: undefined, ports: [], pods: podRecords(service, slices) };
}

function namedPorts(service: Service): readonly NamedPort[] {
  return service.spec.ports.flatMap(({ name, protocol, port }) =>
    name === undefined || name === "" ? [] : [{ name, protocol, port }],
  );
}

function podRecords(service: Service, slices: readonly EndpointSlice[]): readonly PodRecord[] {
  const records = new Map<string, PodRecord>();
  const all = service.spec.publishNotReadyAddresses === true;
  for (const slice of slices) {
    const ports = slice.ports.filter((port) => port.name !== "");
    for (const endpoint of slice.endpoints) {
      const [address] = endpoint.addresses;
      if (address === undefined || !isIPv4(address)) continue;
      if (!all && !endpoint.conditions.ready) continue;
      const label = labelOf(endpoint, address);
      const known = records.get(address)?.ports ?? [];
      records.set(address, { address, label, ports: [...known, ...ports] });
    }
  }
  return [...records.values()].toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

/** A pod without a host name of its own is named after its address, as other cluster DNS servers do. */
function labelOf({ hostname }: Endpoint, address: string): string {
  return hostname !== undefined && LABEL.test(hostname) ? hostname : address.replaceAll(".", "-");
}
