import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";

interface Event {
  readonly type: string;
  readonly object: { readonly metadata?: { readonly name: string }; readonly code?: number };
}

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startTestApi();
  await api.put(build.namespace("shop"));
  await api.put(build.pod({ name: "web" }));
});
afterAll(() => api[Symbol.asyncDispose]());

/** The messages of a watch, and how it was answered. */
async function open(
  path: string,
  protocols: readonly string[] = [],
  user: readonly [string, readonly string[]] = ["ada", ["system:masters"]],
) {
  const { server, ca, cert, key } = await api.credentials(...user);
  const url = `${server.replace("https:", "wss:")}${path}`;
  const socket = new WebSocket(url, [...protocols], { ca, cert, key });
  const events: Event[] = [];
  const kinds = new Set<boolean>();
  const wake = new Set<() => void>();
  socket.on("message", (data: Buffer, isBinary) => {
    kinds.add(isBinary);
    events.push(JSON.parse(data.toString()) as Event);
    for (const look of wake) look();
  });
  const closed = new Promise<number>((resolve) => {
    socket.once("close", resolve);
  });
  const answer = await new Promise<number>((resolve, reject) => {
    socket.once("open", () => resolve(101));
    socket.once("unexpected-response", (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.once("error", reject);
  });
  const until = (count: number): Promise<readonly string[]> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (events.length < count) return;
        wake.delete(look);
        resolve(
          events.map(({ type, object }) => `${type} ${object.metadata?.name ?? object.code}`),
        );
      };
      wake.add(look);
      look();
    });
  return { answer, socket, until, kinds, closed };
}

const WATCH = "/api/v1/namespaces/shop/pods?watch=1";

describe("a watch over a WebSocket", () => {
  test.each([[[]], [["base64.binary.k8s.io"]], [["binary.k8s.io"]]])(
    "sends one event a message: subprotocols %j",
    async (protocols) => {
      const { socket, until, kinds, closed } = await open(WATCH, protocols);
      expect(socket.protocol).toBe(protocols[0] ?? "");
      expect(await until(1)).toEqual(["ADDED web"]);
      const name = `new-${protocols.length}-${protocols[0]?.length ?? 0}`;
      await api.put(build.pod({ name }));
      await api.objects.remove({ apiVersion: "v1", kind: "Pod", namespace: "shop", name });
      const told = await until(3);
      expect([told[1], told.at(-1)]).toEqual([`ADDED ${name}`, `DELETED ${name}`]);
      expect([...kinds]).toEqual([false]);
      socket.close();
      await closed;
    },
  );

  test("follows selectors and a version", async () => {
    const { until, socket } = await open(`${WATCH}&fieldSelector=metadata.name%3Dweb`);
    expect(await until(1)).toEqual(["ADDED web"]);
    socket.terminate();
  });

  test("ends with its time", async () => {
    const { closed } = await open(`${WATCH}&timeoutSeconds=1`);
    expect(await closed).toBe(1000);
  });

  test("is refused in HTTP, before it begins", async () => {
    expect((await open(`${WATCH}&resourceVersion=999999999`)).answer).toBe(410);
    expect((await open("/api/v1/nodes?watch=1", [], ["eve", []])).answer).toBe(403);
    expect((await open("/api/v1/namespaces/shop/pods")).answer).toBe(404);
  });
});
