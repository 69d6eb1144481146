import { connect } from "node:tls";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { TUNNEL_PING_MS } from "../../src/api/tunnel.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import { TunnelError, runTunnel } from "../../src/client/tunnel-client.ts";
import type { TunnelHandler } from "../../src/client/tunnel-client.ts";
import { encodeFrame } from "../../src/model/tunnel-frame.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { TUNNEL_PATH, TUNNEL_PROTOCOL } from "../../src/model/tunnel.ts";
import type { TunnelRequest } from "../../src/model/tunnel.ts";
import { rawRequest } from "../support/api-request.ts";
import type { RawAnswer } from "../support/api-request.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock(Date.UTC(2026, 0, 2, 3));
let api: ApiUnderTest;
let admin: ApiCredentials;
let node: ApiCredentials;
let uid: string;
beforeAll(async () => {
  api = await startTestApi({ clock });
  admin = await api.credentials("admin", ["system:masters"]);
  node = await api.credentials("system:node:a", ["system:nodes"]);
  const spec = {
    containers: [build.container({ name: "app" }), build.container({ name: "side" })],
  };
  uid = (await api.put(build.pod({ name: "web", spec }))).object.metadata.uid ?? "";
  await api.put(build.pod({ name: "one" }));
  await api.put(build.pod({ name: "unbound", node: "" }));
});
afterAll(() => api[Symbol.asyncDispose]());

/** Looks at every turn of the event loop: what happens here takes milliseconds. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

let stop: AbortController | undefined;
let running: Promise<void> | undefined;
/** Runs an agent's tunnel until the end of the test. */
async function agent(handler: TunnelHandler): Promise<void> {
  stop = new AbortController();
  const { server, ...tls } = node;
  running = runTunnel({ server, tls, handler, signal: stop.signal, clock, logger: silentLogger });
  await until(() => api.server.tunnels.isConnected("a"));
}
afterEach(async () => {
  stop?.abort();
  await running;
  stop = undefined;
  await until(() => !api.server.tunnels.isConnected("a"));
});

const LOGS: TunnelRequest = {
  kind: "logs",
  namespace: "shop",
  pod: "web",
  podUid: "u",
  container: "app",
  follow: false,
  previous: false,
  timestamps: false,
};
const LOG = "/api/v1/namespaces/shop/pods/web/log";
const logs = (query = "container=app", path = LOG): Promise<RawAnswer> =>
  rawRequest(admin, { path: `${path}?${query}` });
const message = (answer: RawAnswer): string => (answer.json as { message: string }).message;

