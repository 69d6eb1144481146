import { tableName, vethPrefix } from "../model/instance.ts";
import type { Frontend, Protocol } from "./frontend.ts";
import {
  SETS,
  SPREAD_KINDS,
  commonElements,
  externalElement,
  endpointMap,
  frontendElements,
  gateChain,
  gateOf,
  hairpinElement,
  isOfNode,
  nodePortSet,
  spreadChain,
  spreadsOf,
} from "./nft-elements.ts";
import type { Element, Gate, Spread, SpreadKind } from "./nft-elements.ts";
import { MAX_KNOWN_CLIENTS, ownParts } from "./nft-own.ts";
import { OwnChange } from "./nft-own-change.ts";
import type { Names } from "./nft-own-change.ts";
import type { OwnParts } from "./nft-own.ts";
import { changedFrontends } from "./service-table.ts";
import type { ServiceTable } from "./service-table.ts";

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

const MAPS = PROTOCOLS.flatMap((protocol) => SPREAD_KINDS.map((kind) => ({ kind, protocol })));

/**
 * Elements that match no packet. They let `renderCheck` ask for each set whether somebody emptied it, without
 * reading the set: nft 1.0.6 reads a whole table for the smallest look-up.
 */
const SENTINELS: readonly Element[] = [
  { set: SETS.services, key: "0.0.0.0 . tcp . 0", value: "return" },
  { set: SETS.nodeServices, key: "tcp . 0", value: "return" },
  { set: SETS.idleNodePorts, key: "tcp . 0", value: undefined },
  { set: SETS.external, key: "0.0.0.0", value: undefined },
  { set: SETS.idleExternal, key: "0.0.0.0 . tcp . 0", value: undefined },
  { set: SETS.hairpin, key: "0.0.0.0 . 0.0.0.0", value: undefined },
  ...PROTOCOLS.map((protocol) => ({ set: nodePortSet(protocol), key: "0", value: undefined })),
  ...MAPS.map(({ kind, protocol }) => ({
    set: endpointMap(kind, protocol),
    key: isOfNode(kind) ? "0 . 0" : "0 . 0.0.0.0 . 0",
    value: "0.0.0.0 . 0",
  })),
];

/** Chains that are only jumped to: while rules refer to them, the kernel refuses to delete them. */
const SENTINEL_CHAINS = ["route-services", "source-nat", "refuse"] as const;

/** The script that puts `table` in place of whatever is there, in one transaction. Pure. */
export function renderFull(table: ServiceTable, options: RulesetOptions): string {
  const name = tableName(options.clusterId);
  const lines = new Map(
    preparedSpreads().map((spread) => [spreadChain(spread), spreadRules(spread)]),
  );
  const clients = new Map<string, number>();
  const elements: Element[] = [...SENTINELS, ...commonElements(table)];
  for (const [frontend] of table.claims.values()) {
    for (const [chain, rules] of sharedChains(frontend, options)) lines.set(chain, rules);
    const own = ownParts(frontend, options.podCidr);
    for (const [chain, rules] of own.chains) lines.set(chain, rules);
    for (const [set, seconds] of own.clients) clients.set(set, seconds);
    for (const element of frontendElements(frontend, own.verdict)) elements.push(element);
  }
  return [
    `add table ip ${name}`,
    `delete table ip ${name}`,
    renderSkeleton(options, lines, clients),
    ...renderElements("add", name, elements),
    "",
  ].join("\n");
}

/** A change of the kernel's table, and what it leaves behind empty: the kernel may use it a moment longer. */
export interface RulesetChange {
  /** Empty when nothing differs. */
  readonly script: string;
  /** Names of chains and sets that are of no use any more. */
  readonly idle: Names;
  /** Names that are in use from now on, and may have been idle. */
  readonly used: Names;
}

/**
 * The script that leads from `previous`, which the kernel must hold, to `next`: changed elements only, in one
 * transaction. Pure.
 */
