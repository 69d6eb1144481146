import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { App, Deployment, Pod, Release, ReplicaSet } from "../../src/model/kinds.gen.ts";
import { ROOT } from "../support/clone.ts";
import { Cluster, ensureImages } from "../support/cluster.ts";
import { mustRun } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { serveGit, type GitHttpServer } from "../support/git-http.ts";
import { processesOf } from "../support/leftovers.ts";
import { deploymentText } from "../support/manifests.ts";
import { isReady, podsOf } from "../support/observed.ts";

/** One cluster that follows a server; the last test takes the server away. */
let root: string;
let server: GitHttpServer;
let cluster: Cluster;
const PORT = 20_000 + Math.floor(Math.random() * 5_000);

const sleeper = (name: string, replicas = 1, image = "berth.local/busybox:1"): string =>
  deploymentText({ name, replicas, image, command: "exec sleep 3600" });
const withPort = (name: string): string =>
  deploymentText({
    name,
    replicas: 1,
    command: "exec sleep 3600",
    container: `ports: [{ containerPort: 80, hostPort: ${PORT} }]`,
  });

async function push(message: string): Promise<string> {
  const id = await cluster.repo.commit(message);
  await cluster.repo.git("push", "-q", "origin", "main");
  return id;
}

async function releases(): Promise<readonly Release[]> {
  const { items } = await cluster.getJson<{ readonly items: readonly Release[] }>("releases");
  return items.toSorted((a, b) => a.spec.sequence - b.spec.sequence);
}

/** Id and start of every container: equal texts mean that nothing was touched. */
async function containers(): Promise<readonly string[]> {
  const { items } = await cluster.getJson<{ readonly items: readonly Pod[] }>("pods");
  return items
    .flatMap(({ status }) => status?.containerStatuses ?? [])
    .map(({ name, containerID, restartCount, state }) =>
      [name, containerID, restartCount, state?.running?.startedAt].join(" "),
    )
    .toSorted();
}

beforeAll(async () => {
  await ensureImages("busybox");
  root = await mkdtemp(join(tmpdir(), "berth-never-"));
  const bare = join(root, "shop.git");
  await mustRun("git", ["init", "-q", "--bare", "-b", "main", bare]);
  server = await serveGit(root);
  cluster = await Cluster.make({ start: false });
  const { repo } = cluster;
  await repo.git("remote", "add", "origin", bare);
  await repo.write("deploy/web.yaml", sleeper("web", 2));
  await repo.write("deploy/port.yaml", withPort("old"));
  await repo.write("README.md", "shop\n");
  const first = await push("first");
  const flags = ["--repo", `${server.url}/shop.git`, "--path", "deploy", "--interval", "1"];
  const up = await cluster.berth("up", ...flags, "--port", String(cluster.port));
  expect(up.output).toContain("ready");
  await cluster.untilPhase(first, "Healthy");
});

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

test("a file that is moved, and a commit outside of the folder, restart nothing", async () => {
  const before = await containers();
  expect(before).toHaveLength(3);
  await cluster.repo.git("mv", "deploy/web.yaml", "deploy/site.yaml");
  const moved = await push("move");
  const { status } = await cluster
    .untilPhase(moved, "Healthy")
    .then(async () => (await releases()).at(-1) ?? expect.fail("no release"));
  expect(status.counts?.created).toBe(0);
  expect(status.counts?.removed).toBe(0);
  const count = (await releases()).length;
  await cluster.repo.write("README.md", "shop, and more\n");
  const outside = await push("outside");
  await eventually("it is seen", async () => {
    const app = await cluster.getJson<App>("app", "root");
    return app.status?.seenCommit === outside && app.status.appliedCommit === outside;
  });
  expect(await releases()).toHaveLength(count);
  expect(await containers()).toEqual(before);
});