describe("pods/log", () => {
  test("carries what the agent writes", async () => {
    await agent(async (_, stream) => {
      await stream.write(Buffer.from("first\n"));
      await stream.write(Buffer.from("second\n"));
    });
    const answer = await logs();
    expect(answer).toMatchObject({ code: 200, text: "first\nsecond\n" });
    expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
  });

  test("asks the agent for what the reader wants", async () => {
    const asked: TunnelRequest[] = [];
    await agent((request_) => {
      asked.push(request_);
      return Promise.resolve();
    });
    const query =
      "container=side&follow=true&previous=True&timestamps=1&tailLines=5&sinceSeconds=60&limitBytes=9";
    expect((await logs(query)).text).toBe("");
    await logs("container=app&sinceTime=2026-01-02T03:04:05Z");
    const common = { kind: "logs", namespace: "shop", pod: "web", podUid: uid };
    const quiet = { follow: false, previous: false, timestamps: false };
    expect(asked).toEqual([
      {
        ...common,
        container: "side",
        follow: true,
        previous: true,
        timestamps: true,
        tailLines: 5,
        sinceSeconds: 60,
        limitBytes: 9,
      },
      { ...common, ...quiet, container: "app", sinceTime: "2026-01-02T03:04:05Z" },
    ]);
  });

  test("large and binary content arrives as it was sent", async () => {
    const content = Buffer.alloc(3_000_000, "0123456789abcdef");
    await agent((_, stream) => stream.write(content));
    expect((await logs()).text).toBe(content.toString());
  });

  test("tells the agent's refusal in its words", async () => {
    await agent(() => Promise.reject(new TunnelError(400, 'container "app" is waiting to start')));
    const answer = await logs();
    expect([answer.code, message(answer)]).toEqual([400, 'container "app" is waiting to start']);
  });

  test("an agent's mistake is not the reader's", async () => {
    await agent(() => Promise.reject(new Error("disk on fire")));
    expect(await logs()).toMatchObject({ code: 500, json: { reason: "InternalError" } });
  });

  test("the only container needs no name", async () => {
    await agent((asked, stream) =>
      stream.write(Buffer.from(asked.kind === "logs" ? asked.container : "")),
    );
    expect((await logs("", "/api/v1/namespaces/shop/pods/one/log")).text).toBe("app");
  });

  test.each([
    ["", 400, "a container name must be specified for pod web, choose one of: [app side]"],
    ["container=chair", 400, "container chair is not valid for pod web"],
    ["container=app&tailLines=x", 400, /"tailLines"/],
    ["container=app&sinceTime=yesterday", 400, /"sinceTime"/],
    ["container=app&sinceSeconds=0", 422, /sinceSeconds: Invalid value: 0: must be greater than 0/],
    ["container=app&limitBytes=0", 422, /limitBytes: Invalid value: 0: must be greater than 0/],
    [
      "container=app&sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z",
      422,
      /Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified/,
    ],
    ["container=app", 503, 'node "a" is not connected'],
  ])("?%s is a %d", async (query, code, text) => {
    const answer = await logs(query);
    expect(answer.code).toBe(code);
    expect(message(answer)).toMatch(text);
  });

  test("says why a container has not begun, and that it never died", async () => {
    const waiting = { name: "app", state: { waiting: { reason: "ImagePullBackOff" } } };
    const late = build.pod({ name: "late" });
    await api.put({
      ...late,
      status: { ...late.status, containerStatuses: [waiting] },
    } as unknown as Pod);
    const path = "/api/v1/namespaces/shop/pods/late/log";
    await agent(() =>
      Promise.reject(new TunnelError(400, 'container "app" in pod "late" is waiting to start')),
    );
    expect(message(await logs("", path))).toBe(
      'container "app" in pod "late" is waiting to start: trying and failing to pull image',
    );
    expect(message(await logs("previous=true", path))).toBe(
      'previous terminated container "app" in pod "late" not found',
    );
  });

  test("a pod without a node has no logs", async () => {
    const answer = await logs("", "/api/v1/namespaces/shop/pods/unbound/log");
    expect([answer.code, message(answer)]).toEqual([
      400,
      "pod unbound does not have a host assigned",
    ]);
    expect((await logs("", "/api/v1/namespaces/shop/pods/none/log")).code).toBe(404);
  });

  test("a reader that goes away stops the agent", async () => {
    const cancelled = Promise.withResolvers<unknown>();
    await agent(async (_, stream) => {
      await stream.write(Buffer.from("hello\n"));
      await new Promise((resolve) => {
        stream.signal.addEventListener("abort", resolve, { once: true });
      });
      cancelled.resolve(stream.signal.reason);
      await stream.write(Buffer.from("never"));
    });
    const { hostname, port } = new URL(admin.server);
    const { ca, cert, key } = admin;
    const path = `${LOG}?container=app&follow=true`;
    const open = request({ host: hostname, port, path, ca, cert, key, agent: false }, (answer) => {
      answer.once("data", () => open.destroy());
      answer.on("error", () => undefined);
    });
    open.on("error", () => undefined);
    open.end();
    expect(String(await cancelled.promise)).toMatch(/reader of the stream has gone/);
  });

  test("a slow reader makes the agent wait", async () => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024, "x");
    await agent(async (_, stream) => {
      for (let index = 0; index < 1600; index += 1) {
        await stream.write(chunk);
        written += chunk.length;
      }
    });
    const { hostname, port } = new URL(admin.server);
    const { ca, cert, key } = admin;
    const answer = await new Promise<import("node:http").IncomingMessage>((resolve) => {
      const path = `${LOG}?container=app`;
      request({ host: hostname, port, path, ca, cert, key, agent: false }, resolve).end();
    });
    answer.pause();
    let last = -1;
    await eventually("the agent has stopped writing", () => {
      const stands = written > 0 && written === last;
      last = written;
      return stands;
    });
    expect(written).toBeLessThan(60_000_000);
    let received = 0;
    for await (const part of answer as AsyncIterable<Buffer>) received += part.length;
    expect(received).toBe(1600 * chunk.length);
  }, 20_000);
});

