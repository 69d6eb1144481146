import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Deployment } from "../../src/model/kinds.gen.ts";
import { eventually } from "../support/eventually.ts";
import { findKubectls, openKubectl, type Kubectl } from "../support/kubectl.ts";
import { useCluster } from "../support/use-cluster.ts";

/* The hello world of every tutorial, word for word, and berth's own commands: every step is in `git log`. */

const current = useCluster(() =>
  Promise.resolve({
    files: {
      "settings.yaml":
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: green\n",
    },
  }),
);
let kubectl: Kubectl;
beforeAll(async () => {
  const [oldest] = await findKubectls();
  if (oldest === undefined) throw new Error("There is no kubectl");
  kubectl = await openKubectl(oldest, await readFile(current().kubeconfig, "utf8"));
  await current().untilPhase(await current().repo.head(), "Healthy");
});
afterAll(() => kubectl[Symbol.asyncDispose]());

const subject = (): Promise<string> => current().repo.git("log", "-1", "--format=%s");
const deployment = (): Promise<Deployment> => current().getJson<Deployment>("deployment", "hello");
async function berth(command: string, ...args: readonly string[]): Promise<string> {
  const { code, output } = await current().berth(command, ...args);
  expect([code, output]).toEqual([0, expect.any(String)]);
  return output;
}

test("create, run, expose, scale, set image, restart, undo and delete", async () => {
  await kubectl.text("create", "deployment", "hello", "--image=berth.local/hello:1");
  expect(await subject()).toBe("Create deployment hello");
  expect(await kubectl.text("rollout", "status", "deployment/hello", "--timeout=25s")).toContain(
    "successfully rolled out",
  );
  await kubectl.text("expose", "deployment", "hello", "--type=NodePort", "--port=8080");
  expect(await subject()).toBe("Create service hello");

  expect(await berth("scale", "deployment/hello", "--replicas", "2", "-m", "More of it")).toMatch(
    /^committed [0-9a-f]{7} to main: deployment-hello\.yaml/,
  );
  expect(await subject()).toBe("More of it");
  expect(await berth("scale", "deploy/hello", "--replicas", "2")).toContain("nothing to change");
  expect(
    await berth("set", "image", "deployment/hello", "berth.local/hello:2", "--dry-run"),
  ).toContain("dry run");
  await berth("set", "image", "deployment/hello", "berth.local/hello:2");
  expect(await subject()).toBe("Set image of hello to berth.local/hello:2 in deployment hello");
  await kubectl.text("rollout", "status", "deployment/hello", "--timeout=25s");
  await berth("restart", "deployment/hello");
  expect(await subject()).toBe("Restart deployment hello");
  await kubectl.text("rollout", "undo", "deployment/hello", "--to-revision=1");
  expect(await subject()).toBe("Undo rollout of deployment hello");
  expect((await deployment()).spec.template.spec.containers[0]?.image).toBe("berth.local/hello:1");
  expect((await deployment()).spec.replicas).toBe(2);

  const refused = await current().berth("scale", "deployment/none", "--replicas", "1");
  expect([refused.code, refused.output]).toEqual([1, expect.stringContaining('"none" not found')]);
  expect(await berth("delete", "deployment/hello", "service/hello")).toMatch(
    /^committed [0-9a-f]{7} to main: deployment-hello\.yaml, service-hello\.yaml\n$/,
  );
  expect(await subject()).toMatch(/^Delete 2 objects$/);
  await eventually("they are gone", async () => {
    const { stdout } = await kubectl.run(
      "get",
      "deployments,services,pods",
      "-l",
      "app=hello",
      "-o",
      "name",
    );
    return stdout.trim() === "" ? true : undefined;
  });
  expect(await current().repo.git("status", "--porcelain")).toBe("");
});
