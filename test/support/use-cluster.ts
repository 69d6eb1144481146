import { afterAll, beforeAll, beforeEach } from "vitest";
import { Cluster, type ClusterOptions, ensureImages } from "./cluster.ts";

/** One cluster for all tests of a file: started before them, taken down after them, described where one fails. */
export function useCluster(options: () => Promise<ClusterOptions>): () => Cluster {
  let cluster: Cluster | undefined;
  const current = (): Cluster => {
    if (cluster === undefined) throw new Error("The cluster of these tests did not start");
    return cluster;
  };
  beforeAll(async () => {
    await ensureImages("hello", "busybox");
    cluster = await Cluster.make(await options());
  });
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => console.error(await current().describe()));
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  return current;
}
