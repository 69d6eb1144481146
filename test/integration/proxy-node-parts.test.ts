import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { chooseProxy } from "../../src/proxy/choose-proxy.ts";
import { NftProxy } from "../../src/proxy/nft-proxy.ts";
import { HealthChecks } from "../../src/proxy/health-checks.ts";
import { ProxyError } from "../../src/proxy/proxy-error.ts";
import { runOnHost } from "../../src/proxy/run-command.ts";
import { ServiceMemory } from "../../src/proxy/service-memory.ts";
import { startTcpRelay } from "../../src/proxy/userspace/tcp-relay.ts";
import { UserspaceProxy } from "../../src/proxy/userspace/userspace-proxy.ts";
import { CLUSTER } from "../proxy/traffic-bed.ts";
import { endpoint, NODE, service, slice, unready } from "../proxy/services.ts";
import { eventually } from "../support/eventually.ts";
import { ManualClock } from "../support/manual-clock.ts";

const LOCAL = "127.0.0.1";
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-test-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, LOCAL);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("HealthChecks", () => {
  test("tell balancers whether the node has endpoints, as Kubernetes' proxy does", async () => {
    const healthCheckNodePort = await freePort();
    let isHealthy = true;
    const checks = new HealthChecks({
      nodeName: NODE,
      logger: silentLogger,
      isHealthy: () => isHealthy,
    });
    const update = (...slices: readonly ReturnType<typeof slice>[]): Promise<void> => {
      const spec = {
        type: "LoadBalancer",
        externalTrafficPolicy: "Local",
        healthCheckNodePort,
      } as const;
      return checks.update(new Map([["shop/web", { service: service(spec), slices }]]));
    };
    const url = `http://${LOCAL}:${healthCheckNodePort}/healthz`;
    await update(
      slice([
        endpoint("10.32.0.2"),
        endpoint("10.32.0.3"),
        endpoint("10.33.0.2", { nodeName: "b" }),
      ]),
    );
    const up = await fetch(url);
    expect([
      up.status,
      up.headers.get("content-type"),
      up.headers.get("x-load-balancing-endpoint-weight"),
    ]).toEqual([200, "application/json", "2"]);
    expect(await up.json()).toEqual({
      service: { namespace: "shop", name: "web" },
      localEndpoints: 2,
      serviceProxyHealthy: true,
    });
    isHealthy = false;
    expect((await fetch(url)).status).toBe(503);
    isHealthy = true;
    await update(slice([endpoint("10.32.0.2", { conditions: unready })]));
    expect((await fetch(url)).status).toBe(503);
    await checks.update(new Map([["shop/web", { service: undefined, slices: [] }]]));
    await expect(fetch(url)).rejects.toThrow("fetch failed");
    checks.close();
  });
});

describe("ServiceMemory", () => {
  test("gives the next run what was true last, and leaves out what it cannot read", async () => {
    const clock = new ManualClock();
    const memory = new ServiceMemory({ stateDir: folder, clock, logger: silentLogger });
    expect(await memory.read()).toEqual(new Map());
    const ending = new AbortController();
    const running = memory.run(ending.signal);
    const state = { service: service(), slices: [slice([endpoint("10.32.0.2")])] };
    memory.update(
      new Map([
        ["shop/gone", state],
        ["shop/web", state],
      ]),
    );
    memory.update(new Map([["shop/gone", { service: undefined, slices: [] }]]));
    const found = await eventually("it is written", async () => {
      await clock.advance(5000);
      const states = await new ServiceMemory({
        stateDir: folder,
        clock,
        logger: silentLogger,
      }).read();
      return states.size > 0 ? states : undefined;
    });
    expect([...found.keys()]).toEqual(["shop/web"]);
    expect(found.get("shop/web")).toMatchObject({
      service: { metadata: { namespace: "shop", name: "web" }, spec: state.service.spec },
      slices: [{ endpoints: state.slices[0]?.endpoints, ports: state.slices[0]?.ports }],
    });
    ending.abort();
    await running;
    await writeFile(join(folder, "services.ndjson"), '{"half\nnull\n["shop/x",{}]\n');
    expect(await memory.read()).toEqual(new Map());
  });
});

