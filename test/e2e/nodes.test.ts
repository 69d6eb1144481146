import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Namespace, Node, Pod, ResourceQuota } from "../../src/model/kinds.gen.ts";
import { ROOT } from "../support/clone.ts";
import { eventually } from "../support/eventually.ts";
import { useCluster } from "../support/use-cluster.ts";

const example = (path: string): Promise<string> => readFile(join(ROOT, "examples", path), "utf8");

const current = useCluster(async () => ({
  files: {
    "namespace.yaml": await example("quota/namespace.yaml"),
    "limits.yaml": await example("quota/limits.yaml"),
    "deployment.yaml": await example("quota/deployment.yaml"),
  },
}));

interface List<T> {
  readonly items: readonly T[];
}

const podsOf = async (namespace: string): Promise<readonly Pod[]> =>
  (await current().getJson<List<Pod>>("pods", "-n", namespace)).items;
const running = (pods: readonly Pod[]): readonly Pod[] =>
  pods.filter(
    ({ status, metadata }) =>
      status?.phase === "Running" && metadata.deletionTimestamp === undefined,
  );

describe("a namespace with a quota", () => {
  test("its pods get what the limit range gives, and the quota says what is used", async () => {
    const cluster = current();
    const pods = await eventually("two pods run", async () => {
      const found = running(await podsOf("team"));
      return found.length === 2 ? found : undefined;
    });
    expect(pods[0]?.spec.containers[0]?.resources?.limits).toEqual({ cpu: "200m", memory: "64Mi" });
    expect(pods[0]?.spec).toMatchObject({ serviceAccountName: "worker", priority: 1000 });
    await eventually("the quota counts them", async () => {
      const quota = await cluster.getJson<ResourceQuota>("resourcequota", "team", "-n", "team");
      return quota.status?.used?.["pods"] === "2" ? quota : undefined;
    });
    expect(await cluster.kubectl("describe", "quota", "team", "-n", "team")).toMatch(
      /requests\.cpu\s+100m\s+500m/,
    );
    const ca = await cluster.kubectl(
      "get",
      "configmap",
      "kube-root-ca.crt",
      "-n",
      "team",
      "-o",
      "yaml",
    );
    expect(ca).toContain("BEGIN CERTIFICATE");
  });

  test("refuses a pod that is too much, says so, and makes it when there is room", async () => {
    const cluster = current();
    const limits = await example("quota/limits.yaml");
    await cluster.repo.write("limits.yaml", limits.replace('pods: "4"', 'pods: "2"'));
    const deployment = await example("quota/deployment.yaml");
    // A new template: a third pod is made before one of the two goes.
    await cluster.repo.write("deployment.yaml", deployment.replace("1000000", "2000000"));
    await cluster.repo.commit("a smaller quota, and a new template");
    const path = '{.items[?(@.reason=="FailedCreate")].message}';
    const message = await eventually("the ReplicaSet says why", async () => {
      const said = await cluster.kubectl("get", "events", "-n", "team", "-o", `jsonpath=${path}`);
      return said === "" ? undefined : said;
    });
    expect(message).toMatch(
      /Error creating: pods "worker-\S+" is forbidden: exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2/,
    );
    expect(running(await podsOf("team"))).toHaveLength(2);
    await cluster.repo.write("limits.yaml", limits);
    await cluster.untilPhase(await cluster.repo.commit("a larger quota"), "Healthy");
  });
});

describe("a node", () => {
  test("that is cordoned gets the taint, and loses it again", async () => {
    const cluster = current();
    const [name = ""] = (await cluster.getJson<List<Node>>("nodes")).items.map(
      ({ metadata }) => metadata.name,
    );
    const taints = async (): Promise<string> =>
      ((await cluster.getJson<Node>("node", name)).spec.taints ?? [])
        .map(({ key, effect }) => `${key}:${effect}`)
        .join();
    await cluster.kubectl("cordon", name);
    await eventually("it is tainted", async () =>
      (await taints()) === "node.kubernetes.io/unschedulable:NoSchedule" ? true : undefined,
    );
    await cluster.kubectl("uncordon", name);
    await eventually("the taint is gone", async () => ((await taints()) === "" ? true : undefined));
  });

  test("that people taint loses the pods that do not bear it, and they are told why", async () => {
    const cluster = current();
    const [name = ""] = (await cluster.getJson<List<Node>>("nodes")).items.map(
      ({ metadata }) => metadata.name,
    );
    const before = running(await podsOf("team")).map(({ metadata }) => metadata.uid);
    expect(before.length).toBeGreaterThan(0);
    const taint = { key: "example.org/maintenance", effect: "NoExecute" };
    const patch = (taints: unknown[]): Promise<string> =>
      cluster.kubectl(
        "patch",
        "node",
        name,
        "--type=merge",
        "-p",
        JSON.stringify({ spec: { taints } }),
      );
    await patch([taint]);
    await eventually("its pods are gone", async () => {
      const left = (await podsOf("team")).filter(({ metadata }) => before.includes(metadata.uid));
      return left.length === 0 ? true : undefined;
    });
    const events = await cluster.kubectl("get", "events", "-n", "team");
    expect(events).toContain("TaintManagerEviction");
    await patch([]);
    await eventually("pods run again", async () =>
      running(await podsOf("team")).length === before.length ? true : undefined,
    );
  });
});

describe("a namespace that is deleted", () => {
  test("says what it waits for", async () => {
    const cluster = current();
    await cluster.repo.write(
      "gone.yaml",
      [
        "apiVersion: v1",
        "kind: Namespace",
        "metadata: { name: gone }",
        "---",
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata: { name: held, namespace: gone, finalizers: [example.org/held] }",
        "",
      ].join("\n"),
    );
    await cluster.untilPhase(await cluster.repo.commit("a namespace"), "Healthy");
    await cluster.repo.remove("gone.yaml");
    const commit = await cluster.repo.commit("away with it\n\nAllow-Prune: root");
    const waiting = await eventually("it waits for the finalizer", async () => {
      const found = await cluster.getJson<Namespace>("namespace", "gone");
      const condition = found.status?.conditions?.find(
        ({ type }) => type === "NamespaceFinalizersRemaining",
      );
      return condition?.status === "True" ? condition : undefined;
    });
    expect(waiting.message).toContain("example.org/held in 1 resource instances");
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
  });
});
