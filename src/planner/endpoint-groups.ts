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
  /** By the uid of the pod, in the order of the pods' names. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
}

/** The pods among `pods` that a Service sends to, or will once they are ready, by their ports. Pure. */
export function groupEndpoints(service: Service, pods: readonly Pod[]): readonly EndpointGroup[] {
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
    .map(([key, { ports, members }]) => ({ key, ports, endpoints: toEndpoints(service, members) }));
}

/** What tells the ports of slices apart. Pure. */
export function portsKey(ports: readonly EndpointPort[]): string {
  return canonicalJson(ports.map(({ name, protocol, port }) => [name, protocol, port]));
}

/** Whether traffic could reach the pod: it has an address and has not come to its end. */
function hasEndpoint(pod: Pod): boolean {
  return !isFinished(pod) && (pod.status?.podIP ?? "") !== "";
}

function toEndpoints(service: Service, pods: readonly Pod[]): ReadonlyMap<string, Endpoint> {
  return new Map(
    pods
      .toSorted((a, b) => compare(a.metadata.name, b.metadata.name))
      .map((pod) => [pod.metadata.uid ?? "", toEndpoint(service, pod)]),
  );
}

function toEndpoint(service: Service, pod: Pod): Endpoint {
  const { name, namespace = "", uid = "" } = pod.metadata;
  const { hostname, subdomain, nodeName } = pod.spec;
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const isNamed = hostname !== undefined && subdomain === service.metadata.name;
  return {
    addresses: [pod.status?.podIP ?? ""],
    conditions: { ready, serving, terminating },
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
  };
}

/** The Service's ports on this pod; a named one that no container has is left out, as Kubernetes does. */
function resolvePorts({ spec }: Service, pod: Pod): readonly EndpointPort[] {
  return spec.ports.flatMap((port) => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    return [{ name: port.name ?? "", protocol: port.protocol, port: number }];
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
