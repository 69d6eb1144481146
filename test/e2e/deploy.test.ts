import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { type LoadReport, get, startLoad } from "../support/load.ts";
import { helloFiles } from "../support/manifests.ts";
import { isReady, podsOf, runningContainers, settledContainers } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const REQUESTS_PER_SECOND = 50;
/** The load goes on for so long after a commit is Healthy: the old pods are leaving then. */
const AFTERMATH_MS = 3_000;

const current = useCluster(async () => ({ files: await helloFiles() }));

/** Makes a commit while two clients send requests, and resolves with what became of them. */
async function commitUnderLoad(
  cluster: Cluster,
  makeCommit: () => Promise<string>,
): Promise<{ readonly commit: string; readonly reports: readonly LoadReport[] }> {
  const url = await cluster.nodePortUrl();
  const loads = (["new", "kept"] as const).map((connections) =>
    startLoad({ url, requestsPerSecond: REQUESTS_PER_SECOND, connections }),
  );
  try {
    await eventually("the load runs", () => loads.every((load) => load.report().answered > 25));
    const commit = await makeCommit();
    await cluster.untilPhase(commit, "Healthy");
    await sleep(AFTERMATH_MS);
    return { commit, reports: await Promise.all(loads.map((load) => load.stop())) };
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
  }
}

function expectNothingLost(reports: readonly LoadReport[]): void {
  for (const report of reports) {
    expect(report.failures).toEqual([]);
    expect(report.answered).toBe(report.sent);
    expect(report.sent).toBeGreaterThan(REQUESTS_PER_SECOND * (AFTERMATH_MS / 1000));
  }
}

async function expectOnlyAnswers(cluster: Cluster, text: string | RegExp): Promise<void> {
  const url = await cluster.nodePortUrl();
  const bodies = await Promise.all(Array.from({ length: 20 }, () => get(url)));
  for (const body of bodies) expect(body).toMatch(text);
}

