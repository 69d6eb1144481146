import { describe, expect, test } from "vitest";
import type { EndpointSlice, Pod, Service } from "../../src/model/kinds.gen.ts";
import { controllerRef, type ApiObject } from "../../src/model/meta.ts";
import { planEndpoints } from "../../src/planner/plan-endpoints.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { container, pod, service, type PodFields } from "../support/builders.ts";
import { renderChanges, worldOf } from "../support/world.ts";

const serving = (name: string, fields: Partial<PodFields> = {}): Pod =>
  pod({ name, ip: `10.0.0.${name.replace(/\D/g, "")}`, ...fields });

function settle(svc: Service, objects: readonly ApiObject[]): SimWorld {
  const world = worldOf([svc, ...objects]);
  world.apply(planEndpoints(world, svc).steps);
  return world;
}

const slicesOf = (world: SimWorld): readonly EndpointSlice[] =>
  world.list("discovery.k8s.io/v1", "EndpointSlice") as readonly EndpointSlice[];

/** Slices as lines: `http 8080: 10.0.0.1 ready, 10.0.0.2 serving terminating`. */
function lines(world: SimWorld): readonly string[] {
  return slicesOf(world)
    .map(({ ports, endpoints }) => {
      const to = ports.map(({ name, protocol, port }) => `${name}/${protocol}/${port}`).join(" ");
      const list = endpoints.map(({ addresses, conditions, hostname }) => {
        const states = Object.entries(conditions).flatMap(([state, is]) =>
          is ? [` ${state}`] : [],
        );
        return `${addresses.join()}${hostname === undefined ? "" : `=${hostname}`}${states.join("")}`;
      });
      return `${to}: ${list.join(", ")}`;
    })
    .toSorted();
}

const named = (targetPort: string): Partial<Service["spec"]> => ({
  ports: [{ name: "http", protocol: "TCP", port: 80, targetPort }],
});
const withPort = (containerPort: number, name = "web"): Partial<PodFields> => ({
  spec: { containers: [container({ ports: [{ name, containerPort, protocol: "TCP" }] })] },
});

function withoutSelector(): Service {
  const { selector: _, ...spec } = service().spec;
  return { ...service(), spec };
}

interface Case {
  readonly name: string;
  readonly service?: Service;
  readonly pods: readonly Pod[];
  readonly lines: readonly string[];
}

const CASES: readonly Case[] = [
  {
    name: "ready and not ready pods, in the order of their names",
    pods: [serving("p2", { ready: null }), serving("p1")],
    lines: ["/TCP/8080: 10.0.0.1 ready serving, 10.0.0.2"],
  },
  {
    name: "an ending pod still serves but is not ready",
    pods: [serving("p1", { terminating: true })],
    lines: ["/TCP/8080: 10.0.0.1 serving terminating"],
  },
  {
    name: "no endpoint for what has ended, has no address, or is of others",
    pods: [
      serving("p1", { phase: "Succeeded" }),
      pod({ name: "p2" }),
      serving("p3", { labels: { app: "db" } }),
      serving("p4", { namespace: "else" }),
    ],
    lines: [": "],
  },
  {
    name: "publishNotReadyAddresses: every pod counts as ready",
    service: service({ publishNotReadyAddresses: true }),
    pods: [serving("p1", { ready: null }), serving("p2", { terminating: true })],
    lines: ["/TCP/8080: 10.0.0.1 ready, 10.0.0.2 ready serving terminating"],
  },
  {
    name: "a named port is looked up on each pod: different numbers, different slices",
    service: service(named("web")),
    pods: [
      serving("p1", withPort(8080)),
      serving("p2", withPort(9090)),
      serving("p3", withPort(8080)),
    ],
    lines: [
      "http/TCP/8080: 10.0.0.1 ready serving, 10.0.0.3 ready serving",
      "http/TCP/9090: 10.0.0.2 ready serving",
    ],
  },
  {
    name: "a named port of the other protocol is not it",
    service: service({ ports: [{ name: "http", protocol: "UDP", port: 80, targetPort: "web" }] }),
    pods: [serving("p1", withPort(8080))],
    lines: [": 10.0.0.1 ready serving"],
  },
  {
    name: "several ports",
    service: service({
      ports: [
        { name: "http", protocol: "TCP", port: 80, targetPort: 8080 },
        { name: "dns", protocol: "UDP", port: 53, targetPort: 5353 },
      ],
    }),
    pods: [serving("p1")],
    lines: ["http/TCP/8080 dns/UDP/5353: 10.0.0.1 ready serving"],
  },
  {
    name: "a host name counts only in the Service that is the pod's subdomain",
    service: service({ clusterIP: "None" }),
    pods: [
      serving("p1", { spec: { hostname: "db-0", subdomain: "web" } }),
      serving("p2", { spec: { hostname: "db-1", subdomain: "other" } }),
    ],
    lines: ["/TCP/8080: 10.0.0.1=db-0 ready serving, 10.0.0.2 ready serving"],
  },
  {
    name: "no selector: people write the endpoints",
    service: withoutSelector(),
    pods: [serving("p1")],
    lines: [],
  },
];

