import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { App, ConfigMap, Deployment, Release } from "../../src/model/kinds.gen.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { eventually } from "../support/eventually.ts";
import { findKubectls, openKubectl, type Kubectl } from "../support/kubectl.ts";
import { startWritePlane, type WritePlane } from "../support/write-plane.ts";

const configMap = (name: string, data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: "${data}"\n`;
const deployment = (name: string): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  replicas: 0
  selector:
    matchLabels: {app: ${name}}
  template:
    metadata:
      labels: {app: ${name}}
    spec:
      containers: [{name: app, image: app:1}]
`;
const NAMES = Array.from({ length: 20 }, (_, index) => `web-${index}`);
const FEW = NAMES.slice(0, 6);

let plane: WritePlane;
let kubectl: Kubectl;
let newest: Kubectl;
beforeAll(async () => {
  const files = Object.fromEntries([
    ...NAMES.map((name) => [`apps/${name}.yaml`, deployment(name)] as const),
    ["apps/all.yaml", [1, 2, 3, 4, 5, 6].map((index) => configMap(`m${index}`, "1")).join("---\n")],
    [
      "apps/anchors.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: alias\n  labels: &l {x: y}\n  annotations: *l\n",
    ],
  ]);
  plane = await startWritePlane({ files, spec: { path: "apps" } });
  const binaries = await findKubectls();
  const [oldest] = binaries;
  const last = binaries.at(-1);
  if (oldest === undefined || last === undefined) throw new Error("There is no kubectl");
  kubectl = await openKubectl(oldest, await plane.kubeconfig("ada"));
  newest = await openKubectl(last, await plane.kubeconfig("Grace Hopper"));
});
afterAll(async () => {
  await kubectl[Symbol.asyncDispose]();
  await newest[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

const getMap = (name: string): ConfigMap | undefined =>
  plane.get({ apiVersion: "v1", kind: "ConfigMap", namespace: "default", name }) as
    | ConfigMap
    | undefined;
const refused = async (...args: readonly string[]): Promise<string> => {
  const before = await plane.repo.head();
  const { code, stderr } = await kubectl.run(...args);
  expect([code, await plane.repo.head()]).toEqual([1, before]);
  return stderr;
};

test("twenty at once all land, each in a commit that names it, and none is lost", async () => {
  const before = await plane.repo.head();
  const answers = await Promise.all(
    NAMES.map((name, index) =>
      (index % 2 === 0 ? kubectl : newest).run(
        "scale",
        `deployment/${name}`,
        `--replicas=${index + 1}`,
      ),
    ),
  );
  expect(answers.filter(({ code }) => code !== 0).map(({ output }) => output)).toEqual([]);
  for (const [index, name] of NAMES.entries()) {
    const found = plane.get({
      apiVersion: "apps/v1",
      kind: "Deployment",
      namespace: "default",
      name,
    }) as Deployment | undefined;
    expect(found?.spec.replicas).toBe(index + 1);
    expect(await plane.read(`apps/${name}.yaml`)).toBe(
      deployment(name).replace("replicas: 0", `replicas: ${index + 1}`),
    );
  }
  const log = await plane.git("log", "--format=%B", `${before}..main`);
  for (const [index, name] of NAMES.entries())
    expect(log).toContain(`Scale deployment ${name} to ${index + 1}`);
  expect(await plane.git("log", "--format=%an <%ae>", `${before}..main`)).toContain(
    "Grace Hopper <Grace-Hopper@abc123.berth.local>",
  );
});

test("several at once on one object end in one of them, and each is answered", async () => {
  const answers = await Promise.all(
    FEW.map((_, index) =>
      kubectl.run("patch", "configmap", "m1", "-p", `{"data":{"k${index}":"v"}}`),
    ),
  );
  expect(answers.filter(({ code }) => code !== 0).map(({ output }) => output)).toEqual([]);
  expect(Object.keys(getMap("m1")?.data ?? {}).toSorted()).toEqual(
    ["a", ...FEW.map((_, index) => `k${index}`)].toSorted(),
  );
}, 60_000);

test("others push meanwhile: the change is made on top of theirs", async () => {
  const running = kubectl.run("patch", "configmap", "m2", "-p", '{"data":{"b":"2"}}');
  await plane.repo.edit("apps/web-0.yaml", "app:1", "app:2");
  expect((await running).code).toBe(0);
  expect(await plane.read("apps/web-0.yaml")).toContain("app:2");
  expect(getMap("m2")?.data).toEqual({ a: "1", b: "2" });
});

test("apply, diff, replace, edit of a version that is old", async () => {
  const manifest = configMap("m3", "2");
  const diff = await newest.pipe(manifest, "diff", "-f", "-");
  expect(diff).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/-  a: "1"\n\+  a: "2"/),
  });
  expect((await newest.pipe(manifest, "apply", "-f", "-")).output).toMatch(
    /configmap\/m3 configured[^]*|Warning: committed/,
  );
  expect(await plane.log()).toEqual(["Change data.a of configmap m3"]);
  const head = await plane.repo.head();
  expect((await newest.pipe(manifest, "apply", "-f", "-")).code).toBe(0);
  expect((await newest.pipe(manifest, "diff", "-f", "-")).code).toBe(0);
  expect(await plane.repo.head()).toBe(head);
  expect(await plane.read("apps/all.yaml")).not.toContain("last-applied");
  const old = JSON.stringify({ ...getMap("m3"), data: { a: "3" } });
  expect((await newest.pipe(old, "replace", "-f", "-")).code).toBe(0);
  expect((await newest.pipe(old, "replace", "-f", "-")).stderr).toContain(
    "the object has been modified",
  );
  expect((await newest.pipe(configMap("fresh", "x"), "apply", "-f", "-")).output).toContain(
    "configmap/fresh created",
  );
  expect(await plane.log()).toEqual(["Create configmap fresh"]);
});

test("apply of a Deployment: no commit when it is so, and only what differs when it is not", async () => {
  const manifest = deployment("web-9").replace("replicas: 0", "replicas: 10");
  const head = await plane.repo.head();
  expect(await newest.pipe(manifest, "diff", "-f", "-")).toMatchObject({ code: 0, stdout: "" });
  expect((await newest.pipe(manifest, "apply", "-f", "-")).code).toBe(0);
  expect(await plane.repo.head()).toBe(head);
  const wanted = manifest.replace("image: app:1", "image: app:1, env: [{name: A, value: b}]");
  expect((await newest.pipe(wanted, "diff", "-f", "-")).stdout).toMatch(/\+ +- name: A\n/);
  expect((await newest.pipe(wanted, "apply", "-f", "-")).code).toBe(0);
  expect(await plane.log()).toEqual(["Set env of app in deployment web-9"]);
  expect(await plane.read("apps/web-9.yaml")).toBe(wanted);
  expect((await newest.pipe(manifest, "apply", "-f", "-")).code).toBe(0);
  expect(await plane.read("apps/web-9.yaml")).toBe(manifest);
});

test("a head that will be Held for other deletions is not consented to by the way", async () => {
  const before = await plane.repo.head();
  await plane.applied();
  const app = plane.get({ apiVersion: "berth.dev/v1", kind: "App", name: "root" }) as App;
  await plane.git("rm", "-q", ...NAMES.slice(9).map((name) => `apps/${name}.yaml`));
  await plane.git("commit", "-q", "-m", "remove half");
  const { stderr } = await kubectl.run("delete", "configmap", "m6", "--wait=false");
  expect(stderr).toMatch(/takes no writes: its head [0-9a-f]{12} (?:is|will be) Held/);
  await plane.git("revert", "--no-edit", "HEAD");
  expect(app.spec.path).toBe("apps");
  expect(await plane.git("rev-parse", "HEAD~2")).toBe(before);
  await eventually("the head is let in again", async () => {
    const { code, output } = await kubectl.run("label", "configmap", "m6", "back=yes");
    if (code === 0) return true;
    throw new Error(output);
  });
});

test("a dry run answers and leaves no trace", async () => {
  const head = await plane.repo.head();
  const text = await newest.text("scale", "deployment/web-1", "--replicas=9", "--dry-run=server");
  expect(text).toContain("scaled (server dry run)");
  const created = await newest.pipe(
    configMap("tried", "x"),
    "apply",
    "--dry-run=server",
    "-o",
    "name",
    "-f",
    "-",
  );
  expect(created.stdout).toBe("configmap/tried\n");
  expect((await newest.run("delete", "configmap", "m4", "--dry-run=server")).code).toBe(0);
  expect(await plane.repo.head()).toBe(head);
  expect(getMap("m4")).toBeDefined();
  expect(await plane.git("status", "--porcelain")).toBe("");
});

test("what cannot be is told, and nothing is committed", async () => {
  expect(await refused("scale", "deployment/web-1", "--replicas=-1")).toContain(
    "must be greater than or equal to 0",
  );
  expect(
    await refused("patch", "deployment", "web-1", "-p", '{"spec":{"replicas":"x"}}'),
  ).toContain("spec.replicas");
  expect(
    await refused(
      "patch",
      "deployment",
      "web-1",
      "--type=merge",
      "-p",
      '{"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}}}}}',
    ),
  ).toMatch(/selector/);
  expect(await refused("create", "configmap", "x", "-n", "nowhere")).toContain(
    'namespaces "nowhere" not found',
  );
  expect(await refused("create", "configmap", "m4")).toContain('configmaps "m4" already exists');
  expect(await refused("create", "secret", "generic", "s", "--from-literal=a=b")).toMatch(
    /plain text, and there is nobody to encrypt it to; set secrets.recipients/,
  );
  expect(await refused("annotate", "configmap", "alias", "x=z", "--overwrite")).toMatch(
    /alias of an anchor|apps\/anchors\.yaml|anchors\.yaml/,
  );
  expect(
    await refused(
      "patch",
      "configmap",
      "m4",
      "-p",
      '{"metadata":{"labels":{"berth.dev/app":"x"}}}',
    ),
  ).toContain("set by Berth");
});

test("a work tree that is dirty there is not touched", async () => {
  const file = join(plane.repo.path, "apps/web-2.yaml");
  const mine = `${await plane.read("apps/web-2.yaml")}# mine\n`;
  await writeFile(file, mine);
  expect(await refused("scale", "deployment/web-2", "--replicas=7")).toMatch(
    /changes of its own in "apps\/web-2\.yaml"; commit or stash/,
  );
  expect((await kubectl.run("scale", "deployment/web-3", "--replicas=7")).code).toBe(0);
  expect(await plane.read("apps/web-2.yaml")).toBe(mine);
  await plane.git("checkout", "-q", "--", "apps/web-2.yaml");
});

test("a head that waits for somebody takes nothing on top", async () => {
  await plane.repo.edit("apps/web-4.yaml", "replicas: 5", "replicas: many");
  const bad = await plane.repo.head();
  await eventually("it is Rejected", () => {
    const releases = plane.objects.list(
      resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" }),
    ).items;
    return releases.some(({ object }) => (object as Release).spec.commit === bad)
      ? true
      : undefined;
  });
  expect(await refused("scale", "deployment/web-5", "--replicas=1")).toMatch(
    /is Rejected: apps\/web-4\.yaml:6/,
  );
  await plane.repo.edit("apps/web-4.yaml", "replicas: many", "replicas: 5");
  await plane.applied();
});

test("a deletion that the prune guard would hold carries its consent, and any other does not", async () => {
  expect((await kubectl.run("delete", "configmap", "m5", "--wait=false")).code).toBe(0);
  expect(await plane.git("log", "-1", "--format=%B")).not.toContain("Allow-Prune");
  expect(
    (
      await newest.pipe(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: gone}\n",
        "apply",
        "-f",
        "-",
      )
    ).code,
  ).toBe(0);
  expect((await kubectl.run("delete", "namespace", "gone", "--wait=false")).code).toBe(0);
  expect(await plane.git("log", "-1", "--format=%B")).toBe(
    "Delete namespace gone\n\nBerth-Request: kubectl delete\nAllow-Prune: root",
  );
  expect((await kubectl.run("label", "configmap", "m2", "next=yes")).code).toBe(0);
});