describe("a deploy is a commit", () => {
  test("the first commit runs: three pods are Ready and the node port answers", async () => {
    const cluster = current();
    const release = await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    expect(release.sequence).toBe(1);
    const lines = (await cluster.kubectl("get", "pods", "--no-headers")).trim().split("\n");
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^hello-\w+-\w+\s+1\/1\s+Running\s+0\s/);
    await expectOnlyAnswers(cluster, /^Hello from Berth\nversion 1, pod hello-/);
  });

  test("all three pods share the requests", async () => {
    const cluster = current();
    const url = await cluster.nodePortUrl();
    const seen = new Set<string>();
    await eventually("every pod has answered", async () => {
      seen.add((await get(url)).split("pod ").at(1) ?? "");
      return seen.size === 3;
    });
  });

  test("a commit that changes the message rolls it and loses no request", async () => {
    const cluster = current();
    const before = await podsOf(cluster, "hello");
    const { reports } = await commitUnderLoad(cluster, () =>
      cluster.repo.edit("deployment.yaml", "value: from Berth", "value: from a commit"),
    );
    expectNothingLost(reports);
    for (const { bodies } of reports) {
      const answers = [...bodies.keys()].join("");
      expect(answers).toContain("from Berth");
      expect(answers).toContain("from a commit");
    }
    await expectOnlyAnswers(cluster, "Hello from a commit");
    const after = await podsOf(cluster, "hello");
    expect(after).toHaveLength(3);
    const old = new Set(before.map(({ metadata }) => metadata.uid));
    expect(after.filter((pod) => old.has(pod.metadata.uid) || !isReady(pod))).toEqual([]);
  });

  test("a commit that changes the image rolls it and loses no request", async () => {
    const cluster = current();
    const { reports } = await commitUnderLoad(cluster, () =>
      cluster.repo.edit("deployment.yaml", "hello:1", "hello:2"),
    );
    expectNothingLost(reports);
    await expectOnlyAnswers(cluster, "version 2");
  });

  test("git revert brings the old answer back and loses no request", async () => {
    const cluster = current();
    const { reports } = await commitUnderLoad(cluster, async () => {
      await cluster.repo.git("revert", "--no-edit", "HEAD");
      return await cluster.repo.head();
    });
    expectNothingLost(reports);
    await expectOnlyAnswers(cluster, /from a commit\nversion 1/);
  });

  test("berth rollback makes the revert commit and loses no request", async () => {
    const cluster = current();
    const wrong = await cluster.repo.edit("deployment.yaml", "from a commit", "from a mistake");
    await cluster.untilPhase(wrong, "Healthy");
    await expectOnlyAnswers(cluster, "from a mistake");
    const { commit, reports } = await commitUnderLoad(cluster, async () => {
      const { code, output } = await cluster.berth("rollback");
      expect(output).not.toBe("");
      expect(code).toBe(0);
      return await cluster.repo.head();
    });
    expectNothingLost(reports);
    expect(commit).not.toBe(wrong);
    expect(await cluster.repo.git("rev-parse", `${commit}~1`)).toBe(wrong);
    expect(await cluster.repo.git("diff", "--stat", `${wrong}~1`, commit)).toBe("");
    expect(await cluster.repo.git("status", "--porcelain")).toBe("");
    expect(await cluster.repo.read("deployment.yaml")).toContain("from a commit");
    await expectOnlyAnswers(cluster, "from a commit");
  });

  test("an invalid commit is Rejected with file, line and field, and changes nothing", async () => {
    const cluster = current();
    const before = await settledContainers(cluster, 3);
    const healthy = await cluster.repo.head();
    await cluster.repo.write(
      "configmap.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n",
    );
    const bad = await cluster.repo.edit("deployment.yaml", "replicas: 3", "replicas: -1");
    const release = await cluster.untilPhase(bad, "Rejected");
    expect(release.problems?.join("\n")).toMatch(/^deployment\.yaml:8:\d+: .*replicas/m);
    const [app] = (await cluster.status()).apps;
    expect(app).toMatchObject({ seenCommit: bad, appliedCommit: healthy, healthyCommit: healthy });
    expect((await cluster.tryKubectl("get", "configmap", "other")).code).not.toBe(0);
    expect(await runningContainers(cluster)).toEqual(before);
    await expectOnlyAnswers(cluster, "from a commit");
    const text = await cluster.berth("status");
    expect(text.output).toMatch(/deployment\.yaml:8:\d+/);
  });

  test("the commit that mends it is Healthy, and the history tells it all", async () => {
    const cluster = current();
    await cluster.repo.git("revert", "--no-edit", "HEAD");
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const history = await cluster.history();
    const phases = history.toSorted((a, b) => a.sequence - b.sequence).map(({ phase }) => phase);
    expect(phases).toEqual([
      "Healthy",
      "Healthy",
      "Healthy",
      "Healthy",
      "Healthy",
      "Healthy",
      "Rejected",
      "Healthy",
    ]);
    const { code, stdout } = await cluster.berth("history");
    expect(code).toBe(0);
    expect(stdout.split("\n").filter((line) => line.includes("Healthy"))).toHaveLength(7);
  });

  test("a file that leaves Git leaves the cluster once the rest is healthy", async () => {
    const cluster = current();
    await cluster.repo.write(
      "extra.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: extra\ndata:\n  a: b\n",
    );
    await cluster.untilPhase(await cluster.repo.commit("add extra"), "Healthy");
    expect(await cluster.kubectl("get", "configmap", "extra", "-o", "jsonpath={.data.a}")).toBe(
      "b",
    );
    await cluster.repo.remove("extra.yaml");
    await cluster.untilPhase(await cluster.repo.commit("remove extra"), "Healthy");
    await eventually("the ConfigMap is gone", async () => {
      const { code, stderr } = await cluster.tryKubectl("get", "configmap", "extra");
      return code !== 0 && stderr.includes("NotFound");
    });
    expect(await podsOf(cluster, "hello")).toHaveLength(3);
  });
});

describe("berth plan", () => {
  test("says that nothing would change, and what the working tree and a ref would change", async () => {
    const cluster = current();
    const same = await cluster.berth("plan");
    expect(same.output).not.toMatch(/error/i);
    expect(same.code).toBe(0);
    await cluster.repo.write(
      "deployment.yaml",
      (await cluster.repo.read("deployment.yaml")).replace("replicas: 3", "replicas: 4"),
    );
    const tree = await cluster.berth("plan");
    expect(tree.code).toBe(2);
    expect(tree.stdout).toMatch(/hello/);
    expect(tree.stdout).toMatch(/replicas|pod/i);
    await cluster.repo.git("checkout", "--", "deployment.yaml");
    const older = await cluster.berth("plan", `${(await cluster.history()).at(-1)?.commit}`);
    expect(older.code).toBe(2);
    expect(older.stdout).toMatch(/hello/);
    expect(await podsOf(cluster, "hello")).toHaveLength(3);
  });

  test("refuses a ref that is not there", async () => {
    const { code, stderr } = await current().berth("plan", "no-such-ref");
    expect(code).toBe(1);
    expect(stderr).toContain("no-such-ref");
  });
});

test("berth version and berth validate need no cluster", async () => {
  const cluster = current();
  expect((await cluster.berth("version")).stdout).toMatch(/^berth \d+\.\d+\.\d+/);
  expect((await cluster.berth("validate", ".")).code).toBe(0);
});
