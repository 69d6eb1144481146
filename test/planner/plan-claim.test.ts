import { describe, expect, test } from "vitest";
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../src/model/kinds.gen.ts";
import { refOf, type ApiObject, type ObjectMeta } from "../../src/model/meta.ts";
import {
  CLAIM_FINALIZER,
  DOCKER_PROVISIONER,
  LOCAL_PROVISIONER,
  SELECTED_NODE_ANNOTATION,
  VOLUME_FINALIZER,
  VOLUME_NODE_LABEL,
} from "../../src/model/storage.ts";
import { planObject, wakeKeys } from "../../src/planner/plan-object.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { node, pod } from "../support/builders.ts";
import { eventsIn, render, statusIn, worldOf } from "../support/world.ts";

function claim(
  spec: Partial<PersistentVolumeClaim["spec"]> = {},
  metadata: Partial<ObjectMeta> = {},
): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: "data",
      namespace: "shop",
      uid: "uid-data",
      finalizers: [CLAIM_FINALIZER],
      ...metadata,
    },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
      volumeMode: "Filesystem",
      ...spec,
    },
  };
}

function volume(
  name: string,
  spec: Partial<PersistentVolume["spec"]> = {},
  metadata: Partial<ObjectMeta> = {},
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, uid: `uid-${name}`, ...metadata },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Gi" },
      persistentVolumeReclaimPolicy: "Retain",
      volumeMode: "Filesystem",
      storageClassName: "",
      hostPath: { path: `/srv/${name}` },
      ...spec,
    },
  };
}

function storageClass(name: string, fields: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name },
    provisioner: LOCAL_PROVISIONER,
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
    ...fields,
  };
}

const IS_DEFAULT = { "storageclass.kubernetes.io/is-default-class": "true" };
const LOCAL = storageClass("local", { metadata: { name: "local", annotations: IS_DEFAULT } });
const NODE_A: Node = node({ name: "a" });
const ON_A = { annotations: { [SELECTED_NODE_ANNOTATION]: "a" } };

/** Plans everything that a change wakes, until nothing changes any more. */
function settle(world: SimWorld, ...objects: readonly ApiObject[]): void {
  const keys = new Set(objects.flatMap((object) => wakeKeys(world, object)));
  world.takeChanges();
  for (const key of keys) {
    keys.delete(key);
    const [apiVersion = "", kind = "", namespace = "", name = ""] = split(key);
    const ref =
      namespace === "" ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name };
    world.apply(planObject(world, ref).steps);
    for (const { before, after } of world.takeChanges()) {
      for (const object of [before, after])
        if (object !== undefined) for (const woken of wakeKeys(world, object)) keys.add(woken);
    }
  }
}

function split(key: string): readonly string[] {
  const parts = key.split("/");
  const [kind = "", namespace = "", name = ""] = parts.splice(-3);
  return [parts.join("/"), kind, namespace, name];
}

function claimIn(world: SimWorld): PersistentVolumeClaim | undefined {
  return world.get(refOf(claim())) as PersistentVolumeClaim | undefined;
}

function volumeIn(world: SimWorld, name: string): PersistentVolume | undefined {
  return world.get(refOf(volume(name))) as PersistentVolume | undefined;
}

describe("a claim that waits", () => {
  test.each([
    {
      name: "for its first pod",
      objects: [LOCAL],
      says: "Normal WaitForFirstConsumer: waiting for first consumer to be created before binding",
    },
    {
      name: "for a volume, without a class",
      objects: [],
      says: "Normal FailedBinding: no persistent volumes available for this claim and no storage class is set",
    },
    {
      name: "for a class that is not there",
      spec: { storageClassName: "fast" },
      objects: [LOCAL],
      says: 'Warning ProvisioningFailed: storageclass.storage.k8s.io "fast" not found',
    },
    {
      name: "for its volume by name",
      spec: { volumeName: "mine" },
      objects: [],
      says: 'Warning FailedBinding: volume "mine" does not exist',
    },
    {
      name: "for another provisioner",
      spec: { storageClassName: "ebs" },
      objects: [
        storageClass("ebs", { provisioner: "ebs.csi.aws.com", volumeBindingMode: "Immediate" }),
      ],
      says: "Normal ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com'",
    },
    {
      name: "for a local class that binds at once",
      spec: { storageClassName: "now" },
      objects: [storageClass("now", { volumeBindingMode: "Immediate" })],
      says: "Warning ProvisioningFailed: berth.dev/local needs a pod's node",
    },
    {
      name: "for a plugin that is not named",
      spec: { storageClassName: "nas" },
      objects: [
        storageClass("nas", { provisioner: DOCKER_PROVISIONER, volumeBindingMode: "Immediate" }),
      ],
      says: "Warning ProvisioningFailed: parameters.driver must name a volume plugin",
    },
  ])("$name", ({ spec, objects, says }) => {
    const world = worldOf([claim(spec), NODE_A, ...objects]);
    const plan = planObject(world, refOf(claim()));
    expect(statusIn(plan)).toEqual({ phase: "Pending" });
    expect(eventsIn(plan)).toHaveLength(1);
    expect(eventsIn(plan)[0]).toContain(says);
  });

  test("gets its protection first", () => {
    const world = worldOf([claim({}, { finalizers: [] }), LOCAL]);
    expect(render(planObject(world, refOf(claim())))).toEqual([
      "update PersistentVolumeClaim shop/data (ClaimProtected)",
    ]);
  });
});

