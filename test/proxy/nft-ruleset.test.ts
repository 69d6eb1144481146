import { describe, expect, test } from "vitest";
import { isWhole, renderChange, renderCheck, renderFull } from "../../src/proxy/nft-ruleset.ts";
import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState } from "../../src/proxy/service-table.ts";
import { HERE, endpoint, service, servicePort, slice, tableOf } from "./services.ts";

const RULESET = {
  clusterId: "abc123",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
  dnsIp: "10.96.0.10",
};

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `10.32.0.${index + 2}`);
const state = (count: number): ServiceState => ({
  service: service({ ports: [servicePort({ nodePort: 30_080 })] }),
  slices: [slice(addresses(count).map((address) => endpoint(address)))],
});

describe("renderFull()", () => {
  test("replaces the table in the same transaction that removes the old one", () => {
    const lines = renderFull(EMPTY_TABLE, RULESET).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "add table ip berth_abc123",
      "delete table ip berth_abc123",
      "table ip berth_abc123 {",
    ]);
  });

  test("has a chain for each count of backends that is in use", () => {
    const script = renderFull(tableOf(["shop/web", state(40)]), RULESET);
    expect(script).toContain(
      "chain cluster-tcp-40 { meta l4proto tcp dnat ip to numgen random mod 40",
    );
    expect(script).toContain("chain node-tcp-40 {");
    expect(script).not.toContain("cluster-tcp-39");
  });
});

describe("renderChange()", () => {
  test("names only what differs when an endpoint goes", () => {
    const before = tableOf(["shop/web", state(3)]);
    const after = updateServiceTable(before, new Map([["shop/web", state(2)]]), HERE);
    expect(renderChange(before, after, RULESET).script.trim().split("\n")).toEqual([
      "delete element ip berth_abc123 tcp_endpoints { 2 . 10.96.0.5 . 80 }",
      "delete element ip berth_abc123 services { 10.96.0.5 . tcp . 80 }",
      "delete element ip berth_abc123 tcp_node_endpoints { 2 . 30080 }",
      "delete element ip berth_abc123 node_services { tcp . 30080 }",
      "delete element ip berth_abc123 hairpin { 10.32.0.4 . 10.32.0.4 }",
      "add element ip berth_abc123 services { 10.96.0.5 . tcp . 80 : goto cluster-tcp-2 }",
      "add element ip berth_abc123 node_services { tcp . 30080 : goto node-tcp-2 }",
    ]);
  });

  test("marks a node port without endpoints, so that it refuses", () => {
    const before = tableOf(["shop/web", state(1)]);
    const after = updateServiceTable(before, new Map([["shop/web", state(0)]]), HERE);
    expect(renderChange(before, after, RULESET).script).toContain(
      "add element ip berth_abc123 idle_node_ports { tcp . 30080 }",
    );
  });

  test("makes a chain for a new large count, in a way that may be repeated", () => {
    const before = tableOf(["shop/web", state(1)]);
    const after = updateServiceTable(before, new Map([["shop/web", state(17)]]), HERE);
    const script = renderChange(before, after, RULESET).script.split("\n");
    expect(script.slice(0, 2)).toEqual([
      "add chain ip berth_abc123 cluster-tcp-17",
      "flush chain ip berth_abc123 cluster-tcp-17",
    ]);
  });
});

describe("isWhole()", () => {
  const busy = (chain: string): string =>
    `/dev/stdin:9:1-2: Error: Could not process rule: Device or resource busy\ndelete chain ip t ${chain}\n`;

  test.for([
    { name: "all chains in use", errors: busy("a") + busy("b") + busy("c"), whole: true },
    { name: "a chain that no rule refers to", errors: busy("a") + busy("b"), whole: false },
    {
      name: "a missing element",
      errors: `${busy("a")}${busy("b")}${busy("c")}x: Error: Could not process rule: No such file or directory\n`,
      whole: false,
    },
    { name: "no complaint at all", errors: "", whole: false },
  ])("$name → $whole", ({ errors, whole }) => {
    expect(isWhole(errors)).toBe(whole);
  });

  test("the check asks for every set", () => {
    const script = renderFull(EMPTY_TABLE, RULESET);
    const sets = [...script.matchAll(/^ {2}(?:map|set) (\S+) /gm)].map(([, name]) => name);
    expect(sets.length).toBeGreaterThan(8);
    for (const name of sets) {
      expect(renderCheck(RULESET)).toContain(`delete element ip berth_abc123 ${name} {`);
    }
  });
});
