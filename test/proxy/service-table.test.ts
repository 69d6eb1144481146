import { describe, expect, test } from "vitest";
import { lostBackends } from "../../src/proxy/frontend.ts";
import { updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState } from "../../src/proxy/service-table.ts";
import {
  HERE,
  endpoint,
  renderTable,
  service,
  servicePort,
  slice,
  tableOf,
  terminating,
  unready,
} from "./services.ts";

interface Case {
  readonly name: string;
  readonly state: ServiceState;
  readonly table: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "sends to the ready endpoints, in the order of their addresses",
    state: {
      service: service(),
      slices: [slice([endpoint("10.32.0.3"), endpoint("10.32.0.2")])],
    },
    table: ["TCP 10.96.0.5:80 -> 10.32.0.2:8080 10.32.0.3:8080"],
  },
  {
    name: "merges slices and counts an endpoint once",
    state: {
      service: service(),
      slices: [
        slice([endpoint("10.32.0.2")]),
        slice([endpoint("10.32.0.2"), endpoint("10.32.0.4")], { name: "web-2" }),
      ],
    },
    table: ["TCP 10.96.0.5:80 -> 10.32.0.2:8080 10.32.0.4:8080"],
  },
  {
    name: "leaves out what is not ready",
    state: {
      service: service(),
      slices: [
        slice([endpoint("10.32.0.2"), endpoint("10.32.0.3", { conditions: unready })]),
        slice([endpoint("10.32.0.4", { conditions: terminating })], { name: "web-2" }),
      ],
    },
    table: ["TCP 10.96.0.5:80 -> 10.32.0.2:8080"],
  },
  {
    name: "falls back to what terminates but still serves when nothing is ready",
    state: {
      service: service(),
      slices: [
        slice([
          endpoint("10.32.0.2", { conditions: terminating }),
          endpoint("10.32.0.3", { conditions: unready }),
          endpoint("10.32.0.4", { conditions: { ...terminating, serving: false } }),
        ]),
      ],
    },
    table: ["TCP 10.96.0.5:80 -> 10.32.0.2:8080"],
  },
  {
    name: "keeps a frontend without endpoints, so that it refuses",
    state: { service: service(), slices: [] },
    table: ["TCP 10.96.0.5:80 ->"],
  },
  {
    name: "has a frontend for the node port, too",
    state: {
      service: service({ type: "NodePort", ports: [servicePort({ nodePort: 30_080 })] }),
      slices: [slice([endpoint("10.32.0.2")])],
    },
    table: ["TCP 10.96.0.5:80 -> 10.32.0.2:8080", "TCP node:30080 -> 10.32.0.2:8080"],
  },
  {
    name: "tells ports apart by name and protocol",
    state: {
      service: service({
        ports: [
          servicePort({ name: "dns", protocol: "UDP", port: 53 }),
          servicePort({ name: "dns-tcp", port: 53 }),
        ],
      }),
      slices: [
        slice([endpoint("10.32.0.2")], {
          ports: [
            { name: "dns", protocol: "UDP", port: 1053 },
            { name: "dns-tcp", protocol: "TCP", port: 2053 },
          ],
        }),
      ],
    },
    table: ["TCP 10.96.0.5:53 -> 10.32.0.2:2053", "UDP 10.96.0.5:53 -> 10.32.0.2:1053"],
  },
  {
    name: "says which endpoints are on other nodes",
    state: {
      service: service(),
      slices: [slice([endpoint("10.32.1.2", { nodeName: "node-b" })])],
    },
    table: ["TCP 10.96.0.5:80 -> 10.32.1.2:8080 (remote)"],
  },
  {
    name: "has nothing for a headless Service",
    state: {
      service: service({ clusterIP: "None" }),
      slices: [slice([endpoint("10.32.0.2")])],
    },
    table: [],
  },
  {
    name: "lets nothing but addresses through, since they become part of a script",
    state: {
      service: service({ clusterIP: "10.96.0.5 } ; flush ruleset" }),
      slices: [],
    },
    table: [],
  },
  {
    name: "ignores endpoints whose address is none",
    state: { service: service(), slices: [slice([endpoint("::1"), endpoint("10.32.0.2;")])] },
    table: ["TCP 10.96.0.5:80 ->"],
  },
];

describe("updateServiceTable()", () => {
  test.for(CASES)("$name", ({ state, table }) => {
    expect(renderTable(tableOf(["shop/web", state]))).toEqual(table);
  });

  test("keeps the slot of an endpoint that stays, and moves the last one into the hole", () => {
    const before = tableOf(["shop/web", withEndpoints("10.32.0.2", "10.32.0.3", "10.32.0.4")]);
    const after = updateServiceTable(
      before,
      new Map([["shop/web", withEndpoints("10.32.0.3", "10.32.0.4")]]),
      HERE,
    );
    expect(renderTable(after)).toEqual(["TCP 10.96.0.5:80 -> 10.32.0.4:8080 10.32.0.3:8080"]);
  });

  test("forgets a Service that is gone", () => {
    const before = tableOf(["shop/web", withEndpoints("10.32.0.2")]);
    const gone = new Map([["shop/web", { service: undefined, slices: [] }]]);
    const after = updateServiceTable(before, gone, HERE);
    expect([after.claims.size, after.wanted.size, after.localAddresses.size]).toEqual([0, 0, 0]);
  });

  test("gives an address that two Services claim to the first by name, and then to the other", () => {
    const [a, b] = [withEndpoints("10.32.0.2"), withEndpoints("10.32.0.9")];
    const both = tableOf(["shop/web", b], ["shop/aaa", a]);
    expect(renderTable(both)).toEqual(["TCP 10.96.0.5:80 -> 10.32.0.2:8080"]);
    const gone = new Map([["shop/aaa", { service: undefined, slices: [] }]]);
    const left = updateServiceTable(both, gone, HERE);
    expect(renderTable(left)).toEqual(["TCP 10.96.0.5:80 -> 10.32.0.9:8080"]);
    expect([...left.localAddresses.entries()]).toEqual([["10.32.0.9", 1]]);
  });

  test("does not touch the table that it was given", () => {
    const before = tableOf(["shop/web", withEndpoints("10.32.0.2")]);
    const rendered = renderTable(before);
    updateServiceTable(before, new Map([["shop/web", withEndpoints()]]), HERE);
    expect(renderTable(before)).toEqual(rendered);
  });
});

describe("lostBackends()", () => {
  test("names what the next frontend does not have", () => {
    const [before] = tableOf(["shop/web", withEndpoints("10.32.0.2", "10.32.0.3")]).claims.values();
    const [after] = tableOf(["shop/web", withEndpoints("10.32.0.3")]).claims.values();
    expect(lostBackends(before?.[0], after?.[0]).map(({ address }) => address)).toEqual([
      "10.32.0.2",
    ]);
  });
});

function withEndpoints(...addresses: readonly string[]): ServiceState {
  return { service: service(), slices: [slice(addresses.map((address) => endpoint(address)))] };
}