describe("planEndpoints()", () => {
  test.for(CASES)("$name", ({ service: svc = service(), pods, lines: expected }) => {
    const world = settle(svc, pods);
    expect(lines(world)).toEqual(expected);
    expect(lines(settle(svc, pods.toReversed()))).toEqual(expected);
    expect(planEndpoints(world, svc)).toEqual({ steps: [] });
  });

  test("labels a slice and names its owner", () => {
    const [slice] = slicesOf(settle(service({ clusterIP: "None" }), [serving("p1")]));
    expect(slice?.metadata).toMatchObject({
      labels: {
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "berth",
        "service.kubernetes.io/headless": "",
      },
      ownerReferences: [{ kind: "Service", uid: "uid-svc", controller: true }],
    });
    expect(slice?.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
  });

  test("holds at most 100 endpoints in a slice", () => {
    const pods = Array.from({ length: 201 }, (_, index) => serving(`p${index}`));
    const sizes = slicesOf(settle(service(), pods)).map(({ endpoints }) => endpoints.length);
    expect(sizes.toSorted((a, b) => a - b)).toEqual([1, 100, 100]);
  });

  test("a change of one pod changes one slice, and the others keep their places", () => {
    const svc = service();
    const pods = Array.from({ length: 201 }, (_, index) => serving(`p${index}`));
    const world = settle(svc, pods);
    const before = slicesOf(world);
    world.declare(serving("p7", { ready: null }));
    world.report(
      { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "p7" },
      serving("p7", { ready: null }).status ?? {},
    );
    const { steps } = planEndpoints(world, svc);
    const changed = steps.map((step) => (step.kind === "update" ? step.object.kind : step.kind));
    expect(changed).toEqual(["EndpointSlice", "Endpoints"]);
    world.apply(steps);
    const moved = slicesOf(world).flatMap(({ metadata, endpoints }) =>
      endpoints.filter((endpoint, index) => {
        const old = before.find((slice) => slice.metadata.name === metadata.name);
        return old?.endpoints[index]?.targetRef?.uid !== endpoint.targetRef?.uid;
      }),
    );
    expect(moved).toEqual([]);
  });

  test("a new pod takes the place of one that went before a new slice is made", () => {
    const svc = service();
    const world = settle(
      svc,
      Array.from({ length: 100 }, (_, index) => serving(`p${index}`)),
    );
    world.remove({ apiVersion: "v1", kind: "Pod", namespace: "shop", name: "p5" });
    world.declare(serving("p500"));
    expect(renderChanges(planEndpoints(world, svc))).toHaveLength(2);
    world.apply(planEndpoints(world, svc).steps);
    expect(slicesOf(world).map(({ endpoints }) => endpoints.length)).toEqual([100]);
  });

  test("the last endpoint gone leaves the slice, empty; the next one fills it again", () => {
    const svc = service();
    const world = settle(svc, [serving("p1")]);
    const [name] = slicesOf(world).map(({ metadata }) => metadata.name);
    world.remove({ apiVersion: "v1", kind: "Pod", namespace: "shop", name: "p1" });
    world.apply(planEndpoints(world, svc).steps);
    expect(lines(world)).toEqual(["/TCP/8080: "]);
    world.declare(serving("p2"));
    world.apply(planEndpoints(world, svc).steps);
    expect(lines(world)).toEqual(["/TCP/8080: 10.0.0.2 ready serving"]);
    expect(slicesOf(world).map(({ metadata }) => metadata.name)).toEqual([name]);
  });

  test("leaves slices alone that people wrote", () => {
    const svc = service();
    const theirs: EndpointSlice = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: "theirs",
        namespace: "shop",
        labels: { "kubernetes.io/service-name": "web" },
        ownerReferences: [controllerRef(svc)],
      },
      addressType: "IPv4",
      endpoints: [],
      ports: [],
    };
    const world = settle(svc, [theirs, serving("p1")]);
    expect(slicesOf(world).some(({ metadata }) => metadata.name === "theirs")).toBe(true);
    expect(planEndpoints(world, svc)).toEqual({ steps: [] });
  });

  test("another target port takes another slice, and the old one goes", () => {
    const world = settle(service(), [serving("p1")]);
    const moved = service({ ports: [{ protocol: "TCP", port: 80, targetPort: 9090 }] });
    world.apply(planEndpoints(world, moved).steps);
    expect(lines(world)).toEqual(["/TCP/9090: 10.0.0.1 ready serving"]);
  });

  test("takes its slices back when the selector goes", () => {
    const world = settle(service(), [serving("p1")]);
    const { selector: _, ...spec } = service().spec;
    expect(renderChanges(planEndpoints(world, { ...service(), spec }))).toHaveLength(1);
  });
});
