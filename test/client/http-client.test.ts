import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { ApiError, BERTH_PATHS } from "../../src/client/client.ts";
import type { ApiClient } from "../../src/client/client.ts";
import { createEventRecorder } from "../../src/client/event-recorder.ts";
import { createApiClient } from "../../src/client/http-client.ts";
import { createInformer } from "../../src/client/informer.ts";
import type { Event, Node, Pod } from "../../src/model/kinds.gen.ts";
import { refOf } from "../../src/model/meta.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { CLUSTER, startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";

const pods = resourceOf({ apiVersion: "v1", kind: "Pod" });
const nodes = resourceOf({ apiVersion: "v1", kind: "Node" });
const events = resourceOf({ apiVersion: "v1", kind: "Event" });

let api: ApiUnderTest;
let admin: ApiClient;
let nodeA: ApiClient;
beforeAll(async () => {
  api = await startTestApi();
  ({ admin } = api);
  nodeA = await api.node("a");
});
afterAll(() => api[Symbol.asyncDispose]());

function nodeOf(name: string): Node {
  const object = build.node({ name });
  const { uid: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

describe("the client", () => {
  test("creates, gets, updates, deletes", async () => {
    const made = await admin.create(nodeOf("n1"));
    expect(await admin.get(refOf(made))).toEqual(made);
    const labelled = { ...made, metadata: { ...made.metadata, labels: { rack: "7" } } };
    const updated = await admin.update(labelled);
    expect(updated.metadata.labels).toEqual({ rack: "7" });
    const reported = await admin.updateStatus({
      ...updated,
      status: { conditions: [{ type: "Ready", status: "False" as const }] },
    });
    expect(reported.status?.conditions?.[0]?.status).toBe("False");
    await admin.delete(refOf(made), { uid: made.metadata.uid ?? "" });
    await expect(admin.get(refOf(made))).rejects.toMatchObject({ code: 404, reason: "NotFound" });
  });

  test("tells refusals by code and reason", async () => {
    const made = await admin.create(nodeOf("n2"));
    await expect(admin.create(nodeOf("n2"))).rejects.toMatchObject({
      code: 409,
      reason: "AlreadyExists",
    });
    await admin.update({ ...made, metadata: { ...made.metadata, labels: { a: "1" } } });
    await expect(admin.update(made)).rejects.toMatchObject({ code: 409, reason: "Conflict" });
    await expect(admin.delete(refOf(made), { uid: "other" })).rejects.toBeInstanceOf(ApiError);
    await expect(nodeA.list(pods)).rejects.toMatchObject({ code: 403, reason: "Forbidden" });
  });

  test("lists by namespace and selectors, with kinds in the items", async () => {
    await api.put(build.pod({ name: "x", namespace: "one", labels: { app: "web" } }));
    await api.put(build.pod({ name: "y", namespace: "one", labels: { app: "db" } }));
    await api.put(build.pod({ name: "x", namespace: "two", labels: { app: "web" }, node: "b" }));
    const list = async (query: Parameters<ApiClient["list"]>[1]): Promise<readonly string[]> => {
      const { items } = await admin.list<Pod>(pods, query);
      return items.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`);
    };
    expect(await list({ namespace: "one" })).toEqual(["Pod one/x", "Pod one/y"]);
    expect(await list({ labelSelector: "app=web" })).toEqual(["Pod one/x", "Pod two/x"]);
    expect(await list({ fieldSelector: "spec.nodeName=b" })).toEqual(["Pod two/x"]);
    expect((await admin.list(pods)).resourceVersion).toBe(String(api.objects.revision));
  });

  test("a pod's agent removes it", async () => {
    const { object } = await api.put(build.pod({ name: "old", terminating: true }));
    await nodeA.delete(refOf(object), { graceSeconds: 0, uid: object.metadata.uid ?? "" });
    expect(api.objects.get(refOf(object))).toBeUndefined();
  });

  test("asks any path", async () => {
    expect(await nodeA.request("GET", BERTH_PATHS.cluster)).toEqual(CLUSTER);
    const report = { node: "a", revision: 7 };
    expect(await nodeA.request("POST", BERTH_PATHS.endpointReport, report)).toEqual(report);
  });

  test("watches until told to stop", async () => {
    const stop = new AbortController();
    const from = String(api.objects.revision);
    const seen: string[] = [];
    await api.put(build.pod({ name: "w1", namespace: "watched" }));
    const query = { namespace: "watched" };
    for await (const event of admin.watch<Pod>(pods, from, query, stop.signal)) {
      if (event.type === "BOOKMARK") continue;
      seen.push(`${event.type} ${event.object.metadata.name}`);
      if (seen.length === 1) await api.put(build.pod({ name: "w2", namespace: "watched" }));
      else stop.abort();
    }
    expect(seen).toEqual(["ADDED w1", "ADDED w2"]);
  });

  test("a watch from a version of nowhere is a 410", async () => {
    const watch = admin.watch(pods, "999999999", undefined, new AbortController().signal);
    const first = watch[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 410, reason: "Expired" });
  });

  test("a call can be given up", async () => {
    const signal = AbortSignal.abort(new Error("no patience"));
    await expect(admin.list(nodes, undefined, signal)).rejects.toThrow("no patience");
  });

  test("an API that is not there is unreachable", async () => {
    const credentials = await api.credentials("admin", ["system:masters"]);
    const free = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => free.once("listening", resolve));
    const server = `https://127.0.0.1:${(free.address() as AddressInfo).port}`;
    await new Promise((resolve) => free.close(resolve));
    const client = createApiClient({ ...credentials, server });
    await expect(client.list(nodes)).rejects.toMatchObject({ code: 0, reason: "Unreachable" });
    client.close();
  });

  test("an API of another CA is not believed", async () => {
    const other = await startTestApi();
    const credentials = await other.credentials("admin", ["system:masters"]);
    const client = createApiClient({ ...credentials, server: api.url });
    await expect(client.list(nodes)).rejects.toMatchObject({ code: 0, reason: "Unreachable" });
    client.close();
    await other[Symbol.asyncDispose]();
  });

  test("goes on over new connections when the server was away", async () => {
    await admin.list(nodes);
    await api.restart();
    await admin.list(nodes).catch(() => undefined);
    expect((await admin.list<Node>(nodes)).items.length).toBeGreaterThan(0);
  });
});

test("an informer follows the API over a restart of it", async () => {
  const stop = new AbortController();
  const informer = createInformer<Pod>(
    admin,
    pods,
    { namespace: "followed" },
    {
      clock: systemClock,
      logger: silentLogger,
      signal: stop.signal,
    },
  );
  const lists: number[] = [];
  informer.subscribe(({ type, object }) => {
    if (type === "set") lists.push(Number(object?.metadata.resourceVersion));
  });
  await informer.ready();
  await api.put(build.pod({ name: "before", namespace: "followed" }));
  await eventually("it has the first pod", () => informer.get("followed", "before"), 5000);
  await api.restart();
  await api.put(build.pod({ name: "after", namespace: "followed" }));
  await eventually("it has the second pod", () => informer.get("followed", "after"), 5000);
  expect(lists).toHaveLength(2);
  stop.abort();
});

describe("the event recorder", () => {
  const recorder = (client: ApiClient) =>
    createEventRecorder(client, {
      component: "berth-agent",
      host: "a",
      clock: systemClock,
      logger: silentLogger,
      signal: new AbortController().signal,
    });
  const recorded = async (name: string): Promise<readonly Event[]> => {
    const fieldSelector = `involvedObject.name=${name}`;
    return (await admin.list<Event>(events, { fieldSelector })).items;
  };

  test("counts what repeats, also after a new start", async () => {
    const web = build.pod({ name: "web" });
    const backOff = { type: "Warning", reason: "BackOff", message: "Back-off restarting" } as const;
    const first = recorder(nodeA);
    first.record(web, backOff);
    await first.flush();
    first.record(web, backOff);
    first.record(web, { type: "Normal", reason: "Started", message: "Started container" });
    await first.flush();
    const second = recorder(nodeA);
    second.record(web, backOff);
    second.record(web, backOff);
    await second.flush();
    const found = await recorded("web");
    expect(found.map(({ reason, count }) => `${reason} ${count}`).toSorted()).toEqual([
      "BackOff 4",
      "Started 1",
    ]);
    expect(found[0]).toMatchObject({
      involvedObject: { kind: "Pod", namespace: "shop", uid: "uid-web" },
      source: { component: "berth-agent", host: "a" },
      metadata: { namespace: "shop" },
    });
  });

  test("gives up what cannot be written, and goes on", async () => {
    const odd = recorder(nodeA);
    odd.record(build.pod({ name: "odd", namespace: "Not A Name" }), {
      type: "Normal",
      reason: "X",
      message: "",
    });
    odd.record(build.pod({ name: "even" }), { type: "Normal", reason: "Y", message: "" });
    await odd.flush();
    expect(await recorded("odd")).toHaveLength(0);
    expect(await recorded("even")).toHaveLength(1);
  });

  test("makes an event anew that has expired", async () => {
    const own = recorder(nodeA);
    const about = build.pod({ name: "long" });
    const event = { type: "Normal", reason: "Pulled", message: "m" } as const;
    own.record(about, event);
    await own.flush();
    for (const item of await recorded("long")) await api.objects.remove(refOf(item));
    own.record(about, event);
    await own.flush();
    expect((await recorded("long")).map(({ count }) => count)).toEqual([1]);
  });
});
