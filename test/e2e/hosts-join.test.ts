import { rm } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { HostsCluster } from "../support/test-hosts-cluster.ts";
import { startHosts, type Hosts } from "../support/test-hosts.ts";

let hosts: Hosts;
let cluster: HostsCluster;
beforeAll(async () => {
  hosts = await startHosts({ count: 2, images: ["berth.local/busybox:1"] });
  cluster = await hosts.startCluster({ nodes: [0] });
});
beforeEach(({ onTestFailed }) => {
  onTestFailed(async () => console.error(await cluster.describe()));
});
afterAll(() => hosts.close());

/** The words of the line that `berth token create` prints, from `agent` on. */
async function tokenLine(...flags: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, output } = await cluster.berth(["token", "create", ...flags]);
  if (code !== 0) throw new Error(output);
  const line = stdout.split("\n").find((text) => text.includes("berth agent join")) ?? "";
  return line.trim().split(" ").slice(1);
}

const joinBy = (line: readonly string[]) =>
  cluster.berthOn(1, [...line, "--join-dir", cluster.joinDir(1), "--no-start"]);

test("another machine joins by one pasted line, and runs pods", async () => {
  const line = await tokenLine("--labels", "topology.kubernetes.io/zone=cellar");
  const strange = line.map((word) => word.replace(/^berth1\.[^.]{4}/, "berth1.AAAA"));
  const refused = await joinBy(strange);
  expect(refused.output).toContain("it is not the cluster that the token was made for");
  const joined = await joinBy(line);
  expect([joined.code, joined.output]).toEqual([0, expect.stringContaining('as node "h1"')]);
  cluster.startNode(1);
  await eventually("the node is Ready", () => cluster.isReady(1), 60_000);
  const labels = await cluster.kubectl("get", "node", "h1", "-o", "jsonpath={.metadata.labels}");
  expect(JSON.parse(labels)).toMatchObject({ "topology.kubernetes.io/zone": "cellar" });
  await cluster.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "there" },
    spec: {
      nodeName: "h1",
      restartPolicy: "Never",
      containers: [
        { name: "c", image: "berth.local/busybox:1", command: ["echo", "hello from h1"] },
      ],
    },
  });
  await eventually(
    "the pod has run",
    async () => {
      const phase = await cluster.kubectl("get", "pod", "there", "-o", "jsonpath={.status.phase}");
      return phase === "Succeeded";
    },
    60_000,
  );
  expect(await cluster.kubectl("logs", "there")).toBe("hello from h1\n");
});

test("joining twice says so; a token that was used lets nobody in", async () => {
  const again = await joinBy([
    "agent",
    "join",
    `https://${hosts.at(0).address}:6443`,
    "--token",
    "x",
  ]);
  expect([again.code, again.output]).toEqual([
    0,
    expect.stringContaining('this machine is node "h1"'),
  ]);
  const line = await tokenLine();
  const elsewhere = ["--join-dir", `${cluster.joinDir(1)}-2`, "--no-start", "--node-name", "other"];
  expect((await cluster.berthOn(1, [...line, ...elsewhere])).code).toBe(0);
  const third = ["--join-dir", `${cluster.joinDir(1)}-3`, "--no-start", "--node-name", "third"];
  const used = await cluster.berthOn(1, [...line, ...third]);
  expect([used.code, used.output]).toEqual([1, expect.stringContaining("the token is not good")]);
  await cluster.kubectl("delete", "node", "other");
});

test("a node that is deleted is out, and may join anew", async () => {
  await cluster.kubectl("delete", "node", "h1");
  const { clusterId } = await cluster.readConfig();
  expect(clusterId).not.toBe("");
  await eventually("the node's process is refused", async () =>
    /401|Unauthorized/.test(await cluster.describe()),
  );
  expect(await cluster.kubectl("get", "nodes", "-o", "name")).toBe("node/h0\n");
  await cluster.stopNode(1);
  await rm(cluster.joinDir(1), { recursive: true });
  expect((await joinBy(await tokenLine("--ttl", "5m"))).code).toBe(0);
  cluster.startNode(1);
  await eventually("the node is Ready again", () => cluster.isReady(1), 60_000);
});
