import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { defaultBindings, defaultRoles } from "../../src/planner/default-roles.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { findKubectls, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";

const binaries = await findKubectls();

const bind = (name: string, role: string, namespace: string): ApiObject =>
  ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name, namespace },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "dev" }],
  }) as ApiObject;

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startTestApi();
  for (const name of ["play", "shop"]) {
    const { metadata, ...rest } = build.namespace(name);
    const annotations = { "berth.dev/unmanaged": "true" };
    await api.put({ ...rest, metadata: { ...metadata, annotations } } as ApiObject);
  }
  for (const object of [...defaultRoles(), ...defaultBindings()]) await api.put(object);
  await api.put(bind("dev-edits", "edit", "play"));
  await api.put(bind("dev-looks", "view", "shop"));
});
afterAll(() => api[Symbol.asyncDispose]());

describe.each(binaries)("kubectl $minor", (binary) => {
  let alice: Kubectl;
  let admin: Kubectl;
  beforeAll(async () => {
    alice = await openKubectl(binary, await api.kubeconfig("alice", ["dev"]));
    admin = await openKubectl(binary, await api.kubeconfig());
  });
  afterAll(async () => {
    await alice[Symbol.asyncDispose]();
    await admin[Symbol.asyncDispose]();
  });

  test("auth whoami", async () => {
    const told = await alice.text("auth", "whoami");
    expect(told).toMatch(/Username\s+alice/);
    expect(told).toMatch(/Groups\s+\[dev system:authenticated\]/);
  });

  test.each([
    [["create", "deployments", "-n", "play"], "yes"],
    [["create", "deployments", "-n", "shop"], "no"],
    [["list", "pods", "-n", "shop"], "yes"],
    [["get", "pods", "--subresource=log", "-n", "shop"], "yes"],
    [["get", "secrets", "-n", "shop"], "no"],
    [["list", "pods", "--all-namespaces"], "no"],
    [["delete", "nodes"], "no"],
    [["get", "/version"], "yes"],
    [["get", "/metrics"], "no"],
  ])("auth can-i %j: %s", async (question, answer) => {
    const { stdout, code } = await alice.run("auth", "can-i", ...question);
    expect([stdout.trim().split("\n").at(-1), code]).toEqual([answer, answer === "yes" ? 0 : 1]);
  });

  test("auth can-i --list", async () => {
    const told = await alice.text("auth", "can-i", "--list", "-n", "play");
    expect(told).toMatch(/^secrets\s+\[\]\s+\[\]\s+\[.*create.*\]$/m);
    expect(told).toMatch(
      /^selfsubjectaccessreviews\.authorization\.k8s\.io\s+\[\]\s+\[\]\s+\[create\]$/m,
    );
    const shop = await alice.text("auth", "can-i", "--list", "-n", "shop");
    expect(shop).not.toMatch(/^secrets/m);
    expect(await admin.text("auth", "can-i", "--list")).toMatch(/^\*\.\*\s+\[\]\s+\[\]\s+\[\*\]$/m);
  });

  test("what is not allowed is refused, and says what", async () => {
    const { code, stderr } = await alice.run("get", "secrets", "-n", "shop");
    expect(code).toBe(1);
    expect(stderr).toContain(
      'secrets is forbidden: User "alice" cannot list resource "secrets" in API group "" in the namespace "shop"',
    );
    expect(await alice.text("get", "pods", "-n", "shop")).toBe("");
    await alice.text("create", "configmap", `made-${binary.minor}`, "-n", "play");
    const refused = await alice.run("create", "configmap", "made", "-n", "shop");
    expect(refused.stderr).toContain('cannot create resource "configmaps"');
  });

  test("nobody gives rights that they do not have", async () => {
    await admin.text(
      "create",
      "rolebinding",
      "rights",
      "-n",
      "play",
      "--clusterrole=admin",
      "--user=alice",
    );
    const role = (name: string, resource: string): readonly string[] => [
      "create",
      "role",
      name,
      "-n",
      "play",
      "--verb=get",
      `--resource=${resource}`,
    ];
    await alice.text(...role("looks", "pods"));
    const refused = await alice.run(...role("greedy", "nodes"));
    expect(refused.stderr).toContain("attempting to grant RBAC permissions not currently held");
    const all = ["--clusterrole=cluster-admin", "--user=alice"];
    expect(
      (await alice.run("create", "rolebinding", "own", "-n", "play", ...all)).stderr,
    ).toContain("not currently held");
    for (const name of ["role/looks", "rolebinding/rights"])
      await admin.text("delete", name, "-n", "play");
  });

  test("as another, by those who may be taken for them", async () => {
    const question = ["auth", "can-i", "get", "pods", "-n", "shop", "--as=x"];
    expect((await admin.run(...question, "--as-group=dev")).stdout.trim()).toBe("yes");
    expect((await admin.run(...question)).stdout.trim()).toBe("no");
    const refused = await alice.run("get", "pods", "-n", "shop", "--as=admin");
    expect(refused.stderr).toContain('User "alice" cannot impersonate resource "users"');
    const masters = ["--as=alice", "--as-group=system:masters"];
    expect((await alice.run("get", "nodes", ...masters)).code).toBe(1);
  });

  test("describe shows what a role is made of", async () => {
    expect(await admin.text("describe", "clusterrole", "cluster-admin")).toMatch(/\*\.\*/);
    expect(await admin.text("describe", "rolebinding", "dev-edits", "-n", "play")).toMatch(
      /Group\s+dev/,
    );
    const table = await admin.text("get", "rolebindings", "-n", "play", "-o", "wide");
    expect(table).toMatch(/dev-edits\s+ClusterRole\/edit\s+\S+\s+dev/);
  });
});
