import fc from "fast-check";
import { expect, test } from "vitest";
import { makePlan } from "../../src/cli/make-plan.ts";
import type { PlanDocument } from "../../src/cli/plan-document.ts";
import type { ClusterState } from "../../src/cli/snapshot.ts";
import { compare } from "../../src/base/order.ts";
import type { Pod, Release } from "../../src/model/kinds.gen.ts";
import { controllerOf, refOf } from "../../src/model/meta.ts";
import { isFinished } from "../../src/model/pod-phase.ts";
import { planApply } from "../../src/planner/check-manifests.ts";
import { releaseHealth } from "../../src/planner/health.ts";
import { planPrune } from "../../src/planner/release-rules.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { placeAll } from "../../src/scheduler/queue-forecast.ts";
import { node } from "../support/builders.ts";
import { declared, PLAN_NETWORK, planApp, runningState } from "../support/plan-world.ts";

/*
 * What the plan says is what the controllers do: the change is carried out on a simulated cluster by the same planners
 * in any order that they might be woken in, and looked at from outside, pod by pod.
 */

interface Workload {
  readonly kind: "Deployment" | "StatefulSet";
  readonly replicas: number;
  readonly cpu: number;
  readonly version: number;
  readonly surge: number;
  readonly isPrecious: boolean;
}

const workload: fc.Arbitrary<Workload> = fc.record({
  kind: fc.constantFrom("Deployment" as const, "StatefulSet" as const),
  replicas: fc.integer({ min: 0, max: 4 }),
  cpu: fc.constantFrom(100, 500, 900),
  version: fc.integer({ min: 1, max: 2 }),
  surge: fc.integer({ min: 0, max: 2 }),
  isPrecious: fc.boolean(),
});

/** Up to three workloads; a kind never changes under its name. */
const declaredSet = fc.record({ a: workload, b: workload, c: workload }, { requiredKeys: [] });
type DeclaredSet = Readonly<Partial<Record<"a" | "b" | "c", Workload>>>;

function filesOf(set: DeclaredSet): Record<string, string> {
  const files: Record<string, string> = {
    "base.yaml": `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: precious }
value: 1000
`,
  };
  for (const [name, item] of Object.entries(set)) {
    const { kind, replicas, cpu, version, surge, isPrecious } = item;
    const strategy =
      kind === "Deployment"
        ? `strategy: { rollingUpdate: { maxSurge: ${surge}, maxUnavailable: ${surge === 0 ? 1 : 0} } }`
        : "serviceName: none";
    files[`${name}.yaml`] = `apiVersion: apps/v1
kind: ${kind}
metadata: { name: ${name}-${kind.toLowerCase()} }
spec:
  replicas: ${replicas}
  ${strategy}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      ${isPrecious ? "priorityClassName: precious" : "terminationGracePeriodSeconds: 30"}
      containers:
        - { name: app, image: "app:v${version}", resources: { requests: { cpu: ${cpu}m } } }
`;
  }
  return files;
}

interface Outcome {
  /** `workload on node`, sorted; `-` for none. */
  readonly places: readonly string[];
  readonly lowest: Readonly<Record<string, number>>;
}

function foretold(state: ClusterState, plan: PlanDocument): Outcome {
  const nodes = new Map<string, string>();
  for (const object of state.objects)
    if (object.kind === "Pod")
      nodes.set(
        object.metadata.name,
        `${ownerName(object as Pod)} on ${(object as Pod).spec.nodeName ?? "-"}`,
      );
  for (const { what, pod, node: place, owner } of plan.steps) {
    if (what === "create") nodes.set(pod.name, `${owner?.name ?? ""} on -`);
    if (what === "place") nodes.set(pod.name, `${owner?.name ?? ""} on ${place ?? ""}`);
    if (what === "gone") nodes.delete(pod.name);
  }
  return {
    places: [...nodes.values()].toSorted(compare),
    lowest: Object.fromEntries(
      plan.workloads.map(({ workload: ref, lowestReady }) => [ref.name, lowestReady]),
    ),
  };
}

