import { describe, expect, test } from "vitest";
import { mountFailure, nfsOptions } from "../../src/agent/nfs-volume.ts";
import { toClaimVolume, type ClaimVolume } from "../../src/agent/pod-claims.ts";
import { containerMounts } from "../../src/agent/pod-volumes.ts";
import type { PersistentVolume, Pod, VolumeMount } from "../../src/model/kinds.gen.ts";
import { pod } from "./pod-builder.ts";

describe("nfsOptions()", () => {
  test.each([
    [{ server: "nas", path: "/data" }, "", ":/data", "addr=nas,nfsvers=4"],
    [{ server: "nas", path: "/data", readOnly: true }, "", ":/data", "addr=nas,nfsvers=4,ro"],
    [{ server: "fd00::1", path: "/" }, "a/b", "[fd00::1]:/a/b", "addr=fd00::1,nfsvers=4"],
    [
      { server: "nas", path: "/d", mountOptions: ["vers=3", "nolock", "addr=evil"] },
      "",
      ":/d",
      "addr=nas,vers=3,nolock",
    ],
    [
      { server: "nas", path: "/d", mountOptions: ["nfsvers=4.2"] },
      "x",
      ":/d/x",
      "addr=nas,nfsvers=4.2",
    ],
  ])("%j below %j", (share, subPath, device, o) => {
    expect(nfsOptions(share, subPath)).toEqual({ type: "nfs", device, o });
  });
});

const SHARE: PersistentVolume["spec"] = {
  capacity: { storage: "1Gi" },
  accessModes: ["ReadWriteMany"],
  persistentVolumeReclaimPolicy: "Retain",
  volumeMode: "Filesystem",
  mountOptions: ["hard"],
  nfs: { server: "nas", path: "/data" },
};
const claimed: ClaimVolume = toClaimVolume({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "share" },
  spec: SHARE,
});

function mounting(volume: object, mount: Partial<VolumeMount> = {}): Pod {
  return pod({
    uid: "u1",
    volumes: [{ name: "v", ...volume }],
    containers: [{ volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] }],
  });
}

function mountsOf(given: Pod): unknown {
  const [container] = given.spec.containers;
  if (container === undefined) throw new Error("no container");
  const labels = { pod: "u1" };
  const claims = new Map([["v", claimed]]);
  const found = containerMounts(given, container, { clusterId: "c", labels, claims });
  return found.kind === "mounts" ? found.mounts : found.message;
}

describe("containerMounts() of shares", () => {
  const plugin = (o: string, device = ":/data") => ({
    driver: "local",
    options: { type: "nfs", o, device },
  });
  test("of the pod itself: a volume that goes with it", () => {
    const nfs = { server: "nas", path: "/data", readOnly: true };
    expect(mountsOf(mounting({ nfs }))).toMatchObject([
      {
        kind: "claim",
        target: "/v",
        readOnly: true,
        subPath: "",
        volume: { labels: { pod: "u1" }, plugin: plugin("addr=nas,nfsvers=4,ro") },
      },
    ]);
  });

  test("of a claim, with the options of its volume", () => {
    const volume = { persistentVolumeClaim: { claimName: "share" } };
    expect(mountsOf(mounting(volume))).toMatchObject([
      { readOnly: false, volume: { plugin: plugin("addr=nas,nfsvers=4,hard") } },
    ]);
    const readOnly = { persistentVolumeClaim: { claimName: "share", readOnly: true } };
    expect(mountsOf(mounting(readOnly))).toMatchObject([{ readOnly: true }]);
  });

  test("a part is a volume of its own, and never leads out of the share", () => {
    const nfs = { server: "nas", path: "/data" };
    const whole = mountsOf(mounting({ nfs })) as readonly { volume: { name: string } }[];
    const part = mountsOf(mounting({ nfs }, { subPath: "a/b" })) as typeof whole;
    expect(part).toMatchObject([
      { subPath: "", volume: { plugin: plugin("addr=nas,nfsvers=4", ":/data/a/b") } },
    ]);
    expect(part[0]?.volume.name).not.toBe(whole[0]?.volume.name);
    expect(mountsOf(mounting({ nfs }, { subPath: "../etc" }))).toBe(
      'subPath "../etc" must not contain ".."',
    );
  });
});

describe("mountFailure()", () => {
  const said = (why: string): string =>
    `Cannot start container: error while mounting volume '/var/lib/docker/volumes/x/_data': failed to mount local volume: mount :/data:/var/lib/docker/volumes/x/_data, data: addr=192.0.2.1: ${why}`;
  test.each([
    ["no such device", "modprobe nfs"],
    ["connection refused", "port 2049"],
    ["connection timed out", "does not answer"],
    ["permission denied", "/etc/exports"],
    ["no such file or directory", "check the path"],
    ["protocol not supported", "nfsvers"],
    ["something new", ""],
  ])("%s", (why, cure) => {
    const found = mountFailure(said(why));
    expect(found).toMatch(/^mount :\/data/);
    expect(found).toContain(why);
    expect(found).toContain(cure);
  });
  test("a name that cannot be found", () => {
    const text = "error resolving passed in nfs address: lookup nas: no such host";
    expect(mountFailure(text)).toContain("by its name");
  });
  test("what is no mount", () => {
    expect(mountFailure("OCI runtime create failed: no such file or directory")).toBeUndefined();
  });
});
