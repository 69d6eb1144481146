import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../src/base/hash.ts";
import type { Pod, StatefulSet, StatefulSetSpec } from "../../src/model/kinds.gen.ts";
import { parseRefKey, refOf, type ApiObject } from "../../src/model/meta.ts";
import type { Plan } from "../../src/model/plan.ts";
import { planObject } from "../../src/planner/plan-object.ts";
import { availableAt, isTerminating } from "../../src/planner/pod-state.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { isInRange, ordinalOf, ordinalsOf } from "../../src/planner/statefulset-identity.ts";
import { node, template } from "../support/builders.ts";
import { claimTemplate, statefulSet } from "../support/set-builders.ts";
import { endedBy, faults, HOUR, madeBy, SetRig } from "./set-rig.ts";

const NODES = ["a", "b"];
const version = fc.constantFrom("v1", "v2", "v3", "bad", "crash");

const spec: fc.Arbitrary<Partial<StatefulSetSpec>> = fc.record({
  replicas: fc.nat(4),
  template: version.map((name) => template(name)),
  updateStrategy: fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(0, 0, 1, 2)
        .map((partition) => ({ type: "RollingUpdate" as const, rollingUpdate: { partition } })),
    },
    { weight: 1, arbitrary: fc.constant({ type: "OnDelete" as const }) },
  ),
  minReadySeconds: fc.constantFrom(0, 0, 5),
  revisionHistoryLimit: fc.constantFrom(0, 1, 10),
  ordinals: fc.constantFrom({ start: 0 }, { start: 0 }, { start: 2 }),
});

const policy = fc.constantFrom("OrderedReady" as const, "Parallel" as const);

function rigOf(podManagementPolicy: StatefulSetSpec["podManagementPolicy"]): SetRig {
  const workload = statefulSet({ podManagementPolicy, volumeClaimTemplates: [claimTemplate()] });
  const nodes = NODES.map((name) => node({ name }));
  return new SetRig(workload, { nodes, judge });
}

/** What no plan of a StatefulSet may do, whatever came before. */
function judge(rig: SetRig, key: string, plan: Plan): readonly string[] {
  if (parseRefKey(key).kind !== "StatefulSet") return [];
  const set = rig.workload() as StatefulSet;
  const mine = rig.pods().filter(({ metadata }) => ordinalOf(set, metadata.name) !== undefined);
  const isServing = (pod: Pod): boolean => {
    const since = availableAt(pod, set.spec.minReadySeconds ?? 0);
    const hasSettled = since !== undefined && since <= rig.world.now;
    return hasSettled && !isTerminating(pod) && pod.status?.phase === "Running";
  };
  const serving = new Set(mine.filter(isServing).map(({ metadata }) => metadata.name));
  const made = madeBy(plan).map(({ metadata }) => metadata.name);
  const names = new Set(mine.map(({ metadata }) => metadata.name));
  const broken = made.filter((name) => names.has(name)).map((name) => `${name} twice`);
  const rolled = endedBy(plan, "RolloutStep");
  if (rolled.length > 1) broken.push(`rolls ${rolled.join()} at once`);
  const wanted = ordinalsOf(set).map((ordinal) => `${set.metadata.name}-${ordinal}`);
  for (const name of rolled) {
    const higher = wanted.slice(wanted.indexOf(name) + 1);
    if (!higher.every((other) => serving.has(other)))
      broken.push(`rolls ${name} before those above it serve`);
  }
  if (set.spec.podManagementPolicy === "Parallel") return broken;

  const isWhole = wanted.every((name) => serving.has(name));
  const ended = endedBy(plan);
  if (made.length + ended.length > 1) broken.push(`moves ${[...made, ...ended].join()} at once`);
  for (const name of made) {
    const lower = wanted.slice(0, wanted.indexOf(name));
    const absent = lower.filter((other) => !serving.has(other));
    if (absent.length > 0) broken.push(`makes ${name} before ${absent.join()}`);
  }
  for (const name of endedBy(plan, "ScaleDown")) {
    if (!isWhole) broken.push(`scales ${name} away while others are ill`);
    const ordinal = ordinalOf(set, name) ?? 0;
    const higher = mine.map(({ metadata }) => ordinalOf(set, metadata.name) ?? 0);
    if (higher.some((other) => other > ordinal && !isInRange(set, other)))
      broken.push(`scales ${name} away before those above it`);
  }
  for (const name of rolled) {
    const others = wanted.filter((other) => other !== name);
    if (!others.every((other) => serving.has(other)))
      broken.push(`rolls ${name} while others are ill`);
  }
  for (const name of endedBy(plan, "BrokenRollout"))
    if (serving.has(name)) broken.push(`takes ${name} for broken though it serves`);
  return broken;
}

