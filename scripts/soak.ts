import { readdir, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { openDockerRuntime } from "../src/agent/docker-runtime.ts";
import { Chance } from "../src/agent/hollow-chance.ts";
import type { ContainerRuntime, ListedContainer } from "../src/agent/runtime.ts";
import { LABELS, vethPrefix } from "../src/model/instance.ts";
import { isReady, podRef } from "../test/agent/agent-harness.ts";
import { pod } from "../test/agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../test/support/docker-cluster.ts";
import { eventually } from "../test/support/eventually.ts";
import { OwnEngine } from "../test/support/own-engine.ts";

/*
 * One agent, many pods, and everything that can be killed is, for as long as one likes: containers, sandboxes, the
 * agent, the Engine. Then all of it must come back, and nothing may have leaked. It needs root and Docker's programs;
 * the Engine is one of its own. The same seed does the same things, as far as the machine's timing allows.
 *
 *   npm run soak -- --minutes 30 --pods 50 [--seed N]
 */

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    pods: { type: "string", default: "50" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const MINUTES = Number(values.minutes);
const PODS = Number(values.pods);
const chance = new Chance(Number(values.seed));

/** Kubernetes' longest back-off, and what starting everything anew takes. */
const CONVERGE_MS = 420_000;
const PAUSE_MS = [200, 3_000] as const;
/** What a process may have grown by, with everything as it was at the start. */
const MAX_GROWTH_MB = 60;
const MAX_MORE_FDS = 40;
const GRACE_SECONDS = 2;
const LIVENESS = {
  exec: { command: ["true"] },
  periodSeconds: 10,
  timeoutSeconds: 5,
  successThreshold: 1,
  failureThreshold: 6,
} as const;

const startedAt = performance.now();
const counts = new Map<string, number>();
let madePods = 0;

const say = (line: string): void => {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(7);
  process.stdout.write(`${seconds}  ${line}\n`);
};

interface Soak {
  readonly cluster: DockerCluster;
  readonly engine: OwnEngine;
  /** A connection of our own, past the agent. */
  readonly runtime: ContainerRuntime;
}

interface Act {
  readonly name: string;
  /** How often, against the others. */
  readonly weight: number;
  readonly run: (soak: Soak) => Promise<string>;
}

const ACTS: readonly Act[] = [
  { name: "kill a container", weight: 20, run: (soak) => strike(soak, "main", "kill") },
  { name: "remove a container", weight: 6, run: (soak) => strike(soak, "main", "remove") },
  { name: "kill a sandbox", weight: 8, run: (soak) => strike(soak, "sandbox", "kill") },
  { name: "remove a sandbox", weight: 4, run: (soak) => strike(soak, "sandbox", "remove") },
  { name: "replace a pod", weight: 8, run: replacePod },
  { name: "restart the agent", weight: 4, run: restartAgent },
  { name: "take the API away for a while", weight: 3, run: loseApi },
  { name: "restart the Engine", weight: 1, run: (soak) => restartEngine(soak, "SIGTERM") },
  { name: "kill the Engine", weight: 1, run: (soak) => restartEngine(soak, "SIGKILL") },
];

await main();

async function main(): Promise<void> {
  say(`seed ${values.seed}, ${MINUTES} minutes, ${PODS} pods`);
  await using engine = await OwnEngine.start();
  await using cluster = await openDockerCluster({
    socketPath: engine.socketPath,
    limitMs: MINUTES * 60_000 + 3 * CONVERGE_MS,
  });
  const { socketPath } = engine;
  const runtime = await openDockerRuntime({ socketPath }, AbortSignal.timeout(10_000));
  const soak = { cluster, engine, runtime };
  cluster.harness.config("settings", { color: "blue" });
  for (let index = 0; index < PODS; index += 1) addPod(cluster);
  await untilAllReady(cluster);
  const before = await measure();
  say(`all pods are Ready; ${JSON.stringify(before)}`);
  const end = performance.now() + MINUTES * 60_000;
  while (performance.now() < end) {
    const act = draw();
    counts.set(act.name, (counts.get(act.name) ?? 0) + 1);
    // What it would strike may have gone meanwhile: that is part of it.
    const what = await act.run(soak).catch((error: unknown) => `in vain: ${String(error)}`);
    say(`${act.name}: ${what}`);
    await sleep(chance.within(PAUSE_MS));
  }
  say("let it come to rest");
  await untilAllReady(cluster);
  const problems = await judge(soak, before);
  runtime.close();
  for (const [name, count] of counts) say(`${String(count).padStart(5)} x ${name}`);
  for (const problem of problems) say(`NOT AS IT SHOULD BE: ${problem}`);
  say(problems.length === 0 ? "everything came back, and nothing leaked" : "failed");
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function draw(): Act {
  const total = ACTS.reduce((sum, { weight }) => sum + weight, 0);
  let left = chance.next() * total;
  const found = ACTS.find(({ weight }) => (left -= weight) < 0);
  if (found === undefined) throw new Error("There is nothing to draw");
  return found;
}

function addPod({ harness, image, clusterId }: DockerCluster): string {
  madePods += 1;
  const name = `soak-${madePods}`;
  harness.api.put(
    pod({
      name,
      uid: `${String(madePods).padStart(8, "0")}-${clusterId}`,
      image,
      terminationGracePeriodSeconds: GRACE_SECONDS,
      volumes: [
        { name: "disk", emptyDir: {} },
        { name: "memory", emptyDir: { medium: "Memory" } },
        { name: "settings", configMap: { name: "settings", defaultMode: 0o644 } },
      ],
      containers: [
        {
          command: ["sh", "-c", "trap 'exit 0' TERM; sleep 86400 & wait"],
          volumeMounts: [
            { name: "disk", mountPath: "/disk" },
            { name: "memory", mountPath: "/memory" },
            { name: "settings", mountPath: "/settings" },
          ],
          ...(madePods % 3 === 0 ? { livenessProbe: LIVENESS } : {}),
        },
      ],
    }),
  );
  return name;
}

async function strike(
  { cluster, runtime }: Soak,
  role: "main" | "sandbox",
  how: "kill" | "remove",
): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const labels = { [LABELS.cluster]: cluster.clusterId, [LABELS.role]: role };
  const listed = await runtime.list(labels, signal);
  const victim = pick(listed.filter(({ state }) => state === "running"));
  if (victim === undefined) return "nobody is there";
  if (how === "kill") await runtime.kill(victim.id, "SIGKILL", signal);
  else await runtime.remove(victim.id, signal);
  return victim.labels[LABELS.podName] ?? victim.name;
}

function replacePod({ cluster }: Soak): Promise<string> {
  const old = pick(
    cluster.harness.api.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined),
  );
  if (old === undefined) return Promise.resolve("nobody is there");
  cluster.harness.api.markDeleted(podRef(old.metadata.name));
  return Promise.resolve(`${old.metadata.name} by ${addPod(cluster)}`);
}

async function restartAgent({ cluster }: Soak): Promise<string> {
  await cluster.harness.stop();
  cluster.harness.start();
  return "done";
}

async function loseApi({ cluster }: Soak): Promise<string> {
  const ms = chance.within([500, 5_000]);
  cluster.harness.api.away = true;
  await sleep(ms);
  cluster.harness.api.away = false;
  return `${Math.round(ms)} ms`;
}

async function restartEngine({ engine }: Soak, signal: NodeJS.Signals): Promise<string> {
  await engine.stop(signal);
  await sleep(chance.within([0, 2_000]));
  await engine.start();
  return "done";
}

async function untilAllReady({ harness }: DockerCluster): Promise<void> {
  const all = (): boolean => {
    const pods = harness.api.pods();
    return pods.length === PODS && pods.every(isReady);
  };
  await eventually(`all ${PODS} pods are Ready`, all, CONVERGE_MS).catch((error: unknown) => {
    for (const one of harness.api.pods().filter((found) => !isReady(found)))
      say(`${one.metadata.name}: ${JSON.stringify(one.status?.containerStatuses ?? one.status)}`);
    throw error;
  });
}

interface Measured {
  readonly rssMb: number;
  readonly fds: number;
}

async function measure(): Promise<Measured> {
  globalThis.gc?.();
  return {
    rssMb: Math.round(process.memoryUsage.rss() / 1e6),
    fds: (await readdir("/proc/self/fd")).length,
  };
}

/** What is not as it should be, with all pods Ready, then with none. */
async function judge({ cluster, runtime }: Soak, before: Measured): Promise<readonly string[]> {
  const { harness, clusterId, signal } = cluster;
  const mine = { [LABELS.cluster]: clusterId };
  const problems: string[] = [];
  const listed = async (): Promise<readonly ListedContainer[]> => runtime.list(mine, signal);
  // Two run for each pod; the last dead one of each is kept for its log.
  const tidy = async (): Promise<boolean> => {
    const found = await listed();
    const running = found.filter(({ state }) => state === "running").length;
    return running === 2 * PODS && found.length <= 3 * PODS;
  };
  await check(problems, "two containers run for each pod, and at most one dead one is kept", tidy);
  await check(problems, "each pod has its one wire", async () => {
    return (await wires(clusterId)).length === PODS;
  });
  const after = await measure();
  say(`at rest: ${JSON.stringify(after)}`);
  if (after.rssMb - before.rssMb > MAX_GROWTH_MB)
    problems.push(`memory grew from ${before.rssMb} to ${after.rssMb} MB`);
  if (after.fds - before.fds > MAX_MORE_FDS)
    problems.push(`file descriptors grew from ${before.fds} to ${after.fds}`);
  for (const { metadata } of harness.api.pods()) harness.api.markDeleted(podRef(metadata.name));
  await check(problems, "all pods end", () => harness.api.pods().length === 0);
  await check(problems, "no container is left", async () => (await listed()).length === 0);
  await check(problems, "no volume is left", async () => {
    return (await runtime.listVolumes(mine, signal)).length === 0;
  });
  await check(problems, "no wire is left", async () => (await wires(clusterId)).length === 0);
  await check(problems, "no folder of a pod is left", async () => {
    const folders = await readdir(`${harness.stateDir}/pods`).catch(() => []);
    return folders.length === 0;
  });
  return problems;
}

async function check(
  problems: string[],
  what: string,
  look: () => Promise<boolean> | boolean,
): Promise<void> {
  await eventually(what, look).catch((error: unknown) => problems.push(String(error)));
}

async function wires(clusterId: string): Promise<readonly string[]> {
  const devices = await readFile("/proc/net/dev", "utf8");
  return [...devices.matchAll(/^\s*(\S+):/gm)]
    .map(([, name]) => name ?? "")
    .filter((name) => name.startsWith(vethPrefix(clusterId)));
}

function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(chance.next() * list.length)];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
