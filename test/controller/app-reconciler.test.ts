import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { getReleases, type AppContext } from "../../src/controller/app-context.ts";
import { ensureSystemObjects } from "../../src/controller/system-objects.ts";
import type { App, Service } from "../../src/model/kinds.gen.ts";
import { findCondition } from "../../src/model/condition.ts";
import { formatRef, refOf } from "../../src/model/meta.ts";
import { openObjectStore, type OpenObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { Store } from "../../src/store/store.ts";
import { GitError } from "../../src/sync/git.ts";
import { makeAppHarness, type AppHarness } from "../support/app-harness.ts";
import { FakeSources } from "../support/fake-sources.ts";
import { ManualClock } from "../support/manual-clock.ts";

function configMap(name: string, value = "1"): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: "${value}"\n`;
}

const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
    - port: 80
`;

describe("reconcileApp()", () => {
  let dir: string;
  let store: Store;
  let objects: OpenObjectStore;
  let sources: FakeSources;
  let context: AppContext;
  let clock: ManualClock;
  let harness: AppHarness;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "berth-app-"));
    clock = new ManualClock();
    sources = new FakeSources();
    await start();
    await ensureSystemObjects(objects);
    const app: App = {
      apiVersion: "berth.dev/v1",
      kind: "App",
      metadata: { name: "root" },
      spec: {
        repo: "/repo",
        branch: "main",
        path: ".",
        namespace: "default",
        intervalSeconds: 15,
        prune: true,
      },
    };
    await objects.create(app);
  });

  afterEach(async () => {
    await stop();
    await rm(dir, { recursive: true });
  });

  async function start(): Promise<void> {
    store = await openLmdbStore({ path: join(dir, "store"), clock });
    objects = await openObjectStore({ store, clock, freeze: true });
    harness = makeAppHarness(objects, sources, clock);
    context = harness.context;
  }

  async function stop(): Promise<void> {
    await objects.close();
    await store.close();
  }

  /** One look, and another one for what the first one's writes allow. */
  async function look(): Promise<void> {
    await harness.look("root");
    await harness.look("root");
  }

  const history = (): string[] =>
    getReleases("root", context).map(({ spec, status }) => `${spec.sequence} ${status.phase}`);
  const declared = (): string[] =>
    ["ConfigMap", "Service", "Namespace"]
      .flatMap((kind) => context.world.list("v1", kind))
      .filter((object) => object.metadata.labels?.["berth.dev/app"] === "root")
      .map((object) => formatRef(refOf(object)));
  const app = (): App | undefined =>
    context.world.get({ apiVersion: "berth.dev/v1", kind: "App", name: "root" }) as App;
  const latest = () => getReleases("root", context).at(-1);

  test("a commit's objects come, with where they stand in Git, and the release is Healthy", async () => {
    const commit = sources.commit({
      "a.yaml": configMap("a"),
      "web/b.yaml": `${configMap("b")}---\n${SERVICE}`,
    });
    await look();
    expect(history()).toEqual(["1 Healthy"]);
    expect(declared()).toEqual([
      "ConfigMap default/a",
      "ConfigMap default/b",
      "Service default/web",
    ]);
    expect(app()?.status).toMatchObject({
      seenCommit: commit.id,
      appliedCommit: commit.id,
      healthyCommit: commit.id,
    });
    const service = context.world.get({
      apiVersion: "v1",
      kind: "Service",
      namespace: "default",
      name: "web",
    }) as Service;
    expect(service.metadata.annotations?.["berth.dev/source"]).toMatch(/^web\/b\.yaml:\d+$/);
    expect(service.spec.clusterIP).toMatch(/^10\.96\./);
    expect(latest()?.status.counts).toEqual({ created: 3, changed: 0, removed: 0 });
  });

  test("the next commit changes what differs, keeps what was allocated, and prunes what is gone", async () => {
    sources.commit({ "a.yaml": configMap("a"), "b.yaml": configMap("b"), "s.yaml": SERVICE });
    await look();
    const before = context.world.get({
      apiVersion: "v1",
      kind: "Service",
      namespace: "default",
      name: "web",
    }) as Service;
    sources.commit({
      "a.yaml": configMap("a", "2"),
      "s.yaml": SERVICE.replace("port: 80", "port: 81"),
    });
    await look();
    const after = context.world.get({
      apiVersion: "v1",
      kind: "Service",
      namespace: "default",
      name: "web",
    }) as Service;
    expect(history()).toEqual(["1 Healthy", "2 Healthy"]);
    expect(declared()).toEqual(["ConfigMap default/a", "Service default/web"]);
    expect(after.spec.clusterIP).toBe(before.spec.clusterIP);
    expect(after.spec.ports[0]?.port).toBe(81);
    expect(latest()?.status.counts).toEqual({ created: 0, changed: 2, removed: 1 });
  });

  test("a bad file rejects the commit as a whole, with its place, and nothing is touched", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    await look();
    const revision = objects.get({
      apiVersion: "v1",
      kind: "ConfigMap",
      namespace: "default",
      name: "a",
    })?.object.metadata;
    const bad = sources.commit({
      "a.yaml": configMap("a", "2"),
      "b.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndate: {}\n",
    });
    await look();
    expect(history()).toEqual(["1 Healthy", "2 Rejected"]);
    expect(latest()?.status.problems).toEqual([
      expect.stringMatching(/^b\.yaml:5:1: .*\[field\/unknown\]$/),
    ]);
    expect(
      objects.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" })?.object
        .metadata,
    ).toEqual(revision);
    expect(app()?.status?.seenCommit).toBe(bad.id);
    expect(app()?.status?.appliedCommit).not.toBe(bad.id);
  });

  test("going back from a rejected commit changes nothing and is Healthy", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    await look();
    sources.commit({ "a.yaml": "kind: [" });
    await look();
    sources.commit({ "a.yaml": configMap("a") }, "revert");
    await look();
    expect(history()).toEqual(["1 Healthy", "2 Rejected", "3 Healthy"]);
    expect(latest()?.status.counts).toEqual({ created: 0, changed: 0, removed: 0 });
  });

  test("what the cluster has against a commit rejects it too", async () => {
    sources.commit({
      "a.yaml": configMap("a").replace("name: a", "name: a\n  namespace: nowhere"),
    });
    await look();
    expect(latest()?.status.message).toContain('namespace "nowhere" does not exist');
    expect(history()).toEqual(["1 Rejected"]);
    expect(declared()).toEqual([]);
  });

  test("a commit that changes nothing makes no release and no write", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    await look();
    const again = sources.commit({ "a.yaml": configMap("a") }, "empty");
    await look();
    expect(history()).toEqual(["1 Healthy"]);
    expect(app()?.status).toMatchObject({ seenCommit: again.id, appliedCommit: again.id });
    const revision = objects.revision;
    const loads = sources.loads;
    await look();
    expect(objects.revision).toBe(revision);
    expect(sources.loads).toBe(loads);
  });

  test.for([
    "unreachable",
    "no-such-branch",
    "no-such-path",
    "not-a-repository",
    "unauthorized",
  ] as const)(
    "%s: nothing is stopped, what is gone is told, and it goes on by itself",
    async (code) => {
      sources.commit({ "a.yaml": configMap("a") });
      await look();
      sources.failure = new GitError(code, `Cannot read "/repo": ${code}`);
      await look();
      expect(declared()).toEqual(["ConfigMap default/a"]);
      expect(history()).toEqual(["1 Healthy"]);
      expect(findCondition(app()?.status?.conditions, "SourceReady")).toMatchObject({
        status: "False",
        message: `Cannot read "/repo": ${code}`,
      });
      sources.failure = undefined;
      sources.commit({ "a.yaml": configMap("a", "2") });
      await look();
      expect(history()).toEqual(["1 Healthy", "2 Healthy"]);
      expect(findCondition(app()?.status?.conditions, "SourceReady")?.status).toBe("True");
    },
  );

  test("a commit that removes too much is Held until somebody consents", async () => {
    sources.commit({
      "a.yaml": configMap("a"),
      "b.yaml": configMap("b"),
      "c.yaml": configMap("c"),
    });
    await look();
    sources.commit({ "d.yaml": configMap("d") });
    await look();
    await look();
    expect(history()).toEqual(["1 Healthy", "2 Held"]);
    expect(declared()).toHaveLength(3);
    const held = latest();
    if (held === undefined) throw new Error("no release");
    await objects.update({
      ...held,
      metadata: { ...held.metadata, annotations: { "berth.dev/approved": "true" } },
    });
    await look();
    expect(history()).toEqual(["1 Healthy", "2 Healthy"]);
    expect(declared()).toEqual(["ConfigMap default/d"]);
  });

  test("a held commit is replaced by the next one, and consent can stand in the message", async () => {
    sources.commit({
      "a.yaml": configMap("a"),
      "b.yaml": configMap("b"),
      "c.yaml": configMap("c"),
    });
    await look();
    sources.commit({ "d.yaml": configMap("d") });
    await look();
    sources.commit({ "d.yaml": configMap("d", "2") }, "tidy up\n\nAllow-Prune: root");
    await look();
    expect(history()).toEqual(["1 Healthy", "2 Superseded", "3 Healthy"]);
    expect(declared()).toEqual(["ConfigMap default/d"]);
  });

  test("what somebody removes behind Git's back comes back, also when that needs the release's own commit", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    await look();
    await objects.remove({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" });
    await look();
    expect(declared()).toEqual(["ConfigMap default/a"]);
  });

  test("cut off after the decision, it rolls forward after a restart, and not back", async () => {
    const files = Object.fromEntries(
      Array.from({ length: 150 }, (_, index) => [`c${index}.yaml`, configMap(`c${index}`)]),
    );
    sources.commit(files);
    let batches = 0;
    harness.isPreempted = () => (batches += 1) > 1;
    await harness.look("root");
    expect(history()).toEqual(["1 Progressing"]);
    expect(declared()).toHaveLength(100);
    await stop();
    await start();
    await look();
    expect(history()).toEqual(["1 Healthy"]);
    expect(declared()).toHaveLength(150);
  });

  test("more objects than a release can name are refused with the number that it can", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    await look();
    const long = (index: number): string => `${"x".repeat(230)}-${index}`;
    const many = Array.from({ length: 3500 }, (_, index) => configMap(long(index)));
    sources.commit({ "many.yaml": many.join("---\n") });
    await look();
    expect(history()).toEqual(["1 Healthy", "2 Rejected"]);
    expect(latest()?.status.reason).toBe("TooManyObjects");
    expect(latest()?.status.message).toMatch(
      /declares 3500 objects, and a release can name about \d{4} of them/,
    );
    expect(declared()).toEqual(["ConfigMap default/a"]);
  });

  test("an object of an App that is gone is taken over, and what a controller made is not", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    const metadata = { name: "a", namespace: "default", labels: { "berth.dev/app": "gone" } };
    await objects.create({ apiVersion: "v1", kind: "ConfigMap", metadata });
    await look();
    expect(history()).toEqual(["1 Healthy"]);
    expect(declared()).toEqual(["ConfigMap default/a"]);
    const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "1", controller: true };
    await objects.create({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "b", namespace: "default", ownerReferences: [owner] },
    });
    sources.commit({ "a.yaml": configMap("a"), "b.yaml": configMap("b") });
    await look();
    expect(latest()?.status.message).toContain("is there already, made by Pod p");
    expect(history()).toEqual(["1 Healthy", "2 Rejected"]);
  });

  test("a suspended App stays as it is", async () => {
    sources.commit({ "a.yaml": configMap("a") });
    await look();
    const stored = app();
    if (stored === undefined) throw new Error("no App");
    await objects.update({ ...stored, spec: { ...stored.spec, suspend: true } } as App);
    sources.commit({ "b.yaml": configMap("b") });
    await look();
    expect(declared()).toEqual(["ConfigMap default/a"]);
  });
});
