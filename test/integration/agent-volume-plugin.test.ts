import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../src/model/kinds.gen.ts";
import { refOf, type ApiObject } from "../../src/model/meta.ts";
import { CLAIM_FINALIZER, VOLUME_FINALIZER } from "../../src/model/storage.ts";
import { planClaim } from "../../src/planner/plan-claim.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { NAMESPACE, NODE, pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";
import { VolumePlugin } from "../support/volume-plugin.ts";

async function inPod({ harness, runtime, signal }: DockerCluster, script: string): Promise<string> {
  const id = (harness.container()?.containerID ?? "").replace("docker://", "");
  const options = { command: ["sh", "-c", script], timeoutMs: 20_000, maxOutputBytes: 65_536 };
  return (await runtime.exec(id, options, signal)).output;
}

const CLAIM: PersistentVolumeClaim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "data", namespace: NAMESPACE, uid: `uid-${randomBytes(4).toString("hex")}` },
  spec: {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "1Gi" } },
    storageClassName: "plugged",
    volumeMode: "Filesystem",
  },
};

/** The volume that the planner makes for the claim, bound. */
function provision(driver: string): PersistentVolume {
  const plugged = {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "plugged" },
    provisioner: "berth.dev/docker-volume",
    parameters: { driver, "opt.tier": "gold" },
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
  } as unknown as StorageClass;
  const annotations = { "volume.kubernetes.io/selected-node": NODE };
  const finalizers = [CLAIM_FINALIZER];
  const claim = { ...CLAIM, metadata: { ...CLAIM.metadata, annotations, finalizers } };
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: NODE, labels: { "kubernetes.io/hostname": NODE } },
    spec: {},
  } as unknown as ApiObject;
  const { steps } = planClaim(new SimWorld([plugged, claim, node], 0), claim);
  const made = steps.find((step) => step.kind === "create")?.object;
  if (made === undefined) throw new Error(`no volume was made: ${JSON.stringify(steps)}`);
  return made as PersistentVolume;
}

test("a volume of a plugin: made for a claim, kept from pod to pod, removed with its claim", async () => {
  await using plugin = await VolumePlugin.open(`berth-test-${randomBytes(4).toString("hex")}`);
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const volume = provision(plugin.driver);
  const name = volume.spec.csi?.volumeHandle ?? "";
  const claimRef = { kind: "PersistentVolumeClaim", name: "data", uid: CLAIM.metadata.uid ?? "" };
  harness.api.put<PersistentVolume>({ ...volume, spec: { ...volume.spec, claimRef } });
  harness.api.put({
    ...CLAIM,
    spec: { ...CLAIM.spec, volumeName: volume.metadata.name },
    status: { phase: "Bound" as const },
  });
  const wanted = (uid: string, subPath = "") =>
    pod({
      uid,
      image,
      terminationGracePeriodSeconds: 0,
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
      containers: [
        {
          command: ["sleep", "1000"],
          volumeMounts: [
            { name: "data", mountPath: "/data", ...(subPath === "" ? {} : { subPath }) },
          ],
        },
      ],
    });

  harness.api.put(wanted("first"));
  await harness.untilReady();
  await inPod(cluster, "echo kept > /data/x");
  expect(plugin.options.get(name)).toEqual({ tier: "gold" });
  expect(await readFile(join(plugin.folderOf(name), "x"), "utf8")).toBe("kept\n");
  harness.api.markDeleted(refOf(wanted("first")), 0);
  await harness.untilGone();

  harness.api.put(wanted("second"));
  await harness.untilReady();
  expect(await inPod(cluster, "cat /data/x")).toBe("kept\n");
  harness.api.markDeleted(refOf(wanted("second")), 0);
  await harness.untilGone();
  expect(plugin.calls.filter((call) => call.startsWith("Remove"))).toEqual([]);

  harness.api.put(wanted("third", "part"));
  const why =
    `volume "${name}" of driver "${plugin.driver}" is mounted only while a container uses it, ` +
    "so that neither a subPath nor mountPropagation can be had of it: mount it as a whole";
  await harness.until("told", () => harness.container()?.state.waiting?.message === why);
  harness.api.markDeleted(refOf(wanted("third")), 0);
  await harness.untilGone();

  const stored = harness.api.peek(refOf(volume)) as PersistentVolume;
  harness.api.put<PersistentVolume>({
    ...stored,
    metadata: {
      ...stored.metadata,
      deletionTimestamp: "2026-01-01T00:00:00Z",
      finalizers: [VOLUME_FINALIZER],
    },
    status: { phase: "Released" },
  });
  await harness.api.until("the data is gone", () => plugin.calls.includes(`Remove ${name}`));
});
