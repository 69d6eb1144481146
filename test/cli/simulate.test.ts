import { describe, expect, test } from "vitest";
import { formatSimulation, simulateChanges, type SimulateFlags } from "../../src/cli/simulate.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import { placeAll } from "../../src/scheduler/queue-forecast.ts";
import { container, deployment, node, NOW, template } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

/** A cluster of two nodes that runs three replicas of two cores. */
function cluster(): readonly ApiObject[] {
  const app = container({ resources: { requests: { cpu: "2" } } });
  const web = deployment({ template: template("v1", { containers: [app] }) });
  const world = worldOf([node({ name: "a" }), node({ name: "b" }), web]);
  const running = new SimCluster(world, {
    schedule: placeAll,
    startMs: 1000,
    stopMs: 1000,
    workMs: 1000,
    fateOf: () => "serves",
  });
  running.wakeAll();
  running.settle(NOW + 600_000, 5000);
  return world.all();
}

function simulate(flags: Partial<SimulateFlags>): string[] {
  const all = {
    addNode: [],
    loseNode: [],
    scale: [],
    namespace: "shop",
    output: "text",
    ...flags,
  } as const;
  const text = formatSimulation(simulateChanges(cluster(), all, NOW + 700_000));
  return text.replaceAll(/web-[a-z0-9]+-[a-z0-9]+/g, "web-x").split("\n");
}

describe("berth simulate", () => {
  test("shows where the pods of a lost node go", () => {
    expect(simulate({ loseNode: ["b"] })).toEqual([
      "If node b were lost, with its 1 pods:",
      "",
      "  ! shop/web-x has no node: 0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
      "",
      "NODE  PODS NOW  PODS THEN",
      "a     2         2",
      "b     1         0",
    ]);
  });

  test("shows that a further node would help", () => {
    expect(simulate({ loseNode: ["b"], addNode: ["c:cpu=2"] })).toEqual([
      "If node c were there, with 2 cpu and 8Gi memory:",
      "If node b were lost, with its 1 pods:",
      "",
      "  + shop/web-x on node c",
      "",
      "NODE  PODS NOW  PODS THEN",
      "a     2         2",
      "b     1         0",
      "c     0         1",
    ]);
  });

  test("shows what more replicas find", () => {
    const lines = simulate({ scale: ["deployment/web=+2"] });
    expect(lines[0]).toBe("If Deployment shop/web had 5 replicas, not 3:");
    expect(lines.filter((line) => line.startsWith("  +"))).toEqual(["  + shop/web-x on node b"]);
    expect(lines.filter((line) => line.startsWith("  !")).length).toBe(1);
  });

  test.each([
    { flags: { loseNode: ["x"] }, says: 'Cannot find a node "x"' },
    { flags: { addNode: ["a"] }, says: 'Cannot add the node "a": there is one' },
    { flags: { addNode: ["c:cpu"] }, says: 'Cannot read "cpu" of --add-node' },
    { flags: { addNode: ["C"] }, says: 'Cannot add the node "C"' },
    { flags: { scale: ["web=3"] }, says: 'Cannot read --scale "web=3"' },
    { flags: { scale: ["deploy/api=3"] }, says: "Cannot find Deployment shop/api" },
  ])("refuses: $says", ({ flags, says }) => {
    expect(() => simulate(flags)).toThrow(says);
  });
});
