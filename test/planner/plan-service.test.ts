import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Endpoint, EndpointSlice, Node, Service } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { allocateService, usedByServices } from "../../src/planner/allocate-service.ts";
import { balancedServices, planService } from "../../src/planner/plan-service.ts";
import { withHints } from "../../src/planner/plan-service-hints.ts";
import { node, pod, service, type NodeFields } from "../support/builders.ts";
import { eventsIn, statusIn, worldOf } from "../support/world.ts";

const at = (name: string, address: string, fields: Partial<NodeFields> = {}): Node => {
  const base = node({ name, ...fields });
  return { ...base, status: { ...base.status, addresses: [{ type: "InternalIP", address }] } };
};
const balancer = (spec: Partial<Service["spec"]> = {}, name = "web"): Service =>
  service(
    { type: "LoadBalancer", ...spec },
    { name, uid: `uid-${name}`, creationTimestamp: "2026-01-02T00:00:00Z" },
  );
const A = at("a", "192.0.2.1");
const B = at("b", "192.0.2.2");

function ingress(svc: Service, ...objects: readonly ApiObject[]): readonly string[] | undefined {
  const status = statusIn(planService(worldOf([svc, ...objects]), svc)) as Service["status"];
  return status?.loadBalancer?.ingress?.map(({ ip = "" }) => ip);
}

/** Slices of `web` with one endpoint on each of these nodes. */
function slice(name: string, nodes: readonly string[], ready = true): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace: "shop", name, labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    ports: [],
    endpoints: nodes.map((nodeName, index) => ({
      addresses: [`10.0.0.${index + 1}`],
      conditions: { ready, serving: ready, terminating: false },
      nodeName,
    })),
  };
}

describe("planService()", () => {
  test("gives a balancer the addresses of the nodes that are ready", () => {
    const excluded = at("x", "192.0.2.8", {
      labels: { "node.kubernetes.io/exclude-from-external-load-balancers": "" },
    });
    const silent = at("s", "192.0.2.9", { ready: "Unknown" });
    expect(ingress(balancer(), B, A, excluded, silent)).toEqual(["192.0.2.1", "192.0.2.2"]);
  });

  test("with the policy Local, those of nodes with a ready endpoint", () => {
    const local = balancer({ externalTrafficPolicy: "Local" });
    expect(ingress(local, A, B, slice("s1", ["b"]), slice("s2", ["a"], false))).toEqual([
      "192.0.2.2",
    ]);
  });

  test("leaves a balancer of another class alone, also its addresses", () => {
    const status = { loadBalancer: { ingress: [{ ip: "203.0.113.1" }] } };
    expect(
      ingress({ ...balancer({ loadBalancerClass: "example.com/x" }), status }, A),
    ).toBeUndefined();
    expect(ingress(balancer({ loadBalancerClass: "berth.dev/nodes" }), A)).toEqual(["192.0.2.1"]);
  });

  test("takes the addresses back when a Service is no balancer any more", () => {
    const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1", ipMode: "VIP" }] } };
    const plan = planService(worldOf([A]), { ...service(), status });
    expect(statusIn(plan)).toEqual({ loadBalancer: {} });
  });

  test("changes nothing the second time", () => {
    const first = balancer();
    const status = statusIn(planService(worldOf([first, A]), first)) as Service["status"] & object;
    const next = { ...first, status };
    expect(ingress(next, A)).toBeUndefined();
  });

  test("gives a port of the nodes to the older of two, and says so of the younger", () => {
    const older = service(
      { type: "LoadBalancer" },
      { name: "zed", uid: "uid-z", creationTimestamp: "2026-01-01T00:00:00Z" },
    );
    const plan = planService(worldOf([balancer(), older, A]), balancer());
    expect(statusIn(plan)).toMatchObject({
      loadBalancer: {},
      conditions: [{ type: "LoadBalancerPortsError", status: "True", reason: "PortInUse" }],
    });
    expect(eventsIn(plan).join()).toContain("Port 80/TCP of the nodes belongs to Service shop/zed");
    const other = {
      ...older,
      spec: { ...older.spec, ports: [{ protocol: "UDP", port: 80, targetPort: 80 }] },
    } as const;
    expect(ingress(balancer(), other, A)).toEqual(["192.0.2.1"]);
    expect(ingress(older, balancer(), A)).toEqual(["192.0.2.1"]);
  });

  test("never takes the port of the API", () => {
    const api = slice("api", ["a"]);
    const apiSlice: EndpointSlice = {
      ...api,
      metadata: {
        namespace: "default",
        name: "kubernetes",
        labels: { "kubernetes.io/service-name": "kubernetes" },
      },
      ports: [{ name: "https", protocol: "TCP", port: 6443 }],
    };
    const svc = balancer({ ports: [{ protocol: "TCP", port: 6443, targetPort: 1 }] });
    expect(ingress(svc, apiSlice, A)).toBeUndefined();
    expect(eventsIn(planService(worldOf([svc, apiSlice, A]), svc)).join()).toContain("the API");
  });
});

