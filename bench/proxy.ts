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
const ROUNDS = 5;
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

const LEAST = "add element ip least least";

export const bars: readonly Bar[] = [
  { metric: FULL_LOAD, of: "value", below: 1000 },
  { metric: ONE_ENDPOINT, of: "value", below: 20 },
];

export async function run({ say, signal }: BenchOptions): Promise<Metric[]> {
  const times: Record<string, number[]> = {
    [FULL_LOAD]: [],
    [REPLACE]: [],
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
    const nft = nftTool(namespace.run);
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
  const of = (metric: string): readonly number[] => times[metric] ?? [];
  const plain = [FULL_LOAD, REPLACE].map((name) => ({
    name,
    value: Number(median(of(name)).toPrecision(4)),
    unit: "ms",
  }));
  return [...plain, compared(ONE_ENDPOINT, "ms", of(ONE_ENDPOINT), of(LEAST))];
}

/** The Service number `index` with a number of endpoints, a tenth of them on this node. */
function serviceState(index: number, endpoints: number): readonly [string, ServiceState] {
  const name = `s${index}`;
  const clusterIP = `10.97.${Math.floor(index / 250)}.${index % 250}`;
  const nodeName = index % 10 === 0 ? NODE : `node-${index % 50}`;
  const backends = Array.from({ length: endpoints }, (_, slot) =>
    endpoint(`10.${33 + slot}.${Math.floor(index / 250)}.${index % 250}`, { nodeName }),
  );
  return [`shop/${name}`, { service: service({ clusterIP }, name), slices: [slice(backends)] }];
}