/** The name of a pod's workload, by how pods are called. */
function ownerName(pod: Pod): string {
  const owner = controllerOf(pod);
  return owner?.kind === "ReplicaSet" ? owner.name.replace(/-[^-]*$/, "") : (owner?.name ?? "");
}

function carriedOut(
  state: ClusterState,
  files: Record<string, string>,
  pick: (waiting: number) => number,
): Outcome {
  const world = new SimWorld(state.objects, state.takenAt);
  const { manifests } = declared(files);
  const inventory = manifests.map(({ object }) => refOf(object));
  const release = state.objects.find((object): object is Release => object.kind === "Release");
  const toPrune = planPrune(release, inventory);
  const lowest: Record<string, number> = {};
  const look = (): void => {
    const ready: Record<string, number> = {};
    for (const pod of world.list("v1", "Pod") as readonly Pod[]) {
      const isReady = pod.status?.conditions?.some(
        ({ type, status }) => type === "Ready" && status === "True",
      );
      const isIn = !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
      const name = ownerName(pod);
      ready[name] = (ready[name] ?? 0) + (isReady === true && isIn ? 1 : 0);
    }
    for (const name of new Set([...Object.keys(ready), ...Object.keys(lowest)]))
      lowest[name] = Math.min(lowest[name] ?? Infinity, ready[name] ?? 0);
  };
  look();
  const cluster = new SimCluster(world, {
    startMs: 2000,
    stopMs: 1000,
    workMs: 5000,
    schedule: placeAll,
    fateOf: () => "serves",
    onChange: look,
    pick,
  });
  const { serviceCidr, dnsIp } = PLAN_NETWORK;
  const options = { app: "root", serviceCidr, reservedIps: [dnsIp] };
  for (const { object } of planApply(world, manifests, options).steps) world.declare(object);
  let isPruned = false;
  for (let round = 0; round < 20_000; round += 1) {
    if (cluster.work()) continue;
    if (!isPruned && releaseHealth(world, inventory).kind === "Healthy") {
      isPruned = true;
      for (const ref of toPrune) {
        const uid = world.get(ref)?.metadata.uid ?? "";
        world.apply([{ kind: "delete", ref, uid, reason: "NotDeclared" }]);
      }
    } else if (!cluster.sleep(state.takenAt + 3_600_000)) break;
  }
  const pods = world.list("v1", "Pod") as readonly Pod[];
  return {
    places: pods.map((pod) => `${ownerName(pod)} on ${pod.spec.nodeName ?? "-"}`).toSorted(compare),
    lowest,
  };
}

test("what the plan says is what the controllers do", { timeout: 30_000 }, () => {
  const nodes = fc.array(fc.constantFrom("1", "2", "3"), { minLength: 1, maxLength: 4 });
  const seeds = fc.array(fc.nat(1000), { minLength: 20, maxLength: 20 });
  fc.assert(
    fc.property(nodes, declaredSet, declaredSet, seeds, (cpus, before, after, turns) => {
      const machines = cpus.map((cpu, index) => node({ name: `n${index}`, cpu }));
      const state = runningState(machines, filesOf(before as DeclaredSet));
      const files = filesOf(after as DeclaredSet);
      const loaded = declared(files);
      const releases = state.objects.filter(({ kind }) => kind === "Release") as Release[];
      const change = {
        app: "root",
        spec: planApp().spec,
        ...loaded,
        releases,
        commitMessage: "change\n\nAllow-Prune: root",
        tree: "tree-2",
      };
      const target = { name: "commit", isMergeResult: false };
      const plan = makePlan(state, { target, changes: [change], base: [], notes: [] }, "1");
      expect(plan.apps[0]?.problems).toEqual([]);
      const told = foretold(state, plan);
      let turn = 0;
      const pick = (waiting: number): number => (turns[turn++ % turns.length] ?? 0) % waiting;
      const seen = carriedOut(state, files, pick);
      expect(seen.places).toEqual(told.places);
      for (const [name, lowest] of Object.entries(told.lowest))
        expect(`${name} ${seen.lowest[name] ?? 0}`).toBe(`${name} ${lowest}`);
    }),
    { numRuns: 25 },
  );
});
