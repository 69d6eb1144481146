import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type {
  Deployment,
  HorizontalPodAutoscaler,
  Node,
  PodDisruptionBudget,
} from "../../src/model/kinds.gen.ts";
import { ROOT } from "../support/clone.ts";
import { eventually } from "../support/eventually.ts";
import { containerIdOf, execIn, isReady, podsOf } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const example = (path: string): Promise<string> => readFile(join(ROOT, "examples", path), "utf8");

const current = useCluster(async () => ({
  files: {
    "encode.yaml": await example("autoscaling/deployment.yaml"),
    "quorum.yaml": await example("disruption-budget/deployment.yaml"),
    "budget.yaml": await example("disruption-budget/budget.yaml"),
    // Quick to look back and forth, so that the test need not wait.
    "autoscaler.yaml": (await example("autoscaling/autoscaler.yaml"))
      .replace("stabilizationWindowSeconds: 120", "stabilizationWindowSeconds: 0")
      .replace("maxReplicas: 5", "maxReplicas: 3"),
  },
}));

const deployment = (name: string): Promise<Deployment> =>
  current().getJson<Deployment>("deployment", name);
const hpa = (): Promise<HorizontalPodAutoscaler> =>
  current().getJson<HorizontalPodAutoscaler>("hpa", "encode");
const isCondition = (autoscaler: HorizontalPodAutoscaler, type: string, reason: string): boolean =>
  autoscaler.status?.conditions?.some((is) => is.type === type && is.reason === reason) ?? false;

describe("metrics", () => {
  test("kubectl top shows what pods and nodes use", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const pods = await eventually("kubectl top knows the pods", async () => {
      const text = await cluster.kubectl("top", "pods", "--no-headers");
      return text.trim().split("\n").length >= 4 ? text : undefined;
    });
    expect(pods).toMatch(/^quorum-\w+-\w{5}\s+\d+m\s+\d+Mi\s*$/m);
    expect(await cluster.kubectl("top", "nodes", "--no-headers")).toMatch(
      /^\S+\s+\d+m\s+\d+%\s+\d+Mi\s+\d+%\s*$/m,
    );
  });
});

describe("the example of an autoscaler", () => {
  test("makes more pods under load, Git does not set them back, and fewer when it is over", async () => {
    const cluster = current();
    await eventually("the autoscaler has a metric", async () =>
      isCondition(await hpa(), "ScalingActive", "ValidMetricFound"),
    );
    const [pod] = await podsOf(cluster, "encode");
    if (pod === undefined) throw new Error("There is no pod to be loaded");
    await execIn(containerIdOf(pod), "sh", "-c", "head -c 50000000 /dev/zero > /queue/job");
    const scaled = await eventually("the autoscaler has made more pods", async () => {
      const { spec } = await deployment("encode");
      return spec.replicas > 1 ? spec.replicas : undefined;
    });
    expect(await cluster.kubectl("get", "events")).toMatch(
      /SuccessfulRescale\s.*New size: \d; reason: cpu resource utilization \(percentage of request\) above target/,
    );
    expect(await cluster.kubectl("get", "hpa", "--no-headers")).toMatch(
      /^encode\s+Deployment\/encode\s+cpu: \d+%\/60%\s+1\s+3\s+\d\s/m,
    );
    const commit = await cluster.repo.edit(
      "encode.yaml",
      "      labels:\n",
      "      labels:\n        tier: work\n",
    );
    await eventually("the commit is applied", async () => {
      const { spec } = await deployment("encode");
      return spec.template.metadata?.labels?.["tier"] === "work";
    });
    expect((await deployment("encode")).spec.replicas).toBeGreaterThanOrEqual(scaled);
    // The pods are new, and their queues empty.
    await eventually(
      "the autoscaler has gone down",
      async () => {
        const { spec } = await deployment("encode");
        return spec.replicas === 1;
      },
      120_000,
    );
    await cluster.untilPhase(commit, "Healthy");
  });

  test("gives the number back to Git when it goes", async () => {
    const cluster = current();
    await cluster.repo.edit("encode.yaml", "spec:\n  selector", "spec:\n  replicas: 2\n  selector");
    await cluster.repo.remove("autoscaler.yaml");
    const commit = await cluster.repo.commit("no autoscaler any more");
    await cluster.untilPhase(commit, "Healthy");
    await eventually("Git's number holds", async () => {
      const { spec, metadata } = await deployment("encode");
      const isKept = metadata.annotations?.["berth.dev/declared-replicas"] !== undefined;
      return spec.replicas === 2 && !isKept;
    });
  });
});

describe("the example of a disruption budget", () => {
  test("keeps two of three pods while the node is drained", async () => {
    const cluster = current();
    await eventually("the budget lets one go", async () => {
      const budget = await cluster.getJson<PodDisruptionBudget>("pdb", "quorum");
      return budget.status?.disruptionsAllowed === 1;
    });
    expect(await cluster.kubectl("get", "pdb", "--no-headers")).toMatch(
      /^quorum\s+2\s+N\/A\s+1\s/m,
    );
    const [node] = (await cluster.getJson<{ readonly items: readonly Node[] }>("nodes")).items;
    const name = node?.metadata.name ?? "";
    const drain = await cluster.tryKubectl(
      "drain",
      name,
      "--pod-selector=app=quorum",
      "--timeout=12s",
    );
    expect(drain.code).not.toBe(0);
    expect(drain.output).toContain(
      "Cannot evict pod as it would violate the pod's disruption budget.",
    );
    const ready = (await podsOf(cluster, "quorum")).filter(
      (pod) => isReady(pod) && pod.metadata.deletionTimestamp === undefined,
    );
    expect(ready).toHaveLength(2);
    await cluster.kubectl("uncordon", name);
    await eventually(
      "three are there again",
      async () => (await podsOf(cluster, "quorum")).filter((pod) => isReady(pod)).length === 3,
    );
  });

  test("without a budget a drain empties the node", async () => {
    const cluster = current();
    await cluster.repo.remove("budget.yaml");
    await cluster.untilPhase(await cluster.repo.commit("no budget"), "Healthy");
    const [node] = (await cluster.getJson<{ readonly items: readonly Node[] }>("nodes")).items;
    const name = node?.metadata.name ?? "";
    const drained = await cluster.kubectl("drain", name, "--timeout=60s", "--delete-emptydir-data");
    expect(drained).toMatch(/pod\/quorum-\S+ evicted/);
    expect(drained).toContain(`node/${name} drained`);
    await cluster.kubectl("uncordon", name);
  });
});
