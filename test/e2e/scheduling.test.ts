import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { eventually } from "../support/eventually.ts";
import { useCluster } from "../support/use-cluster.ts";

const pod = (name: string, spec: string): string => `apiVersion: v1
kind: Pod
metadata:
  name: ${name}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: app
      image: berth.local/busybox:1
      command: [sleep, "3600"]
${spec}`;

/** More memory than any machine has. */
const HUGE = "      resources: { requests: { memory: 900Ti } }\n";

const current = useCluster(async () => ({
  files: {
    "huge.yaml": pod("huge", HUGE),
    "gated.yaml": pod("gated", "  schedulingGates: [{ name: example.com/quota }]\n"),
    "foreign.yaml": pod("foreign", "  schedulerName: mine\n"),
    "packed.yaml": pod("packed", "  schedulerName: binpack\n"),
  },
}));

const conditionOf = async (name: string): Promise<string> => {
  const { status } = await current().getJson<Pod>("pod", name);
  const is = status?.conditions?.find(({ type }) => type === "PodScheduled");
  return `${is?.status} ${is?.reason ?? ""}: ${is?.message ?? ""}`;
};

describe("a pod that no node takes", () => {
  test("says why, to kubectl and to berth", async () => {
    const cluster = current();
    const says = "0/1 nodes are available: 1 Insufficient memory.";
    await eventually("the pod says why", async () => {
      expect(await conditionOf("huge")).toContain(`False Unschedulable: ${says}`);
      return true;
    });
    await eventually("the event is there", async () => {
      expect(await cluster.kubectl("describe", "pod", "huge")).toMatch(
        /FailedScheduling.*Insufficient memory/,
      );
      return true;
    });
    const { code, output } = await cluster.berth("explain-scheduling", "huge");
    expect(output).toMatch(/1 +NodeResourcesFit +Insufficient memory/);
    expect(output).toContain("What would help:");
    expect(code).toBe(1);
  });

  test("is told from one that waits for gates, or for another scheduler", async () => {
    const cluster = current();
    await eventually("the gated pod says so", async () => {
      expect(await conditionOf("gated")).toMatch(/^False SchedulingGated:/);
      return true;
    });
    const { output } = await cluster.berth("explain-scheduling", "foreign");
    expect(output).toContain('waits for the scheduler "mine"');
  });

  test("does not hold up others", async () => {
    await eventually("the pod of the other profile runs", async () => {
      const { status } = await current().getJson<Pod>("pod", "packed");
      return status?.phase === "Running" ? true : undefined;
    });
  });

  test("would have a node if there were a larger one", async () => {
    const { output } = await current().berth("simulate", "--add-node", "giant:cpu=4,memory=1000Ti");
    expect(output).toContain("+ default/huge on node giant");
  });
});
