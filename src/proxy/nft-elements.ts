import type { Frontend, Protocol, ServiceTable } from "./service-table.ts";

/** One element of a set or map of our table, in nft's words. */
export interface Element {
  readonly set: string;
  readonly key: string;
  /** What a map gives for the key; `undefined` in a set. */
  readonly value: string | undefined;
}

/** One chain spreads new connections over a number of backends: there is one per count, not one per Service. */
export interface Spread {
  readonly kind: "cluster" | "node";
  readonly protocol: Protocol;
  readonly count: number;
}

/** The names of the sets and maps that hold the table's content. */
export const SETS = {
  /** Cluster address, protocol and port → the chain of the count of backends. */
  services: "services",
  /** Protocol and node port → the chain. */
  nodeServices: "node_services",
  /** Node ports without backends. */
  idleNodePorts: "idle_node_ports",
  /** Addresses of this node's backends, each paired with itself. */
  hairpin: "hairpin",
} as const;

/** Slot, address and port of a frontend → address and port of the backend. One map per protocol. Pure. */
export function endpointMap(kind: Spread["kind"], protocol: Protocol): string {
  const endpoints = kind === "node" ? "node_endpoints" : "endpoints";
  return `${protocol.toLowerCase()}_${endpoints}`;
}

/** The set of node ports in use, per protocol. Pure. */
export function nodePortSet(protocol: Protocol): string {
  return `${protocol.toLowerCase()}_node_ports`;
}

/** The name of a spread's chain. Pure. */
export function spreadChain({ kind, protocol, count }: Spread): string {
  return `${kind}-${protocol.toLowerCase()}-${count}`;
}

/** The spread that a frontend needs; `undefined` without backends. Pure. */
export function spreadOf({ address, protocol, backends }: Frontend): Spread | undefined {
  const kind = address === undefined ? "node" : "cluster";
  return backends.length === 0 ? undefined : { kind, protocol, count: backends.length };
}

/** All elements that a frontend in force puts into the table. Pure. */
export function frontendElements(frontend: Frontend): readonly Element[] {
  const { address, protocol, port, backends } = frontend;
  const spread = spreadOf(frontend);
  const kind = address === undefined ? "node" : "cluster";
  const place = address === undefined ? "" : `${address} . `;
  const elements: Element[] = backends.map((backend, slot) => ({
    set: endpointMap(kind, protocol),
    key: `${slot} . ${place}${port}`,
    value: `${backend.address} . ${backend.port}`,
  }));
  const key = `${place}${protocol.toLowerCase()} . ${port}`;
  if (spread !== undefined) {
    const set = address === undefined ? SETS.nodeServices : SETS.services;
    elements.push({ set, key, value: `goto ${spreadChain(spread)}` });
  } else if (address === undefined) {
    elements.push({ set: SETS.idleNodePorts, key, value: undefined });
  }
  if (address === undefined) {
    elements.push({ set: nodePortSet(protocol), key: `${port}`, value: undefined });
  }
  return elements;
}

/** The element that lets a local backend be reached by itself. Pure. */
export function hairpinElement(address: string): Element {
  return { set: SETS.hairpin, key: `${address} . ${address}`, value: undefined };
}

/** All elements of a table. Pure. */
export function tableElements({ claims, localAddresses }: ServiceTable): readonly Element[] {
  return [
    ...[...claims.values()].flatMap(([frontend]) => frontendElements(frontend)),
    ...[...localAddresses.entries()].map(([address]) => hairpinElement(address)),
  ];
}