test("a collection is deleted in one commit", async () => {
  // What is no longer declared goes once the release is healthy: here no node runs pods.
  expect((await kubectl.run("scale", "deployment", "--all", "--replicas=0")).code).toBe(0);
  const piped = ["s1", "s2", "s3"].map((name) =>
    configMap(name, "1").replace("metadata:\n", "metadata:\n  labels: {sweep: yes-please}\n"),
  );
  expect((await kubectl.pipe(piped.join("---\n"), "apply", "-f", "-")).code).toBe(0);
  const before = await plane.repo.head();
  const path = "/api/v1/namespaces/default/configmaps?labelSelector=sweep%3Dyes-please";
  const { code, output } = await kubectl.run("delete", "--raw", path);
  expect([code, output]).toEqual([0, expect.stringContaining('"kind":"ConfigMapList"')]);
  expect(await plane.git("log", "--format=%s", `${before}..main`)).toBe("Delete 3 configmaps");
  await eventually("they are gone", () =>
    ["s1", "s2", "s3"].every((name) => getMap(name) === undefined) ? true : undefined,
  );
  expect(getMap("m1")).toBeDefined();
});

const child = (name: string, more = ""): string =>
  `apiVersion: berth.dev/v1\nkind: App\nmetadata:\n  name: ${name}\n${more}spec:\n  intervalSeconds: 3600\n  path: two\n  repo: ${plane.repo.path}\n`;
