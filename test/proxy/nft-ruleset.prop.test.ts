import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderChange, renderFull } from "../../src/proxy/nft-ruleset.ts";
import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState, ServiceTable } from "../../src/proxy/service-table.ts";
import { applyScript, renderModel } from "./nft-model.ts";
import type { NftModel } from "./nft-model.ts";
import { HERE, endpoint, service, servicePort, slice, terminating } from "./services.ts";

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
      more: fc.record(
        {
          sessionAffinity: fc.constant("ClientIP" as const),
          internalTrafficPolicy: fc.constant("Local" as const),
          externalTrafficPolicy: fc.constant("Local" as const),
          externalIPs: fc.constantFrom(["192.0.2.1"], ["192.0.2.2", "192.0.2.1"]),
          loadBalancerSourceRanges: fc.constant(["192.0.2.0/24"]),
        },
        { requiredKeys: [] },
      ),
      ingress: fc.constantFrom([], ["192.0.2.1"], ["192.0.2.9"]),
      ports,
      endpoints: fc.array(someEndpoint, { maxLength: 5 }),
    })
    .map(({ clusterIP, ports: servicePorts, endpoints, more, ingress }) => ({
      service: {
        ...service({ clusterIP, type: "LoadBalancer", ports: servicePorts, ...more }),
        status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } },
      },
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
          const next = updateServiceTable(table, new Map(Object.entries(states)), HERE);
          model = applyScript(model, renderChange(table, next, RULESET).script);
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
          table = updateServiceTable(table, new Map(Object.entries(states)), HERE);
        }
        const model = applyScript(new Map(), renderFull(table, RULESET));
        for (const [key, verdict] of model.get("services") ?? []) {
          const [place, protocol, port] = key.split(" . ");
          const [, count, outside = "0"] =
            /^goto cluster-(?:gate-)?(?:tcp|udp)-(\d+)(?:-(\d+))?$/.exec(verdict) ?? [];
          const lists = [
            [`${protocol}_endpoints`, count],
            [`${protocol}_outside_endpoints`, outside],
          ] as const;
          for (const [map, length] of lists) {
            const slots = Array.from(
              { length: Number(length ?? 0) },
              (_, slot) => `${slot} . ${place} . ${port}`,
            );
            expect(slots.filter((slot) => model.get(map)?.has(slot) !== true)).toEqual([]);
          }
        }
      }),
    );
  });

  test("names no chain or set that is not there, and tells each that is of no use any more", () => {
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        let table: ServiceTable = EMPTY_TABLE;
        const held = new Set<string>();
        for (const states of changes) {
          const next = updateServiceTable(table, new Map(Object.entries(states)), HERE);
          const { idle, used } = renderChange(table, next, RULESET);
          for (const name of [...used.chains, ...used.sets]) held.add(name);
          for (const name of [...idle.chains, ...idle.sets]) held.delete(name);
          table = next;
        }
        const full = renderFull(table, RULESET);
        const named = [...full.matchAll(/\b(?:own|known|to|clients)-[^\s,;}]*\/[^\s,;}]*/g)].map(
          ([name]) => name,
        );
        expect([...held].toSorted()).toEqual([...new Set(named)].toSorted());
      }),
    );
  });

  test("is empty when nothing differs", () => {
    fc.assert(
      fc.property(change, (states) => {
        const table = updateServiceTable(EMPTY_TABLE, new Map(Object.entries(states)), HERE);
        const same = updateServiceTable(table, new Map(Object.entries(states)), HERE);
        expect(renderChange(table, same, RULESET).script).toBe("");
      }),
    );
  });
});
