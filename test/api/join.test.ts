import { createHash, X509Certificate } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createRequest, publicKeyHash } from "../../src/api/pki.ts";
import { createApiClient } from "../../src/client/http-client.ts";
import type { ApiClient } from "../../src/client/client.ts";
import {
  formatJoinToken,
  JOIN_TOKEN_TYPE,
  parseJoinToken,
  type JoinAnswer,
  type JoinTokenData,
} from "../../src/model/join-token.ts";
import type { Node, Secret } from "../../src/model/kinds.gen.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { rawRequest } from "../support/api-request.ts";
import { startTestApi, type ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";

const SECRET = "a".repeat(26);
const ID = "abcdefgh";
const HOUR = 3_600_000;
const NODES = resourceOf({ apiVersion: "v1", kind: "Node" });

let api: ApiUnderTest;
const clients: ApiClient[] = [];
beforeEach(async () => {
  api = await startTestApi();
  await api.put(build.namespace("berth-system"));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await api[Symbol.asyncDispose]();
});

async function putToken(more: Partial<JoinTokenData> = {}): Promise<void> {
  const data: JoinTokenData = {
    hash: createHash("sha256").update(SECRET).digest("hex"),
    expiresAt: new Date(Date.now() + HOUR).toISOString(),
    uses: "1",
    node: "",
    labels: '{"topology.kubernetes.io/zone":"z1"}',
    ...more,
  };
  await api.put({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `join-token-${ID}`, namespace: "berth-system" },
    type: JOIN_TOKEN_TYPE,
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [
        key,
        Buffer.from(String(value)).toString("base64"),
      ]),
    ),
  } as Secret);
}

interface Joined {
  readonly code: number;
  readonly message: string;
  readonly answer: JoinAnswer;
  readonly key: string;
}

async function join(node: string, more: object = {}): Promise<Joined> {
  const { csr, key } = await createRequest("system:masters-please");
  const body = { id: ID, secret: SECRET, node, csr, ...more };
  const target = { server: api.url, ca: api.authority.cert };
  const headers = { "Content-Type": "application/json" };
  const { code, json } = await rawRequest(target, {
    method: "POST",
    path: "/apis/berth.dev/v1/join",
    headers,
    body,
  });
  return {
    code,
    message: (json as { readonly message?: string }).message ?? "",
    answer: json as JoinAnswer,
    key,
  };
}

function clientOf({ answer, key }: Pick<Joined, "answer" | "key">): ApiClient {
  const client = createApiClient({
    server: api.url,
    ca: api.authority.cert,
    cert: answer.cert,
    key,
  });
  clients.push(client);
  return client;
}

describe("a token", () => {
  test("reads as it was written", () => {
    const token = { caHash: publicKeyHash(api.authority.cert), id: ID, secret: SECRET };
    expect(parseJoinToken(` ${formatJoinToken(token)}\n`)).toEqual(token);
  });

  test.each([
    "",
    "berth1",
    "berth1.x.y.z",
    `berth2.${"a".repeat(43)}.${ID}.${SECRET}`,
    `berth1.${"a".repeat(43)}.${ID}.${SECRET.slice(1)}`,
  ])("%j is none", (text) => {
    expect(parseJoinToken(text)).toBeUndefined();
  });
});

