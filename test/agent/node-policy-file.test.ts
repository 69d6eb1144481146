import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NODE_POLICY_FILE } from "../../src/agent/node-policy-file.ts";
import { isReady } from "./agent-harness.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { pod } from "./pod-builder.ts";

const LOOK_MS = 5_000;

async function openNode(policy: string): Promise<FakeNode> {
  const node = await openFakeNode();
  await writeFile(join(node.harness.stateDir, NODE_POLICY_FILE), policy);
  return node;
}

function phase(node: FakeNode): string | undefined {
  return node.harness.pod()?.status?.phase;
}

test("a pod that the node's policy forbids fails, and nothing of it is made", async () => {
  await using node = await openNode("privileged: false\n");
  node.harness.api.put(pod({ containers: [{ securityContext: { privileged: true } }] }));
  node.harness.start();
  await node.reachHeld("it has failed", () => phase(node) === "Failed");
  const message = 'Pod was rejected: container "app" is privileged, which this node forbids';
  expect(node.harness.pod()?.status).toMatchObject({ reason: "NodePolicyRefused", message });
  const told = node.harness.events.filter(({ reason }) => reason === "NodePolicyRefused");
  expect(told).toMatchObject([{ type: "Warning", message }]);
  const conditions = node.harness.pod()?.status?.conditions ?? [];
  expect(conditions.map(({ type }) => type)).not.toContain("DisruptionTarget");
  expect(node.runtime.calls.filter((call) => call.startsWith("create"))).toEqual([]);
});

test("what the pod does not show is refused when the container is made, until the file changes", async () => {
  await using node = await openNode('users: ["1000-2000"]\n');
  node.harness.api.put(pod());
  node.harness.start();
  const waiting = (): string | undefined => node.harness.container()?.state.waiting?.reason;
  await node.reachHeld("it waits", () => waiting() === "NodePolicyRefused");
  expect(node.harness.container()?.state.waiting?.message).toBe(
    'user 0 of container "app" is not among the users that this node allows',
  );
  await writeFile(join(node.harness.stateDir, NODE_POLICY_FILE), 'users: ["0-2000"]\n# wider\n');
  await node.passUntil("the pod is Ready", () => isReady(node.harness.pod() ?? pod()));
});

test("links are followed before a path is allowed", async () => {
  await using node = await openFakeNode();
  const root = node.harness.stateDir;
  await mkdir(join(root, "data/in"), { recursive: true });
  await mkdir(join(root, "secret"));
  await symlink(join(root, "secret"), join(root, "data/out"));
  await writeFile(join(root, NODE_POLICY_FILE), `hostPaths: ["${join(root, "data")}"]\n`);
  const mounting = (path: string, type: "" | "DirectoryOrCreate" = "") =>
    pod({
      name: path,
      volumes: [{ name: "v", hostPath: { path: join(root, "data", path), type } }],
      containers: [{ volumeMounts: [{ name: "v", mountPath: "/v" }] }],
    });
  node.harness.api.put(mounting("in"));
  node.harness.api.put(mounting("out"));
  node.harness.api.put({
    ...mounting("out"),
    ...mounting("out/new", "DirectoryOrCreate"),
    metadata: { ...mounting("out").metadata, name: "fresh", uid: "fresh-uid" },
  });
  node.harness.start();
  const waiting = (name: string): string | undefined =>
    node.harness.container(name)?.state.waiting?.message;
  await node.reachHeld("in is up", () => isReady(node.harness.pod("in") ?? pod()));
  await node.reachHeld("out waits", () => waiting("out") !== undefined && waiting("out") !== "");
  expect(waiting("out")).toBe(
    `host path "${join(root, "secret")}" is not among the hostPaths that this node allows ` +
      `("${join(root, "data/out")}" leads there)`,
  );
  await node.reachHeld("fresh waits", () => (waiting("fresh") ?? "") !== "");
  expect(waiting("fresh")).toContain(join(root, "secret/new"));
});

test("a file with a mistake lets nothing in at the start, and changes nothing later", async () => {
  await using node = await openNode("privilegd: false\n");
  node.harness.api.put(pod());
  node.harness.start();
  await node.reachHeld("it has failed", () => phase(node) === "Failed");
  expect(node.harness.pod()?.status?.message).toContain('"privilegd" is no field');
  const file = join(node.harness.stateDir, NODE_POLICY_FILE);
  await writeFile(file, "privileged: false\nexec: true\n");
  await node.pass(LOOK_MS);
  await writeFile(file, "{ not: [yaml\n");
  await node.pass(LOOK_MS);
  node.harness.api.put(
    pod({ name: "strong", containers: [{ securityContext: { privileged: true } }] }),
  );
  await node.reachHeld("refused", () => node.harness.pod("strong")?.status?.phase === "Failed");
  node.harness.api.put(pod({ name: "plain" }));
  await node.reachHeld("plain is up", () => isReady(node.harness.pod("plain") ?? pod()));
  await rm(file);
});
