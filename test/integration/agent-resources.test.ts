import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { measureFolders } from "../../src/agent/resources/disk-usage.ts";
import { pod } from "../agent/pod-builder.ts";
import { AMPLE_HOST } from "../../src/agent/resources/open-resources.ts";
import { openDockerCluster } from "../support/docker-cluster.ts";

const resources = (memory: string, cpu: string) => ({
  requests: { cpu: "10m", memory: "16Mi" },
  limits: { cpu, memory },
});

test("a running container gets more memory and CPU without a restart", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image, runtime, signal } = cluster;
  const wanted = (memory: string, cpu: string): Pod =>
    pod({ image, containers: [{ command: ["sleep", "1000"], resources: resources(memory, cpu) }] });
  harness.api.put(wanted("32Mi", "100m"));
  await harness.untilReady();
  const before = harness.container();
  const stored = harness.pod();
  harness.api.put({ ...wanted("64Mi", "200m"), ...(stored?.status && { status: stored.status }) });
  await harness.until("it has more", () => {
    const now = harness.container();
    return now?.resources?.limits?.["memory"] === "64Mi" && now.resources.limits["cpu"] === "200m";
  });
  const after = harness.container();
  expect(after?.containerID).toBe(before?.containerID);
  expect(after?.restartCount).toBe(0);
  const id = (after?.containerID ?? "").replace("docker://", "");
  const { limits, pid = 0 } = (await runtime.inspect(id, signal)) ?? {};
  expect(limits).toEqual({ cpuShares: 10, cpuQuotaUs: 20_000, memoryBytes: 64 * 2 ** 20 });
  const group = /^\d+:memory:(.*)$/m.exec(await readFile(`/proc/${pid}/cgroup`, "utf8"))?.[1];
  if (group === undefined) return;
  const file = `/sys/fs/cgroup/memory${group}/memory.limit_in_bytes`;
  expect((await readFile(file, "utf8")).trim()).toBe(String(64 * 2 ** 20));
});

test.each([
  [
    "its layer",
    "dd if=/dev/zero of=/big bs=1M count=4; sleep 1000",
    "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi. ",
  ],
  [
    "an emptyDir",
    "dd if=/dev/zero of=/cache/big bs=1M count=2; sleep 1000",
    'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ',
  ],
])("a pod that writes more than it may into %s is evicted", async (_, script, message) => {
  await using cluster = await openDockerCluster({ host: { ...AMPLE_HOST, measureFolders } });
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image,
      volumes: [{ name: "cache", emptyDir: { sizeLimit: "1Mi" } }],
      containers: [
        {
          command: ["sh", "-c", script],
          resources: { limits: { "ephemeral-storage": "2Mi" } },
          volumeMounts: [{ name: "cache", mountPath: "/cache" }],
        },
      ],
    }),
  );
  await harness.untilReady();
  // The disk is looked at once a minute: an agent that starts looks at once.
  await harness.stop();
  harness.start();
  const failed = await harness.until("evicted", ({ status }) => status?.phase === "Failed");
  expect(failed.status).toMatchObject({ reason: "Evicted", message });
});