describe("the tunnel", () => {
  test("comes back when the control plane was away", async () => {
    await agent((_, stream) => stream.write(Buffer.from("here")));
    await api.restart();
    const back = eventually("the node is back", async () => {
      await clock.advance(1000);
      return api.server.tunnels.isConnected("a");
    });
    await back;
    expect((await logs()).text).toBe("here");
  });

  test("a newer one takes the place of the older", async () => {
    await agent((_, stream) => stream.write(Buffer.from("old")));
    const { server, ...tls } = node;
    const end = new AbortController();
    const handler: TunnelHandler = (_, stream) => stream.write(Buffer.from("new"));
    const second = runTunnel({
      server,
      tls,
      handler,
      signal: end.signal,
      clock,
      logger: silentLogger,
    });
    await eventually("the newer one answers", async () => (await logs()).text === "new", 5000);
    end.abort();
    await second;
  });

  test("the older one is closed then", async () => {
    const open = async (): Promise<WebSocket> => {
      const socket = new WebSocket(
        `${api.url.replace("https", "wss")}${TUNNEL_PATH}`,
        TUNNEL_PROTOCOL,
        { ...node },
      );
      await new Promise((resolve) => socket.once("open", resolve));
      return socket;
    };
    const older = await open();
    const closed = new Promise((resolve) => older.once("close", resolve));
    const newer = await open();
    await closed;
    expect(api.server.tunnels.isConnected("a")).toBe(true);
    newer.terminate();
  });

  test("one that answers no ping is closed", async () => {
    const socket = new WebSocket(
      `${api.url.replace("https", "wss")}${TUNNEL_PATH}`,
      TUNNEL_PROTOCOL,
      {
        ...node,
        autoPong: false,
      },
    );
    await new Promise((resolve) => socket.once("open", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const pinged = new Promise((resolve) => socket.once("ping", resolve));
    await clock.advance(TUNNEL_PING_MS);
    await pinged;
    await clock.advance(TUNNEL_PING_MS);
    await closed;
  });

  test.each([
    ["text", "{}"],
    ["too short", Buffer.from([1])],
    ["a stream from the wrong side", encodeFrame({ type: "open", id: 1, request: LOGS })],
    ["a stream that nobody opened", encodeFrame({ type: "close", id: 7 })],
  ])("cuts off a node that sends %s", async (_, message) => {
    const socket = new WebSocket(
      `${api.url.replace("https", "wss")}${TUNNEL_PATH}`,
      TUNNEL_PROTOCOL,
      { ...node },
    );
    socket.on("error", () => undefined);
    await new Promise((resolve) => socket.once("open", resolve));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.send(message);
    await closed;
    expect((await rawRequest(admin, { path: "/healthz" })).code).toBe(200);
  });

  test("a node that speaks another protocol is told which", async () => {
    const socket = new WebSocket(`${api.url.replace("https", "wss")}${TUNNEL_PATH}`, { ...node });
    socket.on("error", () => undefined);
    const answer = await new Promise<IncomingMessage>((resolve) =>
      socket.once("unexpected-response", (_, response) => resolve(response)),
    );
    let body = "";
    for await (const part of answer) body += String(part);
    expect([answer.statusCode, (JSON.parse(body) as { message: string }).message]).toEqual([
      426,
      `this control plane speaks only the tunnel protocol "${TUNNEL_PROTOCOL}": run the same version of Berth on node "a"`,
    ]);
    socket.terminate();
  });

  test.each([
    ["admin", ["system:masters"], TUNNEL_PATH, 403],
    ["system:node:a", ["system:nodes"], "/api/v1/namespaces/shop/pods/web/exec", 403],
    ["system:node:a", ["system:nodes"], "/api/v1/namespaces/shop/pods/web/chair", 404],
  ])("%s cannot open %s%s", async (user, groups, path, code) => {
    const credentials = await api.credentials(user, groups);
    const socket = new WebSocket(`${api.url.replace("https", "wss")}${path}`, TUNNEL_PROTOCOL, {
      ...credentials,
    });
    const error = await new Promise((resolve) => socket.once("error", resolve));
    expect(String(error)).toContain(`Unexpected server response: ${code}`);
  });

  test("nobody in particular is told to say who they are", async () => {
    const socket = connect({ port: api.server.port, ca: admin.ca, host: "127.0.0.1" });
    socket.write(
      `GET ${TUNNEL_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    const answer = await new Promise((resolve) => socket.once("data", resolve));
    expect(String(answer)).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    socket.destroy();
  });
});
