import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { silentLogger } from "../../../src/base/logger.ts";
import { systemClock } from "../../../src/base/system-clock.ts";
import type { ApiCredentials } from "../../../src/client/transport.ts";
import { TunnelError, runTunnel, type TunnelHandler } from "../../../src/client/tunnel-client.ts";
import { CHANNEL, type TunnelRequest } from "../../../src/model/tunnel.ts";
import { startTestApi, type ApiUnderTest } from "../../support/api-server.ts";
import { rawRequest } from "../../support/api-request.ts";
import * as build from "../../support/builders.ts";

let api: ApiUnderTest;
let admin: ApiCredentials;
const asked: TunnelRequest[] = [];
const stop = new AbortController();
let tunnel: Promise<void>;

/** Sends back what comes; `fail` in place of a command is refused. */
const handler: TunnelHandler = async (request, stream) => {
  asked.push(request);
  if (request.kind === "exec" && request.command[0] === "fail")
    throw new TunnelError(404, "nothing of that name here");
  if (request.kind === "portForward" && request.port === 9)
    throw new TunnelError(500, "connection refused");
  stream.accept();
  for await (const chunk of stream.read(CHANNEL.stdin)) await stream.write(chunk);
  if (request.kind !== "portForward")
    await stream.write(Buffer.from('{"metadata":{},"status":"Success"}'), CHANNEL.error);
};

beforeAll(async () => {
  api = await startTestApi();
  admin = await api.credentials("admin", ["system:masters"]);
  await api.put(build.pod({ name: "web" }));
  await api.put(build.pod({ name: "unbound", node: "" }));
  const { server, ...tls } = await api.credentials("system:node:a", ["system:nodes"]);
  const { signal } = stop;
  tunnel = runTunnel({ server, tls, handler, signal, clock: systemClock, logger: silentLogger });
  while (!api.server.tunnels.isConnected("a"))
    await new Promise((resolve) => setImmediate(resolve));
});
afterAll(async () => {
  stop.abort();
  await tunnel;
  await api[Symbol.asyncDispose]();
});

const PODS = "/api/v1/namespaces/shop/pods";
const EXEC = `${PODS}/web/exec?command=sh&stdin=true&stdout=true`;

function open(path: string, protocols: readonly string[], as: ApiCredentials = admin): WebSocket {
  const url = `${api.url.replace("https", "wss")}${path}`;
  return new WebSocket(url, [...protocols], { ca: as.ca, cert: as.cert, key: as.key });
}

/** The refusal of an upgrade, as `code message`. */
async function refusal(socket: WebSocket): Promise<string> {
  socket.on("error", () => undefined);
  return await new Promise((resolve) => {
    socket.once("unexpected-response", (_, response) => {
      void text(response).then((body) => {
        const { message } = JSON.parse(body) as { readonly message: string };
        resolve(`${response.statusCode ?? 0} ${message}`);
      });
    });
  });
}

/** All messages up to the end, the channel before each. */
async function readAll(socket: WebSocket): Promise<readonly string[]> {
  const lines: string[] = [];
  socket.on("message", (data: Buffer) =>
    lines.push(`${data[0] ?? ""} ${data.toString("utf8", 1)}`),
  );
  await new Promise((resolve) => socket.once("close", resolve));
  return lines;
}

const opened = (socket: WebSocket): Promise<unknown> =>
  new Promise((resolve) => socket.once("open", resolve));

