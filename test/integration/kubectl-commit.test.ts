import { afterAll, beforeAll, expect, test } from "vitest";
import type { Deployment } from "../../src/model/kinds.gen.ts";
import { findKubectls, openKubectl, type Kubectl } from "../support/kubectl.ts";
import { startWritePlane, type WritePlane } from "../support/write-plane.ts";

const WEB = `# The shop's front.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web # as everybody calls it
spec:
  replicas: 0   # none for now
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: nginx
        image: "nginx:1.26" # pinned
        ports:
        - containerPort: 80
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  colour: green
`;

let plane: WritePlane;
let kubectl: Kubectl;
beforeAll(async () => {
  plane = await startWritePlane({ files: { "web.yaml": WEB } });
  const binary =
    (await findKubectls()).find(({ minor }) => minor === "1.29") ?? (await findKubectls())[0];
  if (binary === undefined) throw new Error("There is no kubectl");
  kubectl = await openKubectl(binary, await plane.kubeconfig("ada"));
});
afterAll(async () => {
  await kubectl[Symbol.asyncDispose]();
  await plane[Symbol.asyncDispose]();
});

const web = (): Deployment | undefined =>
  plane.get<Deployment>({
    apiVersion: "apps/v1",
    kind: "Deployment",
    namespace: "default",
    name: "web",
  });

test("scale", async () => {
  const { code, output } = await kubectl.run("scale", "deployment/web", "--replicas=5");
  expect([code, output]).toEqual([0, expect.stringContaining("deployment.apps/web scaled")]);
  expect(output).toMatch(/Warning: committed [0-9a-f]{7} to main: web\.yaml/);
  expect(web()?.spec.replicas).toBe(5);
  expect(await plane.read("web.yaml")).toBe(WEB.replace("replicas: 0 ", "replicas: 5 "));
  expect(await plane.git("log", "-1", "--format=%an <%ae> %cn%n%B")).toBe(
    "ada <ada@abc123.berth.local> Berth\nScale deployment web to 5\n\nBerth-Request: kubectl scale",
  );
});
