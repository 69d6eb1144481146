import { Agent } from "node:https";
import { connect } from "node:tls";
import * as fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Logger } from "../../src/base/logger.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import { RESOURCES, apiVersionOf } from "../../src/model/resources.ts";
import { rawRequest } from "../support/api-request.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import type { App, EndpointSlice, Event, Release } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import * as build from "../support/builders.ts";

/** What the server logs as its own mistake. */
const mistakes: string[] = [];
const logger: Logger = {
  ...silentLogger,
  error: (fields, message) => mistakes.push(`${message}: ${String(fields["error"])}`),
};

beforeEach(() => {
  mistakes.length = 0;
});

let api: ApiUnderTest;
let users: readonly (ApiCredentials & { readonly agent: Agent })[];
beforeAll(async () => {
  api = await startTestApi({ logger });
  users = [
    {
      ...(await api.credentials("admin", ["system:masters"])),
      agent: new Agent({ keepAlive: true }),
    },
    {
      ...(await api.credentials("system:node:a", ["system:nodes"])),
      agent: new Agent({ keepAlive: true }),
    },
  ];
  await api.put(build.pod({ name: "web", namespace: "shop" }));
  await api.put(build.deployment({}, { name: "web" }));
  await api.put(build.node({ name: "a" }));
});
afterAll(async () => {
  for (const { agent } of users) agent.destroy();
  await api[Symbol.asyncDispose]();
});

const EVENT: Event = {
  apiVersion: "v1",
  kind: "Event",
  metadata: { name: "e", namespace: "shop" },
  involvedObject: { kind: "Pod", name: "web", namespace: "shop" },
  type: "Normal",
  reason: "Started",
  message: "Started",
  count: 1,
  firstTimestamp: build.at(0),
  lastTimestamp: build.at(0),
  source: { component: "agent", host: "a" },
};
const SLICE: EndpointSlice = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: { name: "s", namespace: "shop" },
  addressType: "IPv4",
  endpoints: [
    {
      addresses: ["10.0.0.1"],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: "Pod", namespace: "shop", name: "web", uid: "u" },
    },
  ],
  ports: [{ name: "", protocol: "TCP", port: 80 }],
};
const APP: App = {
  apiVersion: "berth.dev/v1",
  kind: "App",
  metadata: { name: "app" },
  spec: {
    repo: "/r",
    branch: "main",
    path: ".",
    namespace: "default",
    intervalSeconds: 60,
    prune: true,
  },
  status: { appliedCommit: "0".repeat(40), conditions: [{ type: "Ready", status: "True" }] },
};
const RELEASE: Release = {
  apiVersion: "berth.dev/v1",
  kind: "Release",
  metadata: { name: "rel" },
  spec: {
    app: "app",
    repo: "/r",
    path: ".",
    sequence: 1,
    commit: "0".repeat(40),
    tree: "0".repeat(40),
    author: "Ada",
    subject: "s",
    committedAt: build.at(0),
  },
  status: { phase: "Healthy", startedAt: build.at(0), inventory: [] },
};

const name = fc.constantFrom(
  "web",
  "a",
  "shop",
  "none",
  "Big",
  "a%2Fb",
  "%20",
  "..",
  "status",
  "x".repeat(300),
);
const value = fc.oneof(
  fc.constantFrom(
    "true",
    "1",
    "0",
    "-1",
    "a=b",
    "a in (",
    "metadata.name=web",
    "x",
    "999999999999999999999",
    "NotOlderThan",
    "Exact",
    "eyJpZCI6MX0",
    "All",
  ),
  fc.string({ maxLength: 12 }),
);
const parameter = fc.constantFrom(
  "limit",
  "continue",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "labelSelector",
  "fieldSelector",
  "includeObject",
  "gracePeriodSeconds",
  "dryRun",
  "container",
  "tailLines",
  "sinceTime",
  "uid",
  "timeoutMs",
  "fieldValidation",
);
const path = fc
  .record({
    resource: fc.constantFrom(...RESOURCES),
    scoped: fc.boolean(),
    parts: fc.array(name, { maxLength: 3 }),
    odd: fc.option(
      fc.constantFrom(
        "/apis/berth.dev/v1/endpoint-reports",
        "/apis/berth.dev/v1/withdrawals",
        "/apis/berth.dev/v1/sync",
        "/openapi/v3",
        "/api",
        "//",
        "/%00",
        "/api/v1/namespaces",
      ),
      { freq: 5 },
    ),
    query: fc.array(fc.tuple(parameter, value), { maxLength: 3 }),
  })
  .map(({ resource, scoped, parts, odd, query }) => {
    const root = resource.group === "" ? "/api" : "/apis";
    const scope = scoped ? "/namespaces/shop" : "";
    const tail = parts.map((part) => `/${part}`).join("");
    const base = odd ?? `${root}/${apiVersionOf(resource)}${scope}/${resource.plural}${tail}`;
    // A withdrawal waits as long as it is told.
    const search = new URLSearchParams([...query, ["timeoutMs", "1"]]);
    return `${base}?${search.toString()}`;
  });

