import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatTime } from "../../src/base/clock.ts";
import { getReleases } from "../../src/controller/app-context.ts";
import { ensureSystemObjects } from "../../src/controller/system-objects.ts";
import { findCondition } from "../../src/model/condition.ts";
import { markForDeletion } from "../../src/model/deletion.ts";
import type { App, ConfigMap } from "../../src/model/kinds.gen.ts";
import { formatRef, refOf } from "../../src/model/meta.ts";
import { openObjectStore, type OpenObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { Store } from "../../src/store/store.ts";
import { GitError } from "../../src/sync/git.ts";
import { makeAppHarness, type AppHarness } from "../support/app-harness.ts";
import { FakeSources } from "../support/fake-sources.ts";
import { ManualClock } from "../support/manual-clock.ts";

function configMap(name: string, value = "1", wave?: number): string {
  const annotations =
    wave === undefined ? "" : `\n  annotations:\n    berth.dev/wave: "${String(wave)}"`;
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}${annotations}\ndata:\n  value: "${value}"\n`;
}

function claim(name: string, wave: number): string {
  return `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: ${name}\n  annotations:\n    berth.dev/wave: "${String(wave)}"\nspec:\n  accessModes: [ReadWriteOnce]\n  storageClassName: none\n  resources:\n    requests:\n      storage: 1Gi\n`;
}

function appYaml(name: string, path: string, more = ""): string {
  return `apiVersion: berth.dev/v1\nkind: App\nmetadata:\n  name: ${name}\nspec:\n  repo: /repo\n  path: ${path}\n${more}`;
}

describe("several Apps", () => {
  let dir: string;
  let store: Store;
  let objects: OpenObjectStore;
  let sources: FakeSources;
  let clock: ManualClock;
  let harness: AppHarness;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "berth-apps-"));
    clock = new ManualClock();
    sources = new FakeSources();
    store = await openLmdbStore({ path: join(dir, "store"), clock });
    objects = await openObjectStore({ store, clock, freeze: true });
    harness = makeAppHarness(objects, sources, clock);
    await ensureSystemObjects(objects);
  });
  afterEach(async () => {
    await objects.close();
    await store.close();
    await rm(dir, { recursive: true });
  });

  async function make(name: string, spec: Partial<App["spec"]> = {}): Promise<void> {
    const app: App = {
      apiVersion: "berth.dev/v1",
      kind: "App",
      metadata: { name },
      spec: {
        repo: "/repo",
        branch: "main",
        path: name,
        namespace: "default",
        intervalSeconds: 15,
        prune: true,
        ...spec,
      },
    };
    await objects.create(app);
  }

  async function change(name: string, spec: Partial<App["spec"]>): Promise<void> {
    const stored = app(name);
    if (stored === undefined) throw new Error(`no App ${name}`);
    await objects.update({ ...stored, spec: { ...stored.spec, ...spec } } as App);
  }

  /** Two looks at each App: the second one sees what the first one wrote. */
  async function look(...apps: readonly string[]): Promise<void> {
    for (const name of [...apps, ...apps]) await harness.look(name);
  }

  const app = (name: string): App | undefined =>
    objects.get({ apiVersion: "berth.dev/v1", kind: "App", name })?.object as App | undefined;
  const latest = (name: string) => getReleases(name, harness.context).at(-1);
  const phases = (name: string): string[] =>
    getReleases(name, harness.context).map(({ status }) => status.phase);
  const value = (name: string): string | undefined =>
    (
      objects.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name })?.object as
        | ConfigMap
        | undefined
    )?.data?.["value"];
  const uid = (name: string): string | undefined =>
    objects.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name })?.object
      .metadata.uid;
  const inStore = (): string[] =>
    ["ConfigMap", "PersistentVolumeClaim"]
      .flatMap((kind) => harness.context.world.list("v1", kind))
      .filter(({ metadata }) => metadata.labels?.["berth.dev/app"] !== undefined)
      .map((object) => formatRef(refOf(object)).replace("ConfigMap default/", ""));
  const condition = (name: string, type: string): string => {
    const found = findCondition(app(name)?.status?.conditions, type);
    return `${found?.status} ${found?.reason}: ${found?.message}`;
  };
  const approve = async (name: string): Promise<void> => {
    const held = latest(name);
    if (held === undefined) throw new Error(`${name} has no release`);
    const annotations = { ...held.metadata.annotations, "berth.dev/approved": "true" };
    await objects.update({ ...held, metadata: { ...held.metadata, annotations } });
  };

  describe("app of apps", () => {
    beforeEach(async () => {
      await make("root", { path: "root" });
      sources.commit({
        "root/child.yaml": appYaml("child", "child"),
        "root/own.yaml": configMap("own"),
        "child/a.yaml": configMap("a"),
        "child/b.yaml": configMap("b"),
      });
      await look("root", "child");
    });

    test("a child comes from Git with its defaults, and brings its objects", () => {
      expect(app("child")?.spec).toMatchObject({
        branch: "main",
        namespace: "default",
        prune: true,
      });
      expect(app("child")?.metadata.labels).toEqual({ "berth.dev/app": "root" });
      expect(phases("child")).toEqual(["Healthy"]);
      expect(inStore()).toEqual(["a", "b", "own"]);
    });

    test("a child's trouble is not its holder's", async () => {
      sources.commit({
        "root/child.yaml": appYaml("child", "child"),
        "root/own.yaml": configMap("own", "2"),
        "child/a.yaml": "kind: [",
      });
      await look("child", "root");
      expect(phases("child")).toEqual(["Healthy", "Rejected"]);
      expect(phases("root")).toEqual(["Healthy", "Healthy"]);
      expect(value("own")).toBe("2");
      expect(value("a")).toBe("1");
    });

    test("a child that Git lost is held by its holder's guard, then goes with its objects", async () => {
      sources.commit({ "root/own.yaml": configMap("own"), "child/a.yaml": configMap("a") });
      await look("root", "child");
      expect(latest("root")?.status).toMatchObject({ phase: "Held", reason: "PruneGuard" });
      expect(latest("root")?.status.message).toContain("App child");
      expect(inStore()).toContain("a");
      await approve("root");
      await look("root");
      expect(app("child")?.metadata.deletionTimestamp).toBeDefined();
      await look("child");
      expect(app("child")).toBeUndefined();
      expect(inStore()).toEqual(["own"]);
      expect([...sources.pins].filter((name) => name.includes("/child/"))).toEqual([]);
    });

    test("an App that is deleted without prune leaves its objects, and another one takes them over", async () => {
      await change("child", { prune: false });
      const stored = app("child");
      const before = uid("a");
      if (stored === undefined) throw new Error("no child");
      const marked = markForDeletion(stored, { now: clock.now() });
      if (marked !== undefined) await objects.update(marked);
      await look("child");
      expect(app("child")).toBeUndefined();
      expect(inStore()).toEqual(["a", "b", "own"]);
      await make("heir", { path: "child" });
      await look("heir");
      expect(phases("heir")).toEqual(["Healthy"]);
      expect(uid("a")).toBe(before);
    });

    test("an App that declares itself, or one that holds it, is refused", async () => {
      sources.commit({
        "root/child.yaml": appYaml("child", "child"),
        "root/self.yaml": appYaml("root", "root"),
        "child/a.yaml": configMap("a"),
        "child/up.yaml": appYaml("root", "root"),
      });
      await look("root", "child");
      expect(latest("root")?.status.message).toContain('App "root" declares itself');
      expect(latest("child")?.status.message).toContain(
        'App "child" declares App "root", which holds it',
      );
      expect(app("root")?.metadata.labels).toBeUndefined();
    });

    test("Apps that wait for each other are refused where they are declared", async () => {
      sources.commit({
        "root/a.yaml": appYaml("child", "child", "  dependsOn: [{ name: other }]\n"),
        "root/b.yaml": appYaml("other", "child", "  dependsOn: [{ name: child }]\n"),
        "child/a.yaml": configMap("a"),
      });
      await look("root");
      expect(latest("root")?.status.message).toContain("waits for itself: child -> other -> child");
    });
  });

  describe("two Apps and one object", () => {
    beforeEach(async () => {
      await make("one");
      await make("two");
    });

    test("the second one is refused, with the first one's name, and goes on when that lets go", async () => {
      sources.commit({
        "one/a.yaml": configMap("a"),
        "one/b.yaml": configMap("b"),
        "two/a.yaml": configMap("a", "2"),
      });
      await look("one", "two");
      expect(phases("two")).toEqual(["Rejected"]);
      expect(latest("two")?.status.message).toContain('ConfigMap default/a belongs to App "one"');
      expect(harness.waits.get("two")).toEqual(["one"]);
      expect(value("a")).toBe("1");
      const before = uid("a");
      harness.othersDecide = true;
      sources.commit({ "one/b.yaml": configMap("b"), "two/a.yaml": configMap("a", "2") });
      await look("one");
      expect(value("a")).toBe("1");
      await look("two");
      harness.othersDecide = false;
      await look("one");
      expect(value("a")).toBe("2");
      expect(uid("a")).toBe(before);
      expect(phases("two")).toEqual(["Rejected", "Healthy"]);
    });

    test("also when neither is in the store yet", async () => {
      sources.commit({ "one/a.yaml": configMap("a"), "two/a.yaml": configMap("a", "2") });
      harness.isPreempted = () => true; // Let in, and not applied.
      await harness.look("one");
      harness.isPreempted = () => false;
      await look("two");
      expect(phases("two")).toEqual(["Rejected"]);
    });

    test("an object that moves to the other App's folder stays the same object", async () => {
      sources.commit({
        "one/a.yaml": configMap("a"),
        "one/b.yaml": configMap("b"),
        "two/c.yaml": configMap("c"),
      });
      await look("one", "two");
      const before = uid("a");
      sources.commit({
        "one/b.yaml": configMap("b"),
        "two/a.yaml": configMap("a"),
        "two/c.yaml": configMap("c"),
      });
      harness.othersDecide = true;
      // The one that lets go is looked at first: it waits for the other one.
      const outcome = await harness.look("one");
      expect(uid("a")).toBe(before);
      expect(outcome.lookAgainAt).toBeDefined();
      await look("two");
      harness.othersDecide = false;
      await look("one", "two");
      expect(uid("a")).toBe(before);
      expect([phases("one").at(-1), phases("two").at(-1)]).toEqual(["Healthy", "Healthy"]);
    });

    test("what nobody takes over is removed all the same, after a while", async () => {
      sources.commit({ "one/a.yaml": configMap("a"), "one/b.yaml": configMap("b") });
      await look("one");
      sources.commit({ "one/b.yaml": configMap("b") });
      harness.othersDecide = true;
      await look("one");
      expect(inStore()).toEqual(["a", "b"]);
      await clock.advance(11_000);
      await look("one");
      expect(inStore()).toEqual(["b"]);
    });
  });

  describe("dependsOn", () => {
    test("waits until the other App is healthy at the same commit", async () => {
      await make("db");
      await make("web", { dependsOn: [{ name: "db" }] });
      sources.commit({ "db/a.yaml": configMap("db"), "web/a.yaml": configMap("web") });
      await look("web");
      expect(latest("web")?.status).toMatchObject({
        phase: "Pending",
        reason: "DependencyNotReady",
        message: 'waits for App "db": it is not healthy',
      });
      expect(harness.waits.get("web")).toEqual(["db"]);
      expect(inStore()).toEqual([]);
      await look("db");
      await look("web");
      expect(phases("web")).toEqual(["Healthy"]);

      sources.commit({ "db/a.yaml": configMap("db", "2"), "web/a.yaml": configMap("web", "2") });
      await look("web");
      expect(phases("web").at(-1)).toBe("Pending");
      expect(latest("web")?.status.message).toMatch(
        /it is at [0-9a-f]{12}, not yet at [0-9a-f]{12}/,
      );
      expect(value("web")).toBe("1");
      await look("db", "web");
      expect(value("web")).toBe("2");
      expect(phases("web")).toEqual(["Healthy", "Healthy"]);
    });

    test("an App that does not exist, and a circle, are told", async () => {
      await make("one", { dependsOn: [{ name: "two" }] });
      sources.commit({ "one/a.yaml": configMap("a"), "two/a.yaml": configMap("b") });
      await look("one");
      expect(latest("one")?.status.message).toBe('waits for App "two": it does not exist');
      await make("two", { dependsOn: [{ name: "one" }] });
      await look("two", "one");
      expect(latest("two")?.status).toMatchObject({
        reason: "DependencyCycle",
        message: "the Apps wait for each other: two -> one -> two",
      });
    });

    test("a newer commit takes the place of one that waits", async () => {
      await make("web", { dependsOn: [{ name: "db" }] });
      sources.commit({ "web/a.yaml": configMap("web") });
      await look("web");
      sources.commit({ "web/a.yaml": configMap("web", "2") });
      await look("web");
      expect(phases("web")).toEqual(["Superseded", "Pending"]);
    });
  });

  describe("sync windows", () => {
    // The manual clock starts at the full hour.
    const closedFor = (minutes: number): NonNullable<App["spec"]["syncWindows"]> => [
      { kind: "deny", schedule: "@hourly", durationSeconds: minutes * 60 },
    ];

    test("a commit is Held until the window opens, and then goes by itself", async () => {
      await make("web", { syncWindows: closedFor(30) });
      sources.commit({ "web/a.yaml": configMap("a") });
      await clock.advance(3_600_000 - (clock.now() % 3_600_000));
      const outcome = await harness.look("web");
      const opens = clock.now() + 1_800_000;
      expect(latest("web")?.status).toMatchObject({ phase: "Held", reason: "SyncWindow" });
      expect(latest("web")?.status.message).toContain(`denies it until ${formatTime(opens)}`);
      expect(outcome.lookAgainAt).toBe(opens);
      await clock.advance(1_800_000);
      await look("web");
      expect(phases("web")).toEqual(["Healthy"]);
    });

    test("consent goes before the window", async () => {
      await make("web", {
        syncWindows: [{ kind: "allow", schedule: "0 0 1 1 *", durationSeconds: 60 }],
      });
      sources.commit({ "web/a.yaml": configMap("a") });
      await look("web");
      expect(latest("web")?.status.message).toMatch(/no sync window is open.*berth approve web/);
      await approve("web");
      await look("web");
      expect(phases("web")).toEqual(["Healthy"]);
    });

    test("what runs is healed in a closed window too", async () => {
      await make("web");
      sources.commit({ "web/a.yaml": configMap("a") });
      await look("web");
      await change("web", {
        syncWindows: [{ kind: "allow", schedule: "0 0 1 1 *", durationSeconds: 60 }],
      });
      await objects.remove({
        apiVersion: "v1",
        kind: "ConfigMap",
        namespace: "default",
        name: "a",
      });
      await look("web");
      expect(value("a")).toBe("1");
    });
  });

  describe("a rewritten history", () => {
    beforeEach(async () => {
      await make("web", { forcePush: "hold" });
      sources.commit({ "web/a.yaml": configMap("a") });
      await look("web");
    });

    test("is Held where the App says so, also under a further commit, until somebody consents", async () => {
      sources.rewrite({ "web/a.yaml": configMap("a", "2") });
      await look("web");
      expect(latest("web")?.status).toMatchObject({ phase: "Held", reason: "ForcePush" });
      sources.commit({ "web/a.yaml": configMap("a", "3") });
      await look("web");
      expect(phases("web")).toEqual(["Healthy", "Superseded", "Held"]);
      expect(value("a")).toBe("1");
      await approve("web");
      await look("web");
      expect(value("a")).toBe("3");
      sources.commit({ "web/a.yaml": configMap("a", "4") });
      await look("web");
      expect(value("a")).toBe("4");
    });

    test("converges by itself where it does not", async () => {
      await change("web", { forcePush: "allow" });
      sources.rewrite({ "web/a.yaml": configMap("a", "2") });
      await look("web");
      expect(phases("web")).toEqual(["Healthy", "Healthy"]);
      expect(value("a")).toBe("2");
    });
  });

  describe("waves", () => {
    test("a wave waits for the health of the one before it", async () => {
      await make("web");
      sources.commit({
        "web/a.yaml": configMap("late", "1", 5),
        "web/b.yaml": claim("disk", -1),
        "web/c.yaml": configMap("middle"),
      });
      await look("web");
      expect(inStore()).toEqual(["PersistentVolumeClaim default/disk"]);
      expect(latest("web")?.status).toMatchObject({ phase: "Progressing", wave: -1 });
      expect(latest("web")?.status.message).toMatch(/^wave -1, 1 of 3: PersistentVolumeClaim/);
      const ref = {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace: "default",
        name: "disk",
      };
      const disk = objects.get(ref)?.object;
      if (disk === undefined) throw new Error("no disk");
      await objects.updateStatus(Object.assign({ ...disk }, { status: { phase: "Bound" } }));
      await look("web");
      expect(inStore().toSorted()).toEqual([
        "PersistentVolumeClaim default/disk",
        "late",
        "middle",
      ]);
      expect(phases("web")).toEqual(["Healthy"]);
      expect(latest("web")?.status.counts).toEqual({ created: 3, changed: 0, removed: 0 });
      expect(latest("web")?.status.wave).toBeUndefined();
    });

    test("a fix pre-empts a wave that never becomes healthy", async () => {
      await make("web");
      sources.commit({ "web/b.yaml": claim("disk", -1), "web/c.yaml": configMap("a") });
      await look("web");
      sources.commit({ "web/c.yaml": configMap("a", "2"), "web/b.yaml": claim("disk", 1) });
      await look("web");
      expect(value("a")).toBe("2");
      expect(phases("web")).toEqual(["Superseded", "Progressing"]);
    });
  });

  test("a release that is not healthy in time has failed, and may still come good", async () => {
    await make("web", { readyTimeoutSeconds: 60 });
    sources.commit({ "web/b.yaml": claim("disk", 0) });
    const outcome = await harness.look("web");
    expect(outcome.lookAgainAt).toBe(clock.now() + 60_000);
    await clock.advance(59_000);
    await look("web");
    expect(phases("web")).toEqual(["Progressing"]);
    await clock.advance(2000);
    await look("web");
    expect(latest("web")?.status).toMatchObject({ phase: "Failed", reason: "ReadyTimeout" });
  });

  describe("drift", () => {
    const tamper = async (): Promise<void> => {
      const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "a" };
      const stored = objects.get(ref)?.object as ConfigMap | undefined;
      if (stored !== undefined)
        await objects.update({ ...stored, data: { value: "9" } } as ConfigMap);
    };

    beforeEach(async () => {
      await make("web");
      sources.commit({ "web/a.yaml": configMap("a"), "web/b.yaml": configMap("b") });
      await look("web");
    });

    test("is put right, and told", async () => {
      await tamper();
      await look("web");
      expect(value("a")).toBe("1");
      expect(harness.events.filter((event) => event.startsWith("Drifted"))).toEqual([
        "Drifted: not as Git declares: ConfigMap default/a; it is put right",
      ]);
      await look("web");
      expect(condition("web", "Drifted")).toBe("False AsDeclared: all objects are as Git declares");
    });

    test("is only told where the App says so, for what is changed and what is gone", async () => {
      await change("web", { drift: "detect" });
      await tamper();
      await objects.remove({
        apiVersion: "v1",
        kind: "ConfigMap",
        namespace: "default",
        name: "b",
      });
      await look("web");
      expect([value("a"), value("b")]).toEqual(["9", undefined]);
      expect(condition("web", "Drifted")).toContain(
        "ConfigMap default/a, ConfigMap default/b; it is only told (drift: detect)",
      );
      sources.commit({ "web/a.yaml": configMap("a", "3"), "web/b.yaml": configMap("b") });
      await look("web");
      expect([value("a"), value("b")]).toEqual(["3", "1"]);
    });

    test("reads nothing while nothing changes", async () => {
      const before = sources.loads;
      await look("web");
      await look("web");
      expect(sources.loads).toBe(before);
    });
  });

  describe("what Git loses or breaks stops nothing", () => {
    beforeEach(async () => {
      await make("web");
      sources.commit({
        "web/a.yaml": configMap("a"),
        "web/b.yaml": configMap("b"),
        "web/c.yaml": configMap("c"),
      });
      await look("web");
    });

    test.for([
      ["unreachable", "Unreachable"],
      ["unauthorized", "Unauthorized"],
      ["no-such-branch", "NoSuchBranch"],
      ["no-such-path", "NoSuchPath"],
      ["host-key", "HostKeyRefused"],
      ["io", "SourceError"],
    ] as const)("%s", async ([code, reason]) => {
      sources.failure = new GitError(code, "Cannot read it");
      await look("web");
      expect(condition("web", "SourceReady")).toBe(`False ${reason}: Cannot read it`);
      expect(inStore()).toEqual(["a", "b", "c"]);
      expect(phases("web")).toEqual(["Healthy"]);
      expect(condition("web", "Ready")).toMatch(/^True/);
    });

    test.for([
      ["an empty tree", { "web/README.md": "x" }],
      ["a path that is gone", { "other/a.yaml": configMap("z") }],
      ["a file that cannot be read", { "web/a.yaml": "a: [" }],
      ["all three objects gone", { "web/z.yaml": configMap("z") }],
    ] as const)("%s", async ([, files]) => {
      sources.commit({ ...files });
      await look("web");
      expect(inStore()).toEqual(["a", "b", "c"]);
      expect(phases("web")[0]).toBe("Healthy");
      expect(phases("web").slice(1)).not.toContain("Progressing");
    });

    test("consent stays until what it was for is gone or declared again", async () => {
      const namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: old\n";
      await make("keep", { path: "keep" });
      sources.commit({ "keep/k.yaml": configMap("k"), "keep/n.yaml": namespace });
      await look("keep");
      const slow = { "keep/claim.yaml": claim("slow", 0) };
      const rest = { "keep/k.yaml": configMap("k", "2") };
      sources.commit({ ...rest, ...slow }, "tidy\n\nAllow-Prune: keep");
      await look("keep");
      expect(phases("keep")).toEqual(["Healthy", "Progressing"]);
      sources.commit({ "keep/k.yaml": configMap("k", "3"), ...slow });
      await look("keep");
      expect(phases("keep")).toEqual(["Healthy", "Superseded", "Progressing"]);
      sources.commit({ ...rest, ...slow, "keep/n.yaml": namespace });
      await look("keep");
      sources.commit({ ...rest, ...slow, "keep/b.yaml": configMap("k2") });
      await look("keep");
      expect(latest("keep")?.status).toMatchObject({ phase: "Held", reason: "PruneGuard" });
    });

    test("what was removed with consent holds no later commit", async () => {
      const namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: old\n";
      await make("keep", { path: "keep" });
      sources.commit({ "keep/k.yaml": configMap("k"), "keep/n.yaml": namespace });
      await look("keep");
      sources.commit({ "keep/k.yaml": configMap("k") }, "tidy\n\nAllow-Prune: keep");
      await look("keep");
      sources.commit({ "keep/k.yaml": configMap("k", "2") });
      await look("keep");
      expect(phases("keep")).toEqual(["Healthy", "Healthy", "Healthy"]);
      expect(latest("keep")?.status.counts).toEqual({ created: 0, changed: 1, removed: 0 });
    });

    test("a store that fails in between stops nothing, and the next look goes on", async () => {
      for (let failing = 1; failing <= 6; failing += 1) {
        let writes = 0;
        const broken = new Proxy(objects, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name, target);
            if (typeof value !== "function") return value;
            const isWrite = ["create", "update", "updateStatus", "transact", "remove"].includes(
              String(name),
            );
            return (...args: unknown[]): unknown => {
              if (isWrite && (writes += 1) === failing)
                return Promise.reject(new Error("the disk is full"));
              return Reflect.apply(value, target, args);
            };
          },
        });
        const name = `m${failing}`;
        sources.commit({ "web/a.yaml": configMap("a"), "web/b.yaml": configMap(name) });
        const other = makeAppHarness(broken, sources, clock);
        await other.look("web").catch((error: unknown) => {
          expect(String(error)).toContain("the disk is full");
        });
        expect(inStore()).toContain("a");
        expect(inStore().length).toBeGreaterThanOrEqual(2);
        await look("web");
        expect(inStore()).toEqual(["a", name]);
        expect(latest("web")?.status.phase).toBe("Healthy");
      }
    });

    test("60 % of the manifests gone is Held", async () => {
      const many = Object.fromEntries(
        Array.from({ length: 10 }, (_, index) => [`web/${index}.yaml`, configMap(`n${index}`)]),
      );
      sources.commit({
        ...many,
        "web/a.yaml": configMap("a"),
        "web/b.yaml": configMap("b"),
        "web/c.yaml": configMap("c"),
      });
      await look("web");
      sources.commit(Object.fromEntries(Object.entries(many).slice(0, 5)));
      await look("web");
      expect(latest("web")?.status).toMatchObject({ phase: "Held", reason: "PruneGuard" });
      expect(inStore()).toHaveLength(13);
    });

    test("a commit outside of the folder is noted, and nothing else is done", async () => {
      const revision = objects.revision;
      const id = sources.commit({
        "web/a.yaml": configMap("a"),
        "web/b.yaml": configMap("b"),
        "web/c.yaml": configMap("c"),
        "other/x.yaml": "x",
      }).id;
      const loads = sources.loads;
      await look("web");
      expect(phases("web")).toEqual(["Healthy"]);
      expect(sources.loads).toBe(loads);
      expect(app("web")?.status).toMatchObject({
        seenCommit: id,
        appliedCommit: id,
        healthyCommit: id,
      });
      expect(objects.revision - revision).toBeLessThanOrEqual(2);
    });

    test("a suspended App stays as it is, and heals", async () => {
      await change("web", { suspend: true });
      sources.commit({ "web/a.yaml": configMap("a", "2") });
      await objects.remove({
        apiVersion: "v1",
        kind: "ConfigMap",
        namespace: "default",
        name: "b",
      });
      await look("web");
      expect([value("a"), value("b")]).toEqual(["1", "1"]);
      expect(phases("web")).toEqual(["Healthy"]);
      await change("web", { suspend: false });
      await look("web");
      expect(value("a")).toBe("2");
    });
  });

  describe("what a successor needs", () => {
    const service = (name: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  type: NodePort\n  selector:\n    app: web\n  ports:\n    - port: 80\n      nodePort: 30080\n`;
    const stored = (name: string) =>
      objects.get({ apiVersion: "v1", kind: "Service", namespace: "default", name })?.object;
    const NEEDED =
      "Service default/old is released first: Service default/new needs its node port TCP/30080";

    async function gone(name: string): Promise<void> {
      const object = stored(name);
      if (object === undefined) throw new Error(`no Service ${name}`);
      const { finalizers: _, ...metadata } = object.metadata;
      await objects.update({ ...object, metadata });
    }

    test("goes first, is told, and is not waited for by the prune", async () => {
      await make("web");
      sources.commit({ "web/s.yaml": service("old"), "web/a.yaml": configMap("a") });
      await look("web");
      sources.commit({
        "web/s.yaml": service("new"),
        "web/a.yaml": configMap("a"),
        "web/c.yaml": claim("slow", 0),
      });
      await look("web");
      expect(latest("web")?.status).toMatchObject({
        phase: "Progressing",
        reason: "ReleasedFirst",
        message: NEEDED,
      });
      expect(stored("old")?.metadata.deletionTimestamp).toBeDefined();
      expect(stored("new")).toBeUndefined();
      expect(harness.events.join("\n")).toContain(`is let in: ${NEEDED}`);
      await gone("old");
      await look("web");
      expect(stored("old")).toBeUndefined();
      expect(stored("new")).toBeDefined();
      expect(phases("web")).toEqual(["Healthy", "Progressing"]);
    });

    test("stays while the commit is Held, which says so", async () => {
      await make("web");
      sources.commit({ "web/s.yaml": service("old") });
      await look("web");
      sources.commit({ "web/s.yaml": service("new") });
      await look("web");
      expect(latest("web")?.status.phase).toBe("Held");
      expect(latest("web")?.status.message).toContain(NEEDED);
      expect(stored("old")?.metadata.deletionTimestamp).toBeUndefined();
      await approve("web");
      await look("web");
      await gone("old");
      await look("web");
      expect(phases("web")).toEqual(["Healthy", "Healthy"]);
    });

    test("comes back when Git goes back meanwhile", async () => {
      await make("web");
      const before = { "web/s.yaml": service("old"), "web/a.yaml": configMap("a") };
      sources.commit(before);
      await look("web");
      sources.commit({ "web/s.yaml": service("new"), "web/a.yaml": configMap("a") });
      await look("web");
      sources.commit(before, "revert");
      await look("web");
      await gone("old");
      await look("web");
      expect(stored("old")?.metadata.deletionTimestamp).toBeUndefined();
      expect(stored("new")).toBeUndefined();
      expect(phases("web").at(-1)).toBe("Healthy");
    });
  });

  test("another namespace or other ignored files make another release of the same tree", async () => {
    await make("web");
    sources.commit({ "web/a.yaml": configMap("a"), "web/b.yaml": configMap("b") });
    await look("web");
    await change("web", { ignore: "b.yaml\n" });
    await look("web");
    expect(phases("web")).toHaveLength(2);
  });

  test(
    "each release's commit is pinned, and let go when the release is forgotten",
    { timeout: 20_000 },
    async () => {
      await make("web");
      for (let number = 1; number <= 53; number += 1) {
        sources.commit({ "web/a.yaml": configMap("a", String(number)) });
        await look("web");
      }
      const pins = [...sources.pins];
      expect(pins).toHaveLength(50);
      expect(pins[0]).toBe("deployed/web/4");
    },
  );
});
