import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import { Cluster, ensureImages } from "../support/cluster.ts";
import { mustRun } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { serveGit } from "../support/git-http.ts";
import { startLoad } from "../support/load.ts";
import { deploymentText, helloFiles } from "../support/manifests.ts";
import { podsOf } from "../support/observed.ts";

/** Long enough for a second rollout to have begun, if our own commit made one. */
const AFTERMATH_MS = 2000;

const autoRevert = (cluster: Cluster): Promise<string> =>
  cluster.kubectl("patch", "app", "root", "--type=merge", "-p", '{"spec":{"autoRevert":true}}');
const root = (cluster: Cluster): Promise<App> => cluster.getJson<App>("app", "root");
const uids = async (cluster: Cluster): Promise<ReadonlySet<string | undefined>> =>
  new Set((await podsOf(cluster, "hello")).map(({ metadata }) => metadata.uid));
const releases = async (cluster: Cluster): Promise<readonly string[]> => {
  const { items } = await cluster.getJson<{ items: readonly Release[] }>("releases");
  return items
    .toSorted((a, b) => a.spec.sequence - b.spec.sequence)
    .map(({ spec, status }) => `${spec.commit.slice(0, 8)} ${status.phase}`);
};

test("a bad commit is taken back at once and in Git, and no request is lost", async () => {
  await ensureImages("hello", "busybox");
  await using cluster = await Cluster.make({ files: await helloFiles() });
  const { repo } = cluster;
  const good = await repo.head();
  await cluster.untilPhase(good, "Healthy");
  await autoRevert(cluster);
  const pods = await uids(cluster);
  const url = await cluster.nodePortUrl();
  const load = startLoad({ url, requestsPerSecond: 20, connections: "new" });
  try {
    await eventually("the load runs", () => load.report().answered > 10);
    const bad = await repo.edit(
      "deployment.yaml",
      /( +)image: berth\.local\/hello:1/,
      '$1image: berth.local/hello:1\n$1command: ["/no/such/program"]',
    );
    await cluster.untilPhase(bad, "RolledBack");
    await eventually("the revert is in Git", async () => (await repo.head()) !== bad);
    const head = await repo.head();
    await eventually("the head is applied", async () => {
      const { status } = await root(cluster);
      return status?.appliedCommit === head && status.healthyCommit === head;
    });
    await sleep(AFTERMATH_MS);
    const report = await load.stop();
    expect(report.failures).toEqual([]);
    expect(report.answered).toBe(report.sent);

    expect(await repo.git("rev-parse", `${head}~1`)).toBe(bad);
    expect(await repo.git("diff", "--stat", good, head)).toBe("");
    expect(await repo.git("status", "--porcelain")).toBe("");
    const message = await repo.git("log", "-1", "--format=%B", head);
    expect(message).toContain("Deployment default/hello");
    expect(message).toMatch(/^ {4}.*\/no\/such\/program/m);
    const trailers = await repo.git("log", "-1", "--format=%(trailers:only,unfold)|%an|%cn", head);
    expect(trailers).toBe(`Berth-App: root\nBerth-Reverts: ${bad}\n|Berth|Berth`);
    // The bad commit never was a success, and the revert made no second rollout.
    expect(await releases(cluster)).toEqual([
      `${good.slice(0, 8)} Healthy`,
      `${bad.slice(0, 8)} RolledBack`,
      `${good.slice(0, 8)} Healthy`,
    ]);
    expect(await uids(cluster)).toEqual(pods);
    const { output } = await cluster.berth("status");
    expect(output).toContain("berth approve root");
    const history = await cluster.berth("history");
    expect(history.output).toMatch(/RolledBack.*taken back/);

    // The same change again is held.
    await repo.git("revert", "--no-edit", "HEAD");
    const again = await repo.edit("configmap.yaml", /^data:/m, "  labels: { a: b }\ndata:");
    const held = await cluster.untilPhase(again, "Held");
    expect(held.message).toContain("berth approve root");
  } finally {
    await load.stop();
  }
});

test("a bad commit of a remote is taken back by a push, with what its container said", async () => {
  await ensureImages("busybox");
  const dir = await mkdtemp(join(tmpdir(), "berth-revert-"));
  const bare = join(dir, "shop.git");
  await mustRun("git", ["init", "-q", "--bare", "-b", "main", bare]);
  await mustRun("git", ["-C", bare, "config", "http.receivepack", "true"]);
  await using server = await serveGit(dir);
  await using cluster = await Cluster.make({ start: false });
  const { repo } = cluster;
  const container = 'readinessProbe:\n  exec: { command: ["cat", "/ready"] }\n  periodSeconds: 1\n';
  const web = (command: string): string =>
    deploymentText({ name: "web", replicas: 1, command, container });
  const push = async (message: string): Promise<string> => {
    const id = await repo.commit(message);
    await repo.git("push", "-q", "origin", "main");
    return id;
  };
  try {
    await repo.git("remote", "add", "origin", bare);
    await repo.write("deploy/web.yaml", web("touch /ready; sleep 1000"));
    await repo.write("docs/readme", "1");
    const good = await push("first");
    const flags = ["--repo", `${server.url}/shop.git`, "--path", "deploy", "--interval", "1"];
    const up = await cluster.berth("up", ...flags, "--port", String(cluster.port));
    expect(up.output).toContain("ready");
    await cluster.untilPhase(good, "Healthy");
    await autoRevert(cluster);
    await repo.write("deploy/web.yaml", web("echo cannot open the books; exit 3"));
    await repo.write("docs/readme", "2");
    const bad = await push("break it");
    await cluster.untilPhase(bad, "RolledBack", 180_000);
    const head = await eventually("the revert was pushed", async () => {
      await repo.git("fetch", "-q", "origin");
      const id = await repo.git("rev-parse", "origin/main");
      if (id === bad) throw new Error("not yet");
      return id;
    });
    // Only the App's folder goes back.
    expect(await repo.git("diff", "--name-only", good, head)).toBe("docs/readme");
    const message = await repo.git("log", "-1", "--format=%B", head);
    expect(message).toContain('Revert "break it"');
    expect(message).toContain("CrashLoopBackOff");
    expect(message).toContain("    cannot open the books");
    await eventually("the head is healthy", async () => {
      const { status } = await root(cluster);
      return status?.healthyCommit === head;
    });
    expect(await releases(cluster)).toHaveLength(3);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