export function renderChange(
  previous: ServiceTable,
  next: ServiceTable,
  options: RulesetOptions,
): RulesetChange {
  const name = tableName(options.clusterId);
  const [gone, come]: [Element[], Element[]] = [[], []];
  const chains = new Map<string, readonly string[]>();
  const own = new OwnChange(next, options.podCidr);
  for (const { before, after } of changedFrontends(previous, next)) {
    const { had, has } = own.compare(before, after);
    compareElements(elementsOf(before, had), elementsOf(after, has), gone, come);
    if (after === undefined) continue;
    const known = new Set(before === undefined ? [] : sharedChains(before, options).keys());
    for (const [chain, rules] of sharedChains(after, options))
      if (!known.has(chain) && !PREPARED.has(chain)) chains.set(chain, rules);
  }
  const counts = [
    [previous.localAddresses, next.localAddresses, hairpinElement],
    [previous.outsideAddresses, next.outsideAddresses, externalElement],
  ] as const;
  for (const [before, after, toElement] of counts) {
    for (const address of before.changedKeys(after)) {
      if (after.get(address) === undefined) gone.push(toElement(address));
      if (before.get(address) === undefined) come.push(toElement(address));
    }
  }
  const { idle, used, clients, chains: ownChains } = own.result();
  const lines = [
    ...[...clients].map(([set, seconds]) => `add set ip ${name} ${set} ${clientSet(seconds)}`),
    ...renderChains(name, new Map([...chains, ...ownChains])),
    ...renderElements("delete", name, gone),
    ...renderElements("add", name, come),
    ...idle.chains.map((chain) => `flush chain ip ${name} ${chain}`),
    ...idle.sets.map((set) => `flush set ip ${name} ${set}`),
  ];
  return { script: lines.length === 0 ? "" : `${lines.join("\n")}\n`, idle, used };
}