const appNamed = (name: string): App | undefined =>
  plane.get({ apiVersion: "berth.dev/v1", kind: "App", name }) as App | undefined;

test("a further App is a commit to the first one's folder, changed and deleted by commits", async () => {
  const applied = await kubectl.pipe(child("two"), "apply", "-f", "-");
  expect([applied.code, applied.stderr]).toEqual([0, expect.stringContaining("committed ")]);
  const [file] = (await plane.git("diff", "--name-only", "HEAD~1", "HEAD")).split("\n");
  expect(await plane.read(file ?? "")).toBe(child("two"));
  expect(appNamed("two")?.metadata.labels?.["berth.dev/app"]).toBe("root");
  expect(
    (await kubectl.run("patch", "app", "two", "--type=merge", "-p", '{"spec":{"suspend":true}}'))
      .code,
  ).toBe(0);
  expect(await plane.read(file ?? "")).toBe(`${child("two")}  suspend: true\n`);
  expect((await kubectl.run("delete", "app", "two", "--wait=false")).code).toBe(0);
  expect(await plane.git("log", "-1", "--format=%B")).toContain("Allow-Prune: root");
  await eventually("it is gone", () => (appNamed("two") === undefined ? true : undefined));
});

test("an App that is said to be nobody's stays in the cluster alone", async () => {
  const before = await plane.repo.head();
  const marked = child("loose", '  annotations: {berth.dev/unmanaged: "true"}\n');
  expect((await kubectl.pipe(marked, "apply", "-f", "-")).output).toContain(
    "app.berth.dev/loose created",
  );
  expect(appNamed("loose")?.metadata.labels?.["berth.dev/app"]).toBeUndefined();
  expect((await kubectl.run("delete", "app", "loose", "--wait=false")).code).toBe(0);
  expect(await plane.repo.head()).toBe(before);
});

test("Git away is a 503 that says so", async () => {
  await plane.git("update-ref", "-d", "refs/heads/main");
  const { stderr } = await kubectl.run("scale", "deployment/web-5", "--replicas=2");
  expect(stderr).toMatch(/ServiceUnavailable|no such branch|no commits yet/);
  await plane.git("update-ref", "refs/heads/main", "HEAD@{0}").catch(() => undefined);
});
