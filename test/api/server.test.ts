import { Agent } from "node:https";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "../../src/api/pki.ts";
import { startApiServer } from "../../src/api/server.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { rawRequest } from "../support/api-request.ts";
import type { RawAnswer, RawRequest } from "../support/api-request.ts";
import { CLUSTER, startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

let api: ApiUnderTest;
let admin: ApiCredentials;
let nodeA: ApiCredentials;
beforeAll(async () => {
  api = await startTestApi();
  admin = await api.credentials("admin", ["system:masters"]);
  nodeA = await api.credentials("system:node:a", ["system:nodes"]);
  for (let index = 0; index < 5; index += 1) {
    await api.put(build.pod({ name: `list-${index}`, namespace: "pages", node: "a" }));
  }
  await api.put(
    build.deployment({}, { namespace: "shop", annotations: { "berth.dev/source": "web.yaml:7" } }),
  );
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = (request: RawRequest | string, as = admin): Promise<RawAnswer> =>
  rawRequest(as, typeof request === "string" ? { path: request } : request);

interface StatusLike {
  readonly kind: string;
  readonly status: string;
  readonly reason: string;
  readonly code: number;
  readonly message: string;
}
const statusOf = (answer: RawAnswer): StatusLike => answer.json as StatusLike;

describe("authentication", () => {
  test("nobody in particular gets 401, except for paths that tell nothing", async () => {
    const nobody = { server: api.url, ca: admin.ca };
    const answer = await rawRequest(nobody, { path: "/api/v1/pods" });
    expect(statusOf(answer)).toMatchObject({ kind: "Status", code: 401, reason: "Unauthorized" });
    for (const path of ["/version", "/version/", "/healthz", "/livez", "/readyz"]) {
      expect((await rawRequest(nobody, { path })).code).toBe(200);
    }
  });

  test("a certificate of another CA gets 401", async () => {
    const other = await createAuthority({ commonName: "other", now: Date.now() });
    const request = { commonName: "admin", organizations: ["system:masters"], now: Date.now() };
    const forged = { ...admin, ...(await other.issueClient(request)) };
    expect((await rawRequest(forged, { path: "/api/v1/pods" })).code).toBe(401);
  });

  test("an expired certificate gets 401", async () => {
    const request = { commonName: "admin", organizations: ["system:masters"], validMs: 1000 };
    const issued = await api.authority.issueClient({ ...request, now: Date.now() - 60_000 });
    expect((await rawRequest({ ...admin, ...issued }, { path: "/api/v1/pods" })).code).toBe(401);
  });

  test("a certificate that expires on an open connection gets 401 from then on", async () => {
    const clock = new ManualClock(Date.now());
    await using own = await startTestApi({ clock });
    const agent = new Agent({ keepAlive: true });
    const issued = await own.authority.issueClient({
      commonName: "admin",
      organizations: ["system:masters"],
      now: Date.now(),
      validMs: 60_000,
    });
    const credentials = { server: own.url, ca: own.authority.cert, ...issued };
    const request = { path: "/api/v1/pods", agent };
    expect((await rawRequest(credentials, request)).code).toBe(200);
    await clock.advance(61_000);
    expect((await rawRequest(credentials, request)).code).toBe(401);
    agent.destroy();
  });

  test("the process' figures are for masters", async () => {
    const ada = await api.credentials("ada", ["developers"]);
    const path = "/metrics";
    expect(statusOf(await rawRequest(ada, { path }))).toMatchObject({ code: 403 });
    const { code, headers, text } = await rawRequest(admin, { path });
    expect([code, headers["content-type"], text]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
      "figures 1\n",
    ]);
  });

  test("others than masters and nodes get 403", async () => {
    const ada = await api.credentials("ada", ["developers"]);
    expect(statusOf(await rawRequest(ada, { path: "/api/v1/pods" }))).toMatchObject({
      code: 403,
      reason: "Forbidden",
    });
  });

  test("nothing below TLS 1.3 is spoken", async () => {
    const socket = connect({ port: api.server.port, ca: admin.ca, maxVersion: "TLSv1.2" });
    const error = await new Promise((resolve) => socket.once("error", resolve));
    expect(String(error)).toMatch(/protocol version/i);
  });
});

describe("documents", () => {
  test("/version has whole numbers and names Berth", async () => {
    const { json } = await ask("/version?timeout=32s");
    expect(json).toMatchObject({ major: "1", minor: "33", gitVersion: "v1.33.0+berth.0.1.0" });
  });

  test("aggregated discovery echoes its type, and need not be sent twice", async () => {
    const type = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    const headers = { Accept: type };
    const first = await ask({ path: "/apis", headers });
    expect(first.headers["content-type"]).toBe(type);
    const tag = first.headers.etag ?? "";
    const second = await ask({ path: "/apis", headers: { ...headers, "If-None-Match": tag } });
    expect([second.code, second.text]).toEqual([304, ""]);
  });

  test.each([
    "/api",
    "/apis",
    "/api/v1",
    "/apis/apps",
    "/apis/apps/v1",
    "/openapi/v3",
    "/openapi/v2",
  ])("%s is there", async (path) => {
    const answer = await ask({ path, headers: { Accept: "application/json, */*" } });
    expect([answer.code, answer.text.endsWith("\n")]).toEqual([200, true]);
  });

  test("OpenAPI need not be sent twice, and is not there in protobuf", async () => {
    const path = "/openapi/v3/apis/apps/v1?hash=old";
    const first = await ask(path);
    expect(first.json).toMatchObject({ openapi: "3.0.0" });
    const second = await ask({ path, headers: { "If-None-Match": first.headers.etag ?? "" } });
    expect([second.code, second.text]).toEqual([304, ""]);
    const type = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    const third = await ask({ path: "/openapi/v2", headers: { Accept: type } });
    expect(statusOf(third)).toMatchObject({ code: 406, reason: "NotAcceptable" });
    const posted = await ask({ path: "/openapi/v3", method: "POST" });
    expect(statusOf(posted)).toMatchObject({ code: 405 });
  });

  test.each(["/nothing", "/api/v1/chairs", "/apis/none/v1", "/openapi/v4", "/apis/none"])(
    "%s is a 404",
    async (path) => {
      expect(statusOf(await ask(path))).toMatchObject({ kind: "Status", code: 404 });
    },
  );
});

describe("get and list", () => {
  test("give the stored bytes", async () => {
    const stored = api.objects.get({
      apiVersion: "v1",
      kind: "Pod",
      namespace: "pages",
      name: "list-0",
    });
    const { text } = await ask("/api/v1/namespaces/pages/pods/list-0");
    expect(text).toBe(`${Buffer.from(stored?.bytes ?? []).toString()}\n`);
  });

  test("an unknown object is a 404 that names it", async () => {
    expect(statusOf(await ask("/apis/apps/v1/namespaces/shop/deployments/none"))).toMatchObject({
      code: 404,
      message: 'deployments.apps "none" not found',
    });
  });

  test("a list has kind, version and items", async () => {
    const { json } = await ask("/api/v1/namespaces/pages/pods");
    const list = json as { metadata: { resourceVersion: string }; items: Pod[] };
    expect(list).toMatchObject({ kind: "PodList", apiVersion: "v1" });
    expect(list.metadata.resourceVersion).toMatch(/^\d+$/);
    expect(list.items.map(({ metadata }) => metadata.name)).toEqual(
      [0, 1, 2, 3, 4].map((n) => `list-${n}`),
    );
  });

  test("pages show one moment, whatever happens between them", async () => {
    const path = "/api/v1/namespaces/pages/pods?limit=2";
    type List = { metadata: { continue?: string; remainingItemCount?: number }; items: Pod[] };
    const names: string[] = [];
    const first = (await ask(path)).json as List;
    expect(first.metadata.remainingItemCount).toBe(3);
    await api.put(build.pod({ name: "list-25", namespace: "pages", node: "a" }));
    const next = (list: List): string => `${path}&continue=${list.metadata.continue ?? ""}`;
    for (let list = first; ; list = (await ask(next(list))).json as List) {
      names.push(...list.items.map(({ metadata }) => metadata.name));
      if (list.metadata.continue === undefined) break;
    }
    expect(names).toEqual([0, 1, 2, 3, 4].map((n) => `list-${n}`));
    await api.objects.remove({
      apiVersion: "v1",
      kind: "Pod",
      namespace: "pages",
      name: "list-25",
    });
  });

  test("a page of a list that is not kept any more expires with a way on", async () => {
    const token = Buffer.from(JSON.stringify({ id: "gone", from: 2, after: "pages\0list-1" }));
    const path = "/api/v1/namespaces/pages/pods?limit=2&continue=";
    const answer = await ask(path + token.toString("base64url"));
    expect(statusOf(answer)).toMatchObject({ code: 410, reason: "Expired" });
    const way = (answer.json as { metadata: { continue: string } }).metadata.continue;
    const rest = (await ask(path + way)).json as { items: Pod[] };
    expect(rest.items.map(({ metadata }) => metadata.name)).toEqual(["list-2", "list-3"]);
  });

  test.each([
    ["limit=x", 400],
    ["limit=-1", 400],
    ["continue=nonsense", 400],
    ["resourceVersion=abc", 400],
    ["resourceVersionMatch=Exact", 400],
    ["resourceVersionMatch=Chair&resourceVersion=1", 400],
    ["resourceVersion=999999999", 504],
    ["resourceVersion=1&resourceVersionMatch=Exact", 410],
    ["resourceVersion=0", 200],
    ["resourceVersion=1&resourceVersionMatch=NotOlderThan", 200],
    ["fieldSelector=chair%3D1", 400],
    ["labelSelector=a%3D%3D%3Db", 400],
  ])("?%s is a %d", async (query, code) => {
    expect((await ask(`/api/v1/pods?${query}`)).code).toBe(code);
  });

  test("a client that takes no JSON gets 406", async () => {
    const headers = { Accept: "application/vnd.kubernetes.protobuf" };
    expect((await ask({ path: "/api/v1/pods", headers })).code).toBe(406);
  });

  test("a node lists its own pods alone", async () => {
    expect((await ask("/api/v1/pods", nodeA)).code).toBe(403);
    const own = await ask("/api/v1/pods?fieldSelector=spec.nodeName%3Da", nodeA);
    expect((own.json as { items: unknown[] }).items).toHaveLength(5);
  });
});

describe("what Git declares is changed in Git", () => {
  const path = "/apis/apps/v1/namespaces/shop/deployments/web";
  test.each([
    { method: "PUT", path, body: {} },
    {
      method: "PATCH",
      path: `${path}?fieldManager=ada`,
      body: {},
      headers: { "Content-Type": "application/apply-patch+yaml" },
    },
    { method: "PATCH", path: `${path}/scale`, body: {} },
    { method: "PATCH", path: `${path}/status`, body: {} },
    { method: "DELETE", path },
  ])("$method $path", async (request) => {
    expect(statusOf(await ask(request))).toMatchObject({
      code: 405,
      reason: "MethodNotAllowed",
      message: "writes are commits: edit web.yaml:7 and commit it",
    });
  });

  test("new objects too, whatever the body is", async () => {
    const answer = await ask({
      method: "POST",
      path: "/apis/apps/v1/namespaces/shop/deployments",
      body: "k8s\0…",
      headers: { "Content-Type": "application/vnd.kubernetes.protobuf" },
    });
    expect(statusOf(answer)).toMatchObject({
      code: 405,
      message:
        "writes are commits: add a manifest of the Deployment to the repository and commit it",
    });
  });

  test("what an owner keeps is no commit: it goes as asked, and comes back", async () => {
    const owner = api.objects.get({
      apiVersion: "apps/v1",
      kind: "Deployment",
      namespace: "shop",
      name: "web",
    })?.object;
    if (owner === undefined) throw new Error("no deployment");
    const { ownerReferences } = build.pod({ name: "x", owner }).metadata;
    await api.put(
      build.replicaSet({}, { name: "web-1", ...(ownerReferences && { ownerReferences }) }),
    );
    const answer = await ask({
      method: "DELETE",
      path: "/apis/apps/v1/namespaces/shop/replicasets/web-1",
    });
    expect(answer.code).toBe(200);
  });
});

describe("the server", () => {
  test("says what is wrong with a port that is taken", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => blocker.once("listening", resolve));
    const { port } = blocker.address() as AddressInfo;
    const start = startApiServer({
      objects: api.objects,
      host: "127.0.0.1",
      port,
      tls: { ca: admin.ca, cert: admin.cert, key: admin.key },
      cluster: CLUSTER,
      onSync: () => undefined,
      metrics: () => Promise.resolve(""),
      clock: systemClock,
      logger: silentLogger,
    });
    await expect(start).rejects.toMatchObject({
      code: "port-taken",
      message: `Cannot serve the API on 127.0.0.1:${port}: another process listens on port ${port}; end it or choose another port`,
    });
    blocker.close();
  });

  test("gives the cluster's facts to nodes, and syncs for administrators", async () => {
    expect((await ask("/apis/berth.dev/v1/cluster", nodeA)).json).toEqual(CLUSTER);
    const sync = { method: "POST", path: "/apis/berth.dev/v1/sync" };
    expect((await ask(sync, nodeA)).code).toBe(403);
    expect([(await ask(sync)).code, api.syncs()]).toEqual([202, 1]);
    expect((await ask("/apis/berth.dev/v1/sync")).code).toBe(405);
  });
});
