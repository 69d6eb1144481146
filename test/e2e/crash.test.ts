import { expect, test } from "vitest";
import type { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { processesOf } from "../support/leftovers.ts";
import { get, startLoad } from "../support/load.ts";
import { helloFiles } from "../support/manifests.ts";
import { isReady, podsOf, runningContainers, settledContainers } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

/** The commands that run Berth's processes. */
const ROLES = ["supervise", "control-plane", "node"] as const;
type Role = (typeof ROLES)[number];

const current = useCluster(async () => ({ files: await helloFiles() }));

async function pidOf(cluster: Cluster, role: Role): Promise<number> {
  const processes = await processesOf(cluster.dataDir);
  const found = processes.find(({ command }) => command.split(" ").includes(role));
  if (found === undefined) throw new Error(`No process "${role}" runs`);
  return found.pid;
}

async function kill(cluster: Cluster, ...roles: readonly Role[]): Promise<void> {
  const pids = await Promise.all(roles.map((role) => pidOf(cluster, role)));
  for (const pid of pids) process.kill(pid, "SIGKILL");
  await eventually("the killed processes are gone", async () => {
    const running = (await processesOf(cluster.dataDir)).map(({ pid }) => pid);
    return !pids.some((pid) => running.includes(pid));
  });
}

/** Resolves once all processes run, the API answers, and what it tells of the pods is what Docker has. */
async function untilRecovered(cluster: Cluster): Promise<void> {
  await eventually("all processes run", async () => {
    await Promise.all(ROLES.map((role) => pidOf(cluster, role)));
    return true;
  });
  await eventually("node and pods are Ready", async () => {
    const { nodes } = await cluster.status();
    const pods = await podsOf(cluster, "hello");
    return (
      nodes.every(({ ready }) => ready) && pods.length === 3 && pods.every((pod) => isReady(pod))
    );
  });
}

/** Kills processes while requests flow: no container may be touched and no request lost. */
async function survives(cluster: Cluster, crash: () => Promise<void>): Promise<void> {
  const before = await settledContainers(cluster, 3);
  const pods = (await podsOf(cluster, "hello")).map(({ metadata }) => metadata.uid);
  const url = await cluster.nodePortUrl();
  const load = startLoad({ url, requestsPerSecond: 50, connections: "new" });
  try {
    await crash();
    await untilRecovered(cluster);
  } finally {
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.answered).toBeGreaterThan(0);
  }
  expect(await runningContainers(cluster)).toEqual(before);
  expect((await podsOf(cluster, "hello")).map(({ metadata }) => metadata.uid)).toEqual(pods);
}

test("the cluster is up", async () => {
  const cluster = current();
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
});

test("SIGKILL of the control plane: it is started again and nothing that runs is touched", async () => {
  const cluster = current();
  const pid = await pidOf(cluster, "control-plane");
  await survives(cluster, () => kill(cluster, "control-plane"));
  expect(await pidOf(cluster, "control-plane")).not.toBe(pid);
});

test("SIGKILL of the node process: it is started again and nothing that runs is touched", async () => {
  const cluster = current();
  await survives(cluster, () => kill(cluster, "node"));
});

test("SIGKILL of the supervisor: berth up starts all again and nothing that runs is touched", async () => {
  const cluster = current();
  await survives(cluster, async () => {
    await kill(cluster, "supervise");
    await cluster.up();
  });
});

test("SIGKILL of everything at once: berth up starts all again and nothing that runs is touched", async () => {
  const cluster = current();
  await survives(cluster, async () => {
    await kill(cluster, ...ROLES);
    await cluster.up();
  });
});

test("berth up on a running cluster changes nothing", async () => {
  const cluster = current();
  const pids = await Promise.all(ROLES.map((role) => pidOf(cluster, role)));
  await survives(cluster, async () => {
    expect(await cluster.up()).toContain(`export KUBECONFIG=${cluster.kubeconfig}`);
  });
  expect(await Promise.all(ROLES.map((role) => pidOf(cluster, role)))).toEqual(pids);
});

test("a control plane that is killed in a rollout ends the rollout when it is back", async () => {
  const cluster = current();
  const url = await cluster.nodePortUrl();
  const load = startLoad({ url, requestsPerSecond: 50, connections: "new" });
  try {
    const commit = await cluster.repo.edit("deployment.yaml", "from Berth", "after a crash");
    await eventually(
      "the rollout has begun",
      async () => (await podsOf(cluster, "hello")).length > 3,
    );
    await kill(cluster, "control-plane");
    await cluster.untilPhase(commit, "Healthy");
  } finally {
    expect((await load.stop()).failures).toEqual([]);
  }
  expect(await get(url)).toContain("after a crash");
  expect(await podsOf(cluster, "hello")).toHaveLength(3);
});

test("a commit that was made while nothing ran is deployed at the next start", async () => {
  const cluster = current();
  await kill(cluster, ...ROLES);
  const commit = await cluster.repo.edit("deployment.yaml", "after a crash", "while away");
  await cluster.up();
  await cluster.untilPhase(commit, "Healthy");
  expect(await get(await cluster.nodePortUrl())).toContain("while away");
});

test("a repository that goes away stops nothing, and is followed again when it is back", async () => {
  const cluster = current();
  const before = await settledContainers(cluster, 3);
  await cluster.repo.git("branch", "-m", "main", "away");
  await eventually("the status says why Git cannot be read", async () =>
    (await cluster.berth("status")).output.includes('"main"'),
  );
  expect(await runningContainers(cluster)).toEqual(before);
  await cluster.repo.git("branch", "-m", "away", "main");
  const commit = await cluster.repo.edit("deployment.yaml", "while away", "back again");
  await cluster.untilPhase(commit, "Healthy");
});
