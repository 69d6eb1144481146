import { isIPv4 } from "node:net";
import type { EndpointSlice, Service, ServicePort } from "../model/kinds.gen.ts";
import { assignSlots } from "./assign-slots.ts";
import { backendKey, chooseBackends } from "./choose-backends.ts";
import type { Choice, NodePlace } from "./choose-backends.ts";
import { frontendKey } from "./frontend.ts";
import type { Affinity, Frontend, Place } from "./frontend.ts";

/** What is known of one Service; without `service` it is gone. */
export interface ServiceState {
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
}

/** `v1` or `v2`: pods of the Service are told the client's address where the user-space proxy hides it. */
const PROXY_PROTOCOL_ANNOTATION = "berth.dev/proxy-protocol";

/** Kubernetes' default: three hours. */
const AFFINITY_SECONDS = 10_800;

/**
 * The frontends that a Service wants: its cluster address, its node ports, its external addresses and those of its
 * balancer. Backends that stay keep the slot that they have in `before`. Pure.
 */
export function serviceFrontends(
  name: string,
  { service, slices }: ServiceState,
  place: NodePlace,
  before: readonly Frontend[],
): readonly Frontend[] {
  // Also excludes "None", which marks a headless Service, and addresses that are not given yet.
  const address = service?.spec.clusterIP;
  if (service === undefined || address === undefined || !isIPv4(address)) return [];
  const known = new Map(before.map((frontend) => [frontendKey(frontend), frontend]));
  const frontends = new Map<string, Frontend>();
  for (const port of service.spec.ports) {
    const choice = chooseBackends(port, slices, place);
    for (const at of placesOf(service, address, port)) {
      const key = frontendKey(at);
      if (frontends.has(key)) continue;
      const frontend = toFrontend(name, service, { at, port, choice });
      frontends.set(key, keepSlots(frontend, known.get(key)));
    }
  }
  return [...frontends.values()];
}

/** A place at which a port of a Service answers, and who may call it there. */
interface ServicePlace extends Place {
  readonly isOutside: boolean;
  readonly sources?: readonly string[];
}

function placesOf(
  { spec, status }: Service,
  clusterAddress: string,
  { protocol, port, nodePort }: ServicePort,
): readonly ServicePlace[] {
  const places: ServicePlace[] = [{ address: clusterAddress, protocol, port, isOutside: false }];
  for (const address of spec.externalIPs ?? [])
    if (isIPv4(address)) places.push({ address, protocol, port, isOutside: true });
  const ranges = (spec.loadBalancerSourceRanges ?? []).map((range) => range.trim());
  const sources = ranges.length === 0 || ranges.includes("0.0.0.0/0") ? {} : { sources: ranges };
  const ingress = spec.type === "LoadBalancer" ? (status?.loadBalancer?.ingress ?? []) : [];
  for (const { ip, ipMode } of ingress) {
    // A balancer that stands for itself must be gone through.
    if (ip === undefined || !isIPv4(ip) || ipMode === "Proxy") continue;
    places.push({ address: ip, protocol, port, isOutside: true, ...sources });
  }
  if (nodePort !== undefined)
    places.push({ address: undefined, protocol, port: nodePort, isOutside: true });
  return places;
}

function toFrontend(
  name: string,
  { metadata, spec }: Service,
  {
    at: { isOutside, sources, ...at },
    port,
    choice,
  }: { readonly at: ServicePlace; readonly port: ServicePort; readonly choice: Choice },
): Frontend {
  const isLocal = !isOutside && spec.internalTrafficPolicy === "Local";
  const backends = isLocal ? choice.local : choice.cluster;
  const affinity = affinityOf(name, spec, port);
  const proxyProtocol = metadata.annotations?.[PROXY_PROTOCOL_ANNOTATION];
  return {
    service: name,
    ...at,
    backends,
    isOutside,
    ...(isOutside && spec.externalTrafficPolicy === "Local" && choice.cluster.length > 0
      ? { outside: choice.local }
      : {}),
    ...(isLocal && backends.length === 0 && choice.cluster.length > 0 ? { isMuted: true } : {}),
    ...(affinity === undefined ? {} : { affinity }),
    ...(sources === undefined ? {} : { sources }),
    ...(proxyProtocol === "v1" || proxyProtocol === "v2" ? { proxyProtocol } : {}),
  };
}

function affinityOf(
  name: string,
  { sessionAffinity, sessionAffinityConfig }: Service["spec"],
  { protocol, port }: ServicePort,
): Affinity | undefined {
  if (sessionAffinity !== "ClientIP") return undefined;
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS;
  return { group: `${name}/${protocol.toLowerCase()}/${port}`, seconds };
}

function keepSlots(frontend: Frontend, before: Frontend | undefined): Frontend {
  const { backends, outside } = frontend;
  if (before === undefined) return frontend;
  return {
    ...frontend,
    backends: assignSlots(before.backends, backends, backendKey),
    ...(outside === undefined
      ? {}
      : { outside: assignSlots(before.outside ?? [], outside, backendKey) }),
  };
}
