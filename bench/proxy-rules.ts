import { silentLogger } from "../src/base/logger.ts";
import { systemClock } from "../src/base/system-clock.ts";
import { NftProxy } from "../src/proxy/nft-proxy.ts";
import { nftTool } from "../src/proxy/nft.ts";
import { EMPTY_TABLE, updateServiceTable } from "../src/proxy/service-table.ts";
import type { ServiceState } from "../src/proxy/service-table.ts";
import { HERE, NODE, endpoint, service, slice } from "../test/proxy/services.ts";
import { Namespace } from "../test/support/netns.ts";
import { compared, median } from "./harness.ts";
import type { Bar, BenchOptions, Metric } from "./harness.ts";

/*
 * From a change of Services and EndpointSlices to rules in the kernel, in a namespace of its own: computing the table,
 * writing the script, and nft's work. The baseline of a change is the least that nft can do: one element more in a
 * set of a table with nothing else. Entering the namespace for each call is part of both.
 */
const SERVICES = 10_000;
const MANY_SERVICES = 30_000;
const ROUNDS = Number(process.env["BERTH_BENCH_RUNS"] ?? 5);
/** How many Services the peer gets; its time grows faster than they do. */
const PEER_SERVICES = Number(process.env["BERTH_BENCH_PEER_SERVICES"] ?? SERVICES);
const CHANGES = 20;
const RULESET = {
  clusterId: "b3nch0",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
  dnsIp: "10.96.0.10",
};

const FULL_LOAD = "10,000 services in the proxy, 3 endpoints each: full load";
const REPLACE = "10,000 services in the proxy, 3 endpoints each: replace of a loaded table";
const ONE_ENDPOINT = "10,000 services in the proxy, 3 endpoints each: one endpoint";

const MANY = "30,000 services in the proxy, 3 endpoints each: full load";

const LEAST = "add element ip least least";

export const ruleBars: readonly Bar[] = [
  { metric: FULL_LOAD, of: "value", below: 1000 },
  { metric: MANY, of: "value", below: 4000 },
  { metric: ONE_ENDPOINT, of: "value", below: 20 },
];

/** How fast changes of Services become rules, beside a chain for each Service. */
export async function measureRules({ say, signal }: BenchOptions): Promise<Metric[]> {
  const times: Record<string, number[]> = {
    [FULL_LOAD]: [],
    [REPLACE]: [],
    [MANY]: [],
    [PEER_LOAD]: [],
    [PEER_ONE]: [],
    [ONE_ENDPOINT]: [],
    [LEAST]: [],
  };
  const timed = async (metric: string, task: () => Promise<void>): Promise<void> => {
    const startedAt = performance.now();
    await task();
    times[metric]?.push(performance.now() - startedAt);
  };
  for (let round = 1; round <= ROUNDS; round += 1) {
    await using namespace = await Namespace.create();
    const nft = nftTool(namespace.run, namespace.open);
    const newProxy = (): NftProxy =>
      new NftProxy({ nft, ruleset: RULESET, clock: systemClock, logger: silentLogger });
    const states = new Map(Array.from({ length: SERVICES }, (_, index) => serviceState(index, 3)));
    const proxy = newProxy();
    let table = EMPTY_TABLE;
    await nft.apply("table ip least { set least { type ipv4_addr; }; }", signal);
    await timed(FULL_LOAD, () => {
      table = updateServiceTable(EMPTY_TABLE, states, HERE);
      return proxy.apply(table, signal);
    });
    for (let change = 0; change < CHANGES; change += 1) {
      const changed = new Map([serviceState(change, change % 2 === 0 ? 2 : 4)]);
      await timed(ONE_ENDPOINT, () => {
        table = updateServiceTable(table, changed, HERE);
        return proxy.apply(table, signal);
      });
      await timed(LEAST, () => nft.apply(`${LEAST} { 192.0.2.${change} }`, signal));
    }
    await timed(REPLACE, () => newProxy().apply(table, signal));
    const [load, replace, endpoint] = Object.values(times).map((values) =>
      values.at(-1)?.toFixed(1),
    );
    say(
      `round ${round} of ${ROUNDS}: full load ${load} ms, replace ${replace} ms, one endpoint ${endpoint} ms`,
    );
  }
  await measureMany(signal, timed);
  await measurePeer({ say, signal }, timed);
  const of = (metric: string): readonly number[] => times[metric] ?? [];
  const plain = [REPLACE, MANY].map((name) => ({
    name,
    value: Number(median(of(name)).toPrecision(4)),
    unit: "ms",
  }));
  return [
    compared(FULL_LOAD, "ms", of(FULL_LOAD), of(PEER_LOAD)),
    compared(ONE_ENDPOINT, "ms", of(ONE_ENDPOINT), of(PEER_ONE)),
    compared(
      `${ONE_ENDPOINT}, beside one element of an empty table`,
      "ms",
      of(ONE_ENDPOINT),
      of(LEAST),
    ),
    ...plain,
  ];
}