const shape = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      apiVersion: fc.constantFrom<unknown>("v1", "apps/v1", 1),
      kind: fc.constantFrom<unknown>("Node", "Event", "Pod", null),
      metadata: fc.oneof(
        fc.jsonValue(),
        fc.record(
          {
            name: fc.oneof(name, fc.jsonValue()),
            namespace: fc.oneof(name, fc.jsonValue()),
            generateName: fc.oneof(name, fc.jsonValue()),
            labels: fc.jsonValue(),
            annotations: fc.jsonValue(),
            resourceVersion: fc.oneof(value, fc.jsonValue()),
            uid: fc.jsonValue(),
            ownerReferences: fc.jsonValue(),
            finalizers: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
      ),
      spec: fc.jsonValue(),
      status: fc.oneof(
        fc.jsonValue(),
        fc.record(
          {
            phase: fc.constant("Running"),
            conditions: fc.jsonValue(),
            containerStatuses: fc.jsonValue(),
          },
          { requiredKeys: [] },
        ),
      ),
      endpoints: fc.jsonValue(),
      involvedObject: fc.jsonValue(),
      node: fc.constant("a"),
      revision: fc.jsonValue(),
      gracePeriodSeconds: fc.jsonValue(),
      preconditions: fc.jsonValue(),
      dryRun: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);
const body = fc.option(
  fc.oneof(
    { weight: 6, arbitrary: shape.map((item) => JSON.stringify(item)) },
    { weight: 1, arbitrary: fc.string() },
    {
      weight: 1,
      arbitrary: fc.constant('{"__proto__":{"metadata":{"name":"x"}},"constructor":1}'),
    },
  ),
  { nil: undefined },
);
const headers = fc.record(
  {
    "Content-Type": fc.constantFrom(
      "application/json",
      "application/merge-patch+json",
      "application/strategic-merge-patch+json",
      "application/vnd.kubernetes.protobuf",
      "",
    ),
    Accept: fc.constantFrom(
      "application/json",
      "*/*",
      "application/json;as=Table;v=v1;g=meta.k8s.io",
      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
      ";;;,,,=",
      "text/html;q=x",
    ),
    "If-None-Match": fc.constant("*"),
    Upgrade: fc.constant("h2c"),
  },
  { requiredKeys: [] },
);

test("no request is answered by 500, and none ends the server", { timeout: 60_000 }, async () => {
  const request = fc.record({
    method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"),
    path,
    body,
    headers,
    user: fc.nat(1),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path, body, headers, user }) => {
      const as = users[user];
      if (as === undefined) throw new Error("no user");
      const answer = await rawRequest(as, {
        method,
        path,
        headers,
        agent: as.agent,
        ...(body === undefined ? {} : { body }),
      });
      expect(mistakes).toEqual([]);
      expect(answer.code, answer.text).not.toBe(500);
      if (answer.code >= 400 && method !== "HEAD") {
        expect(answer.json).toMatchObject({ kind: "Status", status: "Failure", code: answer.code });
        expect(answer.text.endsWith("\n")).toBe(true);
        expect(answer.text).not.toMatch(/\.ts:\d+|\\n +at /);
      }
    }),
    { numRuns: 400 },
  );
});

