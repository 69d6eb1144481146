import { isIPv4 } from "node:net";
import { compare, groupBy } from "../base/order.ts";
import type { Endpoint, EndpointSlice, ServicePort } from "../model/kinds.gen.ts";

/** One place that traffic can go to. */
export interface Backend {
  readonly address: string;
  readonly port: number;
  /** Whether it is on this node, so that a pod may meet itself through its Service. */
  readonly local: boolean;
}

/** Where the node is that the table is for. */
export interface NodePlace {
  readonly nodeName: string;
  /** Of its label `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
}

/** The backends of one port of a Service, each list in the order of addresses. */
export interface Choice {
  /** For policy Cluster: those of the node's zone where hints say so, else all. */
  readonly cluster: readonly Backend[];
  /** For policy Local: those on this node. */
  readonly local: readonly Backend[];
}

/** Most backends of one frontend that get traffic: an update costs time in proportion. */
export const MAX_BACKENDS = 4096;

/** `10.32.0.2:8080`. Pure. */
export function backendKey(backend: Backend): string {
  return `${backend.address}:${backend.port}`;
}

/**
 * Which endpoints of a port get new traffic on a node: ready ones; where there is none, those that are going but still
 * serve. Each policy looks at the endpoints that it may use. Pure.
 */
export function chooseBackends(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  place: NodePlace,
): Choice {
  const candidates = slices.flatMap((slice) => candidatesOf(port, slice, place));
  const ready = candidates.filter((candidate) => candidate.ready);
  const near = ready.filter(isNear(ready, place.zone));
  return {
    cluster: distinct(near.length > 0 ? near : candidates.filter(({ leaving }) => leaving)),
    local: distinct(servingOf(candidates.filter(({ here }) => here))),
  };
}

/** How many ready endpoints a Service has on a node, over all ports; each pod counts once. Pure. */
export function countLocalReady(slices: readonly EndpointSlice[], nodeName: string): number {
  const pods = new Set<string>();
  for (const { endpoints } of slices)
    for (const { addresses, conditions, nodeName: where } of endpoints)
      if (conditions.ready && where === nodeName) pods.add(addresses[0] ?? "");
  return pods.size;
}

interface Candidate {
  readonly backend: Backend;
  readonly ready: boolean;
  readonly leaving: boolean;
  /** On this very node, and said to be so. */
  readonly here: boolean;
  /** The zones that shall use it; `undefined` without hints. */
  readonly zones: readonly string[] | undefined;
}

function servingOf(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  return ready.length > 0 ? ready : candidates.filter(({ leaving }) => leaving);
}

/** Hints count when all endpoints have some and one is for our zone: half of them would overload a few. */
function isNear(
  ready: readonly Candidate[],
  zone: string | undefined,
): (candidate: Candidate) => boolean {
  const isMine = ({ zones }: Candidate): boolean =>
    zone !== undefined && zones?.includes(zone) === true;
  const areHintsWhole = ready.every(({ zones }) => zones !== undefined) && ready.some(isMine);
  return areHintsWhole ? isMine : () => true;
}

function distinct(candidates: readonly Candidate[]): readonly Backend[] {
  const byKey = groupBy(candidates, ({ backend }) => backendKey(backend));
  return [...byKey.entries()]
    .toSorted(([a], [b]) => compare(a, b))
    .slice(0, MAX_BACKENDS)
    .flatMap(([, [first]]) => (first === undefined ? [] : [first.backend]));
}

function candidatesOf(
  port: ServicePort,
  slice: EndpointSlice,
  { nodeName }: NodePlace,
): readonly Candidate[] {
  const target = slice.ports.find(
    (candidate) => candidate.name === (port.name ?? "") && candidate.protocol === port.protocol,
  );
  if (target === undefined) return [];
  return slice.endpoints.flatMap(({ addresses: [address], conditions, nodeName: where, hints }) => {
    if (address === undefined || !isIPv4(address)) return [];
    const local = where === undefined || where === nodeName;
    const leaving = conditions.serving && conditions.terminating;
    return [
      {
        backend: { address, port: target.port, local },
        ready: conditions.ready,
        leaving,
        here: where === nodeName,
        zones: zonesOf(hints),
      },
    ];
  });
}

function zonesOf(hints: Endpoint["hints"]): readonly string[] | undefined {
  const zones = hints?.forZones?.map(({ name }) => name) ?? [];
  return zones.length === 0 ? undefined : zones;
}
