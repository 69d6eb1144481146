import { describe, expect, test } from "vitest";
import type { Service } from "../../src/model/kinds.gen.ts";
import { resolveEnv } from "../../src/agent/env.ts";
import { serviceVariables } from "../../src/agent/service-links.ts";
import { container, pod, service } from "../support/builders.ts";

const kubernetes = service(
  {
    clusterIP: "10.96.0.1",
    ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: 6443 }],
  },
  { name: "kubernetes", namespace: "default" },
);
const db = service(
  {
    clusterIP: "10.96.0.7",
    ports: [
      { name: "sql", protocol: "TCP", port: 5432, targetPort: 5432 },
      { name: "dns-udp", protocol: "UDP", port: 53, targetPort: 53 },
    ],
  },
  { name: "my-db" },
);
const all: readonly Service[] = [kubernetes, db];

const API = {
  KUBERNETES_SERVICE_HOST: "10.96.0.1",
  KUBERNETES_SERVICE_PORT: "443",
  KUBERNETES_SERVICE_PORT_HTTPS: "443",
  KUBERNETES_PORT: "tcp://10.96.0.1:443",
  KUBERNETES_PORT_443_TCP: "tcp://10.96.0.1:443",
  KUBERNETES_PORT_443_TCP_PROTO: "tcp",
  KUBERNETES_PORT_443_TCP_PORT: "443",
  KUBERNETES_PORT_443_TCP_ADDR: "10.96.0.1",
};

describe("serviceVariables()", () => {
  test("names Services of the pod's namespace and the API, as Kubernetes does", () => {
    expect(Object.fromEntries(serviceVariables(pod({ name: "p" }), all))).toEqual({
      ...API,
      MY_DB_SERVICE_HOST: "10.96.0.7",
      MY_DB_SERVICE_PORT: "5432",
      MY_DB_SERVICE_PORT_SQL: "5432",
      MY_DB_SERVICE_PORT_DNS_UDP: "53",
      MY_DB_PORT: "tcp://10.96.0.7:5432",
      MY_DB_PORT_5432_TCP: "tcp://10.96.0.7:5432",
      MY_DB_PORT_5432_TCP_PROTO: "tcp",
      MY_DB_PORT_5432_TCP_PORT: "5432",
      MY_DB_PORT_5432_TCP_ADDR: "10.96.0.7",
      MY_DB_PORT_53_UDP: "udp://10.96.0.7:53",
      MY_DB_PORT_53_UDP_PROTO: "udp",
      MY_DB_PORT_53_UDP_PORT: "53",
      MY_DB_PORT_53_UDP_ADDR: "10.96.0.7",
    });
  });

  test("names the API alone for a pod that wants no links", () => {
    const plain = pod({ name: "p", spec: { enableServiceLinks: false } });
    expect(Object.fromEntries(serviceVariables(plain, all))).toEqual(API);
  });

  test("leaves out Services without an address and of other namespaces", () => {
    const others = [
      service({ clusterIP: "None" }, { name: "headless" }),
      service({}, { name: "far", namespace: "other" }),
    ];
    expect([...serviceVariables(pod({ name: "p" }), others)]).toEqual([]);
  });

  test("a Service of the pod's namespace named like the API's goes first", () => {
    const own = service({ clusterIP: "10.96.0.99" }, { name: "kubernetes" });
    for (const services of [
      [kubernetes, own],
      [own, kubernetes],
    ])
      expect(serviceVariables(pod({ name: "p" }), services).get("KUBERNETES_SERVICE_HOST")).toBe(
        "10.96.0.99",
      );
  });
});

describe("resolveEnv()", () => {
  const sources = {
    pod: pod({ name: "p" }),
    podIp: "",
    hostIp: "",
    allocatable: { cpuMillis: 1, memoryBytes: 1, ephemeralBytes: 1 },
    services: serviceVariables(pod({ name: "p" }), all),
    configMap: () => undefined,
    secret: () => undefined,
  };

  test("lets variables of the container refer to a Service's, and replace them", () => {
    const result = resolveEnv(
      container({
        env: [
          { name: "URL", value: "http://$(MY_DB_SERVICE_HOST)/" },
          { name: "MY_DB_SERVICE_PORT", value: "1" },
        ],
      }),
      sources,
    );
    if (result.kind !== "resolved") throw new Error(result.message);
    expect(result.env.get("URL")).toBe("http://10.96.0.7/");
    expect(result.env.get("MY_DB_SERVICE_PORT")).toBe("1");
  });
});
