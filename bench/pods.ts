import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createApiClient } from "../src/client/http-client.ts";
import type { ApiClient } from "../src/client/client.ts";
import { readKubeconfig } from "../src/client/kubeconfig.ts";
import { LABELS } from "../src/model/instance.ts";
import type { Pod } from "../src/model/kinds.gen.ts";
import { resourceOf } from "../src/model/resources.ts";
import { Cluster, ensureImages } from "../test/support/cluster.ts";
import { eventually } from "../test/support/eventually.ts";
import { containersOf } from "../test/support/leftovers.ts";
import { deploymentText } from "../test/support/manifests.ts";
import { isReady } from "../test/support/observed.ts";
import { type PodBlueprint, blueprintOf, runBarePods } from "./bare-pods.ts";
import { startSwarm } from "./swarm.ts";
import { type Bar, type BenchOptions, type Metric, compared } from "./harness.ts";

/*
 * From `git commit` to all pods of a Deployment Ready, against the same containers made by bare calls of the same
 * Engine, and against Docker Swarm on an Engine of its own: `docker service create --detach` to all replicas running.
 * They take turns, so that whatever else the machine does meets all. BERTH_BENCH_ROUNDS shortens it, and so do
 * numbers of pods after the name: `npm run bench -- pods 1 20`.
 */
const ROUNDS = Number(process.env["BERTH_BENCH_ROUNDS"] ?? "5");
const COUNTS: readonly number[] = [60, 20, 1];
/** A single pod is cheap to measure and its time varies more. */
const SINGLES_PER_ROUND = 3;
const POD = resourceOf({ apiVersion: "v1", kind: "Pod" });
/** As of the manifests. */
const IMAGE = "berth.local/busybox:1";
const BENCH_FILE = "bench.yaml";
const COMMAND = "trap 'exit 0' TERM; sleep 86400 & wait";
const CONTAINER = `resources:
  requests:
    cpu: 10m
    memory: 8Mi
  limits:
    memory: 32Mi
`;

function metricName(count: number): string {
  return `commit -> new pod Ready (image present), ${count} ${count === 1 ? "pod" : "pods"}`;
}

function swarmMetricName(count: number): string {
  return `commit -> Ready against Docker Swarm to running, ${count} ${count === 1 ? "pod" : "pods"}`;
}

export const bars: readonly Bar[] = COUNTS.flatMap((count): Bar[] => [
  { metric: metricName(count), of: "ratio", below: 1.3 },
  { metric: swarmMetricName(count), of: "ratio", below: 1 },
]);

export async function run({ say, signal, args = [] }: BenchOptions): Promise<Metric[]> {
  const counts = args.length === 0 ? COUNTS : COUNTS.filter((count) => args.includes(`${count}`));
  await ensureImages("busybox");
  const manifest = (name: string, replicas: number): string =>
    deploymentText({ name, replicas, command: COMMAND, container: CONTAINER });
  await using cluster = await Cluster.make({
    // The model stays up: its containers are what the bare calls copy.
    files: { "model.yaml": manifest("model", 1), [BENCH_FILE]: manifest("bench", 0) },
  });
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
  const client = createApiClient(readKubeconfig(await readFile(cluster.kubeconfig, "utf8")));
  try {
    const blueprint = await modelBlueprint(cluster);
    await using swarm = await startSwarm(IMAGE, ["sh", "-c", COMMAND]);
    const times = new Map(
      counts.map((count) => [
        count,
        {
          berth: [] as number[],
          bare: [] as number[],
          swarm: [] as number[],
          lone: [] as number[],
        },
      ]),
    );
    for (const [round, count] of turns(counts)) {
      signal.throwIfAborted();
      const bareMs = await timeBare(blueprint, count);
      const loneMs = await timeBare(blueprint, count, true);
      const berthMs = await timeBerth(cluster, client, count);
      const swarmMs = await swarm.timeService(count);
      const what = round === 0 ? "warm-up" : `round ${round} of ${ROUNDS}`;
      say(
        `${what}, pods: ${count}, Berth ${berthMs.toFixed(0)} ms, bare ${bareMs.toFixed(0)} ms (${loneMs.toFixed(0)} ms without sandbox), Swarm ${swarmMs.toFixed(0)} ms`,
      );
      if (round === 0) continue;
      times.get(count)?.bare.push(bareMs);
      times.get(count)?.berth.push(berthMs);
      times.get(count)?.swarm.push(swarmMs);
      times.get(count)?.lone.push(loneMs);
    }
    return [...times].flatMap(([count, { berth, bare, swarm: replicas, lone }]) => [
      compared(metricName(count), "ms", berth, bare),
      compared(swarmMetricName(count), "ms", berth, replicas),
      compared(`bare calls with against without a sandbox, ${count}`, "ms", bare, lone),
    ]);
  } finally {
    client.close();
  }
}

