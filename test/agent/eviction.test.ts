import { expect, test } from "vitest";
import { AMPLE_HOST, type HostView } from "../../src/agent/resources/open-resources.ts";
import { LOOK_EVERY_MS } from "../../src/agent/resources/resource-manager.ts";
import type { Readings } from "../../src/agent/resources/pressure.ts";
import { findCondition } from "../../src/model/condition.ts";
import { isReady } from "./agent-harness.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { pod } from "./pod-builder.ts";

const SHORT: Readings = { "memory.available": { available: 2 ** 20, capacity: 2 ** 32 } };

/** A host whose memory runs out when told. */
function openHost(): HostView & { readings: Readings } {
  const host = {
    ...AMPLE_HOST,
    readings: {},
    readHost: () => Promise.resolve(host.readings as Readings),
  };
  return host;
}

async function openRunning(host: HostView): Promise<FakeNode> {
  const node = await openFakeNode(host);
  node.harness.api.put(pod());
  node.harness.start();
  await node.reach("the pod is Ready", () => isReady(node.harness.pod() ?? pod()));
  return node;
}

test("a pod that its node evicts ends as failed, and is not started again", async () => {
  const host = openHost();
  await using node = await openRunning(host);
  host.readings = SHORT;
  await node.pass(LOOK_EVERY_MS);
  await node.reachHeld("it has failed", () => node.harness.pod()?.status?.phase === "Failed");
  const status = node.harness.pod()?.status;
  const message =
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 1Mi. ";
  expect(status).toMatchObject({ reason: "Evicted", message });
  expect(findCondition(status?.conditions, "DisruptionTarget")).toMatchObject({
    status: "True",
    reason: "TerminationByKubelet",
    message,
  });
  await node.passUntil("all has stopped", () => node.runtime.running().length === 0);
  expect(node.runtime.calls).toContain("kill app SIGTERM");
  await node.pass(60_000);
  expect(node.runtime.running()).toEqual([]);
  expect(node.harness.pod()?.status).toMatchObject({ phase: "Failed", reason: "Evicted", message });
  expect(node.harness.events.filter(({ reason }) => reason === "Evicted")).toHaveLength(1);
});

test("a container that does not hear is killed after a second", async () => {
  const host = openHost();
  await using node = await openFakeNode(host);
  node.runtime.programs.set("deaf", { isDeaf: true });
  node.harness.api.put(pod({ containers: [{ command: ["deaf"] }] }));
  node.harness.start();
  await node.reach("the pod is Ready", () => isReady(node.harness.pod() ?? pod()));
  host.readings = SHORT;
  await node.pass(LOOK_EVERY_MS);
  await node.reachHeld("it has failed", () => node.harness.pod()?.status?.phase === "Failed");
  await node.pass(1000);
  await node.reach("killed", () => node.runtime.calls.includes("kill app SIGKILL"));
});

test("a pod that comes while memory is short is refused, and nothing is made for it", async () => {
  const host = openHost();
  await using node = await openRunning(host);
  host.readings = SHORT;
  await node.pass(LOOK_EVERY_MS);
  const before = node.runtime.calls.filter((call) => call.startsWith("create")).length;
  node.harness.api.put(pod({ name: "late" }));
  await node.reachHeld("refused", () => node.harness.pod("late")?.status?.phase === "Failed");
  expect(node.harness.pod("late")?.status).toMatchObject({
    reason: "Evicted",
    message: "The node had condition: [MemoryPressure]. ",
  });
  expect(node.runtime.calls.filter((call) => call.startsWith("create"))).toHaveLength(before);
});
