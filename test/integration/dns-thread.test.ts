import { Resolver } from "node:dns/promises";
import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { ClusterDns, startDnsThread } from "../../src/proxy/dns.ts";
import { service } from "../proxy/services.ts";
import { eventually } from "../support/eventually.ts";

const NAME = "web.shop.svc.cluster.local";

test("a DNS thread that dies is started again with all records", async () => {
  const ending = new AbortController();
  const threads: Worker[] = [];
  const ports: number[] = [];
  const dns = new ClusterDns({
    worker: {
      address: "127.0.0.1",
      port: 0,
      domain: "cluster.local",
      podCidr: "10.32.0.0/11",
      serviceCidr: "10.96.0.0/12",
    },
    clock: systemClock,
    logger: silentLogger,
    onListening: (port) => void ports.push(port),
    startThread: (data) => {
      const thread = startDnsThread(data);
      threads.push(thread);
      return thread;
    },
  });
  const running = dns.run(ending.signal);
  try {
    const web = { service: service(), slices: [] };
    const api = { service: service({ clusterIP: "10.96.0.6" }, "api"), slices: [] };
    dns.update(
      new Map([
        ["shop/web", web],
        ["shop/api", api],
      ]),
    );
    await eventually("it listens", () => ports.length === 1);
    expect(await resolve(ports[0], NAME)).toEqual(["10.96.0.5"]);
    // Records that change while no thread runs must not be lost either.
    await threads[0]?.terminate();
    dns.update(new Map([["shop/api", { service: undefined, slices: [] }]]));
    await eventually("it listens again", () => ports.length === 2);
    expect(await resolve(ports[1], NAME)).toEqual(["10.96.0.5"]);
    await expect(resolve(ports[1], "api.shop.svc.cluster.local")).rejects.toThrow("ENOTFOUND");
  } finally {
    ending.abort();
    await running;
  }
});

function resolve(port: number | undefined, name: string): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([`127.0.0.1:${port ?? 0}`]);
  return resolver.resolve4(name);
}
