import { describe, expect, test } from "vitest";
import { planReplicationController } from "../../src/planner/plan-replicaset.ts";
import { namespace, pod } from "../support/builders.ts";
import { replicationController } from "../support/set-builders.ts";
import { eventsIn, render, renderChanges, statusIn, worldOf } from "../support/world.ts";

const controller = replicationController();
const pods = ["a", "b", "c"].map((name) => pod({ name, owner: controller }));

describe("planReplicationController()", () => {
  test("makes what is missing", () => {
    const plan = planReplicationController(worldOf([controller, ...pods.slice(1)]), controller);
    expect(render(plan)[0]).toMatch(/^create Pod shop\/web-[a-z0-9]{5} \(MissingReplica\)$/);
    expect(eventsIn(plan)[0]).toMatch(/^Normal SuccessfulCreate: Created pod: web-/);
    expect(plan.steps[0]).toMatchObject({
      object: {
        metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ReplicationController" }] },
      },
    });
  });

  test("ends what is too much, in the order of victims", () => {
    const ill = pod({ name: "z-ill", owner: controller, ready: null });
    const plan = planReplicationController(worldOf([controller, ...pods, ill]), controller);
    expect(renderChanges(plan)).toEqual(["delete Pod shop/z-ill (SurplusReplica)"]);
  });

  test("adopts by its labels, and lets go of what lost them", () => {
    const stray = pod({ name: "stray" });
    const lost = pod({ name: "lost", owner: controller, labels: { app: "other" } });
    const plan = planReplicationController(
      worldOf([controller, ...pods.slice(1), stray, lost]),
      controller,
    );
    expect(renderChanges(plan)).toEqual([
      "update Pod shop/lost (Release)",
      "update Pod shop/stray (Adopt)",
    ]);
  });

  test("an empty selector chooses nothing", () => {
    const all = replicationController({ selector: {}, replicas: 0 });
    const stray = pod({ name: "stray" });
    expect(renderChanges(planReplicationController(worldOf([all, stray]), all))).toEqual([]);
  });

  test("writes its status as a ReplicaSet does", () => {
    const plan = planReplicationController(worldOf([controller, ...pods]), controller);
    expect(statusIn(plan)).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
    });
    const going = planReplicationController(
      worldOf([controller, namespace("shop", "Terminating")]),
      controller,
    );
    expect(statusIn(going)).toMatchObject({
      conditions: [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate" }],
    });
  });
});