describe("volumes that are there", () => {
  const small = volume("small", { capacity: { storage: "512Mi" } });
  test.each([
    {
      name: "the smallest that is large enough",
      volumes: [volume("big", { capacity: { storage: "9Gi" } }), volume("fit"), small],
      is: "fit",
    },
    { name: "of equal ones the first", volumes: [volume("b"), volume("a")], is: "a" },
    {
      name: "one that is reserved for it, before smaller ones",
      volumes: [
        volume("a"),
        volume("kept", {
          capacity: { storage: "5Gi" },
          claimRef: { kind: "PersistentVolumeClaim", namespace: "shop", name: "data" },
        }),
      ],
      is: "kept",
    },
    {
      name: "not one that is reserved for another",
      volumes: [
        volume("a", {
          claimRef: { kind: "PersistentVolumeClaim", namespace: "shop", name: "other" },
        }),
      ],
      is: undefined,
    },
    { name: "not one that is too small", volumes: [small], is: undefined },
    {
      name: "not one of another class",
      volumes: [volume("a", { storageClassName: "gold" })],
      is: undefined,
    },
    {
      name: "not one without the access mode",
      volumes: [volume("a", { accessModes: ["ReadOnlyMany"] })],
      is: undefined,
    },
    {
      name: "not one that is being deleted",
      volumes: [
        volume("a", {}, { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] }),
      ],
      is: undefined,
    },
  ])("$name", ({ volumes, is }) => {
    const wanted = claim({ storageClassName: "" });
    const world = worldOf([wanted, ...volumes]);
    settle(world, wanted);
    expect(claimIn(world)?.spec.volumeName).toBe(is);
    expect(claimIn(world)?.status?.phase).toBe(is === undefined ? "Pending" : "Bound");
    if (is === undefined) return;
    expect(volumeIn(world, is)?.spec.claimRef).toMatchObject({ uid: "uid-data", name: "data" });
    expect(volumeIn(world, is)?.status?.phase).toBe("Bound");
  });

  test("only what the chosen node can use, where the class waits for it", () => {
    const onB = {
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: "kubernetes.io/hostname", operator: "In" as const, values: ["b"] },
              ],
            },
          ],
        },
      },
    };
    const manual = storageClass("manual", { provisioner: "kubernetes.io/no-provisioner" });
    const wanted = claim({ storageClassName: "manual" }, ON_A);
    const world = worldOf([
      wanted,
      manual,
      NODE_A,
      volume("on-b", { storageClassName: "manual", ...onB }),
      volume("anywhere", { storageClassName: "manual", capacity: { storage: "2Gi" } }),
    ]);
    settle(world, wanted);
    expect(claimIn(world)?.spec.volumeName).toBe("anywhere");
  });

  test("two claims never get the same volume", () => {
    const first = claim({ storageClassName: "" });
    const second = claim({ storageClassName: "" }, { name: "other", uid: "uid-other" });
    const world = worldOf([first, second, volume("one")]);
    settle(world, first, second);
    const phases = (world.list("v1", "PersistentVolumeClaim") as PersistentVolumeClaim[]).map(
      ({ status }) => status?.phase,
    );
    expect(new Set(phases)).toEqual(new Set(["Bound", "Pending"]));
  });
});