describe("balancedServices()", () => {
  const names = (
    world: ReturnType<typeof worldOf>,
    object: ApiObject,
    other?: ApiObject,
  ): readonly string[] => balancedServices(world, object, other).map(({ name }) => name);

  test("are planned again when a node comes, goes, changes its address or falls silent", () => {
    const world = worldOf([balancer(), service({}, { name: "plain" }), A]);
    expect(names(world, A)).toEqual(["web"]);
    expect(names(world, A, at("a", "192.0.2.7"))).toEqual(["web"]);
    expect(names(world, A, at("a", "192.0.2.1", { ready: "Unknown" }))).toEqual(["web"]);
    expect(names(world, A, A)).toEqual([]);
    expect(names(worldOf([balancer()]), A)).toEqual(["web"]);
  });

  test("are planned again when they wait for a port that another one had", () => {
    const waiting = {
      ...balancer(),
      status: { conditions: [{ type: "LoadBalancerPortsError", status: "True" as const }] },
    };
    const world = worldOf([waiting, balancer({}, "other")]);
    expect(names(world, balancer({}, "zed"))).toEqual(["web"]);
    expect(names(world, service())).toEqual([]);
  });
});

describe("allocateService()", () => {
  const network = { serviceCidr: "10.96.0.0/24", reservedIps: [] };
  const allocated = (svc: Service): Service["spec"] => {
    const result = allocateService(svc, usedByServices([]), network);
    if (result.kind === "problem") throw new Error(result.message);
    return result.service.spec;
  };

  test("gives a balancer node ports unless it does not want them", () => {
    expect(allocated(balancer()).ports[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
    expect(
      allocated(balancer({ allocateLoadBalancerNodePorts: false })).ports[0]?.nodePort,
    ).toBeUndefined();
  });

  test("gives a health port where the policy is Local, another one than its node ports", () => {
    const spec = allocated(balancer({ externalTrafficPolicy: "Local" }));
    expect(spec.healthCheckNodePort).toBeGreaterThanOrEqual(30_000);
    expect(spec.healthCheckNodePort).not.toBe(spec.ports[0]?.nodePort);
    expect(
      allocated(balancer({ healthCheckNodePort: 30_001 })).healthCheckNodePort,
    ).toBeUndefined();
  });

  test("refuses a health port that somebody has", () => {
    const used = usedByServices([
      balancer({ externalTrafficPolicy: "Local", healthCheckNodePort: 30_001 }, "other"),
    ]);
    const wanted = balancer({ externalTrafficPolicy: "Local", healthCheckNodePort: 30_001 });
    expect(
      allocateService({ ...wanted, spec: { ...wanted.spec, clusterIP: "" } }, used, network),
    ).toMatchObject({
      kind: "problem",
      path: "spec.healthCheckNodePort",
    });
  });

  test("gives a name alone no address", () => {
    const spec = allocated(
      service({ type: "ExternalName", externalName: "example.com", clusterIP: "10.96.0.9" }),
    );
    expect(spec.clusterIP).toBeUndefined();
  });
});

describe("withHints()", () => {
  const zoned = (zone: string, name: string, cpu = "4"): Node =>
    node({ name, cpu, labels: { "topology.kubernetes.io/zone": zone } });
  const group = (...zones: readonly string[]): Parameters<typeof withHints>[0] => ({
    key: "k",
    ports: [],
    endpoints: new Map(
      zones.map((zone, index): readonly [string, Endpoint] => [
        `${index}`,
        {
          addresses: [`10.0.0.${index}`],
          conditions: { ready: true, serving: true, terminating: false },
          ...(zone === "" ? {} : { zone }),
        },
      ]),
    ),
  });
  const hints = (...args: Parameters<typeof withHints>): readonly string[] =>
    [...withHints(...args).endpoints.values()].map(
      ({ hints: found }) => found?.forZones?.[0]?.name ?? "-",
    );

  test.for([
    {
      name: "each its own",
      zones: ["a", "b"],
      nodes: [zoned("a", "1"), zoned("b", "2")],
      hints: "ab",
    },
    {
      name: "one that is over goes where one is missing",
      zones: ["a", "a", "a", "a"],
      nodes: [zoned("a", "1"), zoned("b", "2")],
      hints: "aabb",
    },
    { name: "a zone alone", zones: ["a"], nodes: [zoned("a", "1")], hints: "-" },
    {
      name: "fewer endpoints than zones",
      zones: ["a"],
      nodes: [zoned("a", "1"), zoned("b", "2")],
      hints: "-",
    },
    {
      name: "an endpoint in no zone",
      zones: ["a", ""],
      nodes: [zoned("a", "1"), zoned("b", "2")],
      hints: "--",
    },
    {
      name: "a node in no zone",
      zones: ["a", "b"],
      nodes: [zoned("a", "1"), zoned("b", "2"), node({ name: "3" })],
      hints: "--",
    },
    {
      name: "too few for zones so unequal",
      zones: ["a", "b"],
      nodes: [zoned("a", "1", "12"), zoned("b", "2", "1")],
      hints: "--",
    },
  ])("$name: $hints", ({ zones, nodes, hints: wanted }) => {
    expect(hints(group(...zones), nodes).join("")).toBe(wanted);
  });

  test("gives all hints or none, and overloads no zone", () => {
    const zone = fc.constantFrom("a", "b", "c");
    fc.assert(
      fc.property(
        fc.array(zone, { maxLength: 12 }),
        fc.array(fc.tuple(zone, fc.integer({ min: 1, max: 8 })), { minLength: 1, maxLength: 5 }),
        (zones, machines) => {
          const nodes = machines.map(([name, cpu], index) => zoned(name, `${index}`, `${cpu}`));
          const given = hints(group(...zones), nodes);
          if (given.every((hint) => hint === "-")) return;
          expect(given).not.toContain("-");
          const all = machines.reduce((sum, [, cpu]) => sum + cpu, 0);
          for (const name of new Set(machines.map(([of]) => of))) {
            const cpu = machines.reduce((sum, [of, count]) => sum + (of === name ? count : 0), 0);
            const count = given.filter((hint) => hint === name).length;
            expect(((cpu / all) * zones.length) / count).toBeLessThanOrEqual(1.2 + 1e-9);
          }
        },
      ),
    );
  });

  test("hints reach the slices of a Service that asks for them", () => {
    const svc = service({}, { annotations: { "service.kubernetes.io/topology-mode": "Auto" } });
    const nodes = [zoned("a", "n1"), zoned("b", "n2")];
    const pods = nodes.map(({ metadata }, index) =>
      pod({ name: `p${index}`, ip: `10.0.0.${index}`, spec: { nodeName: metadata.name } }),
    );
    const world = worldOf([svc, ...nodes, ...pods]);
    world.apply(planService(world, svc).steps);
    const slices = world.list("discovery.k8s.io/v1", "EndpointSlice") as readonly EndpointSlice[];
    const given = slices.flatMap(({ endpoints }) =>
      endpoints.map(({ hints: found }) => found?.forZones?.[0]?.name),
    );
    expect(given).toEqual(["a", "b"]);
  });
});