/** Which numbers of pods are measured in which round; round 0 does not count. */
function turns(counts: readonly number[]): [round: number, count: number][] {
  return Array.from({ length: ROUNDS + 1 }, (_, round) =>
    counts.flatMap((count): [number, number][] =>
      Array.from({ length: count === 1 ? SINGLES_PER_ROUND : 1 }, () => [round, count]),
    ),
  ).flat();
}

async function timeBare(
  blueprint: PodBlueprint,
  count: number,
  withoutSandbox = false,
): Promise<number> {
  const { ms, remove } = await runBarePods(blueprint, count, withoutSandbox);
  await remove();
  return ms;
}

/** Commits a new revision with `count` pods, and removes them by another commit once they were Ready. */
async function timeBerth(cluster: Cluster, client: ApiClient, count: number): Promise<number> {
  const revision = randomUUID();
  const command = `: revision ${revision}; ${COMMAND}`;
  const text = deploymentText({ name: "bench", replicas: count, command, container: CONTAINER });
  await cluster.repo.write(BENCH_FILE, text);
  await cluster.repo.git("add", "--all");
  const watching = new AbortController();
  const { items, resourceVersion } = await client.list<Pod>(POD, BENCH_PODS);
  if (items.length > 0) throw new Error(`${items.length} pods of the last round are still there`);
  const ready = untilReady(client, resourceVersion, count, watching.signal);
  const startedAt = performance.now();
  await cluster.repo.git("commit", "-q", "-m", `revision ${revision}`);
  await ready;
  const ms = performance.now() - startedAt;
  watching.abort();
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
  await cluster.repo.edit(BENCH_FILE, `replicas: ${count}\n`, "replicas: 0\n");
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
  await eventually("the pods of the round are gone", async () => {
    const pods = await client.list<Pod>(POD, BENCH_PODS);
    return pods.items.length === 0 && (await containersOf(cluster.clusterId)).length === 2;
  });
  return ms;
}

const BENCH_PODS = { namespace: "default", labelSelector: "app=bench" };

async function untilReady(
  client: ApiClient,
  resourceVersion: string,
  count: number,
  signal: AbortSignal,
): Promise<void> {
  const ready = new Set<string>();
  for await (const event of client.watch<Pod>(POD, resourceVersion, BENCH_PODS, signal)) {
    if (event.type === "BOOKMARK") continue;
    if (event.type !== "DELETED" && isReady(event.object)) ready.add(event.object.metadata.name);
    if (ready.size === count) return;
  }
  throw new Error("The watch of pods ended before all were Ready");
}

async function modelBlueprint(cluster: Cluster): Promise<PodBlueprint> {
  const found = await containersOf(cluster.clusterId);
  const sandbox = found.find(({ Labels }) => Labels[LABELS.role] === "sandbox");
  const member = found.find(({ Labels }) => Labels[LABELS.role] === "main");
  if (sandbox === undefined || member === undefined || found.length !== 2)
    throw new Error(`The model pod should have two containers; it has ${found.length}`);
  return await blueprintOf(sandbox.Id, member.Id);
}
