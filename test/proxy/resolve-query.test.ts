import type { Answer, RecordType } from "dns-packet";
import { describe, expect, test } from "vitest";
import { toServiceRecords } from "../../src/proxy/dns-records.ts";
import { DnsZone } from "../../src/proxy/dns-zone.ts";
import { resolveQuery } from "../../src/proxy/resolve-query.ts";
import type { ServiceState } from "../../src/proxy/service-table.ts";
import { endpoint, service, servicePort, slice, unready } from "./services.ts";

const OPTIONS = {
  domain: "cluster.local",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
  hostSearch: ["corp.example"],
};
const HTTP = { name: "http", protocol: "TCP", port: 8080 } as const;

const STATES: Readonly<Record<string, ServiceState>> = {
  "shop/web": { service: service({ ports: [servicePort({ name: "http" })] }), slices: [] },
  "shop/db": {
    service: service({ clusterIP: "None" }, "db"),
    slices: [
      slice(
        [
          endpoint("10.32.0.2", { hostname: "db-0" }),
          endpoint("10.32.0.3"),
          endpoint("10.32.0.4", { conditions: unready }),
        ],
        { ports: [HTTP], service: "db" },
      ),
    ],
  },
  "shop/away": {
    service: {
      ...service(),
      spec: {
        type: "ExternalName",
        externalName: "DB.example.com.",
        sessionAffinity: "None",
        ports: [],
      },
      metadata: { namespace: "shop", name: "away" },
    },
    slices: [],
  },
  "shop/empty": { service: service({ clusterIP: "None" }, "empty"), slices: [] },
};

function zoneOf(states: Readonly<Record<string, ServiceState>>): DnsZone {
  const zone = new DnsZone();
  for (const [key, state] of Object.entries(states)) zone.set(key, toServiceRecords(state));
  return zone;
}

/** `NOERROR 10.96.0.5`, `NXDOMAIN soa cluster.local`, or `forward`. */
function ask(type: string, name: string, zone = zoneOf(STATES), rotation = 0): string {
  const question = { type: type as RecordType, name };
  const resolution = resolveQuery(question, zone, OPTIONS, rotation);
  if (resolution.kind === "forward") return "forward";
  if (resolution.kind === "alias") return `alias ${resolution.target}`;
  if (resolution.kind === "search") return `search ${resolution.names.join(" ")}`;
  const { rcode, answers, additionals, authority } = resolution;
  const soa = authority === undefined ? [] : [`soa ${authority.name}`];
  const also = additionals.map((answer) => `also ${answer.name} ${text(answer)}`);
  return [rcode, ...answers.map(text), ...also, ...soa].join(" ");
}

function text(answer: Answer): string {
  if (answer.type === "SRV") return `${answer.data.target}:${answer.data.port}`;
  return "data" in answer && typeof answer.data === "string" ? answer.data : answer.type;
}

const NODATA = "NOERROR soa cluster.local";
const NXDOMAIN = "NXDOMAIN soa cluster.local";

