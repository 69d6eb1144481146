import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PersistentVolume, PersistentVolumeClaim } from "../../src/model/kinds.gen.ts";
import { NAMESPACE, pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

const SLEEP = ["sleep", "1000"];

async function inPod({ harness, runtime, signal }: DockerCluster, script: string): Promise<string> {
  const id = (harness.container()?.containerID ?? "").replace("docker://", "");
  const options = { command: ["sh", "-c", script], timeoutMs: 20_000, maxOutputBytes: 65_536 };
  return (await runtime.exec(id, options, signal)).output;
}

test("fields of the pod as files follow its labels at once", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const wanted = pod({
    image,
    labels: { tier: "front" },
    volumes: [
      {
        name: "me",
        downwardAPI: {
          defaultMode: 0o644,
          items: [
            { path: "labels", fieldRef: { fieldPath: "metadata.labels" } },
            { path: "deep/name", fieldRef: { fieldPath: "metadata.name" }, mode: 0o400 },
            {
              path: "memory",
              resourceFieldRef: {
                containerName: "app",
                resource: "limits.memory",
                divisor: "1Mi",
              },
            },
          ],
        },
      },
    ],
    containers: [
      {
        command: SLEEP,
        resources: { limits: { memory: "64Mi" } },
        env: [{ name: "CPUS", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } }],
        volumeMounts: [{ name: "me", mountPath: "/me" }],
      },
    ],
  });
  harness.api.put(wanted);
  await harness.untilReady();
  const { cpus } = await cluster.runtime.info(cluster.signal);
  expect(
    await inPod(cluster, 'cat /me/labels; echo; cat /me/deep/name /me/memory; echo " $CPUS"'),
  ).toBe(`tier="front"\nweb64 ${cpus}\n`);
  expect(await inPod(cluster, "stat -L -c %a /me/deep/name /me/labels")).toBe("400\n644\n");
  const current = harness.pod();
  if (current === undefined) throw new Error("the pod is gone");
  const metadata = { ...current.metadata, labels: { tier: "back" } };
  harness.api.put({ ...current, metadata });
  const waits = "for i in $(seq 100); do grep -q back /me/labels && break; sleep 0.1; done";
  expect(await inPod(cluster, `${waits}; cat /me/labels`)).toBe('tier="back"');
});

test("several sources in one folder", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.config("settings", { color: "blue" });
  harness.secret("keys", { token: "s3cret" });
  harness.api.put(
    pod({
      image,
      volumes: [
        {
          name: "all",
          projected: {
            defaultMode: 0o440,
            sources: [
              { configMap: { name: "settings" } },
              { secret: { name: "keys", items: [{ key: "token", path: "auth/token" }] } },
              { secret: { name: "none", optional: true } },
              {
                downwardAPI: {
                  items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }],
                },
              },
            ],
          },
        },
      ],
      containers: [{ command: SLEEP, volumeMounts: [{ name: "all", mountPath: "/all" }] }],
    }),
  );
  await harness.untilReady();
  expect(
    await inPod(cluster, "cd /all; ls; cat color auth/token namespace; stat -L -c ' %a' color"),
  ).toBe(`auth\ncolor\nnamespace\nblues3cret${NAMESPACE} 440\n`);
  expect(await inPod(cluster, "awk '$2==\"/all\"{print $3}' /proc/mounts")).toBe("tmpfs\n");
});

test("a claim that the pod brings along is mounted, once it is the pod's", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const folder = await mkdtemp(join(tmpdir(), "berth-ephemeral-"));
  const spec = {
    accessModes: ["ReadWriteOnce" as const],
    resources: { requests: { storage: "1Gi" } },
    volumeMode: "Filesystem" as const,
  };
  const claim: PersistentVolumeClaim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "web-scratch", namespace: NAMESPACE, uid: "claim-uid" },
    spec: { ...spec, volumeName: "disk" },
    status: { phase: "Bound" },
  };
  try {
    harness.api.put<PersistentVolume>({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name: "disk" },
      spec: {
        accessModes: spec.accessModes,
        volumeMode: spec.volumeMode,
        capacity: { storage: "1Gi" },
        persistentVolumeReclaimPolicy: "Retain",
        hostPath: { path: folder, type: "" },
        claimRef: { kind: "PersistentVolumeClaim", name: "web-scratch", uid: "claim-uid" },
      },
    });
    harness.api.put(claim);
    const wanted = pod({
      image,
      volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate: { spec } } }],
      containers: [{ command: SLEEP, volumeMounts: [{ name: "scratch", mountPath: "/scratch" }] }],
    });
    harness.api.put(wanted);
    const said = `PVC ${NAMESPACE}/web-scratch was not created for pod ${NAMESPACE}/web (pod is not owner)`;
    await harness.until("told", () => harness.container()?.state.waiting?.message === said);
    const { name, uid = "" } = wanted.metadata;
    const ownerReferences = [{ apiVersion: "v1", kind: "Pod", name, uid, controller: true }];
    harness.api.put({ ...claim, metadata: { ...claim.metadata, ownerReferences } });
    await harness.untilReady();
    await inPod(cluster, "echo kept > /scratch/x");
    expect(await readFile(join(folder, "x"), "utf8")).toBe("kept\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
