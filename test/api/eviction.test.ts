import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiCredentials } from "../../src/client/transport.ts";
import type { Pod, PodDisruptionBudget } from "../../src/model/kinds.gen.ts";
import { rawRequest, type RawAnswer } from "../support/api-request.ts";
import { startTestApi, type ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock(build.NOW);
let api: ApiUnderTest;
let admin: ApiCredentials;
let nodeA: ApiCredentials;
beforeAll(async () => {
  api = await startTestApi({ clock });
  admin = await api.credentials("admin", ["system:masters"]);
  nodeA = await api.credentials("system:node:a", ["system:nodes"]);
});
afterAll(() => api[Symbol.asyncDispose]());

let count = 0;
/** A pod of its own for one test, with a label that a budget of `app` chooses. */
async function putPod(app: string, fields: Partial<build.PodFields> = {}): Promise<Pod> {
  count += 1;
  const made = build.pod({ name: `e-${count}`, labels: { app }, ...fields });
  const { uid: _, ...metadata } = made.metadata;
  return (await api.put({ ...made, metadata } as Pod)).object as Pod;
}

async function putBudget(
  app: string,
  status: Partial<NonNullable<PodDisruptionBudget["status"]>>,
  spec: Partial<PodDisruptionBudget["spec"]> = {},
): Promise<void> {
  const none = { currentHealthy: 2, desiredHealthy: 2, disruptionsAllowed: 0, expectedPods: 2 };
  count += 1;
  await api.put({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: `b-${count}-${app}`, namespace: "shop" },
    spec: { selector: { matchLabels: { app } }, minAvailable: 2, ...spec },
    status: { ...none, observedGeneration: 1, ...status },
  } as PodDisruptionBudget);
}

const budgetOf = (app: string): PodDisruptionBudget | undefined =>
  api.objects
    .list(
      {
        group: "policy",
        version: "v1",
        kind: "PodDisruptionBudget",
        plural: "poddisruptionbudgets",
      } as never,
      "shop",
    )
    .items.map(({ object }) => object as PodDisruptionBudget)
    .find(({ spec }) => spec.selector?.matchLabels?.["app"] === app);
const now = (pod: Pod): Pod | undefined =>
  api.objects.get({ apiVersion: "v1", kind: "Pod", namespace: "shop", name: pod.metadata.name })
    ?.object as Pod | undefined;

function evict(
  pod: Pod,
  deleteOptions: object = {},
  { as = admin, query = "" }: { readonly as?: ApiCredentials; readonly query?: string } = {},
): Promise<RawAnswer> {
  const { name } = pod.metadata;
  const path = `/api/v1/namespaces/shop/pods/${name}/eviction${query}`;
  const metadata = { name, namespace: "shop" };
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata, deleteOptions };
  return rawRequest(as, { method: "POST", path, body });
}

