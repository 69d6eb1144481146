import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { LABELS, vethPrefix } from "../../src/model/instance.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { isReady } from "../agent/agent-harness.ts";
import { curl } from "../agent/curl.ts";
import { pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";
import { eventually } from "../support/eventually.ts";
import { OwnEngine } from "../support/own-engine.ts";

/** Ends at SIGTERM, as `httpd` by itself would not. */
const HTTPD = [
  "sh",
  "-c",
  "trap 'exit 0' TERM; httpd -p 8080 -h /www; while true; do sleep 0.1; done",
];

function web(image: string): Pod {
  return pod({
    image,
    volumes: [{ name: "kept", emptyDir: {} }],
    containers: [{ command: HTTPD, volumeMounts: [{ name: "kept", mountPath: "/kept" }] }],
  });
}

async function inWeb({ harness, runtime, signal }: DockerCluster, script: string): Promise<string> {
  const id = (harness.container()?.containerID ?? "").replace("docker://", "");
  const options = { command: ["sh", "-c", script], timeoutMs: 10_000, maxOutputBytes: 1_000 };
  return (await runtime.exec(id, options, signal)).output;
}

async function serves(pod: Pod): Promise<string> {
  return await curl(`http://${pod.status?.podIP ?? ""}:8080/`);
}

describe("an agent whose Engine", () => {
  test("is restarted brings everything back, and holds it against nobody", async () => {
    await using engine = await OwnEngine.start();
    await using cluster = await openDockerCluster({ socketPath: engine.socketPath });
    const { harness, image } = cluster;
    harness.api.put(web(image));
    const before = await harness.untilReady();
    await inWeb(cluster, "echo here > /kept/file");
    for (const restarts of [1, 2]) {
      await engine.stop();
      await engine.start();
      const after = await harness.until(
        `Ready after restart ${restarts}`,
        (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === restarts,
        "web",
        60_000,
      );
      expect(after.status?.podIP).toBe(before.status?.podIP);
      expect(await serves(after)).toBe("hello from a pod\n");
    }
    expect(await inWeb(cluster, "cat /kept/file")).toBe("here\n");
    expect(harness.events.filter(({ reason }) => reason === "BackOff")).toEqual([]);
  });

  test("is restarted under live-restore has nothing restarted", async () => {
    await using engine = await OwnEngine.start("--live-restore");
    await using cluster = await openDockerCluster({ socketPath: engine.socketPath });
    const { harness, image } = cluster;
    harness.api.put(web(image));
    const before = await harness.untilReady();
    await engine.stop();
    expect(await serves(before)).toBe("hello from a pod\n");
    await engine.start("--live-restore");
    // Something new shows that the agent is back in touch, and has looked at everything.
    harness.api.put(pod({ name: "new", image, containers: [{ command: HTTPD }] }));
    const fresh = await harness.untilReady("new", 60_000);
    expect(await serves(fresh)).toBe("hello from a pod\n");
    expect(harness.pod()?.status).toEqual(before.status);
    expect(await serves(before)).toBe("hello from a pod\n");
  });

  test("comes back after a reboot without the API: pods run, but those that need Secrets", async () => {
    await using engine = await OwnEngine.start();
    await using cluster = await openDockerCluster({ socketPath: engine.socketPath });
    const { harness, image, runtime, signal, clusterId } = cluster;
    harness.config("settings", { color: "blue" });
    harness.secret("password", { word: "sesame" });
    const settings = { name: "settings", configMap: { name: "settings", defaultMode: 0o644 } };
    harness.api.put(
      pod({
        image,
        volumes: [settings],
        containers: [
          { command: HTTPD, volumeMounts: [{ name: "settings", mountPath: "/settings" }] },
        ],
      }),
    );
    const secret = { name: "WORD", valueFrom: { secretKeyRef: { name: "password", key: "word" } } };
    harness.api.put(
      pod({ name: "secretive", image, containers: [{ command: HTTPD, env: [secret] }] }),
    );
    const [before] = await Promise.all([harness.untilReady(), harness.untilReady("secretive")]);
    // The last pods are on disk within a moment.
    await eventually("the pods are remembered", async () => {
      const file = await readFile(`${harness.stateDir}/pods.json`, "utf8");
      return (JSON.parse(file) as readonly Pod[]).length === 2;
    });
    await harness.stop();
    await engine.crash();
    await eventually("the wires are gone", async () => (await veths(clusterId)).length === 0);
    harness.api.away = true;
    await engine.start();
    harness.start();
    const running = async (): Promise<readonly string[]> =>
      (await runtime.list({ [LABELS.cluster]: clusterId, [LABELS.role]: "main" }, signal))
        .filter(({ state }) => state === "running")
        .map(({ labels }) => labels[LABELS.podName] ?? "");
    await eventually("the pod without Secrets runs", async () => (await running()).includes("web"));
    expect(await serves(before)).toBe("hello from a pod\n");
    const [id] = (
      await runtime.list({ [LABELS.cluster]: clusterId, [LABELS.container]: "app" }, signal)
    )
      .filter(({ labels, state }) => labels[LABELS.podName] === "web" && state === "running")
      .map((one) => one.id);
    const read = { command: ["cat", "/settings/color"], timeoutMs: 10_000, maxOutputBytes: 100 };
    expect((await runtime.exec(id ?? "", read, signal)).output).toBe("blue");
    expect(await running()).toEqual(["web"]);
    harness.api.away = false;
    const back = await harness.until(
      "secretive Ready again",
      (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
      "secretive",
      45_000,
    );
    expect(back.status?.containerStatuses?.[0]?.lastState.terminated?.reason).toBe("Error");
  });

  test("has a sandbox started again behind the agent's back gets another one", async () => {
    await using engine = await OwnEngine.start();
    await using cluster = await openDockerCluster({ socketPath: engine.socketPath });
    const { harness, image, runtime, signal, clusterId } = cluster;
    harness.api.put(web(image));
    await harness.untilReady();
    const labels = { [LABELS.cluster]: clusterId, [LABELS.role]: "sandbox" };
    const [sandbox] = await runtime.list(labels, signal);
    // While nobody looks: its members are left in the old network.
    await harness.stop();
    await runtime.kill(sandbox?.id ?? "", "SIGKILL", signal);
    await eventually("it has ended", async () => {
      return (await runtime.inspect(sandbox?.id ?? "", signal))?.state === "exited";
    });
    await runtime.start(sandbox?.id ?? "", signal);
    harness.start();
    const again = await harness.until(
      "Ready again",
      (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
      "web",
      60_000,
    );
    expect(await serves(again)).toBe("hello from a pod\n");
    expect((await runtime.list(labels, signal)).map(({ id }) => id)).not.toContain(sandbox?.id);
  });
});

async function veths(clusterId: string): Promise<readonly string[]> {
  const devices = await readFile("/proc/net/dev", "utf8");
  return [...devices.matchAll(/^\s*(\S+):/gm)]
    .map(([, name]) => name ?? "")
    .filter((name) => name.startsWith(vethPrefix(clusterId)));
}
