import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type {
  Deployment,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from "../../src/model/kinds.gen.ts";
import { ROOT } from "../support/clone.ts";
import { runCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { useCluster } from "../support/use-cluster.ts";

const EXAMPLE = join(ROOT, "examples", "shop");

/** The example as it is published, which tells its Secret to whoever reads it. */
const current = useCluster(async () => ({
  up: ["--allow-plain-secrets"],
  files: Object.fromEntries(
    await Promise.all(
      (await readdir(EXAMPLE)).map(
        async (file) => [file, await readFile(join(EXAMPLE, file), "utf8")] as const,
      ),
    ),
  ),
}));

async function page(): Promise<{ readonly title: string; readonly orders: number }> {
  const address = await current().nodeAddress();
  const answer = await fetch(`http://${address}:30090/cgi-bin/page`, {
    signal: AbortSignal.timeout(5000),
  });
  const text = await answer.text();
  const orders = /^orders: (\d+)$/m.exec(text)?.[1];
  if (orders === undefined) throw new Error(`no number of orders in "${text}"`);
  return { title: text.split(",")[0] ?? "", orders: Number(orders) };
}

async function untilOrders(least: number): Promise<number> {
  return await eventually(`there are ${least} orders`, async () => {
    const { orders } = await page();
    return orders >= least && orders;
  });
}

async function volumes(): Promise<readonly PersistentVolume[]> {
  return (await current().getJson<{ items: readonly PersistentVolume[] }>("pv")).items;
}

describe("the example of a whole application runs", () => {
  test("web, worker, database, job, configuration and secret come up together", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    expect((await page()).title).toBe("Harbour Shop");
    await untilOrders(2);
    const cronJob = await cluster.kubectl("-n", "shop", "get", "cronjob", "report");
    expect(cronJob).toMatch(/^report +0 3 \* \* \* +Europe\/Berlin +False +0 /m);
  });

  test("the database has a volume of its own, made for its claim", async () => {
    const claim = await current().getJson<PersistentVolumeClaim>(
      "-n",
      "shop",
      "pvc",
      "data-database-0",
    );
    expect(claim.status?.phase).toBe("Bound");
    const [volume] = await volumes();
    expect(volume?.spec).toMatchObject({
      storageClassName: "local",
      claimRef: { namespace: "shop", name: "data-database-0" },
    });
    const listed = await current().kubectl("-n", "shop", "get", "pvc");
    expect(listed).toMatch(/^data-database-0 +Bound +pvc-\S+ +64Mi +RWO +local +<unset> /m);
  });

  test("a pod that is deleted comes back with its name and its data", async () => {
    const cluster = current();
    const before = await untilOrders(3);
    const getPod = (): Promise<Pod> => cluster.getJson<Pod>("-n", "shop", "pod", "database-0");
    const { uid } = (await getPod()).metadata;
    await cluster.kubectl("-n", "shop", "delete", "pod", "database-0");
    await cluster.kubectl(
      "-n",
      "shop",
      "rollout",
      "status",
      "statefulset/database",
      "--timeout=60s",
    );
    expect((await getPod()).metadata.uid).not.toBe(uid);
    await untilOrders(before);
  });

  test("a changed title is read by new pods, and a revert brings the old one back", async () => {
    const cluster = current();
    const change = await cluster.repo.edit("configuration.yaml", "Harbour Shop", "Quay Shop");
    await cluster.untilPhase(change, "Healthy");
    // Healthy is a promise: the new pods serve by now, both of them, and no old one.
    expect((await page()).title).toBe("Quay Shop");
    const { status } = await cluster.getJson<Deployment>("-n", "shop", "deployment", "web");
    expect(status).toMatchObject({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 });
    const isCalled = (name: string) => async (): Promise<boolean> => (await page()).title === name;
    await cluster.repo.git("revert", "--no-edit", "HEAD");
    await eventually("the page has the old title again", isCalled("Harbour Shop"));
  });

  test("without its StatefulSet the claim stays; without the claim the data goes", async () => {
    const cluster = current();
    const [volume] = await volumes();
    const name = volume?.metadata.name ?? "";
    const text = await readFile(join(EXAMPLE, "database.yaml"), "utf8");
    const [service = ""] = text.split("---\n");
    await cluster.repo.write("database.yaml", service);
    await cluster.repo.commit("no database any more");
    await eventually("the pod is gone", async () => {
      const pods = await cluster.kubectl("-n", "shop", "get", "pods", "-o", "name");
      return !pods.includes("database-0");
    });
    expect((await volumes()).map(({ status }) => status?.phase)).toEqual(["Bound"]);
    await cluster.kubectl("-n", "shop", "delete", "pvc", "data-database-0");
    await eventually("the volume is gone", async () => (await volumes()).length === 0);
    const { output } = await runCommand("docker", ["volume", "ls", "-q"]);
    expect(output).not.toContain(name);
  });
});
