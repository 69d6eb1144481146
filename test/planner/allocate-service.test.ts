import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Service } from "../../src/model/kinds.gen.ts";
import {
  allocateService,
  usedByServices,
  type Allocation,
  type UsedByServices,
} from "../../src/planner/allocate-service.ts";
import { service } from "../support/builders.ts";

const NETWORK = { serviceCidr: "10.96.0.0/28", reservedIps: ["10.96.0.1", "10.96.0.10"] };
const NOBODY: UsedByServices = usedByServices([]);

function fresh(name: string, spec: Partial<Service["spec"]> = {}): Service {
  const { clusterIP: _, ...rest } = service(spec).spec;
  return { ...service({}, { name }), spec: { ...rest, ...spec } };
}

function allocated(allocation: Allocation): Service {
  if (allocation.kind === "problem") throw new Error(allocation.message);
  return allocation.service;
}

function problem(allocation: Allocation): string {
  return allocation.kind === "problem"
    ? `${allocation.path}: ${allocation.message} [${allocation.code}]`
    : "allocated";
}

const port = (nodePort?: number): Service["spec"]["ports"][number] => ({
  protocol: "TCP",
  port: 80,
  targetPort: 80,
  ...(nodePort === undefined ? {} : { nodePort }),
});

describe("allocateService()", () => {
  test("gives the same free address every time, and the family with it", () => {
    const one = allocated(allocateService(fresh("web"), NOBODY, NETWORK));
    expect(allocated(allocateService(fresh("web"), NOBODY, NETWORK))).toEqual(one);
    expect(one.spec).toMatchObject({
      clusterIPs: [one.spec.clusterIP],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
    });
  });

  test("keeps what a Service has, as the same object", () => {
    const one = allocated(
      allocateService(fresh("web", { type: "NodePort", ports: [port()] }), NOBODY, NETWORK),
    );
    expect(allocateService(one, usedByServices([one]), NETWORK)).toEqual({
      kind: "allocated",
      service: one,
    });
    expect(allocated(allocateService(one, usedByServices([one]), NETWORK))).toBe(one);
  });

  test("gives every Service another address until none is left, never a reserved one nor the ends", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 13, maxLength: 13 }),
        (names) => {
          const services: Service[] = [];
          for (const name of names.slice(0, 12))
            services.push(
              allocated(allocateService(fresh(name), usedByServices(services), NETWORK)),
            );
          const ips = services.map(({ spec }) => spec.clusterIP ?? "");
          const all = Array.from({ length: 14 }, (_, index) => `10.96.0.${index + 1}`);
          expect(ips.toSorted()).toEqual(
            all.filter((ip) => !NETWORK.reservedIps.includes(ip)).toSorted(),
          );
          expect(
            problem(allocateService(fresh(names[12] ?? ""), usedByServices(services), NETWORK)),
          ).toBe(
            "spec.clusterIP: all addresses of the service network 10.96.0.0/28 are taken [service/cluster-ip]",
          );
        },
      ),
      { numRuns: 20 },
    );
  });

  const holder = service(
    { clusterIP: "10.96.0.7", type: "NodePort", ports: [port(30_080)] },
    { name: "holder" },
  );
  const used = usedByServices([holder]);

  const PROBLEMS: readonly {
    readonly name: string;
    readonly service: Service;
    readonly problem: string;
  }[] = [
    {
      name: "an address that is taken",
      service: fresh("web", { clusterIP: "10.96.0.7" }),
      problem:
        'spec.clusterIP: clusterIP "10.96.0.7" is taken by Service shop/holder [service/cluster-ip]',
    },
    {
      name: "a reserved address",
      service: fresh("web", { clusterIP: "10.96.0.10" }),
      problem:
        'spec.clusterIP: clusterIP "10.96.0.10" is reserved for the cluster [service/cluster-ip]',
    },
    {
      name: "an address elsewhere",
      service: fresh("web", { clusterIP: "10.97.0.7" }),
      problem:
        'spec.clusterIP: clusterIP "10.97.0.7" is no address of the service network 10.96.0.0/28 [service/cluster-ip]',
    },
    {
      name: "the network's first address",
      service: fresh("web", { clusterIP: "10.96.0.0" }),
      problem:
        'spec.clusterIP: clusterIP "10.96.0.0" is no address of the service network 10.96.0.0/28 [service/cluster-ip]',
    },
    {
      name: "the network's last address",
      service: fresh("web", { clusterIP: "10.96.0.15" }),
      problem:
        'spec.clusterIP: clusterIP "10.96.0.15" is no address of the service network 10.96.0.0/28 [service/cluster-ip]',
    },
    {
      name: "a node port that is taken",
      service: fresh("web", { type: "NodePort", ports: [port(), port(30_080)] }),
      problem:
        "spec.ports[1].nodePort: nodePort 30080 is taken by Service shop/holder [service/node-port]",
    },
    {
      name: "a node port below the range",
      service: fresh("web", { type: "NodePort", ports: [port(29_999)] }),
      problem:
        "spec.ports[0].nodePort: nodePort 29999 is not in the range 30000-32767 [service/node-port]",
    },
    {
      name: "a node port above the range",
      service: fresh("web", { type: "NodePort", ports: [port(32_768)] }),
      problem:
        "spec.ports[0].nodePort: nodePort 32768 is not in the range 30000-32767 [service/node-port]",
    },
    {
      name: "a node port twice in one Service",
      service: fresh("web", { type: "NodePort", ports: [port(30_081), port(30_081)] }),
      problem:
        "spec.ports[1].nodePort: nodePort 30081 is taken by Service shop/web [service/node-port]",
    },
  ];

  test.for(PROBLEMS)("refuses $name", ({ service: wanted, problem: expected }) => {
    expect(problem(allocateService(wanted, used, NETWORK))).toBe(expected);
  });

  test("the same number for another protocol is another node port", () => {
    const udp = fresh("web", { type: "NodePort", ports: [{ ...port(30_080), protocol: "UDP" }] });
    expect(problem(allocateService(udp, used, NETWORK))).toBe("allocated");
  });

  test("gives free node ports round those that are taken", () => {
    const wanted = fresh("web", { type: "NodePort", ports: [{ ...port(), name: "a" }] });
    const [first] = allocated(allocateService(wanted, NOBODY, NETWORK)).spec.ports;
    const taken = {
      ips: new Map(),
      nodePorts: new Map([[`TCP/${first?.nodePort}`, "Service shop/x"]]),
    };
    const [second] = allocated(allocateService(wanted, taken, NETWORK)).spec.ports;
    expect(second?.nodePort).toBeGreaterThanOrEqual(30_000);
    expect(second?.nodePort).not.toBe(first?.nodePort);
  });

  test("a Service that is inside only has no node ports; a headless one no address", () => {
    const inside = allocated(
      allocateService(fresh("web", { ports: [port(30_080)] }), used, NETWORK),
    );
    expect(inside.spec.ports).toEqual([port()]);
    const headless = allocated(allocateService(fresh("web", { clusterIP: "None" }), used, NETWORK));
    expect(headless.spec).toMatchObject({ clusterIP: "None", clusterIPs: ["None"] });
  });
});
