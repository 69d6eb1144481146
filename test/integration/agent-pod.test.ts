import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { LABELS, vethPrefix } from "../../src/model/instance.ts";
import type { Probe } from "../../src/model/kinds.gen.ts";
import { isReady, podRef } from "../agent/agent-harness.ts";
import { curl } from "../agent/curl.ts";
import { container, pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

const HTTPD = ["httpd", "-f", "-p", "8080", "-h", "/www"];
const SERVES: Probe = {
  httpGet: { port: "http", scheme: "HTTP" },
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
};
const WEB = {
  command: HTTPD,
  ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
  readinessProbe: SERVES,
} as const;

/** What a command in the pod's container prints. */
async function inPod(cluster: DockerCluster, script: string, name = "web"): Promise<string> {
  const id = idOf(cluster, name);
  const command = ["sh", "-c", script];
  const options = { command, timeoutMs: 20_000, maxOutputBytes: 65_536 };
  return (await cluster.runtime.exec(id, options, cluster.signal)).output;
}

function idOf({ harness }: DockerCluster, name = "web"): string {
  const id = harness.container(name)?.containerID ?? "";
  return id.replace("docker://", "");
}

async function sandboxOf({ runtime, clusterId, signal }: DockerCluster): Promise<string> {
  const labels = { [LABELS.cluster]: clusterId, [LABELS.role]: "sandbox" };
  const [sandbox] = await runtime.list(labels, signal);
  return sandbox?.id ?? "";
}

async function veths({ clusterId }: DockerCluster): Promise<readonly string[]> {
  const devices = await readFile("/proc/net/dev", "utf8");
  return [...devices.matchAll(/^\s*(\S+):/gm)]
    .map(([, name]) => name ?? "")
    .filter((name) => name.startsWith(vethPrefix(clusterId)));
}

describe("a pod on the real Engine", () => {
  test("becomes Ready with an address, a name service and a way out", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const securityContext = { capabilities: { add: ["NET_RAW"] } };
    harness.api.put(pod({ image, containers: [{ ...WEB, securityContext }] }));
    const ready = await harness.untilReady();
    const ip = ready.status?.podIP ?? "";
    expect(ip).toMatch(/^10\.253\.\d+\.2$/);
    expect(await curl(`http://${ip}:8080/`)).toBe("hello from a pod\n");
    expect(await inPod(cluster, "cat /etc/resolv.conf")).toBe(
      "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.250.0.10\noptions ndots:5\n",
    );
    expect(await inPod(cluster, "hostname; grep web /etc/hosts")).toBe(`web\n${ip}\tweb\n`);
    const routes = await inPod(cluster, "ip -4 route");
    expect(routes).toContain(`default via 169.254.1.1 dev eth0  src ${ip}`);
    expect(routes).toContain(`169.254.1.1 dev eth0 scope link  src ${ip}`);
    expect(await inPod(cluster, "ip -6 addr")).toBe("");
    expect(await inPod(cluster, `ping -c 1 -W 2 ${ready.status?.hostIP ?? ""}`)).toContain(
      "1 packets received",
    );
    expect(await inPod(cluster, "ping -c 1 -W 2 127.0.0.1")).toContain("1 packets received");
    expect(await veths(cluster)).toHaveLength(1);
  });

  test("the host is seen with its own address", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const who = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' $REMOTE_ADDR\n";
    const script =
      'mkdir -p /www/cgi-bin; printf %s "$WHO" > /www/cgi-bin/who; chmod 755 /www/cgi-bin/who; exec httpd -f -p 8080 -h /www';
    const env = [{ name: "WHO", value: who }];
    harness.api.put(pod({ image, containers: [{ ...WEB, env, command: ["sh", "-c", script] }] }));
    const ready = await harness.untilReady();
    const { podIP = "", hostIP = "" } = ready.status ?? {};
    expect(await curl(`http://${podIP}:8080/cgi-bin/who`)).toBe(`[::ffff:${hostIP}]\n`);
  });

  test.for(["kill", "rm"] as const)("heals after docker %s of its container", async (how) => {
    await using cluster = await openDockerCluster();
    const { harness, runtime, image, signal } = cluster;
    harness.api.put(pod({ image, containers: [WEB] }));
    await harness.untilReady();
    const before = idOf(cluster);
    if (how === "kill") await runtime.kill(before, "SIGKILL", signal);
    else await runtime.remove(before, signal);
    const healed = await harness.until(
      "Ready again",
      (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    expect(idOf(cluster)).not.toBe(before);
    expect(await curl(`http://${healed.status?.podIP ?? ""}:8080/`)).toBe("hello from a pod\n");
  });

  test.for(["kill", "rm"] as const)(
    "is made anew with its address after docker %s of its sandbox",
    async (how) => {
      await using cluster = await openDockerCluster();
      const { harness, runtime, image, signal } = cluster;
      harness.api.put(pod({ image, containers: [WEB], terminationGracePeriodSeconds: 1 }));
      const ready = await harness.untilReady();
      const sandbox = await sandboxOf(cluster);
      if (how === "kill") await runtime.kill(sandbox, "SIGKILL", signal);
      else await runtime.remove(sandbox, signal);
      const healed = await harness.until(
        "Ready again",
        (one) => isReady(one) && one.status?.containerStatuses?.[0]?.restartCount === 1,
      );
      expect(healed.status?.podIP).toBe(ready.status?.podIP);
      expect(await curl(`http://${healed.status?.podIP ?? ""}:8080/`)).toBe("hello from a pod\n");
      expect(await sandboxOf(cluster)).not.toBe(sandbox);
      expect(await veths(cluster)).toHaveLength(1);
    },
  );

  test("a container that keeps dying is restarted at once, then backs off", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const command = ["sh", "-c", "echo dying >/dev/termination-log; exit 3"];
    harness.api.put(pod({ image, containers: [{ command }] }));
    const looping = await harness.until(
      "CrashLoopBackOff",
      (one) => one.status?.containerStatuses?.[0]?.state.waiting?.reason === "CrashLoopBackOff",
    );
    expect(looping.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: {
        waiting: {
          message: expect.stringContaining(
            "back-off 10s restarting failed container=app",
          ) as string,
        },
      },
      lastState: { terminated: { exitCode: 3, reason: "Error", message: "dying\n" } },
    });
    const third = await harness.until(
      "the third try",
      (one) => one.status?.containerStatuses?.[0]?.restartCount === 2,
    );
    expect(third.status?.phase).toBe("Running");
  });

  test("runs init containers in order, in one memory of the pod", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const volumeMounts = [{ name: "scratch", mountPath: "/scratch" }];
    const note = (text: string): readonly string[] => [
      "sh",
      "-c",
      `echo ${text} >> /scratch/notes`,
    ];
    harness.api.put(
      pod({
        image,
        volumes: [{ name: "scratch", emptyDir: { medium: "Memory" } }],
        initContainers: [
          container({ name: "one", image, command: note("one"), volumeMounts }),
          container({
            name: "two",
            image,
            command: note("two"),
            volumeMounts,
            securityContext: { runAsUser: 1000 },
          }),
        ].map((one) =>
          one.name === "one"
            ? {
                ...one,
                command: ["sh", "-c", "echo one >> /scratch/notes; chmod 666 /scratch/notes"],
              }
            : one,
        ),
        containers: [{ ...WEB, volumeMounts }],
      }),
    );
    await harness.untilReady();
    expect(
      await inPod(
        cluster,
        "cat /scratch/notes; mount | grep scratch | cut -d' ' -f1,5 2>/dev/null || df /scratch | tail -n 1",
      ),
    ).toMatch(/^one\ntwo\ntmpfs/);
  });

  test("a pod that is done is Succeeded and frees its sandbox; its log stays", async () => {
    await using cluster = await openDockerCluster();
    const { harness, runtime, clusterId, image, signal } = cluster;
    harness.api.put(
      pod({ image, restartPolicy: "Never", containers: [{ command: ["echo", "done"] }] }),
    );
    await harness.until("Succeeded", (one) => one.status?.phase === "Succeeded");
    const deadline = performance.now() + 20_000;
    for (let left = 2; left > 1 && performance.now() < deadline;) {
      left = (await runtime.list({ [LABELS.cluster]: clusterId }, signal)).length;
    }
    const listed = await runtime.list({ [LABELS.cluster]: clusterId }, signal);
    expect(listed.map((one) => one.labels[LABELS.role])).toEqual(["main"]);
    expect(await veths(cluster)).toEqual([]);
  });

  test("is ended kindly: SIGTERM is heard, and nothing is left", async () => {
    await using cluster = await openDockerCluster();
    const { harness, runtime, clusterId, image, signal } = cluster;
    const script =
      "trap 'echo bye >/scratch/bye; exit 0' TERM; echo up; while true; do sleep 0.1; done";
    const host = `/tmp/berth-stop-${clusterId}`;
    const { mkdir, rm } = await import("node:fs/promises");
    await mkdir(host);
    try {
      harness.api.put(
        pod({
          image,
          volumes: [
            { name: "host", hostPath: { path: host, type: "Directory" } },
            { name: "own", emptyDir: {} },
          ],
          containers: [
            {
              command: ["sh", "-c", script],
              volumeMounts: [
                { name: "host", mountPath: "/scratch" },
                { name: "own", mountPath: "/own" },
              ],
            },
          ],
        }),
      );
      await harness.untilReady();
      const began = performance.now();
      harness.api.markDeleted(podRef("web"));
      await harness.untilGone();
      expect(performance.now() - began).toBeLessThan(15_000);
      expect(await readFile(`${host}/bye`, "utf8")).toBe("bye\n");
    } finally {
      await rm(host, { recursive: true, force: true });
    }
    expect(await runtime.list({ [LABELS.cluster]: clusterId }, signal)).toEqual([]);
    expect(await runtime.listVolumes({ [LABELS.cluster]: clusterId }, signal)).toEqual([]);
    expect(await veths(cluster)).toEqual([]);
  });

  test("who does not hear SIGTERM is killed when the grace is over", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    harness.api.put(
      pod({
        image,
        terminationGracePeriodSeconds: 1,
        containers: [{ command: ["sleep", "1000"] }],
      }),
    );
    await harness.untilReady();
    const began = performance.now();
    harness.api.markDeleted(podRef("web"));
    await harness.untilGone();
    expect(performance.now() - began).toBeGreaterThan(1_000);
    expect(harness.events.map((event) => event.reason)).toContain("GracePeriodExceeded");
  });

  test("a failing liveness probe has the container killed and started again", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    const livenessProbe = {
      exec: { command: ["test", "-e", "/tmp/alive"] },
      periodSeconds: 1,
      timeoutSeconds: 5,
      successThreshold: 1,
      failureThreshold: 2,
    };
    harness.api.put(
      pod({
        image,
        terminationGracePeriodSeconds: 1,
        containers: [{ command: ["sh", "-c", "touch /tmp/alive; exec sleep 1000"], livenessProbe }],
      }),
    );
    await harness.untilReady();
    await inPod(cluster, "rm /tmp/alive");
    await harness.until(
      "restarted",
      (one) => one.status?.containerStatuses?.[0]?.restartCount === 1,
    );
    const told = harness.events.map((event) => `${event.reason}: ${event.message}`);
    expect(told).toContain("Killing: Container app failed liveness probe, will be restarted");
    expect(told.some((line) => line.startsWith("Unhealthy: Liveness probe failed:"))).toBe(true);
  });

  test("an agent that starts anew adopts it and restarts nothing", async () => {
    await using cluster = await openDockerCluster();
    const { harness, runtime, image, signal } = cluster;
    harness.config("settings", { color: "blue", old: "1" });
    const volumes = [{ name: "config", configMap: { name: "settings", defaultMode: 0o644 } }];
    const volumeMounts = [{ name: "config", mountPath: "/config" }];
    harness.api.put(pod({ image, volumes, containers: [{ ...WEB, volumeMounts }] }));
    const ready = await harness.untilReady();
    const before = await runtime.inspect(idOf(cluster), signal);
    await harness.stop();
    expect(await curl(`http://${ready.status?.podIP ?? ""}:8080/`)).toBe("hello from a pod\n");
    harness.config("settings", { color: "green", fresh: "2" });
    harness.start();
    await harness.api.until("the new agent serves logs", () => harness.logs !== undefined);
    await harness.api.until(
      "the node's lease is renewed",
      () => harness.api.calls.filter((call) => call.includes("Lease")).length > 2,
    );
    const deadline = performance.now() + 10_000;
    while ((await inPod(cluster, "cat /config/color")) !== "green" && performance.now() < deadline);
    expect(await inPod(cluster, "cat /config/color; echo; ls /config; cat /config/fresh")).toBe(
      "green\ncolor\nfresh\n2",
    );
    const after = await runtime.inspect(idOf(cluster), signal);
    expect([after?.id, after?.startedAt]).toEqual([before?.id, before?.startedAt]);
    expect(harness.pod()?.metadata.resourceVersion).toBe(ready.metadata.resourceVersion);
    expect(await curl(`http://${ready.status?.podIP ?? ""}:8080/`)).toBe("hello from a pod\n");
  });

  test("shares the host's network when it asks to", async () => {
    await using cluster = await openDockerCluster();
    const { harness, image } = cluster;
    harness.api.put(
      pod({
        image,
        hostNetwork: true,
        containers: [{ command: ["sleep", "1000"] }],
        terminationGracePeriodSeconds: 0,
      }),
    );
    const ready = await harness.untilReady();
    expect(ready.status?.podIP).toBe(ready.status?.hostIP);
    expect(await inPod(cluster, "ip -4 addr")).toContain(ready.status?.hostIP);
    expect(await veths(cluster)).toEqual([]);
  });
});
