import { tableName, vethPrefix } from "../model/instance.ts";
import {
  endpointMap,
  frontendElements,
  hairpinElement,
  nodePortSet,
  SETS,
  spreadChain,
  spreadOf,
  tableElements,
} from "./nft-elements.ts";
import type { Element, Spread } from "./nft-elements.ts";
import { changedFrontends } from "./service-table.ts";
import type { Frontend, Protocol, ServiceTable } from "./service-table.ts";

/** What the rules must know of the cluster and the node. */
export interface RulesetOptions {
  readonly clusterId: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** In the service network, but answered by the node itself. */
  readonly dnsIp: string;
}

/** Chains for counts up to this one are always there, so that scaling a common Service changes elements only. */
const PREPARED_COUNTS = 16;

const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP"];

const MAPS = PROTOCOLS.flatMap((protocol) =>
  (["cluster", "node"] as const).map((kind) => ({ kind, protocol })),
);

/**
 * Elements that match no packet. They let `renderCheck` ask for each set whether somebody emptied it, without
 * reading the set: nft 1.0.6 reads a whole table for the smallest look-up.
 */
const SENTINELS: readonly Element[] = [
  { set: SETS.services, key: "0.0.0.0 . tcp . 0", value: "return" },
  { set: SETS.nodeServices, key: "tcp . 0", value: "return" },
  { set: SETS.idleNodePorts, key: "tcp . 0", value: undefined },
  { set: SETS.hairpin, key: "0.0.0.0 . 0.0.0.0", value: undefined },
  ...PROTOCOLS.map((protocol) => ({ set: nodePortSet(protocol), key: "0", value: undefined })),
  ...MAPS.map(({ kind, protocol }) => ({
    set: endpointMap(kind, protocol),
    key: kind === "node" ? "0 . 0" : "0 . 0.0.0.0 . 0",
    value: "0.0.0.0 . 0",
  })),
];

/** Chains that are only jumped to: while rules refer to them, the kernel refuses to delete them. */
const SENTINEL_CHAINS = ["route-services", "source-nat", "refuse"] as const;

/** The script that puts `table` in place of whatever is there, in one transaction. Pure. */
export function renderFull(table: ServiceTable, options: RulesetOptions): string {
  const name = tableName(options.clusterId);
  const spreads = new Map(preparedSpreads().map((spread) => [spreadChain(spread), spread]));
  for (const [frontend] of table.claims.values()) {
    const spread = spreadOf(frontend);
    if (spread !== undefined) spreads.set(spreadChain(spread), spread);
  }
  return [
    `add table ip ${name}`,
    `delete table ip ${name}`,
    renderSkeleton(options, [...spreads.values()]),
    ...renderElements("add", name, [...SENTINELS, ...tableElements(table)]),
    "",
  ].join("\n");
}

/**
 * The script that leads from `previous`, which the kernel must hold, to `next`: changed elements only, in one
 * transaction. Empty when nothing differs. Pure.
 */
export function renderChange(
  previous: ServiceTable,
  next: ServiceTable,
  options: RulesetOptions,
): string {
  const name = tableName(options.clusterId);
  const [gone, come]: [Element[], Element[]] = [[], []];
  const spreads = new Map<string, Spread>();
  for (const { before, after } of changedFrontends(previous, next)) {
    compareElements(elementsOf(before), elementsOf(after), gone, come);
    const spread = after === undefined ? undefined : spreadOf(after);
    const isPrepared = spread === undefined || spread.count <= PREPARED_COUNTS;
    if (!isPrepared && spread.count !== before?.backends.length) {
      spreads.set(spreadChain(spread), spread);
    }
  }
  for (const address of previous.localAddresses.changedKeys(next.localAddresses)) {
    const [had, has] = [previous, next].map((table) => table.localAddresses.get(address) ?? 0);
    if (has === 0) gone.push(hairpinElement(address));
    if (had === 0) come.push(hairpinElement(address));
  }
  if (gone.length === 0 && come.length === 0) return "";
  return [
    ...[...spreads.values()].flatMap((spread) => addSpread(name, spread)),
    ...renderElements("delete", name, gone),
    ...renderElements("add", name, come),
    "",
  ].join("\n");
}

/**
 * A script for nft's check mode, which changes nothing: it tries to delete what must be there. When the table is
 * whole, the kernel refuses the chains, because rules refer to them (`Device or resource busy`), and nothing else.
 * Pure.
 */
export function renderCheck({ clusterId }: RulesetOptions): string {
  const name = tableName(clusterId);
  return [
    ...renderElements("delete", name, SENTINELS),
    ...SENTINEL_CHAINS.map((chain) => `delete chain ip ${name} ${chain}`),
    "",
  ].join("\n");
}

/** Whether nft's answer to `renderCheck` says that the table is whole. Pure. */
export function isWhole(errors: string): boolean {
  const complaints = errors.split("\n").filter((line) => line.includes("Error:"));
  return (
    complaints.length === SENTINEL_CHAINS.length &&
    complaints.every((line) => line.includes("Device or resource busy"))
  );
}

/** Takes our table away; also when there is none. Pure. */
export function renderRemoval(clusterId: string): string {
  const name = tableName(clusterId);
  return `add table ip ${name}\ndelete table ip ${name}\n`;
}

function elementsOf(frontend: Frontend | undefined): readonly Element[] {
  return frontend === undefined ? [] : frontendElements(frontend);
}

function compareElements(
  before: readonly Element[],
  after: readonly Element[],
  gone: Element[],
  come: Element[],
): void {
  const identity = ({ set, key, value }: Element): string => `${set} ${key} ${value ?? ""}`;
  const [had, has] = [new Set(before.map(identity)), new Set(after.map(identity))];
  gone.push(...before.filter((element) => !has.has(identity(element))));
  come.push(...after.filter((element) => !had.has(identity(element))));
}