describe("a machine that joins", () => {
  test("gets the certificate of its node, whatever its request says, and the labels of the token", async () => {
    await putToken();
    const joined = await join("n1");
    expect(joined.code).toBe(201);
    const certificate = new X509Certificate(joined.answer.cert);
    expect(certificate.subject.split("\n").toSorted()).toEqual([
      "CN=system:node:n1",
      "O=system:nodes",
    ]);
    expect(joined.answer.config).toMatchObject({ nodeName: "n1", clusterId: "abc123" });
    const client = clientOf(joined);
    const node = await client.get<Node>({ apiVersion: "v1", kind: "Node", name: "n1" });
    expect(node.metadata.labels).toMatchObject({ "topology.kubernetes.io/zone": "z1" });
    await expect(
      client.list(resourceOf({ apiVersion: "v1", kind: "Secret" })),
    ).rejects.toMatchObject({ code: 403 });
  });

  test("a token that is used up is gone; of many at once, one gets in", async () => {
    await putToken();
    const all = await Promise.all(["n1", "n2", "n3", "n4"].map((name) => join(name)));
    expect(all.map(({ code }) => code).toSorted((a, b) => a - b)).toEqual([201, 401, 401, 401]);
    expect(api.objects.list(NODES).items).toHaveLength(1);
    expect((await join("n5")).code).toBe(401);
  });

  test("a token for three lets in three", async () => {
    await putToken({ uses: "3" });
    const codes = [];
    for (const name of ["n1", "n2", "n3", "n4"]) codes.push((await join(name)).code);
    expect(codes).toEqual([201, 201, 201, 401]);
  });

  test.each<readonly [string, Partial<JoinTokenData>, object]>([
    ["another secret", {}, { secret: "b".repeat(26) }],
    ["an unknown id", {}, { id: "zzzzzzzz" }],
    ["one that is over", { expiresAt: "2020-01-01T00:00:00Z" }, {}],
    ["one without uses", { uses: "0" }, {}],
    ["one without a hash", { hash: "" }, {}],
  ])("is refused with %s, and learns nothing", async (_, token, request) => {
    await putToken(token);
    const { code, message } = await join("n1", request);
    expect([code, message]).toEqual([
      401,
      expect.stringContaining("the token is not good: it is unknown, over, or used up"),
    ]);
    expect(api.objects.list(NODES).items).toHaveLength(0);
  });

  test("an ordinary Secret is no token", async () => {
    await putToken();
    const ref = {
      apiVersion: "v1",
      kind: "Secret",
      namespace: "berth-system",
      name: `join-token-${ID}`,
    };
    const stored = api.objects.get(ref)?.object as Secret;
    await api.objects.remove(ref);
    await api.put({
      ...stored,
      metadata: { name: ref.name, namespace: ref.namespace },
      type: "Opaque",
    } as Secret);
    expect((await join("n1")).code).toBe(401);
  });

  test("a name that is taken and alive is refused; one that is gone too, but by a token of its own", async () => {
    await putToken({ uses: "5" });
    const first = await join("n1");
    const client = clientOf(first);
    await client.create({
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "n1", namespace: "kube-node-lease" },
      spec: {},
    } as never);
    const alive = await join("n1");
    expect([alive.code, alive.message]).toEqual([
      409,
      expect.stringContaining('the node "n1" is there and alive'),
    ]);
    await api.put(build.node({ name: "n2" }));
    const taken = await join("n2");
    expect([taken.code, taken.message]).toEqual([
      409,
      expect.stringContaining("berth token create --node n2"),
    ]);
    expect((await join("n3")).code, "what was refused has spent nothing").toBe(201);
  });

  test("a token for a name is for no other, and takes over a node that is gone", async () => {
    await putToken({ node: "n2" });
    await api.put(build.node({ name: "n2" }));
    const other = await join("n1");
    expect([other.code, other.message]).toEqual([
      403,
      expect.stringContaining('lets in the node "n2", not "n1"'),
    ]);
    expect((await join("n2")).code).toBe(201);
  });

  test.each([
    [{ csr: "x" }, "Cannot read the certificate request"],
    [{ node: "../x" }, '"node" must be a name'],
    [{ node: "N1" }, '"node" must be a name'],
    [{ csr: 7 }, "must be texts"],
  ])("%j is a 400", async (more, message) => {
    await putToken();
    const refused = await join("n1", more);
    expect([refused.code, refused.message]).toEqual([400, expect.stringContaining(message)]);
  });

  test("who tries and tries is slowed down", async () => {
    await putToken();
    const codes: number[] = [];
    for (let count = 0; count < 25; count += 1)
      codes.push((await join("n1", { secret: "b".repeat(26) })).code);
    expect(codes.filter((code) => code === 429).length).toBeGreaterThan(0);
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 401));
  });
});

describe("a node", () => {
  test("renews its certificate by the old one; the key may be new", async () => {
    await putToken();
    const joined = await join("n1");
    const { csr, key } = await createRequest("x");
    const answer = await clientOf(joined).request<JoinAnswer>("POST", "/apis/berth.dev/v1/renew", {
      csr,
    });
    expect(new X509Certificate(answer.cert).subject).toContain("CN=system:node:n1");
    const renewed = clientOf({ answer, key });
    await expect(
      renewed.get({ apiVersion: "v1", kind: "Node", name: "n1" }),
    ).resolves.toBeDefined();
  });

  test("nobody else renews: no certificate, an administrator, the node beside the control plane", async () => {
    const { csr } = await createRequest("x");
    const target = { server: api.url, ca: api.authority.cert };
    const headers = { "Content-Type": "application/json" };
    const path = "/apis/berth.dev/v1/renew";
    expect((await rawRequest(target, { method: "POST", path, headers, body: { csr } })).code).toBe(
      401,
    );
    await expect(api.admin.request("POST", path, { csr })).rejects.toMatchObject({ code: 401 });
    const local = await api.node("a");
    await expect(local.request("POST", path, { csr })).rejects.toMatchObject({ code: 401 });
  });

  test("that is deleted is out at once: its requests, its watches, its certificate", async () => {
    await putToken();
    const joined = await join("n1");
    const client = clientOf(joined);
    const stop = new AbortController();
    let isOpen = false;
    const watching = (async () => {
      const { resourceVersion } = await client.list(NODES);
      for await (const event of client.watch(NODES, resourceVersion, undefined, stop.signal)) {
        if (event.type === "BOOKMARK") continue;
        isOpen = true;
      }
    })();
    watching.catch(() => undefined);
    let made = 0;
    await eventually("the watch is open", async () => {
      made += 1;
      await api.put(build.node({ name: `other-${made}` }));
      return isOpen;
    });
    await api.admin.delete({ apiVersion: "v1", kind: "Node", name: "n1" });
    await expect(watching).rejects.toMatchObject({ code: 0 });
    await expect(client.list(NODES)).rejects.toMatchObject({ code: 401 });
    const { csr } = await createRequest("x");
    await expect(client.request("POST", "/apis/berth.dev/v1/renew", { csr })).rejects.toMatchObject(
      { code: 401 },
    );
    await putToken();
    expect((await join("n1")).code, "another machine may have the name").toBe(201);
    await expect(
      client.list(NODES),
      "the old certificate is not the new node's",
    ).rejects.toMatchObject({ code: 401 });
  });
});

test("anybody may ask for the CA: its hash stands in the token", async () => {
  const target = { server: api.url, ca: api.authority.cert };
  const { code, text } = await rawRequest(target, { path: "/apis/berth.dev/v1/ca" });
  expect([code, text]).toEqual([200, api.authority.cert]);
  expect(publicKeyHash(text)).toMatch(/^[A-Za-z0-9_-]{43}$/);
});
