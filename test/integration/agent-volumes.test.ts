import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { container, pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

const SLEEP = ["sleep", "1000"];

async function inPod(cluster: DockerCluster, script: string): Promise<string> {
  const id = (cluster.harness.container()?.containerID ?? "").replace("docker://", "");
  const options = { command: ["sh", "-c", script], timeoutMs: 20_000, maxOutputBytes: 65_536 };
  return (await cluster.runtime.exec(id, options, cluster.signal)).output;
}

test("config and secret files: modes, items, read-only, in memory only", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.config("settings", { color: "blue", size: "9" });
  harness.secret("keys", { token: "s3cret-in-memory-only" });
  harness.api.put(
    pod({
      image,
      securityContext: { fsGroup: 2000, runAsUser: 1000 },
      volumes: [
        {
          name: "config",
          configMap: {
            name: "settings",
            defaultMode: 0o644,
            items: [{ key: "color", path: "deep/er/color", mode: 0o600 }],
          },
        },
        { name: "all", configMap: { name: "settings", defaultMode: 0o644 } },
        { name: "secret", secret: { secretName: "keys", defaultMode: 0o400 } },
        { name: "maybe", secret: { secretName: "none", optional: true, defaultMode: 0o400 } },
        { name: "work", emptyDir: {} },
      ],
      containers: [
        {
          command: SLEEP,
          volumeMounts: [
            { name: "config", mountPath: "/config" },
            { name: "all", mountPath: "/all" },
            { name: "all", mountPath: "/etc/size", subPath: "size" },
            { name: "secret", mountPath: "/secret" },
            { name: "maybe", mountPath: "/maybe" },
            { name: "work", mountPath: "/work" },
            { name: "work", mountPath: "/part", subPath: "a/b" },
          ],
        },
      ],
    }),
  );
  await harness.untilReady();
  expect(
    await inPod(
      cluster,
      "cat /config/deep/er/color; echo; ls /all; cat /etc/size; echo; cat /secret/token; ls /maybe",
    ),
  ).toBe("blue\ncolor\nsize\n9\ns3cret-in-memory-only");
  expect(
    await inPod(cluster, "stat -L -c '%a %g' /config/deep/er/color /all/color /secret/token"),
  ).toBe("640 2000\n644 2000\n440 2000\n");
  expect(
    await inPod(cluster, "touch /secret/x 2>&1; touch /work/mine && echo own; ls -d /work/a/b"),
  ).toMatch(/Read-only file system\nown\n\/work\/a\/b\n$/);
  expect(
    await inPod(
      cluster,
      "grep -E ' /(secret|config|all) ' /proc/mounts | cut -d' ' -f1 2>/dev/null || awk '$2==\"/secret\"{print $1}' /proc/mounts",
    ),
  ).toContain("tmpfs");
  const found = execFileSync(
    "sh",
    [
      "-c",
      "grep -rl s3cret-in-memory-only /var/lib/docker/volumes /var/lib/docker/containers 2>/dev/null | grep -v '^$' | while read f; do stat -f -c %T \"$f\"; done | sort -u",
    ],
    { encoding: "utf8" },
  );
  expect(found.trim()).toBe("tmpfs");
  expect(
    execFileSync("sh", ["-c", `grep -rl s3cret-in-memory-only ${harness.stateDir} || true`], {
      encoding: "utf8",
    }),
  ).toBe("");
});

test("files of secrets outlive their containers, as the sandbox holds them", async () => {
  await using cluster = await openDockerCluster();
  const { harness, runtime, image, signal } = cluster;
  harness.secret("keys", { token: "stays" });
  harness.api.put(
    pod({
      image,
      volumes: [{ name: "secret", secret: { secretName: "keys", defaultMode: 0o400 } }],
      containers: [{ command: SLEEP, volumeMounts: [{ name: "secret", mountPath: "/secret" }] }],
    }),
  );
  await harness.untilReady();
  await runtime.kill(
    (harness.container()?.containerID ?? "").replace("docker://", ""),
    "SIGKILL",
    signal,
  );
  await harness.until(
    "restarted",
    (one) =>
      one.status?.containerStatuses?.[0]?.state.running !== undefined &&
      one.status.containerStatuses[0].restartCount === 1,
  );
  expect(await inPod(cluster, "cat /secret/token")).toBe("stays");
});

test("a pod waits for the object of its volume, and says so", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image,
      volumes: [{ name: "config", configMap: { name: "late", defaultMode: 0o644 } }],
      containers: [{ command: SLEEP, volumeMounts: [{ name: "config", mountPath: "/config" }] }],
    }),
  );
  await harness.untilTold(
    'MountVolume.SetUp failed for volume "config" : configmap "late" not found',
  );
  expect(harness.container()?.state.waiting?.reason).toBe("ContainerCreating");
  harness.config("late", { a: "1" });
  await harness.untilReady();
  expect(await inPod(cluster, "cat /config/a")).toBe("1");
});

test("environment, security context and limits reach the process", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.secret("keys", { TOKEN: "t" });
  harness.api.put(
    pod({
      image,
      labels: { tier: "front" },
      containers: [
        {
          command: ["sh", "-c", "echo $0 > /tmp/arg; exec sleep 1000", "$(GREETING)"],
          workingDir: "/www",
          env: [
            { name: "TIER", valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } },
            { name: "GREETING", value: "hello $(TIER)" },
            { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          ],
          envFrom: [{ secretRef: { name: "keys" } }],
          resources: {
            requests: { cpu: "250m", memory: "16Mi" },
            limits: { cpu: "500m", memory: "32Mi" },
          },
          securityContext: {
            runAsUser: 1000,
            runAsGroup: 1000,
            readOnlyRootFilesystem: false,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
          },
        },
      ],
    }),
  );
  const ready = await harness.untilReady();
  expect(ready.status?.qosClass).toBe("Burstable");
  const shown = await inPod(
    cluster,
    "id -u; id -g; cat /tmp/arg; echo $TOKEN $POD_IP; pwd; grep -E 'NoNewPrivs|CapEff' /proc/self/status",
  );
  expect(shown).toBe(
    `1000\n1000\nhello front\nt ${ready.status?.podIP ?? ""}\n/www\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n`,
  );
  const id = (harness.container()?.containerID ?? "").replace("docker://", "");
  const limits = execFileSync(
    "docker",
    [
      "inspect",
      "-f",
      "{{.HostConfig.CpuShares}} {{.HostConfig.CpuQuota}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}} {{.Config.Healthcheck.Test}}",
      id,
    ],
    { encoding: "utf8" },
  );
  expect(limits.trim()).toBe(
    "256 50000 33554432 33554432 json-file map[max-file:5 max-size:10m] [NONE]",
  );
});

test("an init container sees what the node keeps from others", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image,
      restartPolicy: "Never",
      initContainers: [
        container({
          name: "check",
          image,
          command: ["sh", "-c", "touch /x && exit 0; exit 4"],
          securityContext: { readOnlyRootFilesystem: true },
        }),
      ],
      containers: [{ command: SLEEP }],
    }),
  );
  const failed = await harness.until("Failed", (one) => one.status?.phase === "Failed");
  expect(failed.status?.initContainerStatuses?.[0]?.state.terminated).toMatchObject({
    exitCode: 4,
    reason: "Error",
  });
});
