import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderChange, renderFull } from "../../src/proxy/nft-ruleset.ts";
import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState, ServiceTable } from "../../src/proxy/service-table.ts";
import { applyScript, renderModel } from "./nft-model.ts";
import type { NftModel } from "./nft-model.ts";
import { NODE, endpoint, service, servicePort, slice, terminating } from "./services.ts";

const RULESET = {
  clusterId: "abc123",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
  dnsIp: "10.96.0.10",
};

// Few values each, so that Services meet on addresses, ports and endpoints.
const address = fc.constantFrom("10.32.0.2", "10.32.0.3", "10.32.0.4", "10.32.0.5");
const someEndpoint = fc
  .record({ address, away: fc.boolean(), going: fc.boolean() })
  .map(({ address, away, going }) =>
    endpoint(address, {
      ...(away ? { nodeName: "node-b" } : {}),
      ...(going ? { conditions: terminating } : {}),
    }),
  );
const ports = fc.constantFrom(
  [servicePort()],
  [servicePort({ nodePort: 30_001 })],
  [servicePort({ nodePort: 30_001 }), servicePort({ port: 81, name: "b", nodePort: 30_002 })],
  [servicePort({ protocol: "UDP", nodePort: 30_001 })],
);
const state: fc.Arbitrary<ServiceState> = fc.oneof(
  fc.constant({ service: undefined, slices: [] }),
  fc
    .record({
      clusterIP: fc.constantFrom("10.96.0.5", "10.96.0.6", "None"),
      ports,
      endpoints: fc.array(someEndpoint, { maxLength: 5 }),
    })
    .map(({ clusterIP, ports: servicePorts, endpoints }) => ({
      service: service({ clusterIP, ports: servicePorts }),
      slices: [
        slice(endpoints, {
          ports: servicePorts.map(({ name = "", protocol }) => ({ name, protocol, port: 8080 })),
        }),
      ],
    })),
);
const change = fc.dictionary(fc.constantFrom("shop/a", "shop/b", "shop/c"), state);

describe("renderChange()", () => {
  test("step after step gives the elements of a full load of the end state", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        let table: ServiceTable = EMPTY_TABLE;
        let model: NftModel = applyScript(new Map(), renderFull(table, RULESET));
        for (const states of changes) {
          const next = updateServiceTable(table, new Map(Object.entries(states)), NODE);
          model = applyScript(model, renderChange(table, next, RULESET));
          table = next;
          const full = applyScript(new Map(), renderFull(table, RULESET));
          expect(renderModel(model)).toEqual(renderModel(full));
        }
      }),
    );
  });

  test("leaves no slot empty: a chain for n backends finds n endpoints", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        let table: ServiceTable = EMPTY_TABLE;
        for (const states of changes) {
          table = updateServiceTable(table, new Map(Object.entries(states)), NODE);
        }
        const model = applyScript(new Map(), renderFull(table, RULESET));
        for (const [key, verdict] of model.get("services") ?? []) {
          const [place, protocol, port] = key.split(" . ");
          const count = Number(/^goto cluster-(?:tcp|udp)-(\d+)$/.exec(verdict)?.[1] ?? 0);
          const endpoints = model.get(`${protocol}_endpoints`) ?? new Map<string, string>();
          const slots = Array.from({ length: count }, (_, slot) => `${slot} . ${place} . ${port}`);
          expect(slots.filter((slot) => !endpoints.has(slot))).toEqual([]);
        }
      }),
    );
  });

  test("is empty when nothing differs", () => {
    fc.assert(
      fc.property(change, (states) => {
        const table = updateServiceTable(EMPTY_TABLE, new Map(Object.entries(states)), NODE);
        const same = updateServiceTable(table, new Map(Object.entries(states)), NODE);
        expect(renderChange(table, same, RULESET)).toBe("");
      }),
    );
  });
});
