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
  plane.get({
    apiVersion: "apps/v1",
    kind: "Deployment",
    namespace: "default",
    name: "web",
  }) as Deployment | undefined;

/** A command that must make one commit; resolves with its subject. */
async function commits(...args: readonly string[]): Promise<string> {
  const before = await plane.repo.head();
  const { code, output } = await kubectl.run(...args);
  expect([code, output]).toEqual([
    0,
    expect.stringMatching(/Warning: committed [0-9a-f]{7} to main: /),
  ]);
  expect(await plane.git("rev-parse", "main~1")).toBe(before);
  return plane.git("log", "-1", "--format=%s", "main");
}

/** Lines that the last commit took out and put in. */
async function diff(): Promise<readonly string[]> {
  const text = await plane.git("show", "--format=", "--unified=0", "main");
  return text.split("\n").filter((line) => /^[-+](?![-+])/.test(line));
}

test("scale changes one word of one line, as the caller", async () => {
  const { code, output } = await kubectl.run("scale", "deployment/web", "--replicas=5");
  expect([code, output]).toEqual([0, expect.stringContaining("deployment.apps/web scaled")]);
  expect(output).toMatch(/Warning: committed [0-9a-f]{7} to main: web\.yaml/);
  expect(web()?.spec.replicas).toBe(5);
  expect(await plane.read("web.yaml")).toBe(WEB.replace("replicas: 0 ", "replicas: 5 "));
  expect(await plane.git("log", "-1", "--format=%an <%ae> %cn%n%B")).toBe(
    "ada <ada@abc123.berth.local> Berth\nScale deployment web to 5\n\nBerth-Request: kubectl scale",
  );
});

test("what is so already makes no commit", async () => {
  const before = await plane.repo.head();
  expect((await kubectl.run("scale", "deployment/web", "--replicas=5")).code).toBe(0);
  expect((await kubectl.run("label", "deployment/web", "nothing-")).code).toBe(0);
  expect(await plane.repo.head()).toBe(before);
});

test.each<[args: readonly string[], subject: string, lines: readonly string[]]>([
  [
    ["set", "image", "deployment/web", "nginx=nginx:1.27"],
    "Set image of nginx to nginx:1.27 in deployment web",
    ['-        image: "nginx:1.26" # pinned', '+        image: "nginx:1.27" # pinned'],
  ],
  [
    ["set", "env", "deployment/web", "COLOUR=green", "ON=yes"],
    "Set env of nginx in deployment web",
    [
      "+        env:",
      "+        - name: COLOUR",
      "+          value: green",
      '+        - name: "ON"',
      '+          value: "yes"',
    ],
  ],
  [
    ["set", "env", "deployment/web", "ON-"],
    "Set env of nginx in deployment web",
    ['-        - name: "ON"', '-          value: "yes"'],
  ],
  [
    ["set", "resources", "deployment/web", "--limits=cpu=200m,memory=64Mi"],
    "Set resources of nginx in deployment web",
    [
      "+        resources:",
      "+          limits:",
      "+            cpu: 200m",
      "+            memory: 64Mi",
    ],
  ],
  [
    ["label", "deployment/web", "tier=front"],
    "Label deployment web: tier=front",
    ["+  labels:", "+    tier: front"],
  ],
  [
    ["annotate", "deployment/web", "why=because of it"],
    "Annotate deployment web: why",
    ["+  annotations:", "+    why: because of it"],
  ],
  [
    ["label", "deployment/web", "tier-"],
    "Label deployment web: -tier",
    ["-  labels:", "-    tier: front"],
  ],
  [["rollout", "pause", "deployment/web"], "Pause rollout of deployment web", ["+  paused: true"]],
  [
    ["rollout", "resume", "deployment/web"],
    "Resume rollout of deployment web",
    ["-  paused: true"],
  ],
  [
    [
      "patch",
      "deployment",
      "web",
      "--type=json",
      "-p",
      '[{"op":"add","path":"/spec/minReadySeconds","value":3}]',
    ],
    "Change spec.minReadySeconds of deployment web",
    ["+  minReadySeconds: 3"],
  ],
  [
    ["patch", "configmap", "settings", "-p", '{"data":{"colour":"red","note":"a\\nb\\n"}}'],
    "Change data.colour, data.note of configmap settings",
    ["-  colour: green", "+  colour: red", "+  note: |", "+    a", "+    b"],
  ],
  [
    ["delete", "configmap", "settings", "--wait=false"],
    "Delete configmap settings",
    [
      "----",
      "-apiVersion: v1",
      "-kind: ConfigMap",
      "-metadata:",
      "-  name: settings",
      "-data:",
      "-  colour: red",
      "-  note: |",
      "-    a",
      "-    b",
    ],
  ],
])("%j is one commit", async (args, subject, lines) => {
  expect(await commits(...args)).toBe(subject);
  expect(await diff()).toEqual(
    lines
      .map((line) => (line === "----" ? expect.anything() : line))
      .filter((line) => typeof line === "string"),
  );
  await plane.applied();
});

test("rollout restart and undo", async () => {
  expect(await commits("rollout", "restart", "deployment/web")).toBe("Restart deployment web");
  await commits("set", "image", "deployment/web", "nginx=nginx:1.28");
  expect(await commits("rollout", "undo", "deployment/web")).toBe("Undo rollout of deployment web");
  expect(web()?.spec.template.spec.containers[0]?.image).toBe("nginx:1.27");
});

test("create, expose, run, autoscale and delete", async () => {
  expect(await commits("create", "deployment", "hello", "--image=hello:1", "--replicas=0")).toBe(
    "Create deployment hello",
  );
  expect(await plane.read("hello.yaml")).toBe(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: hello
  namespace: default
  labels:
    app: hello
spec:
  replicas: 0
  selector:
    matchLabels:
      app: hello
  template:
    metadata:
      labels:
        app: hello
    spec:
      containers:
        - name: hello
          image: hello:1
`);
  expect(await commits("expose", "deployment", "hello", "--port=80", "--type=NodePort")).toBe(
    "Create service hello",
  );
  expect(await plane.read("service-hello.yaml")).not.toMatch(/clusterIP|nodePort:|status/);
  expect(await commits("run", "one", "--image=hello:1")).toBe("Create pod one");
  expect(await commits("create", "configmap", "cm", "--from-literal=a=b")).toBe(
    "Create configmap cm",
  );
  expect(await commits("create", "namespace", "shop")).toBe("Create namespace shop");
  expect(await plane.read("cluster/namespace-shop.yaml")).toBe(
    "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n",
  );
  expect(await commits("create", "configmap", "cm", "-n", "shop", "--from-literal=a=b")).toBe(
    "Create configmap shop/cm",
  );
  expect(await commits("delete", "deployment", "hello", "--wait=false")).toBe(
    "Delete deployment hello",
  );
  await expect(plane.read("hello.yaml")).rejects.toThrow("ENOENT");
  expect(await commits("delete", "namespace", "shop", "--wait=false")).toBe(
    "Delete namespace shop",
  );
});