describe("exec by WebSocket", () => {
  test("v5: the input ends by a message", async () => {
    const socket = open(EXEC, ["v5.channel.k8s.io", "v4.channel.k8s.io"]);
    const lines = readAll(socket);
    await opened(socket);
    expect(socket.protocol).toBe("v5.channel.k8s.io");
    socket.send(Buffer.from("\u0000hello"));
    socket.send(Buffer.from([255, 0]));
    expect(await lines).toEqual(["1 hello", '3 {"metadata":{},"status":"Success"}']);
    expect(asked.at(-1)).toMatchObject({
      kind: "exec",
      pod: "web",
      container: "app",
      command: ["sh"],
      stdin: true,
      stdout: true,
      stderr: false,
      tty: false,
    });
  });

  test("v4 is served, too", async () => {
    const socket = open(EXEC, ["v4.channel.k8s.io"]);
    await opened(socket);
    expect(socket.protocol).toBe("v4.channel.k8s.io");
    const echoed = new Promise((resolve) => socket.once("message", resolve));
    socket.send(Buffer.from("\u0000x"));
    expect(String(await echoed)).toBe("\u0001x");
    socket.terminate();
  });

  test.each([
    [EXEC, ["channel.k8s.io"], /^400 unable to upgrade: unable to negotiate protocol/],
    [
      `${PODS}/web/exec?command=fail&stdout=true`,
      ["v5.channel.k8s.io"],
      "404 nothing of that name",
    ],
    [
      `${PODS}/web/exec?stdout=true`,
      ["v5.channel.k8s.io"],
      "400 you must specify at least one command",
    ],
    [
      `${PODS}/web/exec?command=sh`,
      ["v5.channel.k8s.io"],
      "400 you must specify at least 1 of stdin",
    ],
    [
      `${PODS}/web/exec?command=sh&stdout=1&container=x`,
      ["v5.channel.k8s.io"],
      "400 container x is not",
    ],
    [`${PODS}/none/exec?command=sh&stdout=1`, ["v5.channel.k8s.io"], '404 pods "none" not found'],
    [
      `${PODS}/unbound/attach?stdout=1`,
      ["v5.channel.k8s.io"],
      "400 pod unbound does not have a host",
    ],
    [`${PODS}/web/portforward?ports=0`, ["v4.channel.k8s.io"], '400 unable to parse "0" as a port'],
    [`${PODS}/web/portforward`, ["v4.channel.k8s.io"], '400 query parameter "ports" is required'],
  ])("%s with %j is refused", async (path, protocols, message) => {
    expect(await refusal(open(path, protocols))).toMatch(message);
  });

  test("others than administrators may not", async () => {
    const user = await api.credentials("eve", ["people"]);
    expect(await refusal(open(EXEC, ["v5.channel.k8s.io"], user))).toMatch(/^403 .*pods\/exec/);
  });

  test("without an upgrade there is none", async () => {
    expect(await rawRequest(admin, { path: EXEC })).toMatchObject({
      code: 400,
      json: { message: "Upgrade request required" },
    });
  });

  test("SPDY of another version is no upgrade of ours", async () => {
    const { hostname, port } = new URL(api.url);
    const { ca, cert, key } = admin;
    const headers = { Connection: "Upgrade", Upgrade: "SPDY/9" };
    const answer = await new Promise<number | undefined>((resolve) => {
      const options = { host: hostname, port, path: EXEC, method: "POST", ca, cert, key, headers };
      httpsRequest({ ...options, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(answer).toBe(400);
  });
});

describe("port-forward by WebSocket, the older form", () => {
  test("names each port first, and keeps the ports apart", async () => {
    const socket = open(`${PODS}/web/portforward?ports=8080&ports=9`, ["v4.channel.k8s.io"]);
    const lines: string[] = [];
    const whole = new Promise<void>((resolve) => {
      socket.on("message", (data: Buffer) => {
        lines.push(data.toString("latin1"));
        if (lines.length === 6) resolve();
      });
    });
    await opened(socket);
    socket.send(Buffer.from("\u0000ping"));
    await whole;
    expect(lines.toSorted()).toEqual(
      [
        "\u0000\u0090\u001f",
        "\u0001\u0090\u001f",
        "\u0002\u0009\u0000",
        "\u0003\u0009\u0000",
        "\u0000ping",
        "\u0003connection refused",
      ].toSorted(),
    );
    socket.terminate();
  });
});