describe("pods/eviction", () => {
  test("without a budget: the pod ends with grace, and says why", async () => {
    const pod = await putPod("free");
    const answer = await evict(pod, { gracePeriodSeconds: 7 });
    expect([answer.code, (answer.json as { status: string }).status]).toEqual([201, "Success"]);
    expect(now(pod)?.metadata).toMatchObject({
      deletionTimestamp: build.at(7),
      deletionGracePeriodSeconds: 7,
    });
    expect(now(pod)?.status?.conditions).toContainEqual({
      type: "DisruptionTarget",
      status: "True",
      reason: "EvictionByEvictionAPI",
      message: "Eviction API: evicting",
      lastTransitionTime: build.at(0),
    });
  });

  test("a budget lets as many go as it says, then none", async () => {
    const first = await putPod("two");
    const second = await putPod("two");
    await putBudget("two", { disruptionsAllowed: 1, currentHealthy: 3 });
    expect((await evict(first)).code).toBe(201);
    expect(budgetOf("two")?.status).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { [first.metadata.name]: build.at(0) },
      conditions: [{ type: "DisruptionAllowed", status: "False", reason: "InsufficientPods" }],
    });
    const refused = await evict(second);
    expect(refused.code).toBe(429);
    expect(refused.json).toMatchObject({
      reason: "TooManyRequests",
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: "DisruptionBudget",
            message: expect.stringMatching(/needs 2 healthy pods and has 3 currently$/),
          },
        ],
      },
    });
    expect(now(second)?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("twice for one pod takes one from the budget", async () => {
    const pod = await putPod("once");
    await putBudget("once", { disruptionsAllowed: 2 });
    await evict(pod);
    expect((await evict(pod)).code).toBe(201);
    expect(budgetOf("once")?.status?.disruptionsAllowed).toBe(1);
  });

  test("what a try before this one took is not taken again", async () => {
    const pod = await putPod("retry");
    const disruptedPods = { [pod.metadata.name]: build.at(-1) };
    await putBudget("retry", { disruptionsAllowed: 0, disruptedPods });
    expect((await evict(pod)).code).toBe(201);
    expect(now(pod)?.metadata.deletionTimestamp).toBeDefined();
  });

  test("a budget that was not looked at yet: later", async () => {
    const pod = await putPod("new");
    await putBudget("new", { disruptionsAllowed: 5, observedGeneration: 0 });
    const answer = await evict(pod);
    expect([answer.code, answer.headers["retry-after"]]).toEqual([429, "10"]);
    expect(answer.json).toMatchObject({
      message: expect.stringMatching(/is still being processed by the server\.$/),
    });
  });

  test("what does no work takes nothing from the budget", async () => {
    await putBudget("idle", { disruptionsAllowed: 0 });
    for (const phase of ["Pending", "Succeeded", "Failed"] as const)
      expect((await evict(await putPod("idle", { phase }))).code).toBe(201);
  });

  test.for([
    { name: "IfHealthyBudget, and it holds", healthy: 2, policy: "IfHealthyBudget", code: 201 },
    { name: "by default the same", healthy: 2, policy: undefined, code: 201 },
    { name: "IfHealthyBudget, and it does not", healthy: 1, policy: undefined, code: 429 },
    { name: "AlwaysAllow", healthy: 0, policy: "AlwaysAllow", code: 201 },
  ] as const)("a pod that is not Ready: $name", async ({ healthy, policy, code }) => {
    const app = `sick-${count}`;
    const pod = await putPod(app, { ready: null });
    const spec = policy === undefined ? {} : { unhealthyPodEvictionPolicy: policy };
    await putBudget(app, { currentHealthy: healthy, desiredHealthy: 2 }, spec);
    expect((await evict(pod)).code).toBe(code);
  });

  test("two budgets for one pod are refused", async () => {
    const pod = await putPod("torn");
    await putBudget("torn", { disruptionsAllowed: 1 });
    await putBudget("torn", { disruptionsAllowed: 1 });
    const answer = await evict(pod);
    expect(answer.code).toBe(500);
    expect(answer.json).toMatchObject({
      message: expect.stringContaining("more than one PodDisruptionBudget"),
    });
  });

  test("a dry run asks, and changes nothing", async () => {
    const pod = await putPod("dry");
    await putBudget("dry", { disruptionsAllowed: 1 });
    for (const answer of [
      await evict(pod, { dryRun: ["All"] }),
      await evict(pod, {}, { query: "?dryRun=All" }),
    ])
      expect(answer.code).toBe(201);
    expect(now(pod)?.metadata.deletionTimestamp).toBeUndefined();
    expect(budgetOf("dry")?.status?.disruptionsAllowed).toBe(1);
  });

  test("only the pod that was meant", async () => {
    const pod = await putPod("other");
    expect((await evict(pod, { preconditions: { uid: "another" } })).code).toBe(409);
    expect(now(pod)?.metadata.deletionTimestamp).toBeUndefined();
  });

  test("who may not, what is not there, and a broken body", async () => {
    const pod = await putPod("safe");
    expect((await evict(pod, {}, { as: nodeA })).code).toBe(403);
    const gone = { ...pod, metadata: { ...pod.metadata, name: "gone" } };
    expect((await evict(gone)).code).toBe(404);
    expect((await evict(pod, { gracePeriodSeconds: -1 })).code).toBe(400);
    const path = `/api/v1/namespaces/shop/pods/${pod.metadata.name}/eviction`;
    const body = { apiVersion: "v1", kind: "Pod", metadata: {} };
    expect((await rawRequest(admin, { method: "POST", path, body })).code).toBe(400);
    expect((await rawRequest(admin, { path })).code).toBe(405);
  });
});
