import { describe, expect, test } from "vitest";
import type {
  Endpoint,
  Endpoints,
  EndpointSlice,
  Pod,
  Service,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { assignEndpoints } from "../../src/planner/endpoint-slots.ts";
import { planEndpoints } from "../../src/planner/plan-endpoints.ts";
import { wakeKeys } from "../../src/planner/plan-object.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { node, pod, service } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const serving = (index: number, ready = true): Pod =>
  pod({
    name: `p${index}`,
    ip: `10.0.${Math.floor(index / 250)}.${index % 250}`,
    ready: ready ? -60 : null,
  });

function settle(svc: Service, objects: readonly ApiObject[]): SimWorld {
  const world = worldOf([svc, ...objects]);
  world.apply(planEndpoints(world, svc).steps);
  return world;
}

const endpointsOf = (world: SimWorld): Endpoints | undefined =>
  world.list("v1", "Endpoints")[0] as Endpoints | undefined;
const slicesOf = (world: SimWorld): readonly EndpointSlice[] =>
  world.list("discovery.k8s.io/v1", "EndpointSlice") as readonly EndpointSlice[];

describe("Endpoints of a Service with a selector", () => {
  test("say the same as its slices, in the order of the addresses", () => {
    const pods = [serving(10), serving(9), serving(3, false)];
    const endpoints = endpointsOf(settle(service(), pods));
    expect(endpoints?.metadata).toMatchObject({
      name: "web",
      labels: { "endpoints.kubernetes.io/managed-by": "endpoint-controller" },
      ownerReferences: [{ kind: "Service", uid: "uid-svc", controller: true }],
    });
    expect(endpoints?.subsets).toEqual([
      {
        addresses: [9, 10].map((index) => ({
          ip: `10.0.0.${index}`,
          nodeName: "a",
          targetRef: { kind: "Pod", namespace: "shop", name: `p${index}`, uid: `uid-p${index}` },
        })),
        notReadyAddresses: [
          {
            ip: "10.0.0.3",
            nodeName: "a",
            targetRef: { kind: "Pod", namespace: "shop", name: "p3", uid: "uid-p3" },
          },
        ],
        ports: [{ port: 8080, protocol: "TCP" }],
      },
    ]);
  });

  test("leave out what is ending, unless even the unready count", () => {
    const ending = pod({ name: "p1", ip: "10.0.0.1", terminating: true });
    expect(endpointsOf(settle(service(), [ending]))?.subsets).toBeUndefined();
    const all = service({ publishNotReadyAddresses: true });
    expect(endpointsOf(settle(all, [ending]))?.subsets?.[0]?.addresses).toHaveLength(1);
  });

  test("are cut off at a thousand addresses, the ready ones first, and say so", () => {
    const pods = Array.from({ length: 1002 }, (_, index) => serving(index, index >= 5));
    const world = settle(service(), pods);
    const [subset] = endpointsOf(world)?.subsets ?? [];
    expect(subset?.addresses).toHaveLength(997);
    expect(subset?.notReadyAddresses).toHaveLength(3);
    const annotations = (): unknown => endpointsOf(world)?.metadata.annotations;
    expect(annotations()).toEqual({ "endpoints.kubernetes.io/over-capacity": "truncated" });
    for (const name of ["p0", "p1"])
      world.remove({ apiVersion: "v1", kind: "Pod", namespace: "shop", name });
    world.apply(planEndpoints(world, service()).steps);
    expect(annotations()).toBeUndefined();
  });

  test("are left alone where people wrote them", () => {
    const theirs: Endpoints = {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: { name: "web", namespace: "shop", uid: "uid-theirs" },
      subsets: [],
    };
    const world = settle(service(), [theirs, serving(1)]);
    expect(endpointsOf(world)?.metadata.uid).toBe("uid-theirs");
    expect(endpointsOf(world)?.subsets).toEqual([]);
  });
});

describe("Endpoints that people write for a Service without a selector", () => {
  const { selector: _, ...spec } = service().spec;
  const bare: Service = { ...service(), spec };
  const theirs = (
    subsets: Endpoints["subsets"],
    labels: Readonly<Record<string, string>> = {},
  ): Endpoints => ({
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "web", namespace: "shop", labels },
    ...(subsets === undefined ? {} : { subsets }),
  });
  const lines = (world: SimWorld): string[] =>
    slicesOf(world).map(
      ({ ports, endpoints }) =>
        `${ports.map(({ name, port }) => `${name}:${port}`).join()} ${endpoints.map(({ addresses, conditions }) => `${addresses.join()}${conditions.ready ? "" : " not ready"}`).join(", ")}`,
    );

  test("become slices, by their ports", () => {
    const written = theirs([
      {
        addresses: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2" }],
        notReadyAddresses: [{ ip: "192.0.2.3" }],
        ports: [{ name: "sql", port: 5432 }],
      },
      { addresses: [{ ip: "192.0.2.9" }], ports: [{ name: "admin", port: 80 }] },
    ]);
    const world = settle(bare, [written]);
    expect(lines(world).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "admin:80 192.0.2.9",
      "sql:5432 192.0.2.1, 192.0.2.2, 192.0.2.3 not ready",
    ]);
    expect(planEndpoints(world, bare).steps).toEqual([]);
    expect(wakeKeys(world, written)).toContain("v1/Service/shop/web");
  });

  test("and the slices go with them", () => {
    const world = settle(bare, [
      theirs([{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 80 }] }]),
    ]);
    expect(slicesOf(world)).toHaveLength(1);
    world.remove({ apiVersion: "v1", kind: "Endpoints", namespace: "shop", name: "web" });
    world.apply(planEndpoints(world, bare).steps);
    expect(slicesOf(world)).toEqual([]);
  });

  test("unless they ask not to", () => {
    const subsets = [{ addresses: [{ ip: "192.0.2.1" }], ports: [{ port: 80 }] }];
    const labels = { "endpointslice.kubernetes.io/skip-mirror": "true" };
    expect(slicesOf(settle(bare, [theirs(subsets, labels)]))).toEqual([]);
  });
});

