import { basename } from "node:path";
import { KubeConfig, KubernetesObjectApi, PatchStrategy } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UNMANAGED_ANNOTATION } from "../../src/model/app.ts";
import type { Deployment } from "../../src/model/kinds.gen.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { findKubectls, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";
import { startWritePlane } from "../support/write-plane.ts";

const binaries = await findKubectls();

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startTestApi();
  const { metadata, ...play } = build.namespace("play");
  const annotations = { [UNMANAGED_ANNOTATION]: "true" };
  await api.put({ ...play, metadata: { ...metadata, annotations } });
});
afterAll(() => api[Symbol.asyncDispose]());

function manifest(name: string, more: object = {}, image = "nginx:1"): string {
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace: "play", labels: { app: name } },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "web", image }] },
      },
      ...more,
    },
  });
}

function stored(name: string): Deployment {
  const ref = { apiVersion: "apps/v1", kind: "Deployment", namespace: "play", name };
  const found = api.objects.get(ref)?.object;
  if (found === undefined) throw new Error(`no deployment "${name}"`);
  return found as Deployment;
}

function managers(name: string): readonly string[] {
  const entries = stored(name).metadata.managedFields ?? [];
  return entries.map(({ manager, operation, subresource = "" }) =>
    [manager, operation, subresource].join(" ").trim(),
  );
}

describe.each(binaries)("kubectl $minor", ({ path, minor }) => {
  const name = (base: string): string => `${base}-${minor.replace(".", "-")}`;
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl({ path, minor }, await api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());
  const apply = (text: string, ...flags: readonly string[]) =>
    kubectl.pipe(text, "apply", "--server-side", "-f", "-", ...flags);

  test("apply --server-side creates, changes nothing twice, and takes out what it stated", async () => {
    const web = name("web");
    expect((await apply(manifest(web, { replicas: 2, paused: true }))).output).toBe(
      `deployment.apps/${web} serverside-applied\n`,
    );
    const first = stored(web);
    expect(first.metadata.managedFields).toEqual([
      {
        manager: "kubectl",
        operation: "Apply",
        apiVersion: "apps/v1",
        time: expect.any(String),
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { "f:app": {} } },
          "f:spec": {
            "f:paused": {},
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
              "f:metadata": { "f:labels": { "f:app": {} } },
              "f:spec": {
                "f:containers": {
                  'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {} },
                },
              },
            },
          },
        },
      },
    ]);
    await apply(manifest(web, { replicas: 2, paused: true }));
    expect(stored(web).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await apply(manifest(web, { replicas: 2 }));
    expect(stored(web).spec.paused).toBeUndefined();
  });

  test("what another manager owns is a conflict, unless it is forced", async () => {
    const web = name("shared");
    await apply(manifest(web, { replicas: 2 }));
    await kubectl.text("scale", "-n", "play", `deployment/${web}`, "--replicas=5");
    const program = basename(path);
    expect(managers(web)).toEqual(["kubectl Apply", `${program} Update scale`]);
    const { code, output } = await apply(manifest(web, { replicas: 2 }));
    expect([code, output]).toEqual([
      1,
      expect.stringContaining(
        `Apply failed with 1 conflict: conflict with "${program}" with subresource "scale" using apps/v1: .spec.replicas`,
      ),
    ]);
    expect(stored(web).spec.replicas).toBe(5);
    const forced = await apply(manifest(web, { replicas: 3 }), "--force-conflicts");
    expect(forced.code).toBe(0);
    expect([stored(web).spec.replicas, managers(web)]).toEqual([3, ["kubectl Apply"]]);
    const other = await apply(manifest(web, { replicas: 3 }, "nginx:2"), "--field-manager=ann");
    expect(other.output).toContain(
      'conflict with "kubectl": .spec.template.spec.containers[name="web"].image',
    );
  });

  test("what was applied by the client becomes what is applied by the server", async () => {
    const web = name("moved");
    await kubectl.pipe(manifest(web, { replicas: 2 }), "apply", "-f", "-");
    expect(managers(web)).toEqual(["kubectl-client-side-apply Update"]);
    expect((await apply(manifest(web))).code).toBe(0);
    expect(managers(web)).toContain("kubectl Apply");
    expect(managers(web)).not.toContain("kubectl-client-side-apply Update");
    expect(stored(web).spec.replicas).toBe(1);
  });

  test("dry runs store nothing, and unknown fields are refused", async () => {
    const web = name("dry");
    expect((await apply(manifest(web), "--dry-run=server")).output).toContain("(server dry run)");
    expect(() => stored(web)).toThrow("no deployment");
    const { output } = await apply(manifest(web, { replicaz: 1 }));
    expect(output).toContain('unknown field "spec.replicaz"');
  });
});