describe("volumes that are made", () => {
  test("a local one, on the node of the pod, bound both ways", () => {
    const wanted = claim({}, ON_A);
    const world = worldOf([wanted, LOCAL, NODE_A]);
    settle(world, wanted);
    const made = volumeIn(world, "pvc-uid-data");
    expect(made?.metadata).toMatchObject({
      labels: { [VOLUME_NODE_LABEL]: "a" },
      finalizers: [VOLUME_FINALIZER],
    });
    expect(made?.spec).toMatchObject({
      csi: { driver: "docker.berth.dev", volumeHandle: "pvc-uid-data" },
      capacity: { storage: "1Gi" },
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: "local",
      claimRef: { namespace: "shop", name: "data", uid: "uid-data" },
    });
    expect(JSON.stringify(made?.spec.nodeAffinity)).toContain('"values":["a"]');
    expect(made?.status?.phase).toBe("Bound");
    expect(claimIn(world)).toMatchObject({
      spec: { volumeName: "pvc-uid-data", storageClassName: "local" },
      status: { phase: "Bound", capacity: { storage: "1Gi" } },
    });
  });

  test("a folder, where the class names a path", () => {
    const wanted = claim({ storageClassName: "disk" }, ON_A);
    const disk = storageClass("disk", { parameters: { path: "/srv/volumes/" } });
    const world = worldOf([wanted, disk, NODE_A]);
    settle(world, wanted);
    expect(volumeIn(world, "pvc-uid-data")?.spec.local).toEqual({
      path: "/srv/volumes/pvc-uid-data",
    });
  });

  test("one of a plugin, reachable from everywhere when it is shared", () => {
    const wanted = claim({ storageClassName: "nas" });
    const nas = storageClass("nas", {
      provisioner: DOCKER_PROVISIONER,
      volumeBindingMode: "Immediate",
      parameters: { driver: "vieux/sshfs", shared: "true", "opt.sshcmd": "me@nas:/data" },
    });
    const world = worldOf([wanted, nas, NODE_A]);
    settle(world, wanted);
    const made = volumeIn(world, "pvc-uid-data");
    expect(made?.spec.nodeAffinity).toBeUndefined();
    expect(made?.spec.csi?.volumeAttributes).toEqual({
      driver: "vieux/sshfs",
      "opt.sshcmd": "me@nas:/data",
    });
  });

  test("planning it twice makes it once", () => {
    const wanted = claim({}, ON_A);
    const world = worldOf([wanted, LOCAL, NODE_A]);
    const { steps } = planObject(world, refOf(wanted));
    world.apply(steps.slice(0, 1));
    settle(world, wanted);
    expect(world.list("v1", "PersistentVolume")).toHaveLength(1);
    expect(claimIn(world)?.status?.phase).toBe("Bound");
  });
});

describe("the end", () => {
  function bound(reclaimPolicy: "Delete" | "Retain" = "Delete"): SimWorld {
    const wanted = claim({}, ON_A);
    const world = worldOf([wanted, { ...LOCAL, reclaimPolicy } as StorageClass, NODE_A]);
    settle(world, wanted);
    return world;
  }

  function remove(world: SimWorld): void {
    const current = claimIn(world);
    if (current === undefined) throw new Error("no claim");
    const { uid = "" } = current.metadata;
    world.apply([{ kind: "delete", ref: refOf(current), uid, reason: "NotDeclared" }]);
    settle(world, current);
  }

  test("a claim stays while a pod uses it", () => {
    const world = bound();
    const user = pod({
      name: "web",
      spec: { volumes: [{ name: "d", persistentVolumeClaim: { claimName: "data" } }] },
    });
    world.declare(user);
    remove(world);
    expect(claimIn(world)?.metadata.deletionTimestamp).toBeDefined();
    expect(volumeIn(world, "pvc-uid-data")?.status?.phase).toBe("Bound");
    world.remove(refOf(user));
    settle(world, user);
    expect(claimIn(world)).toBeUndefined();
  });

  test("its volume is released, and waits for its node to remove the data", () => {
    const world = bound();
    remove(world);
    const left = volumeIn(world, "pvc-uid-data");
    expect(left?.status?.phase).toBe("Released");
    expect(left?.metadata.deletionTimestamp).toBeDefined();
    expect(left?.metadata.finalizers).toEqual([VOLUME_FINALIZER]);
  });

  test("the data of a node that is gone is given up", () => {
    const world = bound();
    remove(world);
    world.remove(refOf(NODE_A));
    settle(world, NODE_A);
    expect(volumeIn(world, "pvc-uid-data")).toBeUndefined();
  });

  test("Retain keeps the volume, and a new claim does not get it", () => {
    const world = bound("Retain");
    remove(world);
    expect(volumeIn(world, "pvc-uid-data")).toMatchObject({ status: { phase: "Released" } });
    expect(volumeIn(world, "pvc-uid-data")?.metadata.deletionTimestamp).toBeUndefined();
    const next = claim({ storageClassName: "local" }, { uid: "uid-next", ...ON_A });
    world.declare(next);
    settle(world, next);
    expect(claimIn(world)?.spec.volumeName).toBe("pvc-uid-next");
  });

  test("a claim whose volume is gone is Lost", () => {
    const world = bound();
    const made = volumeIn(world, "pvc-uid-data");
    if (made === undefined) throw new Error("no volume");
    world.declare({ ...made, metadata: { ...made.metadata, finalizers: [] } });
    world.remove(refOf(made));
    settle(world, made);
    expect(claimIn(world)?.status?.phase).toBe("Lost");
  });
});
