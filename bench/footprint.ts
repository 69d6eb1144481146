import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { spawn } from "node:child_process";
import { ROOT } from "../test/support/clone.ts";
import { Cluster, ensureImages } from "../test/support/cluster.ts";
import { mustRun } from "../test/support/command.ts";
import { deploymentText } from "../test/support/manifests.ts";
import { startIdleNodes } from "./footprint-nodes.ts";
import { type Bar, type BenchOptions, type Metric } from "./harness.ts";

/*
 * What the processes of a cluster take while nothing happens, as the published package runs them: built, not from
 * source. The peer is a Node process that does nothing at all.
 */
const SECONDS = Number(process.env["BENCH_FOOTPRINT_SECONDS"] ?? "60");
/** After a change: until start-up work is done and its garbage gone. */
const SETTLE_MS = Math.min(30_000, SECONDS * 500);
const PODS = Number(process.env["BENCH_FOOTPRINT_PODS"] ?? "50");
const NODES = 10;
const TICKS_PER_SECOND = 100;
const PAGES = "bench.yaml";
const COMMAND = "trap 'exit 0' TERM; sleep 86400 & wait";

const NAMES = {
  nodeIdle: "node, no pods",
  nodeFull: `node, ${PODS} pods`,
  controlPlane: `control plane, ${NODES} nodes`,
} as const;

export const bars: readonly Bar[] = [
  { metric: `${NAMES.nodeIdle}: memory`, of: "value", below: 80 },
  { metric: `${NAMES.nodeIdle}: CPU`, of: "value", below: 0.5 },
  { metric: `${NAMES.nodeFull}: memory`, of: "value", below: 80 },
  { metric: `${NAMES.nodeFull}: CPU`, of: "value", below: 2 },
  { metric: `${NAMES.controlPlane}: memory`, of: "value", below: 150 },
  { metric: `${NAMES.controlPlane}: CPU`, of: "value", below: 1 },
];

export async function run({ say, signal }: BenchOptions): Promise<Metric[]> {
  await ensureImages("busybox");
  // Anew each time: what was built before may not be what stands in the sources.
  await mustRun("npm", ["run", "-s", "build"], { cwd: ROOT });
  process.env["BERTH_BUILT"] = "1";
  const bare = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], { stdio: "ignore" });
  try {
    const manifest = (replicas: number): string =>
      deploymentText({ name: "bench", replicas, command: COMMAND });
    await using cluster = await Cluster.make({ files: { [PAGES]: manifest(0) } });
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const metrics: Metric[] = [];
    const measure = async (name: string, process: "node" | "control-plane"): Promise<void> => {
      say(`${name}: measuring for ${SECONDS} s`);
      await sleep(SETTLE_MS, undefined, { signal });
      const taken = await observe(await findProcess(process, cluster.dataDir), signal);
      const baseline = await readMemory(bare.pid ?? 0);
      metrics.push(
        {
          name: `${name}: memory`,
          value: taken.mebibytes,
          unit: "MB RSS",
          baseline,
          ratio: round(taken.mebibytes / baseline),
        },
        { name: `${name}: CPU`, value: taken.cpuPercent, unit: "% of a core" },
      );
    };
    await measure(NAMES.nodeIdle, "node");
    {
      await using nodes = new AsyncDisposableStack();
      nodes.use(await startIdleNodes(cluster.kubeconfig, NODES - 1));
      await measure(NAMES.controlPlane, "control-plane");
    }
    await cluster.repo.edit(PAGES, "replicas: 0\n", `replicas: ${PODS}\n`);
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    await measure(NAMES.nodeFull, "node");
    return metrics;
  } finally {
    bare.kill("SIGKILL");
  }
}

async function observe(
  pid: number,
  signal: AbortSignal,
): Promise<{ readonly mebibytes: number; readonly cpuPercent: number }> {
  const before = await readTicks(pid);
  const startedAt = performance.now();
  await sleep(SECONDS * 1000, undefined, { signal });
  const seconds = (performance.now() - startedAt) / 1000;
  const ticks = (await readTicks(pid)) - before;
  return {
    mebibytes: await readMemory(pid),
    cpuPercent: round((ticks / TICKS_PER_SECOND / seconds) * 100),
  };
}

async function readTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

async function readMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024);
}

async function findProcess(name: string, dataDir: string): Promise<number> {
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const text = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "");
    const words = text.split("\0");
    if (words.includes(name) && words.includes(dataDir)) return Number(entry);
  }
  throw new Error(`Cannot find the process "${name}" of "${dataDir}"`);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
