import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Cluster, ensureImages } from "../support/cluster.ts";
import { get } from "../support/load.ts";
import { helloFiles } from "../support/manifests.ts";

interface Networks {
  readonly clusterId: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
}

async function networksOf(cluster: Cluster): Promise<Networks> {
  return JSON.parse(await readFile(join(cluster.dataDir, "cluster.json"), "utf8")) as Networks;
}

test("two clusters that start at the same time on one host share nothing, and one goes without the other", async () => {
  await ensureImages("hello");
  const files = await helloFiles();
  const clusters = await Promise.all([Cluster.make({ files }), Cluster.make({ files })]);
  try {
    const networks = await Promise.all(clusters.map(networksOf));
    for (const key of ["clusterId", "podCidr", "serviceCidr"] as const) {
      expect(new Set(networks.map((one) => one[key])).size, key).toBe(2);
    }
    const [first, second] = clusters;
    await Promise.all(
      clusters.map(async (cluster) => cluster.untilPhase(await cluster.repo.head(), "Healthy")),
    );
    await first.down();
    const url = await second.nodePortUrl();
    const bodies = await Promise.all(Array.from({ length: 20 }, () => get(url)));
    for (const body of bodies) expect(body).toMatch(/^Hello from Berth\n/);
  } finally {
    for (const cluster of clusters) await cluster[Symbol.asyncDispose]();
  }
});
