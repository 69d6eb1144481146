import { once } from "node:events";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { NftProxy } from "../../src/proxy/nft-proxy.ts";
import { renderFull } from "../../src/proxy/nft-ruleset.ts";
import { nftTool } from "../../src/proxy/nft.ts";
import type { Nft } from "../../src/proxy/nft.ts";
import type { HostProcess, OpenCommand } from "../../src/proxy/run-command.ts";
import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState, ServiceTable } from "../../src/proxy/service-table.ts";
import { HERE, NODE, endpoint, service, servicePort, slice } from "../proxy/services.ts";
import { Namespace } from "../support/netns.ts";

const RULESET = {
  clusterId: "nf7t3s",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
  dnsIp: "10.96.0.10",
};
const TABLE = "berth_nf7t3s";
const signal = AbortSignal.timeout(110_000);

let changed: Namespace;
let fresh: Namespace;

beforeAll(async () => {
  changed = await Namespace.create();
  fresh = await Namespace.create();
});

afterAll(async () => {
  await changed?.[Symbol.asyncDispose]();
  await fresh?.[Symbol.asyncDispose]();
});

function proxyIn(
  namespace: Namespace,
  nft: Nft = nftTool(namespace.run, namespace.open),
): NftProxy {
  return new NftProxy({ nft, ruleset: RULESET, clock: systemClock, logger: silentLogger });
}

/** The elements that the kernel holds, one a line, sorted. */
async function elementsIn(namespace: Namespace): Promise<string[]> {
  const listed = await namespace.tool("nft", ["-j", "list", "table", "ip", TABLE]);
  const { nftables } = JSON.parse(listed) as { nftables: Record<string, KernelSet>[] };
  return nftables
    .flatMap((item) => item["set"] ?? item["map"] ?? [])
    .flatMap(({ name, elem = [] }) => elem.map((element) => `${name} ${JSON.stringify(element)}`))
    .toSorted();
}

interface KernelSet {
  readonly name: string;
  readonly elem?: readonly unknown[];
}

function state(clusterIP: string, protocol: "TCP" | "UDP", count: number): ServiceState {
  const ports = [servicePort({ protocol, nodePort: 30_080 })];
  const endpoints = Array.from({ length: count }, (_, index) =>
    endpoint(`10.32.0.${index + 2}`, { nodeName: index % 2 === 0 ? NODE : "node-b" }),
  );
  return {
    service: service({ clusterIP, ports }),
    slices: [slice(endpoints, { ports: [{ name: "", protocol, port: 8080 }] })],
  };
}

const someState = fc.oneof(
  fc.constant<ServiceState>({ service: undefined, slices: [] }),
  fc
    .tuple(
      fc.constantFrom("10.96.0.5", "10.96.0.6"),
      fc.constantFrom("TCP" as const, "UDP" as const),
      // Around the counts for which chains are prepared.
      fc.constantFrom(0, 1, 2, 3, 16, 17, 18),
    )
    .map(([clusterIP, protocol, count]) => state(clusterIP, protocol, count)),
);
const change = fc.dictionary(fc.constantFrom("shop/a", "shop/b"), someState, { minKeys: 1 });

