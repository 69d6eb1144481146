import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiCredentials } from "../../src/client/transport.ts";
import type { UsageReport } from "../../src/model/usage.ts";
import { rawRequest, type RawAnswer } from "../support/api-request.ts";
import { startTestApi, type ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock(build.NOW);
const REPORTS = "/apis/berth.dev/v1/usage-reports";
const METRICS = "/apis/metrics.k8s.io/v1beta1";
let api: ApiUnderTest;
let admin: ApiCredentials;
let nodeA: ApiCredentials;
let uid = "";
let otherUid = "";
beforeAll(async () => {
  api = await startTestApi({ clock });
  admin = await api.credentials("admin", ["system:masters"]);
  nodeA = await api.credentials("system:node:a", ["system:nodes"]);
  await api.put(build.node({ name: "a" }));
  await api.put(build.node({ name: "b" }));
  const put = async (name: string, node: string): Promise<string> =>
    (await api.put(build.pod({ name, node }))).object.metadata.uid ?? "";
  uid = await put("web-1", "a");
  otherUid = await put("web-2", "b");
});
afterAll(() => api[Symbol.asyncDispose]());

const usage = { cpuNanocores: 250_000_000, memoryBytes: 10_000_000 };
const podUsage = (fields: object = {}): UsageReport["pods"][number] => ({
  namespace: "shop",
  name: "web-1",
  uid,
  containers: [{ name: "app", ...usage }],
  ...fields,
});
const report = (fields: object = {}): object => ({
  node: "a",
  windowMs: 15_000,
  usage: { cpuNanocores: 1_500_000_000, memoryBytes: 2 ** 30 },
  pods: [podUsage()],
  ...fields,
});
const send = (body: object, as = nodeA): Promise<RawAnswer> =>
  rawRequest(as, { method: "POST", path: REPORTS, body });
const get = (path: string, as = admin): Promise<RawAnswer> =>
  rawRequest(as, { path: `${METRICS}${path}` });
const names = (answer: RawAnswer): readonly string[] =>
  (answer.json as { items: { metadata: { name: string } }[] }).items.map(
    ({ metadata }) => metadata.name,
  );

describe("a usage report", () => {
  test.for([
    ["of another node", () => report({ node: "b" }), 403],
    [
      "with a pod of another node",
      () => report({ pods: [podUsage({ name: "web-2", uid: otherUid })] }),
      403,
    ],
    ["without figures", () => report({ usage: {} }), 400],
    ["with a negative figure", () => report({ windowMs: -1 }), 400],
    ["without a list", () => report({ pods: {} }), 400],
    ["with too many pods", () => report({ pods: Array.from({ length: 2001 }, () => ({})) }), 400],
    ["with something else", () => report({ pods: ["web"] }), 400],
  ] as const)("%s is refused", async ([, body, code]) => {
    expect((await send(body())).code).toBe(code);
    expect(api.server.usage.nodeUsage("a")).toBeUndefined();
  });

  test("of somebody who is no node is refused", async () => {
    expect((await send(report(), admin)).code).toBe(403);
  });

  test("is kept, without pods that are gone", async () => {
    const gone = podUsage({ name: "gone" });
    const namesake = podUsage({ name: "web-2" });
    expect((await send(report({ pods: [podUsage(), gone, namesake] }))).code).toBe(200);
    expect(api.server.usage.podUsage("shop", "web-1")?.containers).toEqual([
      { name: "app", ...usage },
    ]);
    expect(api.server.usage.podUsage("shop", "gone")).toBeUndefined();
    expect(api.server.usage.podUsage("shop", "web-2")).toBeUndefined();
  });
});

describe("metrics.k8s.io", () => {
  test("tells what nodes and pods use, in Kubernetes' words", async () => {
    await send(report());
    expect((await get("/nodes/a")).json).toMatchObject({
      kind: "NodeMetrics",
      apiVersion: "metrics.k8s.io/v1beta1",
      metadata: { name: "a", labels: { "kubernetes.io/hostname": "a" } },
      timestamp: build.at(0),
      window: "15s",
      usage: { cpu: "1500000000n", memory: "1048576Ki" },
    });
    expect((await get("/namespaces/shop/pods/web-1")).json).toMatchObject({
      kind: "PodMetrics",
      metadata: { name: "web-1", namespace: "shop" },
      containers: [{ name: "app", usage: { cpu: "250000000n", memory: "9766Ki" } }],
    });
  });

  test("lists what is known, by namespace and by label", async () => {
    await send(report());
    expect(names(await get("/pods"))).toEqual(["web-1"]);
    expect(names(await get("/namespaces/shop/pods"))).toEqual(["web-1"]);
    expect(names(await get("/namespaces/other/pods"))).toEqual([]);
    expect(names(await get("/pods?labelSelector=app%3Dweb"))).toEqual(["web-1"]);
    expect(names(await get("/pods?labelSelector=app%3Ddb"))).toEqual([]);
    expect(names(await get("/nodes"))).toEqual(["a"]);
    expect((await get("/pods")).json).toMatchObject({ kind: "PodMetricsList" });
  });

  test("says what is not known, not allowed, or not there", async () => {
    const missing = await get("/namespaces/shop/pods/web-2");
    expect(missing.code).toBe(404);
    expect((missing.json as { message: string }).message).toBe(
      'pods.metrics.k8s.io "shop/web-2" not found',
    );
    expect((await get("/pods", nodeA)).code).toBe(403);
    expect((await get("/things")).code).toBe(404);
    const path = `${METRICS}/nodes`;
    expect((await rawRequest(admin, { method: "POST", path, body: {} })).code).toBe(405);
    expect((await get("/nodes?watch=true")).code).toBe(405);
  });

  test("forgets figures that are a minute old", async () => {
    await send(report());
    await clock.advance(60_000);
    expect(names(await get("/pods"))).toEqual(["web-1"]);
    await clock.advance(1);
    expect(names(await get("/pods"))).toEqual([]);
    expect((await get("/nodes/a")).code).toBe(404);
  });
});