function running(rig: SetRig): readonly string[] {
  return rig
    .pods()
    .map(
      ({ metadata, spec: { containers, volumes }, status }) =>
        `${metadata.name} ${containers[0]?.image} ${volumes?.[0]?.persistentVolumeClaim?.claimName} ${status?.conditions?.[0]?.status}`,
    );
}

describe("a StatefulSet in a world of faults", () => {
  test("comes to what was asked for, in its order, each ordinal once, and then rests", () => {
    fc.assert(
      fc.property(
        faults(spec, NODES),
        policy,
        fc.constantFrom("v1", "v2"),
        (history, order, last) => {
          const rig = rigOf(order);
          for (const next of history) rig.suffer(next);
          rig.recover();
          const updateStrategy = { type: "RollingUpdate", rollingUpdate: { partition: 0 } };
          rig.push({ template: template(last), updateStrategy });
          expect(rig.cluster.settle(rig.world.now + HOUR, 3000)).toBe(true);
          expect(rig.broken).toEqual([]);
          const set = rig.workload() as StatefulSet;
          expect(running(rig)).toEqual(
            ordinalsOf(set).map((ordinal) => `web-${ordinal} app:${last} data-web-${ordinal} True`),
          );
          expect(rig.restless()).toEqual([]);
          const { replicas } = set.spec;
          expect(set.status).toMatchObject({
            observedGeneration: set.metadata.generation,
            replicas,
            availableReplicas: replicas,
            currentRevision: set.status?.updateRevision,
          });
          const revisions = rig.world.list("apps/v1", "ControllerRevision");
          expect(revisions.length).toBeLessThanOrEqual(1 + set.spec.revisionHistoryLimit);
        },
      ),
      { numRuns: 120 },
    );
  });

  test("the order of objects never shows in a plan, and planning twice is planning once", () => {
    fc.assert(
      fc.property(faults(spec, NODES), policy, (history, order) => {
        const rig = rigOf(order);
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

describe("a pod on a node that has fallen silent", () => {
  const rig = (): SetRig => {
    const made = rigOf("Parallel");
    made.cluster.settle(made.world.now + HOUR, 500);
    return made;
  };
  const uids = ({ world }: SetRig): readonly string[] =>
    world.list("v1", "Pod").map(({ metadata }) => metadata.uid ?? "");

  test("is waited for", () => {
    const made = rig();
    const before = uids(made);
    made.suffer({ kind: "node", name: "a", ready: false, evicts: true });
    made.cluster.settle(made.world.now + 24 * HOUR, 500);
    expect(uids(made)).toEqual(before);
  });

  test.for([
    ["a roll-out", { template: template("v2") }],
    ["scaling down", { replicas: 0 }],
  ] as const)("is waited for by %s, too", ([, change]) => {
    const made = rig();
    const before = uids(made);
    made.suffer({ kind: "node", name: "a", ready: false });
    made.push(change);
    made.cluster.settle(made.world.now + 24 * HOUR, 500);
    expect(made.broken).toEqual([]);
    expect(uids(made)).toEqual(before);
  });

  test("is replaced once the node is gone", () => {
    const made = rig();
    const before = uids(made);
    made.suffer({ kind: "node", name: "a", ready: false, evicts: true });
    made.suffer({ kind: "node-gone", name: "a" });
    made.cluster.settle(made.world.now + HOUR, 500);
    expect(uids(made)).toHaveLength(before.length);
    expect(uids(made).some((uid) => before.includes(uid))).toBe(false);
  });

  test("is replaced once it has ended, when the node comes back", () => {
    const made = rig();
    made.suffer({ kind: "node", name: "a", ready: false, evicts: true });
    made.suffer({ kind: "node", name: "a", ready: true });
    made.cluster.settle(made.world.now + HOUR, 500);
    expect(running(made)).toHaveLength(3);
  });
});