describe("NftProxy and the real nft", () => {
  test("changes, one after the other, end in what a full load gives", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const proxy = proxyIn(changed);
        let table: ServiceTable = EMPTY_TABLE;
        for (const states of changes) {
          table = updateServiceTable(table, new Map(Object.entries(states)), HERE);
          await proxy.apply(table, signal);
        }
        await nftTool(fresh.run).apply(renderFull(table, RULESET), signal);
        expect(await elementsIn(changed)).toEqual(await elementsIn(fresh));
        expect(await proxy.repair(signal)).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  test("a first load in chunks ends in what one script gives", async () => {
    await using namespace = await Namespace.create();
    const states = Array.from({ length: 6000 }, (_, index) => {
      const clusterIP = `10.97.${Math.floor(index / 250)}.${index % 250}`;
      const one = {
        service: service({ clusterIP }),
        slices: [slice([endpoint(`10.32.${index % 250}.2`)])],
      };
      return [`shop/s${index}`, one] as const;
    });
    const table = updateServiceTable(EMPTY_TABLE, new Map(states), HERE);
    const scripts: number[] = [];
    const real = nftTool(namespace.run);
    const nft: Nft = {
      ...real,
      apply: (script, ...rest) => {
        scripts.push(script.length);
        return real.apply(script, ...rest);
      },
    };
    await proxyIn(namespace, nft).apply(table, signal);
    expect(scripts.length).toBe(3);
    await nftTool(fresh.run).apply(renderFull(table, RULESET), signal);
    expect(await elementsIn(namespace)).toEqual(await elementsIn(fresh));
  });

  test("a table that is there already is replaced in one transaction", async () => {
    const scripts: string[] = [];
    const real = nftTool(fresh.run);
    const nft: Nft = {
      ...real,
      apply: (script, ...rest) => {
        scripts.push(script);
        return real.apply(script, ...rest);
      },
    };
    await real.apply(renderFull(EMPTY_TABLE, RULESET), signal);
    const table = updateServiceTable(
      EMPTY_TABLE,
      new Map([["shop/a", state("10.96.0.5", "TCP", 2)]]),
      HERE,
    );
    await proxyIn(fresh, nft).apply(table, signal);
    expect(scripts).toEqual([renderFull(table, RULESET)]);
  });

  test("a change that the kernel refuses leads to a full replace", async () => {
    const proxy = proxyIn(changed);
    const before = updateServiceTable(
      EMPTY_TABLE,
      new Map([["shop/a", state("10.96.0.5", "TCP", 2)]]),
      HERE,
    );
    await proxy.apply(before, signal);
    await changed.tool("nft", ["flush", "map", "ip", TABLE, "tcp_endpoints"]);
    const after = updateServiceTable(
      before,
      new Map([["shop/a", state("10.96.0.5", "TCP", 1)]]),
      HERE,
    );
    await proxy.apply(after, signal);
    await nftTool(fresh.run).apply(renderFull(after, RULESET), signal);
    expect(await elementsIn(changed)).toEqual(await elementsIn(fresh));
  });

  test("a process that is told changes is replaced when it ends, and the table is whole", async () => {
    const children: HostProcess[] = [];
    const open: OpenCommand = (...args) => {
      const child = changed.open(...args);
      children.push(child);
      return child;
    };
    const proxy = proxyIn(changed, nftTool(changed.run, open));
    const tables = [1, 2, 3].map((count) =>
      updateServiceTable(
        EMPTY_TABLE,
        new Map([["shop/a", state("10.96.0.5", "TCP", count)]]),
        HERE,
      ),
    );
    for (const table of tables) {
      await proxy.apply(table, signal);
      const ended = children.map((child) => once(child, "close"));
      for (const child of children.splice(0)) child.kill("SIGKILL");
      await Promise.all(ended);
    }
    const last = tables.at(-1) ?? EMPTY_TABLE;
    await nftTool(fresh.run).apply(renderFull(last, RULESET), signal);
    expect(await elementsIn(changed)).toEqual(await elementsIn(fresh));
  });

  test.each([
    ["flush ruleset", "glance"],
    [`delete table ip ${TABLE}`, "glance"],
    [`flush table ip ${TABLE}`, "glance"],
    [`flush map ip ${TABLE} services`, "check"],
  ] as const)("after %s a %s finds that, and puts everything back", async (command, how) => {
    const proxy = proxyIn(changed);
    const states = new Map([["shop/a", state("10.96.0.5", "TCP", 2)]]);
    const table = updateServiceTable(EMPTY_TABLE, states, HERE);
    await proxy.apply(table, signal);
    expect(await proxy.repair(signal, how)).toBe(false);
    await changed.tool("nft", command.split(" "));
    expect(await proxy.repair(signal, how)).toBe(true);
    expect(await proxy.repair(signal, how)).toBe(false);
    await nftTool(fresh.run).apply(renderFull(table, RULESET), signal);
    expect(await elementsIn(changed)).toEqual(await elementsIn(fresh));
  });

  test("a failure is told, and the next attempt may succeed", async () => {
    const real = nftTool(changed.run);
    let refuses = true;
    const nft: Nft = {
      ...real,
      apply: (...args) =>
        refuses ? Promise.reject(new Error("the kernel is out of memory")) : real.apply(...args),
    };
    const proxy = proxyIn(changed, nft);
    await expect(proxy.apply(EMPTY_TABLE, signal)).rejects.toThrow("out of memory");
    refuses = false;
    await proxy.apply(EMPTY_TABLE, signal);
    expect(await proxy.repair(signal)).toBe(false);
  });
});