function renderElements(
  verb: "add" | "delete",
  table: string,
  elements: readonly Element[],
): readonly string[] {
  const bySet = new Map<string, string[]>();
  for (const { set, key, value } of elements) {
    const text = verb === "delete" || value === undefined ? key : `${key} : ${value}`;
    const list = bySet.get(set);
    if (list === undefined) bySet.set(set, [text]);
    else list.push(text);
  }
  return [...bySet].map(
    ([set, list]) => `${verb} element ip ${table} ${set} { ${list.join(", ")} }`,
  );
}

function preparedSpreads(): readonly Spread[] {
  return MAPS.flatMap(({ kind, protocol }) =>
    Array.from({ length: PREPARED_COUNTS }, (_, index) => ({ kind, protocol, count: index + 1 })),
  );
}

/** May be repeated: a chain that is left from an earlier time is filled anew. */
function addSpread(table: string, spread: Spread): readonly string[] {
  const chain = spreadChain(spread);
  return [
    `add chain ip ${table} ${chain}`,
    `flush chain ip ${table} ${chain}`,
    `add rule ip ${table} ${chain} ${spreadRule(spread)}`,
  ];
}

/** `numgen` gives a random slot; slots are dense, so each one has a backend. */
function spreadRule({ kind, protocol, count }: Spread): string {
  const l4 = protocol.toLowerCase();
  const place = kind === "node" ? `${l4} dport` : `ip daddr . ${l4} dport`;
  const map = endpointMap(kind, protocol);
  return `meta l4proto ${l4} dnat ip to numgen random mod ${count} . ${place} map @${map}`;
}

/**
 * Everything but the elements. What each part is for:
 *
 * - A service address is answered in the nat hooks. What is still addressed to the service network in `forward`, or
 *   in `output` after NAT, found no backend, and is refused at once. Open connections are not: their packets were
 *   translated before.
 * - `source-nat` keeps the client's address wherever the answer comes back through this node by itself: from a local
 *   pod, or to one. A pod that meets itself would answer itself directly, so its address is hidden.
 * - A packet that conntrack holds for invalid would leave with the pod's own address, and the client would reset.
 * - Names like `dstnat` for priorities are refused by nft 1.0.6 in the output hook, so these are numbers.
 */
function renderSkeleton(options: RulesetOptions, spreads: readonly Spread[]): string {
  const { clusterId, podCidr, serviceCidr, dnsIp } = options;
  const pods = `"${vethPrefix(clusterId)}*"`;
  return `table ip ${tableName(clusterId)} {
  map ${SETS.services} { type ipv4_addr . inet_proto . inet_service : verdict; }
  map ${SETS.nodeServices} { type inet_proto . inet_service : verdict; }
  set ${SETS.idleNodePorts} { type inet_proto . inet_service; }
  set ${SETS.hairpin} { type ipv4_addr . ipv4_addr; }
${PROTOCOLS.map((protocol) => `  set ${nodePortSet(protocol)} { type inet_service; }`).join("\n")}
${MAPS.map(renderMap).join("\n")}
${spreads.map((spread) => `  chain ${spreadChain(spread)} { ${spreadRule(spread)}; }`).join("\n")}
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmp type port-unreachable
  }
  chain route-services {
    ip daddr . meta l4proto . th dport vmap @${SETS.services}
    ip daddr != 127.0.0.0/8 fib daddr type local meta l4proto . th dport vmap @${SETS.nodeServices}
  }
  chain source-nat {
    oifname "lo" return
    ct status dnat ip saddr . ip daddr @${SETS.hairpin} masquerade fully-random
    oifname ${pods} return
    iifname != ${pods} ct original ip daddr ${serviceCidr} ct status dnat masquerade fully-random
${PROTOCOLS.map((protocol) => renderNodePortMasquerade(protocol, pods)).join("\n")}
    ip saddr ${podCidr} ip daddr != { ${podCidr}, ${serviceCidr} } masquerade fully-random
  }
  chain nat-prerouting { type nat hook prerouting priority -100; jump route-services; }
  chain nat-output { type nat hook output priority -100; jump route-services; }
  chain nat-postrouting { type nat hook postrouting priority 100; jump source-nat; }
  chain filter-forward {
    type filter hook forward priority -110;
    ct state invalid ip saddr ${podCidr} drop
    ip daddr ${serviceCidr} goto refuse
  }
  chain filter-input {
    type filter hook input priority -110;
    ct state new ct status & dnat != dnat ip daddr != 127.0.0.0/8 meta l4proto . th dport @${SETS.idleNodePorts} goto refuse
  }
  chain filter-output {
    type filter hook output priority -90;
    ip daddr ${serviceCidr} ip daddr != ${dnsIp} goto refuse
  }
}`;
}

function renderMap({ kind, protocol }: Omit<Spread, "count">): string {
  const l4 = protocol.toLowerCase();
  const place = kind === "node" ? `${l4} dport` : `ip daddr . ${l4} dport`;
  // Only "typeof" can say that the first part of the key is a slot of numgen; its modulus does not matter here.
  const type = `typeof numgen random mod 2 . ${place} : ip daddr . ${l4} dport`;
  return `  map ${endpointMap(kind, protocol)} { ${type}; }`;
}

function renderNodePortMasquerade(protocol: Protocol, pods: string): string {
  const l4 = protocol.toLowerCase();
  return `    iifname != ${pods} ct status dnat meta l4proto ${l4} ct original proto-dst @${nodePortSet(protocol)} masquerade fully-random`;
}
