import { createSocket } from "node:dgram";
import { once } from "node:events";
import { access, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { NODE_POLICY_FILE } from "../../src/agent/node-policy-file.ts";
import type { HostPathVolumeSource, Pod } from "../../src/model/kinds.gen.ts";
import { pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

const SLEEP = ["sleep", "1000"];

function idOf({ harness }: DockerCluster, name = "web"): string {
  return (harness.container(name)?.containerID ?? "").replace("docker://", "");
}

async function logsOf(cluster: DockerCluster, id: string): Promise<string> {
  const chunks: Buffer[] = [];
  const options = { follow: false, timestamps: false };
  for await (const chunk of cluster.runtime.logs(id, options, cluster.signal))
    chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

test("the node's policy follows links, and makes nothing where it forbids", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const folder = await mkdtemp(join(tmpdir(), "berth-policy-"));
  try {
    await mkdir(join(folder, "open/in"), { recursive: true });
    await mkdir(join(folder, "closed"));
    await symlink(join(folder, "closed"), join(folder, "open/out"));
    await writeFile(join(folder, "open/in/x"), "seen");
    await writeFile(
      join(harness.stateDir, NODE_POLICY_FILE),
      `hostPaths: ["${join(folder, "open")}"]\ncapabilities: []\n`,
    );
    const mounting = (name: string, path: string, type: HostPathVolumeSource["type"] = ""): Pod =>
      pod({
        name,
        image,
        volumes: [{ name: "v", hostPath: { path: join(folder, path), type } }],
        containers: [{ command: SLEEP, volumeMounts: [{ name: "v", mountPath: "/v" }] }],
      });
    harness.api.put(mounting("web", "open/in"));
    harness.api.put(mounting("link", "open/out/new", "DirectoryOrCreate"));
    const capabilities = { add: ["NET_ADMIN"] };
    harness.api.put(
      pod({ name: "strong", image, containers: [{ securityContext: { capabilities } }] }),
    );
    await harness.untilReady();
    const read = { command: ["cat", "/v/x"], timeoutMs: 20_000, maxOutputBytes: 100 };
    expect((await cluster.runtime.exec(idOf(cluster), read, cluster.signal)).output).toBe("seen");
    await harness.untilTold(
      `host path "${join(folder, "closed/new")}" is not among the hostPaths that this node allows ` +
        `("${join(folder, "open/out/new")}" leads there)`,
    );
    await expect(access(join(folder, "closed/new"))).rejects.toThrow("ENOENT");
    await harness.api.until("strong is refused", () =>
      harness.events.some(
        ({ pod: about, message }) => about === "strong" && message.includes("capability NET_ADMIN"),
      ),
    );
    expect(harness.container("strong")?.state.running).toBeUndefined();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a path of the host that must be there is not made", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const path = join(tmpdir(), `berth-absent-${cluster.clusterId}`);
  harness.api.put(
    pod({
      image,
      volumes: [{ name: "v", hostPath: { path, type: "Directory" } }],
      containers: [{ command: SLEEP, volumeMounts: [{ name: "v", mountPath: "/v" }] }],
    }),
  );
  const why = `hostPath type check failed: ${path} is not a directory`;
  await harness.until("it waits", () => harness.container()?.state.waiting?.message === why);
  await expect(access(path)).rejects.toThrow("ENOENT");
});

test("logs go to a collector by annotation, and can still be read here", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const collector = createSocket("udp4");
  const heard: string[] = [];
  collector.on("message", (message) => {
    heard.push(message.toString());
    harness.api.poke();
  });
  collector.bind(0, "127.0.0.1");
  await once(collector, "listening");
  try {
    const annotations = {
      "berth.dev/log-driver": "syslog",
      "berth.dev/log-opt-syslog-address": `udp://127.0.0.1:${collector.address().port}`,
    };
    const command = ["sh", "-c", "echo hello collector; exec sleep 1000"];
    harness.api.put(pod({ image, annotations, containers: [{ command }] }));
    await harness.untilReady();
    await harness.api.until("heard", () => heard.some((line) => line.includes("hello collector")));
    expect(heard[0]).toContain("shop.web.app[");
    expect(await logsOf(cluster, idOf(cluster))).toContain("hello collector");
    const unknown = { "berth.dev/log-driver": "nowhere" };
    harness.api.put(pod({ name: "lost", image, annotations: unknown }));
    await harness.until(
      "it waits",
      () =>
        /names the log driver "nowhere"/.test(
          harness.container("lost")?.state.waiting?.message ?? "",
        ),
      "lost",
    );
  } finally {
    collector.close();
  }
});

test("a share that cannot be mounted is told with the cure", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  // Without a client in the kernel, or without a server at that address: both fail at once.
  harness.api.put(
    pod({
      image,
      volumes: [{ name: "share", nfs: { server: "127.0.0.1", path: "/exports/none" } }],
      containers: [{ command: SLEEP, volumeMounts: [{ name: "share", mountPath: "/share" }] }],
    }),
  );
  const told = await harness.api.until("told", () =>
    harness.events.find(({ reason }) => reason === "FailedMount"),
  );
  expect(told.message).toMatch(/^MountVolume\.SetUp failed: mount :\/exports\/none:.*; \S/s);
  expect(told.message).toMatch(/no NFS client|nothing serves NFS|does not export|no such folder/);
});
