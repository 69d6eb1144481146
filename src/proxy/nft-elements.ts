import type { Frontend, Place, Protocol } from "./frontend.ts";
import type { ServiceTable } from "./service-table.ts";

/** One element of a set or map of our table, in nft's words. */
export interface Element {
  readonly set: string;
  readonly key: string;
  /** What a map gives for the key; `undefined` in a set. */
  readonly value: string | undefined;
}

/** Which data map is looked up: frontends with an address or ports of the node, for all clients or those outside. */
export type SpreadKind = "cluster" | "node" | "cluster-outside" | "node-outside";

/** One chain spreads new connections over a number of backends: there is one per count, not one per Service. */
export interface Spread {
  readonly kind: SpreadKind;
  readonly protocol: Protocol;
  readonly count: number;
}

/** One chain sends pods and the node itself to one spread, and clients outside to another: again one per counts. */
export interface Gate {
  readonly kind: "cluster" | "node";
  readonly protocol: Protocol;
  readonly count: number;
  /** 0: clients outside are not answered. */
  readonly outsideCount: number;
}

/** The names of the sets and maps that hold the table's content. */
export const SETS = {
  /** Address, protocol and port → the chain of the count of backends. */
  services: "services",
  /** Protocol and node port → the chain. */
  nodeServices: "node_services",
  /** Node ports without backends. */
  idleNodePorts: "idle_node_ports",
  /** Addresses other than cluster addresses. */
  external: "external",
  /** Such an address, protocol and port without backends. */
  idleExternal: "idle_external",
  /** Addresses of this node's backends, each paired with itself. */
  hairpin: "hairpin",
} as const;

export const SPREAD_KINDS: readonly SpreadKind[] = [
  "cluster",
  "node",
  "cluster-outside",
  "node-outside",
];

/** Slot, address and port of a frontend → address and port of the backend. One map per protocol. Pure. */
export function endpointMap(kind: SpreadKind, protocol: Protocol): string {
  const names: Readonly<Record<SpreadKind, string>> = {
    cluster: "endpoints",
    node: "node_endpoints",
    "cluster-outside": "outside_endpoints",
    "node-outside": "node_outside_endpoints",
  };
  return `${protocol.toLowerCase()}_${names[kind]}`;
}

/** Whether the keys of a kind's map have no address. Pure. */
export function isOfNode(kind: SpreadKind): boolean {
  return kind.startsWith("node");
}

/** The set of node ports in use, per protocol. Pure. */
export function nodePortSet(protocol: Protocol): string {
  return `${protocol.toLowerCase()}_node_ports`;
}

/** The name of a spread's chain. Pure. */
export function spreadChain({ kind, protocol, count }: Spread): string {
  return `${kind}-${protocol.toLowerCase()}-${count}`;
}

/** The name of a gate's chain. Pure. */
export function gateChain({ kind, protocol, count, outsideCount }: Gate): string {
  return `${kind}-gate-${protocol.toLowerCase()}-${count}-${outsideCount}`;
}

/** The spreads that a frontend's elements fill and whose chains it needs. Pure. */
export function spreadsOf({
  address,
  protocol,
  backends,
  outside = [],
}: Frontend): readonly Spread[] {
  const kind = address === undefined ? "node" : "cluster";
  return [
    { kind, protocol, count: backends.length } as const,
    { kind: `${kind}-outside`, protocol, count: outside.length } as const,
  ].filter(({ count }) => count > 0);
}

/** The gate that a frontend needs; `undefined` when it sends all clients alike, or none. Pure. */
export function gateOf({ address, protocol, backends, outside }: Frontend): Gate | undefined {
  if (outside === undefined || backends.length === 0) return undefined;
  const kind = address === undefined ? "node" : "cluster";
  return { kind, protocol, count: backends.length, outsideCount: outside.length };
}

/** Where the shared chains handle a frontend; `undefined` when nothing is to be done with it. Pure. */
export function sharedVerdict(frontend: Frontend): string | undefined {
  if (frontend.isMuted === true) return "drop";
  const gate = gateOf(frontend);
  if (gate !== undefined) return `goto ${gateChain(gate)}`;
  const [spread] = spreadsOf(frontend);
  return spread === undefined ? undefined : `goto ${spreadChain(spread)}`;
}

/** `10.96.0.5 . tcp . 80`, without the address for a port of the node. Pure. */
export function placeKey({ address, protocol, port }: Place): string {
  return `${address === undefined ? "" : `${address} . `}${protocol.toLowerCase()} . ${port}`;
}

/** All elements that a frontend in force puts into the table; `verdict` says where it is handled. Pure. */
export function frontendElements(
  frontend: Frontend,
  verdict: string | undefined,
): readonly Element[] {
  const { address, port, protocol, isOutside } = frontend;
  const isNode = address === undefined;
  const key = placeKey(frontend);
  const elements: Element[] = endpointElements(frontend);
  if (verdict !== undefined) {
    elements.push({ set: isNode ? SETS.nodeServices : SETS.services, key, value: verdict });
  } else if (isNode || isOutside) {
    elements.push({ set: isNode ? SETS.idleNodePorts : SETS.idleExternal, key, value: undefined });
  }
  if (isNode) elements.push({ set: nodePortSet(protocol), key: `${port}`, value: undefined });
  return elements;
}

function endpointElements({
  address,
  protocol,
  port,
  backends,
  outside = [],
  affinity,
}: Frontend): Element[] {
  // Chains of its own send on the frontends that know their clients.
  if (affinity !== undefined) return [];
  const kind = address === undefined ? "node" : "cluster";
  const place = address === undefined ? "" : `${address} . `;
  return (
    [
      [kind, backends],
      [`${kind}-outside`, outside],
    ] as const
  ).flatMap(([kind, list]) =>
    list.map((backend, slot) => ({
      set: endpointMap(kind, protocol),
      key: `${slot} . ${place}${port}`,
      value: `${backend.address} . ${backend.port}`,
    })),
  );
}

/** The element that lets a local backend be reached by itself. Pure. */
export function hairpinElement(address: string): Element {
  return { set: SETS.hairpin, key: `${address} . ${address}`, value: undefined };
}

/** The element that lets answers from other nodes to clients of this address come back. Pure. */
export function externalElement(address: string): Element {
  return { set: SETS.external, key: address, value: undefined };
}

/** The elements of a table that belong to no single frontend. Pure. */
export function commonElements(table: ServiceTable): readonly Element[] {
  return [
    ...[...table.localAddresses.entries()].map(([address]) => hairpinElement(address)),
    ...[...table.outsideAddresses.entries()].map(([address]) => externalElement(address)),
  ];
}
