import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { DaemonSet, Deployment, Pod, StatefulSet } from "../../src/model/kinds.gen.ts";
import { ROOT } from "../support/clone.ts";
import { eventually } from "../support/eventually.ts";
import { containerIdOf, execIn, isReady, podsOf } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const FILES = [
  "statefulset/service.yaml",
  "statefulset/statefulset.yaml",
  "daemonset/daemonset.yaml",
  "replicationcontroller/replicationcontroller.yaml",
  "deployment/configmap.yaml",
  "deployment/deployment.yaml",
  "deployment/service.yaml",
];

/** The examples as they are published. */
const current = useCluster(async () => ({
  files: Object.fromEntries(
    await Promise.all(
      FILES.map(
        async (file) => [file, await readFile(join(ROOT, "examples", file), "utf8")] as const,
      ),
    ),
  ),
}));

const byName = (pods: readonly Pod[]): readonly Pod[] =>
  pods.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
const uids = (pods: readonly Pod[]): readonly string[] =>
  byName(pods).map(({ metadata }) => metadata.uid ?? "");
const images = (pods: readonly Pod[]): readonly string[] =>
  byName(pods).map(({ spec }) => spec.containers[0]?.image ?? "");
const rollout = (verb: string, what: string): Promise<string> =>
  current().kubectl("rollout", verb, what, ...(verb === "status" ? ["--timeout=90s"] : []));

/** What kubectl says once the controller has seen the commit. */
async function rolledOut(what: string): Promise<string> {
  return await rollout("status", what);
}

describe("the examples of workloads run", () => {
  test("the first commit becomes Healthy, and kubectl sees all that it declares", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    expect(await rolledOut("statefulset/peers")).toContain(
      "partitioned roll out complete: 3 new pods",
    );
    expect(await rolledOut("daemonset/node-reporter")).toContain(
      'daemon set "node-reporter" successfully rolled out',
    );
    expect(await rolledOut("deployment/greeter")).toContain("successfully rolled out");
    const get = async (what: string): Promise<string> =>
      (await cluster.kubectl("get", what)).replaceAll(/ {2,}/g, " ").replaceAll(/ \S+\n/g, "\n");
    expect(await get("statefulset")).toBe("NAME READY AGE\npeers 3/3\n".replace(" AGE", ""));
    expect(await get("daemonset")).toMatch(/^node-reporter 1 1 1 1 1 <none>$/m);
    expect(await get("replicationcontroller")).toMatch(/^legacy 2 2 2$/m);
    const revisions = await cluster.kubectl("get", "controllerrevisions", "--no-headers");
    expect(revisions).toMatch(/^peers-\S+ +statefulset\.apps\/peers +1 /m);
    expect(revisions).toMatch(/^node-reporter-\S+ +daemonset\.apps\/node-reporter +1 /m);
  });
});