/** A valid object of each kind that can be written through the API. */
const WRITABLE: readonly (readonly [path: string, object: ApiObject])[] = [
  ["/api/v1/nodes", build.node({ name: "n", labels: { a: "b" }, spec: { taints: [] } })],
  [
    "/api/v1/namespaces/shop/pods/web/status",
    build.pod({ name: "web", restarts: 1, ip: "10.0.0.1" }),
  ],
  ["/api/v1/namespaces/shop/events", EVENT],
  ["/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices", SLICE],
  ["/apis/berth.dev/v1/apps", APP],
  ["/apis/berth.dev/v1/releases", RELEASE],
];

/** The value with one of its parts, found by walking along `steps`, replaced. */
function mutate(value: unknown, steps: readonly number[], next: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== "object" || value === null) return next;
  if (Array.isArray(value)) {
    return value.map((item, at) => (at === step % value.length ? mutate(item, rest, next) : item));
  }
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, item], at) => [
      key,
      at === step % entries.length ? mutate(item, rest, next) : item,
    ]),
  );
}

test("what has been written can be shown, however odd it is", { timeout: 60_000 }, async () => {
  const written = new Map<number, number>();
  let count = 0;
  const [admin, node] = users;
  if (admin === undefined || node === undefined) throw new Error("no user");
  const request = fc.record({
    target: fc.constantFrom(...WRITABLE),
    steps: fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }),
    next: fc.oneof(fc.jsonValue(), fc.constantFrom(null, "", [], {}, 0, -1, true, "x")),
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ target: [path, object], steps, next }) => {
      count += 1;
      const isStatus = path.endsWith("/status");
      const { uid: _, creationTimestamp: __, ...metadata } = object.metadata;
      const named = { ...metadata, ...(isStatus ? {} : { name: `f-${count}` }) };
      const body = mutate({ ...object, metadata: named }, steps, next);
      const as = isStatus ? node : admin;
      const method = isStatus ? "PUT" : "POST";
      const answer = await rawRequest(as, {
        method,
        path,
        body: JSON.stringify(body),
        agent: as.agent,
      });
      written.set(answer.code, (written.get(answer.code) ?? 0) + 1);
      expect(mistakes).toEqual([]);
      const collection = path.replace("/web/status", "");
      for (const accept of ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"]) {
        const shown = await rawRequest(admin, {
          path: collection,
          headers: { Accept: accept },
          agent: admin.agent,
        });
        expect(shown.code, `${shown.text} ${JSON.stringify(body)}`).toBe(200);
      }
    }),
    { numRuns: 300 },
  );
  const succeeded = (written.get(201) ?? 0) + (written.get(200) ?? 0);
  expect(succeeded, JSON.stringify([...written])).toBeGreaterThan(10);
});

test("what is not HTTP is refused, and hurts nobody", { timeout: 20_000 }, async () => {
  const [admin] = users;
  if (admin === undefined) throw new Error("no user");
  const send = (bytes: Uint8Array): Promise<string> =>
    new Promise((resolve) => {
      const { ca, cert, key } = admin;
      const socket = connect({ port: api.server.port, host: "127.0.0.1", ca, cert, key });
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString();
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(text));
      socket.end(bytes);
    });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
      expect(await send(bytes)).not.toMatch(/^HTTP\/1\.1 500/);
    }),
    { numRuns: 30 },
  );
  const header = `GET / HTTP/1.1\r\nX: ${"x".repeat(64 * 1024)}\r\n\r\n`;
  expect(await send(Buffer.from(header))).toMatch(/^HTTP\/1\.1 431 /);
  expect(await send(Buffer.from("CHAIR / TABLE\r\n\r\n"))).toMatch(/^HTTP\/1\.1 400 /);
  const half = "POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
  expect(await send(Buffer.from(half))).not.toMatch(/^HTTP\/1\.1 500/);
  expect(mistakes).toEqual([]);
  expect((await rawRequest(admin, { path: "/healthz" })).text).toBe("ok");
});