test("a successor that needs the host port of the one before gets it, and the plan says so", async () => {
  await cluster.repo.write("deploy/port.yaml", withPort("new"));
  const plan = await cluster.berth("plan", "--repo", cluster.repo.path);
  expect(plan.output).toContain(
    `Deployment default/old, released first: Deployment default/new needs its host port TCP/${PORT}`,
  );
  await cluster.untilPhase(await push("rename"), "Healthy", 60_000);
  const [pod, ...more] = await podsOf(cluster, "new");
  expect(more).toEqual([]);
  expect(pod === undefined ? false : isReady(pod)).toBe(true);
  expect(await podsOf(cluster, "old")).toEqual([]);
});

test("a fix that is pushed 5 s after a bad commit starts within 2 s of being seen", async () => {
  const args = [join(ROOT, "bin", "berth.mjs"), "status", "--watch", "--data-dir", cluster.dataDir];
  const watch = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let told = "";
  watch.stdout.on("data", (chunk: Buffer) => (told += String(chunk)));
  await cluster.repo.write("deploy/site.yaml", sleeper("web", 2, "berth.local/none:1"));
  const bad = await push("bad");
  await cluster.untilPhase(bad, "Progressing");
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await cluster.repo.write("deploy/site.yaml", sleeper("web", 3));
  const fix = await push("fix");
  await cluster.untilPhase(fix, "Healthy", 60_000);
  const fixed = (await releases()).find(({ spec }) => spec.commit === fix);
  const web = await cluster.getJson<Deployment>("deployment", "web");
  const begun = web.status?.conditions?.find(({ type }) => type === "Progressing");
  const { items } = await cluster.getJson<{ readonly items: readonly ReplicaSet[] }>("replicasets");
  expect(items.length).toBeGreaterThan(1);
  const pods = await podsOf(cluster, "web");
  const seenAt = Date.parse(fixed?.status.startedAt ?? "");
  const starts = pods
    .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ""))
    .filter((at) => at >= seenAt);
  await eventually("the live view tells it", async () => told.includes('"fix" is Healthy'));
  const ended = once(watch, "exit");
  watch.kill("SIGINT");
  await ended;
  for (const line of [/"bad" is Progressing/, /Deployment default\/web: 3\/3 ready/])
    expect(told).toMatch(line);
  expect(begun?.reason).toBe("NewReplicaSetAvailable");
  expect(Math.min(...starts) - seenAt).toBeLessThanOrEqual(2000);
});

test("with Git away and the control plane restarted meanwhile, it heals and reschedules", async () => {
  await server[Symbol.asyncDispose]();
  await eventually("the status tells that Git is away", async () => {
    const { output } = await cluster.berth("status");
    if (!output.includes("Git: ")) throw new Error(output);
    return true;
  });
  const found = await processesOf(cluster.dataDir);
  const pid = found.find(({ command }) => command.split(" ").includes("control-plane"))?.pid;
  if (pid === undefined) throw new Error("no control plane runs");
  const kept = (await podsOf(cluster, "new")).map(({ metadata }) => metadata.uid);
  process.kill(pid, "SIGKILL");
  const [gone] = await eventually("the API answers", async () => podsOf(cluster, "web"));
  if (gone === undefined) throw new Error("no pod of web");
  await cluster.kubectl("delete", "pod", gone.metadata.name, "--grace-period=1");
  await eventually("another pod is Ready", async () => {
    const pods = await podsOf(cluster, "web");
    const isOther = pods.every(({ metadata }) => metadata.uid !== gone.metadata.uid);
    return isOther && pods.length === 3 && pods.every((pod) => isReady(pod));
  });
  expect((await podsOf(cluster, "new")).map(({ metadata }) => metadata.uid)).toEqual(kept);
  const app = await cluster.getJson<App>("app", "root");
  const condition = (type: string) => app.status?.conditions?.find((item) => item.type === type);
  expect(condition("SourceReady")).toMatchObject({ status: "False", reason: "Unreachable" });
  expect(condition("Ready")?.status).toBe("True");
});