describe("chooseProxy()", () => {
  const options = {
    ruleset: { clusterId: "ch00se", ...CLUSTER },
    clock: systemClock,
    logger: silentLogger,
  };
  const signal = AbortSignal.timeout(20_000);

  test("takes the kernel's rules where nft works", async () => {
    const { proxy, reason } = await chooseProxy({ ...options, run: runOnHost }, signal);
    expect([proxy instanceof NftProxy, reason]).toEqual([true, undefined]);
  });

  test("takes user space where it does not, and says why", async () => {
    const missing = await chooseProxy(
      { ...options, run: () => Promise.reject(new ProxyError("tool-missing", "no nft here")) },
      signal,
    );
    expect([missing.proxy instanceof UserspaceProxy, missing.reason]).toEqual([
      true,
      "no nft here",
    ]);
    const stderr = "Error: Could not process rule: Operation not supported\n";
    const refused = await chooseProxy(
      { ...options, run: () => Promise.resolve({ exitCode: 1, stdout: "", stderr }) },
      signal,
    );
    expect(refused.proxy instanceof UserspaceProxy).toBe(true);
    expect(refused.reason).toContain("Operation not supported");
  });
});

describe("a connection through user space", () => {
  const signal = AbortSignal.timeout(20_000);

  /** A relay to a server that does as told with each connection. */
  async function through(
    serve: (socket: Socket) => void,
    proxyProtocol?: "v1",
  ): Promise<{ readonly client: Socket; readonly close: () => void }> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => undefined);
      serve(socket);
    });
    server.listen(0, LOCAL);
    await once(server, "listening");
    const backend = { address: LOCAL, port: (server.address() as AddressInfo).port, local: true };
    const port = await freePort();
    const frontend = {
      service: "shop/web",
      address: LOCAL,
      protocol: "TCP",
      port,
      backends: [backend],
      isOutside: false,
      ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
    } as const;
    const relay = await startTcpRelay({
      address: LOCAL,
      port,
      frontend: () => frontend,
      pick: () => backend,
    });
    const client = connect({ host: LOCAL, port, allowHalfOpen: true });
    client.on("error", () => undefined);
    await once(client, "connect", { signal });
    return {
      client,
      close: () => {
        client.destroy();
        relay.close();
        server.close();
      },
    };
  }

  test("passes the end of one direction on, and the answer after it", async () => {
    const { client, close } = await through((socket) => {
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.on("end", () => socket.end(`got ${Buffer.concat(chunks).toString()}`));
    });
    client.end("all");
    const answer: Buffer[] = [];
    for await (const chunk of client as AsyncIterable<Buffer>) answer.push(chunk);
    expect(Buffer.concat(answer).toString()).toBe("got all");
    close();
  });

  test("holds a writer back while the reader is slow, and loses nothing", async () => {
    const size = 32 * 1024 * 1024;
    let reader: Socket | undefined;
    const { client, close } = await through((socket) => {
      reader = socket.pause();
    });
    let flushed = false;
    client.end(Buffer.alloc(size, 7), () => {
      flushed = true;
    });
    await eventually("the server has it", () => reader !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(flushed).toBe(false);
    let received = 0;
    reader?.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    const ended = once(reader ?? client, "end", { signal });
    reader?.resume();
    await ended;
    expect(received).toBe(size);
    close();
  });

  test("passes a reset on", async () => {
    const { client, close } = await through((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    });
    const failed = new Promise<unknown>((resolve) => client.once("error", resolve));
    client.write("x");
    expect(await failed).toMatchObject({ code: "ECONNRESET" });
    close();
  });

  test("begins with the client's address where that is asked for", async () => {
    const heard = Promise.withResolvers<string>();
    const { client, close } = await through(
      (socket) => void socket.once("data", (chunk: Buffer) => heard.resolve(chunk.toString())),
      "v1",
    );
    client.write("x");
    expect(await heard.promise).toContain(`PROXY TCP4 ${LOCAL} ${LOCAL} ${client.localPort}`);
    close();
  });
});