describe("a StatefulSet", () => {
  test("gives each pod its name, its ordinal, and a host name of its own", async () => {
    const pods = byName(await podsOf(current(), "peers"));
    expect(pods.map(({ metadata }) => metadata.name)).toEqual(["peers-0", "peers-1", "peers-2"]);
    const [first, second] = pods;
    if (first === undefined || second === undefined) throw new Error("pods are missing");
    expect(second.metadata.labels).toMatchObject({
      "apps.kubernetes.io/pod-index": "1",
      "statefulset.kubernetes.io/pod-name": "peers-1",
    });
    const run = (script: string): Promise<string> =>
      execIn(containerIdOf(second), "/usr/local/bin/node", "-e", script);
    expect(await run("console.log(os.hostname())")).toContain("peers-1");
    const lookup = "dns.lookup('peers-0.peers', (error, address) => console.log(error ?? address))";
    expect(await run(lookup)).toContain(first.status?.podIP);
    const created = pods.map(({ status }) => Date.parse(status?.startTime ?? ""));
    expect(created).toEqual(created.toSorted((a, b) => a - b));
  });

  test("is updated from the highest ordinal down, with a history that kubectl reads", async () => {
    const cluster = current();
    const before = uids(await podsOf(cluster, "peers"));
    const commit = await cluster.repo.edit("statefulset/statefulset.yaml", "hello:1", "hello:2");
    await eventually("the highest ordinal is replaced first", async () => {
      const pods = byName(await podsOf(cluster, "peers"));
      const [zero, one, two] = uids(pods);
      return two !== undefined && two !== before[2] && zero === before[0] && one === before[1];
    });
    await cluster.untilPhase(commit, "Healthy");
    await rolledOut("statefulset/peers");
    expect(images(await podsOf(cluster, "peers"))).toEqual(Array(3).fill("berth.local/hello:2"));
    expect(await rollout("history", "statefulset/peers")).toMatch(/^1 .*\n2 /m);
    const { status } = await cluster.getJson<StatefulSet>("statefulset", "peers");
    expect(status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      currentReplicas: 3,
      updatedReplicas: 3,
    });
    expect(status?.currentRevision).toBe(status?.updateRevision);
  });

  test("a revert in the middle of a broken update needs no hand", async () => {
    const cluster = current();
    const kept = uids(await podsOf(cluster, "peers"));
    await cluster.repo.edit("statefulset/statefulset.yaml", "hello:2", "no-such-image:9");
    await eventually("the broken revision has taken the highest ordinal", async () => {
      const pods = await podsOf(cluster, "peers");
      const broken = pods.find(({ spec }) => spec.containers[0]?.image.includes("no-such-image"));
      return broken?.metadata.name === "peers-2" && !isReady(broken);
    });
    await cluster.repo.git("revert", "--no-edit", "HEAD");
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    await eventually("the former revision runs", async () => {
      const pods = await podsOf(cluster, "peers");
      return (
        pods.length === 3 &&
        pods.every(isReady) &&
        pods.every(({ spec }) => spec.containers[0]?.image === "berth.local/hello:2")
      );
    });
    expect(uids(await podsOf(cluster, "peers")).slice(0, 2)).toEqual(kept.slice(0, 2));
    // The revision that came back has the highest number.
    expect(await rollout("history", "statefulset/peers")).toMatch(/^1 .*\n3 .*\n4 /m);
  });
});

describe("a DaemonSet", () => {
  test("has one pod on the node, and is updated and taken back by commits", async () => {
    const cluster = current();
    const [pod] = await podsOf(cluster, "node-reporter");
    expect(pod?.spec.affinity?.nodeAffinity).toMatchObject({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          { matchFields: [{ key: "metadata.name", operator: "In", values: [pod?.spec.nodeName] }] },
        ],
      },
    });
    const commit = await cluster.repo.edit("daemonset/daemonset.yaml", "sleep 10", "sleep 9");
    await cluster.untilPhase(commit, "Healthy");
    expect(await rolledOut("daemonset/node-reporter")).toContain("successfully rolled out");
    expect(uids(await podsOf(cluster, "node-reporter"))).not.toContain(pod?.metadata.uid);
    await cluster.repo.git("revert", "--no-edit", "HEAD");
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    await rolledOut("daemonset/node-reporter");
    expect(await rollout("history", "daemonset/node-reporter")).toMatch(/^2 .*\n3 /m);
    const { status } = await cluster.getJson<DaemonSet>("daemonset", "node-reporter");
    expect(status).toMatchObject({
      desiredNumberScheduled: 1,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
    });
  });
});

describe("a Deployment that restarts with its configuration", () => {
  test("is rolled by a change of its ConfigMap alone, and back by the revert", async () => {
    const cluster = current();
    const before = await cluster.getJson<Deployment>("deployment", "greeter");
    const pods = uids(await podsOf(cluster, "greeter"));
    const commit = await cluster.repo.edit(
      "deployment/configmap.yaml",
      "Good morning",
      "Good evening",
    );
    await cluster.untilPhase(commit, "Healthy");
    await eventually("all pods are new", async () => {
      const now = uids(await podsOf(cluster, "greeter"));
      return now.length === 3 && now.every((uid) => !pods.includes(uid));
    });
    await rolledOut("deployment/greeter");
    const after = await cluster.getJson<Deployment>("deployment", "greeter");
    expect(after.spec).toEqual(before.spec);
    expect(after.metadata.annotations?.["deployment.kubernetes.io/revision"]).toBe("2");
    expect(await rollout("history", "deployment/greeter")).toMatch(/^2 +the first version$/m);
    await cluster.repo.git("revert", "--no-edit", "HEAD");
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    await eventually("the former set is taken up again", async () => {
      const { metadata } = await cluster.getJson<Deployment>("deployment", "greeter");
      return metadata.annotations?.["deployment.kubernetes.io/revision"] === "3";
    });
    await rolledOut("deployment/greeter");
    const sets = await cluster.getJson<{ readonly items: readonly unknown[] }>(
      "replicasets",
      "-l",
      "app=greeter",
    );
    expect(sets.items).toHaveLength(2);
  });
});
