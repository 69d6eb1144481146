import { canonicalJson } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import type { Endpoint, EndpointPort, Pod, Service, ServicePort } from "../model/kinds.gen.ts";
import { matchesLabels } from "../model/labels.ts";
import { isFinished } from "../model/pod-phase.ts";
import { isReady, isTerminating } from "./pod-state.ts";

/** Endpoints whose ports have the same numbers, so that one slice can hold them. */
export interface EndpointGroup {
  /** Equal for equal ports. */
  readonly key: string;
  readonly ports: readonly EndpointPort[];
  /** By `endpointKey`, in the order of the pods' names. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/** Where a node is, by its name; `undefined` when nobody has said so. */
export type ZoneOf = (node: string) => string | undefined;

/** The pods among `pods` that a Service sends to, or will once they are ready, by their ports. Pure. */
export function groupEndpoints(
  service: Service,
  pods: readonly Pod[],
  zoneOf: ZoneOf = () => undefined,
): readonly EndpointGroup[] {
  const { selector = {} } = service.spec;
  const groups = new Map<string, { ports: readonly EndpointPort[]; members: Pod[] }>();
  for (const pod of pods) {
    if (!hasEndpoint(pod) || !matchesLabels(selector, pod.metadata.labels)) continue;
    const ports = resolvePorts(service, pod);
    const key = portsKey(ports);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ports, members: [pod] });
    else group.members.push(pod);
  }
  return [...groups]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([key, { ports, members }]) => ({
      key,
      ports,
      endpoints: toEndpoints(service, members, zoneOf),
    }));
}

/** What tells one endpoint from the others of its Service: the pod that it is, else its address. Pure. */
export function endpointKey({ targetRef, addresses }: Endpoint): string {
  return targetRef?.uid ?? addresses[0] ?? "";
}

/** What tells the ports of slices apart. Pure. */
export function portsKey(ports: readonly EndpointPort[]): string {
  const told = ports.map(({ name, protocol, port, appProtocol = "" }) =>
    appProtocol === "" ? [name, protocol, port] : [name, protocol, port, appProtocol],
  );
  return canonicalJson(told);
}

/** Whether traffic could reach the pod: it has an address and has not come to its end. */
function hasEndpoint(pod: Pod): boolean {
  return !isFinished(pod) && (pod.status?.podIP ?? "") !== "";
}

function toEndpoints(
  service: Service,
  pods: readonly Pod[],
  zoneOf: ZoneOf,
): ReadonlyMap<string, Endpoint> {
  return new Map(
    pods
      .toSorted((a, b) => compare(a.metadata.name, b.metadata.name))
      .map((pod) => [pod.metadata.uid ?? "", toEndpoint(service, pod, zoneOf)]),
  );
}

function toEndpoint(service: Service, pod: Pod, zoneOf: ZoneOf): Endpoint {
  const { name, namespace = "", uid = "" } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec;
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = nodeName === undefined ? undefined : zoneOf(nodeName);
  // Traffic shall stay near: each zone is served by its own.
  const isNear = service.spec.trafficDistribution === "PreferClose" && ready && zone !== undefined;
  const isNamed = hostname !== undefined && subdomain === service.metadata.name;
  return {
    addresses: [pod.status?.podIP ?? ""],
    conditions: { ready, serving, terminating },
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(isNear ? { hints: { forZones: [{ name: zone }] } } : {}),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

/** The Service's ports on this pod; a named one that no container has is left out, as Kubernetes does. */
function resolvePorts({ spec }: Service, pod: Pod): readonly EndpointPort[] {
  return spec.ports.flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    const { appProtocol } = port;
    const base = { name: port.name ?? "", protocol: port.protocol, port: number };
    return [appProtocol === undefined ? base : { ...base, appProtocol }];
  });
}

function targetPort({ targetPort: target, protocol }: ServicePort, pod: Pod): number | undefined {
  if (typeof target === "number") return target;
  for (const { ports = [] } of pod.spec.containers) {
    const found = ports.find((port) => port.name === target && port.protocol === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