describe("resolveQuery()", () => {
  test.for([
    ["A", "web.shop.svc.cluster.local", "NOERROR 10.96.0.5"],
    ["A", "WEB.shop.svc.Cluster.Local", "NOERROR 10.96.0.5"],
    ["ANY", "web.shop.svc.cluster.local", "NOERROR 10.96.0.5"],
    ["AAAA", "web.shop.svc.cluster.local", NODATA],
    ["A", "api.shop.svc.cluster.local", NXDOMAIN],
    ["A", "web.other.svc.cluster.local", NXDOMAIN],
    ["A", "x.web.shop.svc.cluster.local", NXDOMAIN],
    // Names that others stand below are names, too.
    ["A", "shop.svc.cluster.local", NODATA],
    ["A", "svc.cluster.local", NODATA],
    ["A", "other.svc.cluster.local", NXDOMAIN],
    ["A", "cluster.local", NODATA],
    ["SOA", "cluster.local", "NOERROR SOA"],
    ["NS", "cluster.local", "NOERROR ns.dns.cluster.local"],
    ["TXT", "dns-version.cluster.local", "NOERROR 1.1.0"],
    ["A", "pod.cluster.local", NODATA],
    ["A", "10-32-0-9.shop.pod.cluster.local", "NOERROR 10.32.0.9"],
    ["AAAA", "10-32-0-9.shop.pod.cluster.local", NODATA],
    ["A", "192-0-2-1.shop.pod.cluster.local", NXDOMAIN],
    ["A", "web.shop.pod.cluster.local", NXDOMAIN],
    ["A", "x.10-32-0-9.shop.pod.cluster.local", NXDOMAIN],
    ["A", "away.shop.svc.cluster.local", "alias db.example.com"],
    ["SRV", "away.shop.svc.cluster.local", "alias db.example.com"],
    ["A", "x.away.shop.svc.cluster.local", NXDOMAIN],
    // A search path that was tried on a name of the outside.
    [
      "A",
      "example.com.shop.svc.cluster.local",
      "search example.com.svc.cluster.local example.com.cluster.local example.com.corp.example example.com",
    ],
    ["TXT", "example.com.shop.svc.cluster.local", NXDOMAIN],
    ["A", "_x.example.com.shop.svc.cluster.local", NXDOMAIN],
    ["A", "example.com.none.svc.cluster.local", NXDOMAIN],
    ["A", "example.com.svc.cluster.local", NXDOMAIN],
    ["A", "example.com.cluster.local", NXDOMAIN],
    ["A", "db.shop.svc.cluster.local", "NOERROR 10.32.0.2 10.32.0.3"],
    ["A", "db-0.db.shop.svc.cluster.local", "NOERROR 10.32.0.2"],
    ["A", "10-32-0-3.db.shop.svc.cluster.local", "NOERROR 10.32.0.3"],
    ["A", "10-32-0-4.db.shop.svc.cluster.local", NXDOMAIN],
    ["A", "empty.shop.svc.cluster.local", NODATA],
    [
      "SRV",
      "_http._tcp.web.shop.svc.cluster.local",
      "NOERROR web.shop.svc.cluster.local:80 also web.shop.svc.cluster.local 10.96.0.5",
    ],
    ["A", "_http._tcp.web.shop.svc.cluster.local", NODATA],
    ["SRV", "_tcp.web.shop.svc.cluster.local", NODATA],
    ["SRV", "_udp.web.shop.svc.cluster.local", NXDOMAIN],
    ["SRV", "_http._udp.web.shop.svc.cluster.local", NXDOMAIN],
    ["SRV", "_https._tcp.web.shop.svc.cluster.local", NXDOMAIN],
    [
      "SRV",
      "_http._tcp.db.shop.svc.cluster.local",
      "NOERROR db-0.db.shop.svc.cluster.local:8080 10-32-0-3.db.shop.svc.cluster.local:8080 also db-0.db.shop.svc.cluster.local 10.32.0.2 also 10-32-0-3.db.shop.svc.cluster.local 10.32.0.3",
    ],
    ["PTR", "5.0.96.10.in-addr.arpa", "NOERROR web.shop.svc.cluster.local"],
    ["PTR", "2.0.32.10.in-addr.arpa", "NOERROR db-0.db.shop.svc.cluster.local"],
    ["A", "5.0.96.10.in-addr.arpa", "NOERROR soa 10.in-addr.arpa"],
    ["PTR", "9.9.96.10.in-addr.arpa", "NXDOMAIN soa 10.in-addr.arpa"],
    ["PTR", "1.1.1.1.in-addr.arpa", "forward"],
    ["PTR", "96.10.in-addr.arpa", "forward"],
    ["A", "example.com", "forward"],
    ["A", "notcluster.local", "forward"],
  ] as const)("%s %s → %s", ([type, name, answer]) => {
    expect(ask(type, name)).toBe(answer);
  });

  test("answers under the name as it was written", () => {
    const question = { type: "A", name: "Web.Shop.svc.cluster.local" } as const;
    const resolution = resolveQuery(question, zoneOf(STATES), OPTIONS, 0);
    expect(resolution).toMatchObject({ answers: [{ name: "Web.Shop.svc.cluster.local", ttl: 5 }] });
  });

  test("moves the order of several answers on", () => {
    const zone = zoneOf(STATES);
    expect(ask("A", "db.shop.svc.cluster.local", zone, 1)).toBe("NOERROR 10.32.0.3 10.32.0.2");
  });

  test("publishes pods that are not ready only when told", () => {
    const all = { clusterIP: "None", publishNotReadyAddresses: true };
    const states = {
      "shop/db": { service: service(all, "db"), slices: STATES["shop/db"]?.slices ?? [] },
    };
    expect(ask("A", "db.shop.svc.cluster.local", zoneOf(states))).toBe(
      "NOERROR 10.32.0.2 10.32.0.3 10.32.0.4",
    );
  });

  test("forgets a Service that is gone, and its namespace with the last one", () => {
    const zone = zoneOf(STATES);
    for (const key of Object.keys(STATES)) zone.set(key, undefined);
    expect(ask("A", "web.shop.svc.cluster.local", zone)).toBe(NXDOMAIN);
    expect(ask("A", "shop.svc.cluster.local", zone)).toBe(NXDOMAIN);
    expect(ask("PTR", "5.0.96.10.in-addr.arpa", zone)).toBe("NXDOMAIN soa 10.in-addr.arpa");
  });
});
