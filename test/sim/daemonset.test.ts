import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/base/hash.ts";
import type { DaemonSet, DaemonSetSpec, Node, Pod } from "../../src/model/kinds.gen.ts";
import { parseRefKey, refOf, type ApiObject } from "../../src/model/meta.ts";
import { isFinished } from "../../src/model/pod-phase.ts";
import type { Plan } from "../../src/model/plan.ts";
import { judgeNode, targetNode } from "../../src/planner/daemonset-nodes.ts";
import { daemonLimits } from "../../src/planner/daemonset-rollout.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { availableAt, isTerminating } from "../../src/planner/pod-state.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { node, template } from "../support/builders.ts";
import { daemonSet } from "../support/set-builders.ts";
import { endedBy, faults, HOUR, madeBy, SetRig } from "./set-rig.ts";

const NODES = ["a", "b", "c"];
const version = fc.constantFrom("v1", "v2", "bad", "crash");
const amount = fc.constantFrom(1, 2, "34%", "50%");
const strategy = fc.oneof(
  amount.map((maxUnavailable) => ({ maxUnavailable, maxSurge: 0 })),
  amount.map((maxSurge) => ({ maxUnavailable: 0, maxSurge })),
);

const spec: fc.Arbitrary<Partial<DaemonSetSpec>> = fc.record({
  template: fc
    .tuple(version, fc.constantFrom({}, {}, { disk: "ssd" }))
    .map(([name, nodeSelector]) => template(name, { nodeSelector })),
  updateStrategy: fc.oneof(
    {
      weight: 5,
      arbitrary: strategy.map((rollingUpdate) => ({
        type: "RollingUpdate" as const,
        rollingUpdate,
      })),
    },
    { weight: 1, arbitrary: fc.constant({ type: "OnDelete" as const }) },
  ),
  minReadySeconds: fc.constantFrom(0, 0, 5),
  revisionHistoryLimit: fc.constantFrom(0, 1, 10),
});

function rigOf(): SetRig {
  const nodes = NODES.map((name) => node({ name, labels: name === "c" ? {} : { disk: "ssd" } }));
  return new SetRig(daemonSet(), { nodes, judge });
}

/** What no plan of a DaemonSet may do, whatever came before. */
function judge(rig: SetRig, key: string, plan: Plan): readonly string[] {
  if (parseRefKey(key).kind !== "DaemonSet") return [];
  const set = rig.workload() as DaemonSet;
  const nodes = rig.world.list("v1", "Node") as readonly Node[];
  const wanted = nodes.filter((item) => judgeNode(set, item).shouldRun);
  const { maxSurge, maxUnavailable } = daemonLimits(set, wanted.length);
  const isServing = (pod: Pod): boolean => {
    const since = availableAt(pod, set.spec.minReadySeconds ?? 0);
    return since !== undefined && since <= rig.world.now && !isTerminating(pod);
  };
  const gone = new Set(endedBy(plan));
  const made = madeBy(plan);
  const broken: string[] = [];
  let lacking = 0;
  let tookAway = 0;
  let doubled = 0;
  for (const { metadata } of wanted) {
    const pods = rig.pods().filter((pod) => targetNode(pod) === metadata.name && !isFinished(pod));
    const staying = pods.filter((item) => !gone.has(item.metadata.name));
    const served = pods.some(isServing);
    const serves = staying.some(isServing);
    if (!serves) lacking += 1;
    if (served && !serves) tookAway += 1;
    const fresh = made.filter((pod) => targetNode(pod) === metadata.name).length;
    if (fresh > 0 && maxSurge === 0 && staying.length > 0)
      broken.push(`makes a second pod on ${metadata.name}`);
    if (fresh + staying.filter((pod) => !isTerminating(pod)).length > 2)
      broken.push(`makes a third pod on ${metadata.name}`);
    const isWaiting = staying.some((pod) => !isTerminating(pod) && !isServing(pod));
    if (serves && (fresh > 0 || isWaiting) && staying.length + fresh > 1) doubled += 1;
  }
  const isRolling = endedBy(plan, "RolloutStep").length > 0;
  if (isRolling && tookAway > 0 && lacking > maxUnavailable)
    broken.push(`${lacking} nodes without, ${maxUnavailable} may be`);
  if (made.length > 0 && maxSurge > 0 && doubled > maxSurge)
    broken.push(`${doubled} nodes with two, ${maxSurge} may have`);
  for (const pod of made) {
    const target = wanted.find(({ metadata }) => metadata.name === targetNode(pod));
    if (target === undefined) broken.push(`makes a pod for ${targetNode(pod)}`);
  }
  return broken;
}

describe("a DaemonSet in a world of faults", () => {
  test("comes to a pod on each of its nodes, within its limits, and then rests", () => {
    fc.assert(
      fc.property(
        faults(spec, NODES),
        strategy,
        fc.constantFrom("v1", "v2"),
        (history, rollingUpdate, last) => {
          const rig = rigOf();
          for (const next of history) rig.suffer(next);
          rig.recover();
          const updateStrategy = { type: "RollingUpdate", rollingUpdate };
          const nodeSelector = { disk: "ssd" };
          rig.push({ template: template(last, { nodeSelector }), updateStrategy });
          expect(rig.cluster.settle(rig.world.now + HOUR, 3000)).toBe(true);
          expect(rig.broken).toEqual([]);
          const running = rig
            .pods()
            .map(
              ({ spec: { nodeName, containers }, status }) =>
                `${nodeName} ${containers[0]?.image} ${status?.conditions?.[0]?.status}`,
            );
          expect(running.toSorted()).toEqual([`a app:${last} True`, `b app:${last} True`]);
          expect(rig.restless()).toEqual([]);
          const set = rig.workload() as DaemonSet;
          expect(set.status).toEqual({
            observedGeneration: set.metadata.generation,
            desiredNumberScheduled: 2,
            currentNumberScheduled: 2,
            numberMisscheduled: 0,
            numberReady: 2,
            updatedNumberScheduled: 2,
            numberAvailable: 2,
          });
          const revisions = rig.world.list("apps/v1", "ControllerRevision");
          expect(revisions.length).toBeLessThanOrEqual(1 + set.spec.revisionHistoryLimit);
        },
      ),
      { numRuns: 150 },
    );
  });

  test("the order of objects never shows in a plan, and planning twice is planning once", () => {
    fc.assert(
      fc.property(faults(spec, NODES), (history) => {
        const rig = rigOf();
        for (const next of history) rig.suffer(next);
        const objects = rig.world.all();
        const plans = (list: readonly ApiObject[]): readonly string[] => {
          const world = new SimWorld(list, rig.world.now);
          return objects.map((object) => canonicalJson(planObject(world, refOf(object))));
        };
        expect(plans(objects.toReversed())).toEqual(plans(objects));
      }),
      { numRuns: 40 },
    );
  });
});
