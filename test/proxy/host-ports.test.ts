import { describe, expect, test } from "vitest";
import type { Container, Pod } from "../../src/model/kinds.gen.ts";
import { HostPortFeed, hostPortFrontends } from "../../src/proxy/host-ports.ts";
import { EMPTY_TABLE, updateFrontends } from "../../src/proxy/service-table.ts";
import { container, pod } from "../support/builders.ts";
import { MemoryInformer } from "./memory-informer.ts";
import { renderTable, service, servicePort, slice, endpoint, tableOf } from "./services.ts";

const ports = (...list: NonNullable<Container["ports"]>): Partial<Pod["spec"]> => ({
  containers: [container({ ports: list })],
});
const HTTP = { containerPort: 8080, hostPort: 80, protocol: "TCP" } as const;
const lines = (one: Pod): readonly string[] =>
  renderTable(updateFrontends(EMPTY_TABLE, new Map([["~x", hostPortFrontends(one)]])));

describe("hostPortFrontends()", () => {
  test.for([
    {
      name: "a port on all addresses",
      spec: ports(HTTP),
      lines: ["TCP node:80 -> 10.32.0.5:8080"],
    },
    {
      name: "a port on one address, by UDP",
      spec: ports({ containerPort: 53, hostPort: 5353, hostIP: "192.0.2.1", protocol: "UDP" }),
      lines: ["UDP 192.0.2.1:5353 -> 10.32.0.5:53"],
    },
    {
      name: "all addresses by name",
      spec: ports({ ...HTTP, hostIP: "0.0.0.0" }),
      lines: ["TCP node:80 -> 10.32.0.5:8080"],
    },
    {
      name: "a port of the pod alone",
      spec: ports({ containerPort: 8080, protocol: "TCP" }),
      lines: [],
    },
    {
      name: "the host's network, where it is the host's port anyway",
      spec: { ...ports(HTTP), hostNetwork: true },
      lines: [],
    },
    {
      name: "a sidecar's port",
      spec: {
        containers: [container()],
        initContainers: [container({ name: "s", restartPolicy: "Always", ports: [HTTP] })],
      },
      lines: ["TCP node:80 -> 10.32.0.5:8080"],
    },
  ])("$name", ({ spec, lines: wanted }) => {
    expect(lines(pod({ name: "p", ip: "10.32.0.5", spec }))).toEqual(wanted);
  });

  test("a pod without an address, or at its end, has none", () => {
    const base = pod({ name: "p", spec: ports(HTTP) });
    const { podIP: _, ...status } = base.status ?? {};
    expect(lines({ ...base, status } as Pod)).toEqual([]);
    const done = { ...base, status: { ...status, podIP: "10.32.0.5", phase: "Succeeded" } } as Pod;
    expect(lines(done)).toEqual([]);
  });

  test("a Service's node port goes before a pod's", () => {
    const web = service({ ports: [servicePort({ nodePort: 30_001 })] });
    const table = tableOf(["shop/web", { service: web, slices: [slice([endpoint("10.32.0.2")])] }]);
    const other = pod({ name: "p", ip: "10.32.0.5", spec: ports({ ...HTTP, hostPort: 30_001 }) });
    const both = updateFrontends(table, new Map([["~shop/p", hostPortFrontends(other)]]));
    expect(renderTable(both)).toContain("TCP node:30001 -> 10.32.0.2:8080");
  });
});

describe("HostPortFeed", () => {
  test("gives all pods first, then each that changed, once", () => {
    const one = pod({ name: "p", ip: "10.32.0.5", spec: ports(HTTP) });
    const informer = new MemoryInformer<Pod>([one]);
    let calls = 0;
    const feed = new HostPortFeed(informer, () => {
      calls += 1;
    });
    const taken = (): readonly (readonly [string, number])[] =>
      [...feed.take()].map(([name, frontends]) => [name, frontends.length]);
    expect(taken()).toEqual([["~shop/p", 1]]);
    expect(taken()).toEqual([]);
    informer.delete(one);
    expect(taken()).toEqual([["~shop/p", 0]]);
    informer.set(one);
    expect(taken()).toEqual([["~shop/p", 1]]);
    feed.close();
    informer.delete(one);
    expect([taken(), calls]).toEqual([[], 2]);
  });
});