test("the official client applies, as another manager of other fields", async () => {
  const config = new KubeConfig();
  config.loadFromString(await api.kubeconfig());
  const client = KubernetesObjectApi.makeApiClient(config);
  const apply = (object: object, manager: string, force = false) =>
    client.patch(
      object as Parameters<typeof client.patch>[0],
      undefined,
      undefined,
      manager,
      force,
      PatchStrategy.ServerSideApply,
    );
  await apply(JSON.parse(manifest("client", { replicas: 2 })) as object, "ann");
  const label = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "client", namespace: "play", labels: { tier: "front" } },
  };
  await apply(label, "bob");
  expect(stored("client").metadata.labels).toEqual({ app: "client", tier: "front" });
  expect(managers("client")).toEqual(["ann Apply", "bob Apply"]);
  await expect(apply({ ...label, spec: { replicas: 4 } }, "bob")).rejects.toMatchObject({
    code: 409,
  });
  await apply({ ...label, metadata: { ...label.metadata, labels: {} } }, "bob");
  expect(stored("client").metadata.labels).toEqual({ app: "client" });
});

const SETTINGS = `# What the shop looks like.
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  colour: green # since spring
  size: large
`;

test("what Git declares is applied by commits; Git's fields never stand against it", async () => {
  await using plane = await startWritePlane({ files: { "settings.yaml": SETTINGS } });
  const [binary] = binaries;
  if (binary === undefined) throw new Error("There is no kubectl");
  await using kubectl = await openKubectl(binary, await plane.kubeconfig("ada"));
  const apply = (data: object, ...flags: readonly string[]) =>
    kubectl.pipe(
      JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data }),
      "apply",
      "--server-side",
      "-f",
      "-",
      ...flags,
    );
  const first = await apply({ colour: "blue", shape: "round" });
  expect(first).toMatchObject({ code: 0, output: expect.stringContaining("Warning: committed") });
  expect(await plane.read("settings.yaml")).toBe(
    `${SETTINGS.replace("green", "blue")}  shape: round\n`,
  );
  const head = await plane.repo.head();
  expect((await apply({ colour: "blue", shape: "round" })).code).toBe(0);
  expect(await plane.repo.head()).toBe(head);
  // What ada alone owns goes with her word for it; what only Git states stays.
  expect((await apply({ colour: "blue" })).code).toBe(0);
  expect(await plane.read("settings.yaml")).toBe(SETTINGS.replace("green", "blue"));
  const other = await apply({ colour: "red" }, "--field-manager=bob");
  expect(other.output).toContain('conflict with "kubectl": .data.colour');
  expect((await apply({ colour: "red" }, "--field-manager=bob", "--force-conflicts")).code).toBe(0);
  expect(await plane.read("settings.yaml")).toBe(SETTINGS.replace("green", "red"));
  const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "default", name: "settings" };
  const entries = plane.get(ref)?.metadata.managedFields ?? [];
  expect(entries.map(({ manager }) => manager)).toEqual(["bob", "git"]);
  expect(await plane.git("show", "main:settings.yaml")).not.toContain("managedFields");
});
