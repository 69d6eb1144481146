import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { formatRef, refKey, refOf } from "../../src/model/meta.ts";
import { simulateRollout, type SimulatedRollout } from "../../src/planner/simulate.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { schedule } from "../support/schedule.ts";
import type { Deployment } from "../../src/model/kinds.gen.ts";
import {
  container,
  deployment,
  job,
  namespace,
  node,
  NOW,
  podSpec,
  service,
  template,
} from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const NODES = ["a", "b", "c"].map((name) => node({ name }));
const LIMIT = { schedule, maxRounds: 1000 };

/** A world in which these have been rolled out. */
function settled(objects: readonly ApiObject[]): SimWorld {
  const world = worldOf([namespace(), ...NODES, ...objects]);
  const cluster = new SimCluster(world, {
    schedule,
    fateOf: ({ spec }) => (spec.restartPolicy === "Always" ? "serves" : "succeeds"),
    startMs: 1000,
    stopMs: 1000,
    workMs: 1000,
  });
  cluster.wakeAll();
  if (!cluster.settle(NOW + 3_600_000, 1000)) throw new Error("the world does not settle");
  return world;
}

function lines({
  created,
  deleted,
  bindings,
  unplaced,
  workloads,
  isSettled,
}: SimulatedRollout): readonly string[] {
  return [
    `${created.length} created, ${deleted.length} deleted, ${bindings.length} bound, ${unplaced.length} without a node`,
    ...workloads.map(
      (item) =>
        `${formatRef(item.workload)}: ${item.readyBefore} ready, never below ${item.lowestReady}, at most ${item.mostPods} pods`,
    ),
    ...(isSettled ? [] : ["not settled"]),
  ];
}

function change(world: SimWorld, fields: Partial<Deployment["spec"]>): void {
  const [stored] = world.list("apps/v1", "Deployment") as readonly Deployment[];
  if (stored === undefined) throw new Error("no Deployment");
  world.declare({ ...stored, spec: { ...stored.spec, ...fields } } as Deployment);
}

describe("simulateRollout()", () => {
  test("a first rollout", () => {
    const world = worldOf([...NODES, deployment()]);
    expect(lines(simulateRollout(world, LIMIT))).toEqual([
      "3 created, 0 deleted, 3 bound, 0 without a node",
      "Deployment shop/web: 0 ready, never below 0, at most 3 pods",
    ]);
  });

  test("a world at rest stays so, and is not touched by looking", () => {
    const world = settled([deployment(), service(), job()]);
    const before = JSON.stringify(world.all());
    expect(lines(simulateRollout(world, LIMIT))).toEqual([
      "0 created, 0 deleted, 0 bound, 0 without a node",
    ]);
    change(world, { template: template("v2") });
    const changed = JSON.stringify(world.all());
    expect(changed).not.toBe(before);
    simulateRollout(world, LIMIT);
    expect(JSON.stringify(world.all())).toBe(changed);
  });

  test("a new image, one pod at a time", () => {
    const world = settled([deployment()]);
    change(world, { template: template("v2") });
    const keys = [refKey(refOf(deployment()))];
    const rollout = simulateRollout(world, { ...LIMIT, keys });
    expect(lines(rollout)).toEqual([
      "3 created, 3 deleted, 3 bound, 0 without a node",
      "Deployment shop/web: 3 ready, never below 3, at most 4 pods",
    ]);
    expect(rollout.created[0]?.owner).toEqual(refOf(deployment()));
    expect(new Set(rollout.bindings.map((binding) => binding.node))).toEqual(
      new Set(["a", "b", "c"]),
    );
  });

  test("Recreate stops everything first", () => {
    const world = settled([deployment()]);
    change(world, { template: template("v2"), strategy: { type: "Recreate" } });
    expect(lines(simulateRollout(world, LIMIT))[1]).toBe(
      "Deployment shop/web: 3 ready, never below 0, at most 3 pods",
    );
  });

  test("says which pods would find no node, and why", () => {
    const big = podSpec({ containers: [container({ resources: { requests: { cpu: "9" } } })] });
    const world = settled([deployment()]);
    change(world, { template: { metadata: { labels: { app: "web" } }, spec: big } });
    const { unplaced, workloads } = simulateRollout(world, LIMIT);
    expect(unplaced.map(({ message }) => message)).toEqual([
      "0/3 nodes are available: 3 Insufficient cpu.",
    ]);
    expect(workloads[0]?.lowestReady).toBe(3);
  });

  test("a Job runs to its end", () => {
    const world = worldOf([...NODES, job({ completions: 3, parallelism: 2 })]);
    expect(lines(simulateRollout(world, LIMIT))).toEqual([
      "3 created, 0 deleted, 3 bound, 0 without a node",
    ]);
  });

  test("says when it was cut off", () => {
    const world = worldOf([...NODES, deployment()]);
    expect(simulateRollout(world, { schedule, maxRounds: 3 }).isSettled).toBe(false);
  });
});
