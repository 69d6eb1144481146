import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiCredentials } from "../../src/client/transport.ts";
import type { EndpointSlice, Node } from "../../src/model/kinds.gen.ts";
import { BERTH_PATHS } from "../../src/model/node-endpoints.ts";
import type { Withdrawal } from "../../src/model/node-endpoints.ts";
import { rawRequest } from "../support/api-request.ts";
import type { RawAnswer } from "../support/api-request.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock(Date.UTC(2026, 0, 2, 3));
let api: ApiUnderTest;
const nodes = new Map<string, ApiCredentials>();
beforeAll(async () => {
  api = await startTestApi({ clock });
  for (const name of ["a", "b", "c"]) {
    nodes.set(name, await api.credentials(`system:node:${name}`, ["system:nodes"]));
    await api.put(build.node({ name, ready: name === "c" ? "Unknown" : "True" }));
  }
});
afterAll(() => api[Symbol.asyncDispose]());

function as(node: string): ApiCredentials {
  const credentials = nodes.get(node);
  if (credentials === undefined) throw new Error(`no node ${node}`);
  return credentials;
}

function report(node: string, revision: number, named = node): Promise<RawAnswer> {
  const body = { node: named, revision };
  return rawRequest(as(node), { method: "POST", path: BERTH_PATHS.endpointReport, body });
}

/** Asks for a withdrawal, and waits until the API has begun to wait. */
async function ask(uid: string, timeoutMs = 2000): Promise<{ answer: Promise<Withdrawal> }> {
  const sleeping = clock.sleeping;
  const path = `${BERTH_PATHS.withdrawal}?namespace=shop&pod=x&uid=${uid}&timeoutMs=${timeoutMs}`;
  const state = { done: false };
  const answer = rawRequest(as("a"), { path }).then(({ json }) => {
    state.done = true;
    return json as Withdrawal;
  });
  while (!state.done && clock.sleeping === sleeping)
    await new Promise((resolve) => setImmediate(resolve));
  return { answer };
}

let slices = 0;
/** A slice with one ready pod, and how it is changed. */
async function serve(uid: string) {
  slices += 1;
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `s-${slices}`, namespace: "shop" },
    addressType: "IPv4",
    endpoints: [
      {
        addresses: ["10.32.0.5"],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: "Pod", namespace: "shop", name: "x", uid },
      },
    ],
    ports: [{ name: "", protocol: "TCP", port: 80 }],
  };
  let stored = (await api.put(slice)).object as EndpointSlice;
  const withdraw = async (): Promise<number> => {
    const conditions = { ready: false, serving: true, terminating: true };
    const endpoints = stored.endpoints.map((endpoint) => ({ ...endpoint, conditions }));
    const next: EndpointSlice = { ...stored, endpoints };
    stored = (await api.objects.update(next)).object as EndpointSlice;
    return Number(stored.metadata.resourceVersion);
  };
  const remove = () =>
    api.objects.remove({ ...slice, name: slice.metadata.name, namespace: "shop" });
  return { withdraw, remove, revision: Number(stored.metadata.resourceVersion) };
}

async function setReady(name: string, status: "True" | "Unknown"): Promise<void> {
  const found = api.objects.get({ apiVersion: "v1", kind: "Node", name })?.object as Node;
  await api.objects.updateStatus({
    ...found,
    status: { conditions: [{ type: "Ready", status }] },
  } as Node);
}

describe("a withdrawal", () => {
  test("is there at once while no node has a proxy", async () => {
    const { answer } = await ask("nobody");
    expect(await answer).toEqual({ withdrawn: true, waitingFor: [] });
  });

  test("waits for the slices, then for all Ready nodes that report", async () => {
    const { withdraw, revision } = await serve("u1");
    await report("a", revision);
    await report("b", revision);
    const { answer } = await ask("u1");
    const gone = await withdraw();
    // A change of another service meanwhile need not be waited for.
    await serve("unrelated");
    await report("a", gone);
    await report("b", gone - 1);
    let early = true;
    const checked = answer.then((found) => ({ found, early }));
    early = false;
    await report("b", gone);
    expect(await checked).toEqual({ found: { withdrawn: true, waitingFor: [] }, early: false });
  });

  test("a slice that is removed serves nobody", async () => {
    const { remove } = await serve("u2");
    const { answer } = await ask("u2");
    await remove();
    await report("a", api.objects.revision);
    await report("b", api.objects.revision);
    expect((await answer).withdrawn).toBe(true);
  });

  test("does not wait for nodes that are not Ready", async () => {
    const { withdraw } = await serve("u3");
    await report("c", 1);
    const { answer } = await ask("u3");
    const gone = await withdraw();
    await report("a", gone);
    await report("b", gone);
    expect((await answer).withdrawn).toBe(true);
  });

  test("nor for a node that is lost while it waits", async () => {
    const { withdraw } = await serve("u4");
    const { answer } = await ask("u4");
    await report("a", await withdraw());
    await setReady("b", "Unknown");
    expect((await answer).withdrawn).toBe(true);
    await setReady("b", "True");
  });

  test("names whom it has waited for in vain, after two seconds at the latest", async () => {
    const { withdraw } = await serve("u5");
    const { answer } = await ask("u5", 60_000);
    await report("a", await withdraw());
    await clock.advance(2000);
    expect(await answer).toEqual({ withdrawn: false, waitingFor: ["b"] });
  });

  test("is not there while a slice still has the pod", async () => {
    await serve("u6");
    await report("a", api.objects.revision);
    await report("b", api.objects.revision);
    const { answer } = await ask("u6", 500);
    await clock.advance(500);
    expect((await answer).withdrawn).toBe(false);
  });
});

describe("reports", () => {
  test("are kept by node", async () => {
    await report("a", 41);
    await report("a", 42);
    expect(api.server.endpointReports.revisionOf("a")).toBe(42);
    expect(api.server.endpointReports.revisionOf("z")).toBeUndefined();
  });

  test("speak for the node itself alone, in whole numbers", async () => {
    expect((await report("a", 43, "b")).code).toBe(403);
    expect((await report("a", 1.5)).code).toBe(400);
    expect((await report("a", -1)).code).toBe(400);
  });

  test("are not for people", async () => {
    const admin = await api.credentials("admin", ["system:masters"]);
    expect((await rawRequest(admin, { path: `${BERTH_PATHS.withdrawal}?uid=x` })).code).toBe(403);
  });

  test("a withdrawal needs a uid", async () => {
    expect((await rawRequest(as("a"), { path: BERTH_PATHS.withdrawal })).code).toBe(400);
  });
});
