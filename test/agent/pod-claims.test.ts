import { describe, expect, test } from "vitest";
import { apiClaimSource, ClaimError, toClaimVolume } from "../../src/agent/pod-claims.ts";
import { containerMounts } from "../../src/agent/pod-volumes.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../src/model/kinds.gen.ts";
import { container, pod } from "../support/builders.ts";
import { FakeApi } from "./fake-api.ts";

const SIGNAL = new AbortController().signal;

function volume(
  spec: Partial<PersistentVolume["spec"]>,
  annotations: Readonly<Record<string, string>> = {},
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "disk", annotations },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Gi" },
      persistentVolumeReclaimPolicy: "Delete",
      volumeMode: "Filesystem",
      claimRef: { kind: "PersistentVolumeClaim", namespace: "shop", name: "data", uid: "uid-data" },
      ...spec,
    },
  };
}

const DOCKER = { csi: { driver: "docker.berth.dev" as const, volumeHandle: "disk" } };

function claim(phase: "Bound" | "Pending"): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "shop", uid: "uid-data" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      volumeMode: "Filesystem",
      volumeName: "disk",
    },
    status: { phase },
  };
}

const USER = pod({
  name: "db",
  spec: {
    volumes: [{ name: "files", persistentVolumeClaim: { claimName: "data" } }],
    containers: [container({ volumeMounts: [{ name: "files", mountPath: "/data" }] })],
  },
});

describe("toClaimVolume()", () => {
  test.each([
    {
      name: "the Engine's own volume",
      spec: DOCKER,
      is: { kind: "docker-volume", name: "disk", options: {} },
    },
    {
      name: "a plugin's, with its options",
      spec: {
        csi: {
          ...DOCKER.csi,
          volumeAttributes: { driver: "vieux/sshfs", "opt.sshcmd": "a@b", other: "x" },
        },
      },
      is: {
        kind: "docker-volume",
        name: "disk",
        driver: "vieux/sshfs",
        options: { sshcmd: "a@b" },
      },
    },
    {
      name: "a folder that must be there",
      spec: { local: { path: "/srv" } },
      is: { kind: "path", path: "/srv", type: "Directory" },
    },
    {
      name: "a path of the host",
      spec: { hostPath: { path: "/srv", type: "File" as const } },
      is: { kind: "path", path: "/srv", type: "File" },
    },
  ])("$name", ({ spec, is }) => {
    expect(toClaimVolume(volume(spec))).toEqual(is);
  });

  test("a folder that was made for the claim is made on the node", () => {
    const made = volume(
      { local: { path: "/srv/x" } },
      { "pv.kubernetes.io/provisioned-by": "berth.dev/local" },
    );
    expect(toClaimVolume(made)).toEqual({
      kind: "path",
      path: "/srv/x",
      type: "DirectoryOrCreate",
    });
  });

  test("what no Docker host can mount is refused with the cure", () => {
    const csi = { driver: "ebs.csi.aws.com", volumeHandle: "vol-1" } as const;
    const disk = volume({ csi: csi as never });
    expect(() => toClaimVolume(disk)).toThrow(/cannot be mounted on a Docker host: use local/);
  });
});

describe("the claims of a pod", () => {
  test("come to their volumes, and the containers mount them", async () => {
    const api = new FakeApi();
    api.put(claim("Bound"));
    api.put(volume(DOCKER));
    const claims = await apiClaimSource(api, new Map()).find(USER, SIGNAL);
    const [main] = USER.spec.containers;
    if (main === undefined) throw new Error("no container");
    expect(containerMounts(USER, main, { clusterId: "c1", claims })).toEqual({
      kind: "mounts",
      mounts: [
        {
          kind: "claim",
          volume: {
            name: "disk",
            labels: { "dev.berth.cluster": "c1" },
            mode: 0o777,
            plugin: { driver: "local", options: {} },
          },
          target: "/data",
          subPath: "",
          readOnly: false,
        },
      ],
    });
  });

  test("one that is not bound, or bound to another, holds the container back", async () => {
    const api = new FakeApi();
    const source = apiClaimSource(api, new Map());
    await expect(source.find(USER, SIGNAL)).rejects.toThrow(ClaimError);
    api.put(claim("Pending"));
    await expect(source.find(USER, SIGNAL)).rejects.toThrow(/"data" is not bound to a volume yet/);
    api.put(claim("Bound"));
    const other = volume({
      ...DOCKER,
      claimRef: { kind: "PersistentVolumeClaim", name: "data", uid: "old" },
    });
    api.put(other);
    await expect(source.find(USER, SIGNAL)).rejects.toThrow(/bound to another claim/);
  });

  test("an ephemeral one must be made for the very pod", async () => {
    const api = new FakeApi();
    const volumeClaimTemplate = { spec: claim("Bound").spec };
    const volumes = [{ name: "x", ephemeral: { volumeClaimTemplate } }];
    const user = { ...USER, spec: { ...USER.spec, volumes } };
    const bound = claim("Bound");
    const metadata = { ...bound.metadata, name: "db-x" };
    api.put({ ...bound, metadata });
    api.put(volume({ ...DOCKER }));
    const source = apiClaimSource(api, new Map());
    await expect(source.find(user, SIGNAL)).rejects.toThrow(
      "PVC shop/db-x was not created for pod shop/db (pod is not owner)",
    );
    const owner = { apiVersion: "v1", kind: "Pod", name: "db", uid: user.metadata.uid ?? "" };
    api.put({ ...bound, metadata: { ...metadata, ownerReferences: [owner] } });
    expect([...(await source.find(user, SIGNAL)).keys()]).toEqual(["x"]);
  });

  test("are remembered while the API is away", async () => {
    const api = new FakeApi();
    const source = apiClaimSource(api, new Map());
    api.put(claim("Bound"));
    api.put(volume(DOCKER));
    const before = await source.find(USER, SIGNAL);
    api.away = true;
    expect(await source.find(USER, SIGNAL)).toEqual(before);
    await expect(apiClaimSource(api, new Map()).find(USER, SIGNAL)).rejects.toThrow(
      /the API is away/,
    );
  });
});