type Timed = (metric: string, task: () => Promise<void>) => Promise<void>;

async function measureMany(signal: AbortSignal, timed: Timed): Promise<void> {
  await using namespace = await Namespace.create();
  const nft = nftTool(namespace.run, namespace.open);
  const proxy = new NftProxy({ nft, ruleset: RULESET, clock: systemClock, logger: silentLogger });
  const states = new Map(
    Array.from({ length: MANY_SERVICES }, (_, index) => serviceState(index, 3)),
  );
  await timed(MANY, () => proxy.apply(updateServiceTable(EMPTY_TABLE, states, HERE), signal));
}

/** A chain for each Service and one for each endpoint, as kube-proxy has them. */
const PEER_LOAD = "a chain for each service: full load";
const PEER_ONE = "a chain for each service: one endpoint";

async function measurePeer({ say, signal }: BenchOptions, timed: Timed): Promise<void> {
  await using namespace = await Namespace.create();
  const nft = nftTool(namespace.run, namespace.open);
  await timed(PEER_LOAD, () => nft.apply(peerTable(), signal));
  for (let change = 0; change < Math.min(CHANGES, 5); change += 1) {
    const gone = `${vip(change)}-2`;
    const lines = [
      `flush chain ip peer service-${vip(change)}`,
      `add rule ip peer service-${vip(change)} numgen random mod 2 vmap { 0 : goto endpoint-${vip(change)}-0, 1 : goto endpoint-${vip(change)}-1 }`,
      `flush chain ip peer endpoint-${gone}`,
    ];
    await timed(PEER_ONE, () => nft.apply(`${lines.join("\n")}\n`, signal));
  }
  say(`a chain for each of ${PEER_SERVICES} services is loaded`);
}

function peerTable(): string {
  const chains: string[] = [];
  const elements: string[] = [];
  for (let index = 0; index < PEER_SERVICES; index += 1) {
    const address = vip(index);
    const slots = [0, 1, 2].map((slot) => `${slot} : goto endpoint-${address}-${slot}`);
    for (const slot of [0, 1, 2]) {
      const to = `10.${33 + slot}.${Math.floor(index / 250)}.${index % 250}`;
      chains.push(
        `chain endpoint-${address}-${slot} { ip saddr ${to} meta mark set meta mark or 0x4000; meta l4proto tcp dnat ip to ${to}:8080; }`,
      );
    }
    chains.push(`chain service-${address} { numgen random mod 3 vmap { ${slots.join(", ")} }; }`);
    elements.push(`${address} . tcp . 80 : goto service-${address}`);
  }
  return `table ip peer {
${chains.join("\n")}
map services { type ipv4_addr . inet_proto . inet_service : verdict; elements = { ${elements.join(", ")} } }
chain nat { type nat hook prerouting priority -100; ip daddr . meta l4proto . th dport vmap @services; }
}
`;
}

function vip(index: number): string {
  return `10.${97 + Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${index % 250}`;
}

/** The Service number `index` with a number of endpoints, a tenth of them on this node. */
export function serviceState(index: number, endpoints: number): readonly [string, ServiceState] {
  const name = `s${index}`;
  const clusterIP = vip(index);
  const nodeName = index % 10 === 0 ? NODE : `node-${index % 50}`;
  const backends = Array.from({ length: endpoints }, (_, slot) =>
    endpoint(`10.${33 + slot}.${Math.floor(index / 250)}.${index % 250}`, { nodeName }),
  );
  return [`shop/${name}`, { service: service({ clusterIP }, name), slices: [slice(backends)] }];
}
