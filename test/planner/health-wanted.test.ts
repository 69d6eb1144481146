import { describe, expect, test } from "vitest";
import type { ConfigMap, Deployment, Pod, PodTemplateSpec } from "../../src/model/kinds.gen.ts";
import { refOf, type ApiObject } from "../../src/model/meta.ts";
import { objectHealth } from "../../src/planner/health.ts";
import { isActive } from "../../src/planner/pod-state.ts";
import {
  DIGEST_ANNOTATION,
  RESTART_ANNOTATION,
  templateWithConfig,
  type Rolled,
} from "../../src/planner/restart-on-config.ts";
import { SimCluster } from "../../src/planner/sim-cluster.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { container, deployment, namespace, node, NOW, podSpec } from "../support/builders.ts";
import { placePods } from "../support/place-pods.ts";
import { daemonSet, statefulSet } from "../support/set-builders.ts";
import { worldOf } from "../support/world.ts";

const HOUR = 3_600_000;
const opted = { annotations: { [RESTART_ANNOTATION]: "true" } };

const config = (title: string): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "titles", namespace: "shop" },
  data: { title },
});

const template: PodTemplateSpec = {
  metadata: { labels: { app: "web" } },
  spec: podSpec({
    containers: [container({ envFrom: [{ configMapRef: { name: "titles" } }] })],
  }),
};

/** A workload that runs with the title `old`; pods whose title is `bad` crash. */
function settled(workload: Rolled): { readonly world: SimWorld; readonly cluster: SimCluster } {
  const nodes = ["a", "b", "c"].map((name) => node({ name }));
  const world = worldOf([namespace(), ...nodes, config("old"), workload]);
  let bad: string | undefined;
  const cluster = new SimCluster(world, {
    schedule: placePods,
    startMs: 2000,
    stopMs: 1000,
    workMs: 1000,
    fateOf: (pod) => (digestOf(pod) === bad ? "crashes" : "serves"),
    onChange: ({ after }) => {
      if (after?.kind !== "ConfigMap") return;
      const { title } = (after as ConfigMap).data ?? {};
      if (title === "bad") bad = wanted(world, workload);
    },
  });
  cluster.wakeAll();
  expect(cluster.settle(NOW + HOUR, 1000)).toBe(true);
  return { world, cluster };
}

const digestOf = ({ metadata }: Pod): string | undefined =>
  metadata.annotations?.[DIGEST_ANNOTATION];

function wanted(world: SimWorld, workload: Rolled): string | undefined {
  const stored = (world.get(refOf(workload)) ?? workload) as Rolled;
  return templateWithConfig(world, stored).metadata?.annotations?.[DIGEST_ANNOTATION];
}

/** How it stands after every single step of the cluster, each once. */
function verdicts(
  workload: ApiObject,
  { world, cluster }: ReturnType<typeof settled>,
): readonly string[] {
  const lines: string[] = [];
  for (let round = 0; round < 1000; round += 1) {
    const { kind, message } = objectHealth(world, refOf(workload));
    const pods = (world.list("v1", "Pod") as readonly Pod[]).filter(isActive);
    const old = pods.filter((pod) => digestOf(pod) !== wanted(world, workload as Rolled)).length;
    const line = `${kind}: ${message}${kind === "Healthy" && old > 0 ? ` with ${old} old pods` : ""}`;
    if (line !== lines.at(-1)) lines.push(line);
    if (!cluster.work() && !cluster.sleep(world.now + 60_000)) break;
  }
  return lines;
}

const CASES: readonly (readonly [name: string, workload: Rolled])[] = [
  ["Deployment", deployment({ template, replicas: 2 }, opted)],
  [
    "Deployment that surges at once",
    deployment(
      {
        template,
        replicas: 2,
        strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "100%", maxUnavailable: 0 } },
      },
      opted,
    ),
  ],
  ["Deployment that is recreated", deployment({ template, strategy: { type: "Recreate" } }, opted)],
  ["StatefulSet", statefulSet({ template, replicas: 2 }, opted)],
  ["DaemonSet", daemonSet({ template }, opted)],
];

describe("objectHealth() of a workload that only a changed ConfigMap rolls", () => {
  test.for(CASES)("%s: as declared when the new pods serve, and not before", ([, workload]) => {
    const rig = settled(workload);
    expect(verdicts(workload, rig)).toEqual(["Healthy: as declared"]);
    rig.world.declare(config("new"));
    const lines = verdicts(workload, rig);
    expect(lines[0]).toMatch(/^Progressing: 0 of \d /);
    expect(lines.filter((line) => line.startsWith("Healthy"))).toEqual(["Healthy: as declared"]);
    expect(lines.at(-1)).toBe("Healthy: as declared");
  });

  test.for(CASES)(
    "%s: what crashed with the old one is no verdict on the new one",
    ([, workload]) => {
      const rig = settled(workload);
      rig.world.declare(config("bad"));
      expect(verdicts(workload, rig).at(-1)).toMatch(/^Degraded: /);
      rig.world.declare(config("new"));
      const { kind } = objectHealth(rig.world, refOf(workload));
      expect(kind).toBe("Progressing");
    },
  );

  test("a rollout that took too long is no verdict on the next one", () => {
    const workload = deployment({ template }, opted);
    const rig = settled(workload);
    const name = rig.world.list("apps/v1", "ReplicaSet")[0]?.metadata.name ?? "";
    const { status } = rig.world.get(refOf(workload)) as Deployment;
    const message = `ReplicaSet "${name}" has timed out progressing.`;
    const failed = {
      type: "Progressing",
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message,
    };
    rig.world.report(refOf(workload), { ...status, conditions: [failed] });
    expect(objectHealth(rig.world, refOf(workload)).kind).toBe("Degraded");
    rig.world.declare(config("new"));
    expect(objectHealth(rig.world, refOf(workload)).kind).toBe("Progressing");
  });
});
