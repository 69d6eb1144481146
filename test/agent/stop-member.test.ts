import { describe, expect, test } from "vitest";
import { planPod } from "../../src/agent/plan-pod.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { isReady, podRef } from "./agent-harness.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { app, look, NOW, renderStatus, sandbox } from "./plan-rig.ts";
import { pod } from "./pod-builder.ts";

async function up(wanted: Pod, prepare: (node: FakeNode) => void = () => {}): Promise<FakeNode> {
  const node = await openFakeNode();
  prepare(node);
  node.harness.api.put(wanted);
  node.harness.start();
  await node.reach("Ready", () => isReady(node.harness.pod() ?? wanted));
  return node;
}

function kills({ runtime }: FakeNode): readonly string[] {
  return runtime.calls.filter((call) => call.startsWith("kill "));
}

describe("stopMember()", () => {
  test("the pod's stop signal is the one that is sent", async () => {
    await using node = await up(pod({ containers: [{ lifecycle: { stopSignal: "SIGUSR1" } }] }));
    node.harness.api.markDeleted(podRef("web"));
    await node.reach("gone", () => node.harness.pod() === undefined);
    expect(kills(node)).toEqual(["kill app SIGUSR1"]);
  });

  test("a probe's own grace ends the container, not the pod's", async () => {
    const livenessProbe = {
      exec: { command: ["check"] },
      periodSeconds: 1,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 1,
      terminationGracePeriodSeconds: 3,
    };
    const wanted = pod({ containers: [{ command: ["deaf"], livenessProbe }] });
    let isSick = false;
    await using node = await up(wanted, ({ runtime }) => {
      runtime.programs.set("deaf", { isDeaf: true });
      runtime.exec = () =>
        Promise.resolve({ exitCode: isSick ? 1 : 0, output: "", timedOut: false });
    });
    isSick = true;
    await node.passUntil("SIGTERM", () => kills(node).length > 0);
    await node.pass(2_900);
    expect(kills(node)).toEqual(["kill app SIGTERM"]);
    await node.pass(200);
    await node.reach("SIGKILL", () => kills(node).length > 1);
    expect(kills(node).slice(0, 2)).toEqual(["kill app SIGTERM", "kill app SIGKILL"]);
  });
});

describe("activeDeadlineSeconds", () => {
  test("ends the pod, tells it once, and the pod is never started again", async () => {
    await using node = await up(pod({ activeDeadlineSeconds: 60 }));
    await node.pass(58_000);
    expect(node.harness.pod()?.status?.phase).toBe("Running");
    await node.passUntil("Failed", () => node.harness.pod()?.status?.phase === "Failed");
    await node.reach("nothing runs", () => node.runtime.running().length === 0);
    expect(node.harness.pod()?.status).toMatchObject({
      reason: "DeadlineExceeded",
      message: "Pod was active on the node longer than the specified deadline",
    });
    await node.harness.stop();
    node.harness.start();
    await node.pass(30_000);
    expect(node.runtime.running()).toEqual([]);
    const told = node.harness.events.filter(({ reason }) => reason === "DeadlineExceeded");
    expect(told).toEqual([
      expect.objectContaining({
        type: "Normal",
        message: "Pod was active on the node longer than the specified deadline",
      }),
    ]);
  });

  test("says nothing of a pod that had failed before", () => {
    const wanted = pod({ activeDeadlineSeconds: 60, restartPolicy: "Never" });
    const dead = app({ state: "exited", exitCode: 3, diedAt: NOW - 50_000 });
    const previous = { phase: "Failed", startTime: "2023-11-14T22:12:20Z" } as const;
    const plan = planPod(look(wanted, [sandbox({}), dead], { previous }));
    expect(renderStatus(plan.status)).toBe("Failed; app: terminated Error 3");
    expect(plan.notices).toEqual([]);
  });
});
