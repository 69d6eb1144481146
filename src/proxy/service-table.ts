import { isIPv4 } from "node:net";
import { compare, groupBy } from "../base/order.ts";
import type { EndpointSlice, Service, ServicePort } from "../model/kinds.gen.ts";
import { assignSlots } from "./assign-slots.ts";
import { SharedMap } from "./shared-map.ts";
import type { SharedMapEditor } from "./shared-map.ts";

export type Protocol = "TCP" | "UDP";

/** One place that traffic can go to. */
export interface Backend {
  readonly address: string;
  readonly port: number;
  /** Whether it is on this node, so that a pod may meet itself through its Service. */
  readonly local: boolean;
}

/** One address and port that the node answers for, and what stands behind it. */
export interface Frontend {
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** The cluster address; `undefined` for a node port, which is on every address of the node. */
  readonly address: string | undefined;
  readonly protocol: Protocol;
  readonly port: number;
  /** By slot. Empty: connections are refused. */
  readonly backends: readonly Backend[];
}

/** The whole data path of a node. A value: each update gives a new one that shares what did not change. */
export interface ServiceTable {
  /** By `frontendKey`: the Services that want it, in the order of their names. The first one has it. */
  readonly claims: SharedMap<readonly [Frontend, ...Frontend[]]>;
  /** By Service: the frontends that it wants. */
  readonly wanted: SharedMap<readonly Frontend[]>;
  /** Addresses of this node's backends, with how many backends of frontends in force have each. */
  readonly localAddresses: SharedMap<number>;
}

/** What is known of one Service; without `service` it is gone. */
export interface ServiceState {
  readonly service: Service | undefined;
  readonly slices: readonly EndpointSlice[];
}

/** Most backends of one frontend that get traffic: an update costs time in proportion. */
export const MAX_BACKENDS = 4096;

export const EMPTY_TABLE: ServiceTable = {
  claims: new SharedMap(),
  wanted: new SharedMap(),
  localAddresses: new SharedMap(),
};

/** `TCP/10.96.0.5/80`, or `TCP//30080` for a node port. Pure. */
export function frontendKey(frontend: Omit<Frontend, "service" | "backends">): string {
  return `${frontend.protocol}/${frontend.address ?? ""}/${frontend.port}`;
}

/**
 * The table after some Services changed. `states` holds those Services by `namespace/name`; backends that stay
 * keep their slot. A frontend that two Services want belongs to the first by name. Pure.
 */
export function updateServiceTable(
  previous: ServiceTable,
  states: ReadonlyMap<string, ServiceState>,
  nodeName: string,
): ServiceTable {
  const claims = previous.claims.edit();
  const wanted = previous.wanted.edit();
  const localAddresses = previous.localAddresses.edit();
  for (const [name, state] of states) {
    const before = wanted.get(name) ?? [];
    const after = frontendsOf(name, state, nodeName, before);
    if (after.length === 0) wanted.delete(name);
    else wanted.set(name, after);
    for (const key of new Set([...before, ...after].map(frontendKey))) {
      const inForce = claims.get(key)?.[0];
      const mine = after.find((frontend) => frontendKey(frontend) === key);
      const [first, ...rest] = withClaim(claims.get(key) ?? [], name, mine);
      if (first === undefined) claims.delete(key);
      else claims.set(key, [first, ...rest]);
      count(localAddresses, inForce, -1);
      count(localAddresses, first, 1);
    }
  }
  return {
    claims: claims.finish(),
    wanted: wanted.finish(),
    localAddresses: localAddresses.finish(),
  };
}

/** The frontends in force that differ between two tables. Pure. */
export function changedFrontends(
  previous: ServiceTable,
  next: ServiceTable,
): readonly { readonly before: Frontend | undefined; readonly after: Frontend | undefined }[] {
  return [...previous.claims.changedKeys(next.claims)].flatMap((key) => {
    const [before, after] = [previous.claims.get(key)?.[0], next.claims.get(key)?.[0]];
    return before === after ? [] : [{ before, after }];
  });
}