describe("endpoints and zones", () => {
  const placed = (zone?: string): ApiObject =>
    node({
      name: "a",
      ...(zone === undefined ? {} : { labels: { "topology.kubernetes.io/zone": zone } }),
    });

  test("say the zone of their node", () => {
    const [slice] = slicesOf(settle(service(), [placed("x"), serving(1)]));
    expect(slice?.endpoints).toMatchObject([{ nodeName: "a", zone: "x" }]);
    expect(slice?.endpoints[0]?.hints).toBeUndefined();
    const [without] = slicesOf(settle(service(), [placed(), serving(1)]));
    expect(without?.endpoints[0]?.zone).toBeUndefined();
  });

  test("hint at their own zone where traffic shall stay near", () => {
    const near = service({ trafficDistribution: "PreferClose" });
    const [slice] = slicesOf(settle(near, [placed("x"), serving(1), serving(2, false)]));
    expect(slice?.endpoints.map(({ hints }) => hints)).toEqual([
      { forZones: [{ name: "x" }] },
      undefined,
    ]);
  });

  test("a node that moves wakes the Services of its pods, and nothing else does", () => {
    const world = worldOf([service(), serving(1)]);
    const key = "v1/Service/shop/web";
    expect(wakeKeys(world, placed("y"), placed("x"))).toContain(key);
    expect(wakeKeys(world, placed("x"), placed("x"))).not.toContain(key);
  });

  test("labels of the Service are on its slices, but for the mark of its App", () => {
    const labelled = service({}, { labels: { tier: "web", "berth.dev/app": "root" } });
    const [slice] = slicesOf(settle(labelled, [serving(1)]));
    expect(slice?.metadata.labels).toMatchObject({ tier: "web" });
    expect(slice?.metadata.labels).not.toHaveProperty("berth.dev/app");
  });
});

describe("assignEndpoints()", () => {
  const endpoint = (name: string, ready = true): Endpoint => ({
    addresses: [name],
    conditions: { ready, serving: ready, terminating: false },
  });
  const many = (prefix: string, count: number): Endpoint[] =>
    Array.from({ length: count }, (_, index) => endpoint(`${prefix}${index}`));
  const wanted = (...lists: readonly (readonly Endpoint[])[]): Map<string, Endpoint> =>
    new Map(lists.flat().map((one) => [one.addresses[0] ?? "", one]));
  const sizes = (lists: readonly (readonly Endpoint[])[]): number[] =>
    lists.map(({ length }) => length);

  const cases: readonly {
    readonly name: string;
    readonly slices: readonly (readonly Endpoint[])[];
    readonly wanted: ReadonlyMap<string, Endpoint>;
    readonly kept: number[];
    readonly fresh: number[];
  }[] = [
    { name: "nothing", slices: [], wanted: wanted(), kept: [], fresh: [] },
    {
      name: "new ones",
      slices: [],
      wanted: wanted(many("n", 250)),
      kept: [],
      fresh: [100, 100, 50],
    },
    {
      name: "what changes anyway is filled first",
      slices: [many("a", 50), many("b", 60)],
      wanted: wanted(many("a", 50), many("b", 59), many("n", 10)),
      kept: [50, 69],
      fresh: [],
    },
    {
      name: "else the fullest that has room for all",
      slices: [many("a", 50), many("b", 90), many("c", 95)],
      wanted: wanted(many("a", 50), many("b", 90), many("c", 95), many("n", 10)),
      kept: [50, 100, 95],
      fresh: [],
    },
    {
      name: "else one of its own: two are not touched for one",
      slices: [many("a", 95), many("b", 95)],
      wanted: wanted(many("a", 95), many("b", 95), many("n", 6)),
      kept: [95, 95],
      fresh: [6],
    },
    {
      name: "full ones are made apart from the rest",
      slices: [many("a", 95)],
      wanted: wanted(many("a", 95), many("n", 105)),
      kept: [100],
      fresh: [100],
    },
    {
      name: "an empty one is used again",
      slices: [[]],
      wanted: wanted(many("n", 3)),
      kept: [3],
      fresh: [],
    },
  ];
  test.for(cases)("$name", ({ slices, wanted: all, kept, fresh }) => {
    const slots = assignEndpoints(slices, all);
    expect(sizes(slots.kept)).toEqual(kept);
    expect(sizes(slots.fresh)).toEqual(fresh);
    const placed = [...slots.kept, ...slots.fresh]
      .flat()
      .map(({ addresses }) => addresses[0] ?? "");
    expect(placed.toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
      [...all.keys()].toSorted((a, b) => (a < b ? -1 : 1)),
    );
  });
});