/** Takes away what was left behind empty a while ago. Pure. */
export function renderCleaning({ chains, sets }: Names, { clusterId }: RulesetOptions): string {
  const name = tableName(clusterId);
  return [
    ...chains.map((chain) => `delete chain ip ${name} ${chain}`),
    ...sets.map((set) => `delete set ip ${name} ${set}`),
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

/** A check that costs next to nothing: whether somebody took the table away, or all its rules. Pure. */
export function renderGlance({ clusterId }: RulesetOptions): string {
  const name = tableName(clusterId);
  return SENTINEL_CHAINS.map((chain) => `delete chain ip ${name} ${chain}\n`).join("");
}

/** Whether nft's answer to `renderCheck` or `renderGlance` says that the table is whole. Pure. */
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

function elementsOf(frontend: Frontend | undefined, own: OwnParts | undefined): readonly Element[] {
  return frontend === undefined ? [] : frontendElements(frontend, own?.verdict);
}

function compareElements(
  before: readonly Element[],
  after: readonly Element[],
  gone: Element[],
  come: Element[],
): void {
  if (before.length === 0) {
    for (const element of after) come.push(element);
    return;
  }
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
  return MAPS.filter(({ kind }) => kind === "cluster" || kind === "node").flatMap(
    ({ kind, protocol }) =>
      Array.from({ length: PREPARED_COUNTS }, (_, index) => ({ kind, protocol, count: index + 1 })),
  );
}

const PREPARED: ReadonlySet<string> = new Set(preparedSpreads().map(spreadChain));

const NO_CHAINS: ReadonlyMap<string, readonly string[]> = new Map();

/** The chains that a frontend shares with others of the same counts, but for those that are always there. */
function sharedChains(
  frontend: Frontend,
  { podCidr }: RulesetOptions,
): ReadonlyMap<string, readonly string[]> {
  if (frontend.outside === undefined && frontend.backends.length <= PREPARED_COUNTS)
    return NO_CHAINS;
  const chains = new Map<string, readonly string[]>();
  for (const spread of spreadsOf(frontend)) chains.set(spreadChain(spread), spreadRules(spread));
  const gate = gateOf(frontend);
  if (gate !== undefined) chains.set(gateChain(gate), gateRules(gate, podCidr));
  return chains;
}

/** May be repeated: a chain that is left from an earlier time is filled anew. All are there before one is named. */
function renderChains(
  table: string,
  chains: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  return [
    ...[...chains.keys()].flatMap((chain) => [
      `add chain ip ${table} ${chain}`,
      `flush chain ip ${table} ${chain}`,
    ]),
    ...[...chains].flatMap(([chain, rules]) =>
      rules.map((rule) => `add rule ip ${table} ${chain} ${rule}`),
    ),
  ];
}

/** `numgen` gives a random slot; slots are dense, so each one has a backend. */
function spreadRules({ kind, protocol, count }: Spread): readonly string[] {
  const l4 = protocol.toLowerCase();
  const place = isOfNode(kind) ? `${l4} dport` : `ip daddr . ${l4} dport`;
  const map = endpointMap(kind, protocol);
  return [`meta l4proto ${l4} dnat ip to numgen random mod ${count} . ${place} map @${map}`];
}

/** Pods and the node itself are sent to all backends, wherever they are: nobody has hidden their address. */
function gateRules(
  { kind, protocol, count, outsideCount }: Gate,
  podCidr: string,
): readonly string[] {
  const all = spreadChain({ kind, protocol, count });
  const outside = spreadChain({ kind: `${kind}-outside`, protocol, count: outsideCount });
  return [
    `ip saddr ${podCidr} goto ${all}`,
    `fib saddr type local goto ${all}`,
    outsideCount === 0 ? "drop" : `goto ${outside}`,
  ];
}

/** Clients by address; each is forgotten so long after its last connection. */
function clientSet(seconds: number): string {
  return `{ type ipv4_addr; flags dynamic,timeout; timeout ${seconds}s; size ${MAX_KNOWN_CLIENTS}; }`;
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
function renderSkeleton(
  options: RulesetOptions,
  chains: ReadonlyMap<string, readonly string[]>,
  clients: ReadonlyMap<string, number>,
): string {
  const { clusterId, podCidr, serviceCidr, dnsIp } = options;
  const pods = `"${vethPrefix(clusterId)}*"`;
  return `table ip ${tableName(clusterId)} {
  map ${SETS.services} { type ipv4_addr . inet_proto . inet_service : verdict; }
  map ${SETS.nodeServices} { type inet_proto . inet_service : verdict; }
  set ${SETS.idleNodePorts} { type inet_proto . inet_service; }
  set ${SETS.external} { type ipv4_addr; }
  set ${SETS.idleExternal} { type ipv4_addr . inet_proto . inet_service; }
  set ${SETS.hairpin} { type ipv4_addr . ipv4_addr; }
${PROTOCOLS.map((protocol) => `  set ${nodePortSet(protocol)} { type inet_service; }`).join("\n")}
${MAPS.map(renderMap).join("\n")}
${[...clients].map(([set, seconds]) => `  set ${set} ${clientSet(seconds)}`).join("\n")}
${[...chains].map(([chain, rules]) => `  chain ${chain} { ${rules.map((rule) => `${rule}; `).join("")}}`).join("\n")}
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
    iifname != ${pods} ct status dnat ct original ip daddr @${SETS.external} masquerade fully-random
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
    ct status & dnat != dnat ip daddr . meta l4proto . th dport @${SETS.idleExternal} goto refuse
  }
  chain filter-input {
    type filter hook input priority -110;
    ct state new ct status & dnat != dnat ip daddr . meta l4proto . th dport @${SETS.idleExternal} goto refuse
    ct state new ct status & dnat != dnat ip daddr != 127.0.0.0/8 meta l4proto . th dport @${SETS.idleNodePorts} goto refuse
  }
  chain filter-output {
    type filter hook output priority -90;
    ip daddr ${serviceCidr} ip daddr != ${dnsIp} goto refuse
    ct status & dnat != dnat ip daddr . meta l4proto . th dport @${SETS.idleExternal} goto refuse
  }
}`;
}

function renderMap({
  kind,
  protocol,
}: {
  readonly kind: SpreadKind;
  readonly protocol: Protocol;
}): string {
  const l4 = protocol.toLowerCase();
  const place = isOfNode(kind) ? `${l4} dport` : `ip daddr . ${l4} dport`;
  // Only "typeof" can say that the first part of the key is a slot of numgen; its modulus does not matter here.
  const type = `typeof numgen random mod 2 . ${place} : ip daddr . ${l4} dport`;
  return `  map ${endpointMap(kind, protocol)} { ${type}; }`;
}

function renderNodePortMasquerade(protocol: Protocol, pods: string): string {
  const l4 = protocol.toLowerCase();
  return `    iifname != ${pods} ct status dnat meta l4proto ${l4} ct original proto-dst @${nodePortSet(protocol)} masquerade fully-random`;
}