/** Whether traffic to `previous` may still reach a backend that `next` does not have. Pure. */
export function lostBackends(
  previous: Frontend | undefined,
  next: Frontend | undefined,
): readonly Backend[] {
  if (previous === undefined) return [];
  const kept = new Set(next?.backends.map(backendKey));
  return previous.backends.filter((backend) => !kept.has(backendKey(backend)));
}

function backendKey(backend: Backend): string {
  return `${backend.address}:${backend.port}`;
}

function withClaim(
  claims: readonly Frontend[],
  service: string,
  mine: Frontend | undefined,
): readonly Frontend[] {
  const others = claims.filter((claim) => claim.service !== service);
  return mine === undefined
    ? others
    : [...others, mine].toSorted((a, b) => compare(a.service, b.service));
}

function count(
  counts: SharedMapEditor<number>,
  frontend: Frontend | undefined,
  step: 1 | -1,
): void {
  for (const { local, address } of frontend?.backends ?? []) {
    if (!local) continue;
    const next = (counts.get(address) ?? 0) + step;
    if (next === 0) counts.delete(address);
    else counts.set(address, next);
  }
}

function frontendsOf(
  name: string,
  { service, slices }: ServiceState,
  nodeName: string,
  before: readonly Frontend[],
): readonly Frontend[] {
  // Also excludes "None", which marks a headless Service, and addresses that are not given yet.
  const address = service?.spec.clusterIP;
  if (service === undefined || address === undefined || !isIPv4(address)) return [];
  const slots = new Map(before.map((frontend) => [frontendKey(frontend), frontend.backends]));
  const frontends = new Map<string, Frontend>();
  for (const port of service.spec.ports) {
    const backends = backendsOf(port, slices, nodeName);
    for (const place of placesOf(address, port)) {
      const key = frontendKey(place);
      if (frontends.has(key)) continue;
      const kept = slots.get(key) ?? [];
      frontends.set(key, {
        service: name,
        ...place,
        backends: assignSlots(kept, backends, backendKey),
      });
    }
  }
  return [...frontends.values()];
}

function placesOf(
  address: string,
  { protocol, port, nodePort }: ServicePort,
): readonly Omit<Frontend, "service" | "backends">[] {
  const cluster = { address, protocol, port };
  return nodePort === undefined
    ? [cluster]
    : [cluster, { address: undefined, protocol, port: nodePort }];
}

/** Ready backends of a port; when there is none, those that are going but still serve. In order of address. */
function backendsOf(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  nodeName: string,
): readonly Backend[] {
  const candidates = slices.flatMap((slice) => candidatesOf(port, slice, nodeName));
  const ready = candidates.filter((candidate) => candidate.ready);
  const chosen = ready.length > 0 ? ready : candidates.filter((candidate) => candidate.leaving);
  const distinct = groupBy(chosen, ({ backend }) => backendKey(backend));
  return [...distinct.entries()]
    .toSorted(([a], [b]) => compare(a, b))
    .slice(0, MAX_BACKENDS)
    .flatMap(([, [first]]) => (first === undefined ? [] : [first.backend]));
}

interface Candidate {
  readonly backend: Backend;
  readonly ready: boolean;
  readonly leaving: boolean;
}

function candidatesOf(
  port: ServicePort,
  slice: EndpointSlice,
  nodeName: string,
): readonly Candidate[] {
  const target = slice.ports.find(
    (candidate) => candidate.name === (port.name ?? "") && candidate.protocol === port.protocol,
  );
  if (target === undefined) return [];
  return slice.endpoints.flatMap(({ addresses: [address], conditions, nodeName: where }) => {
    if (address === undefined || !isIPv4(address)) return [];
    const backend = {
      address,
      port: target.port,
      local: where === undefined || where === nodeName,
    };
    const leaving = conditions.serving && conditions.terminating;
    return [{ backend, ready: conditions.ready, leaving }];
  });
}
