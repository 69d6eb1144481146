import { beforeEach, describe, expect, test } from "vitest";
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject, StringMap } from "../../src/model/meta.ts";
import { createScheduler } from "../../src/scheduler/create-scheduler.ts";
import type { Decision } from "../../src/scheduler/decision.ts";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import { node, NOW } from "../support/builders.ts";
import { uidOf, waitingPod } from "../support/scheduler.ts";

type Modes = NonNullable<PersistentVolumeClaim["spec"]["accessModes"]>;

function storage(fields: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "fast" },
    provisioner: "berth.dev/local",
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
    ...fields,
  };
}

function claim(
  name: string,
  spec: Partial<PersistentVolumeClaim["spec"]> = {},
): PersistentVolumeClaim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "shop", uid: `uid-${name}` },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "fast",
      volumeMode: "Filesystem",
      resources: { requests: { storage: "5Gi" } },
      ...spec,
    },
  };
}

function volume(
  name: string,
  on: string | undefined,
  fields: { size?: string; labels?: StringMap; spec?: Partial<PersistentVolume["spec"]> } = {},
): PersistentVolume {
  const terms = [
    {
      matchExpressions: [
        { key: "kubernetes.io/hostname", operator: "In" as const, values: [on ?? ""] },
      ],
    },
  ];
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, uid: `uid-${name}`, labels: fields.labels ?? {} },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: fields.size ?? "5Gi" },
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: "fast",
      volumeMode: "Filesystem",
      ...(on === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
      ...fields.spec,
    },
    status: { phase: "Available" },
  };
}

const user = (name: string, ...claims: readonly string[]): ReturnType<typeof waitingPod> =>
  waitingPod({
    name,
    spec: {
      volumes: claims.map((claimName) => ({
        name: claimName,
        persistentVolumeClaim: { claimName },
      })),
    },
  });

describe("volumes", () => {
  let scheduler: Scheduler;

  beforeEach(() => {
    scheduler = createScheduler();
  });

  function decide(...objects: readonly ApiObject[]): string[] {
    for (const object of objects) scheduler.observe({ kind: "added", object }, NOW);
    const all: Decision[] = [];
    for (let turn = scheduler.turn(NOW); turn !== undefined; turn = scheduler.turn(NOW))
      all.push(...turn);
    return all.map((decision) => {
      if (decision.kind !== "bind")
        return "message" in decision
          ? (decision.message.split(" preemption:")[0] ?? "")
          : decision.kind;
      return decision.bindings
        .map(({ pod, node: to, volumes }) => {
          const got = volumes.map(
            (item) => `${item.claim.metadata.name}=${item.volume?.metadata.name ?? "new"}`,
          );
          return [pod.metadata.name, "→", to, ...got].join(" ");
        })
        .join(", ");
    });
  }
  const nodes = [node({ name: "a" }), node({ name: "b", labels: { rack: "2" } })];
  const none = "0/2 nodes are available:";

  test.each<{
    readonly name: string;
    readonly objects: readonly ApiObject[];
    readonly says: string;
  }>([
    {
      name: "a claim that is missing",
      objects: [],
      says: `${none} persistentvolumeclaim "data" not found.`,
    },
    {
      name: "a claim that is being deleted",
      objects: [
        {
          ...claim("data"),
          metadata: { ...claim("data").metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
        },
      ],
      says: `${none} persistentvolumeclaim "data" is being deleted.`,
    },
    {
      name: "a claim that lost its volume",
      objects: [{ ...claim("data", { volumeName: "pv" }), status: { phase: "Lost" } } as ApiObject],
      says: `${none} persistentvolumeclaim "data" bound to non-existent persistentvolume "pv".`,
    },
    {
      name: "an unbound claim of an Immediate class",
      objects: [claim("data"), storage({ volumeBindingMode: "Immediate" })],
      says: `${none} pod has unbound immediate PersistentVolumeClaims.`,
    },
    {
      name: "a claim whose volume is unknown",
      objects: [claim("data", { volumeName: "pv" })],
      says: `${none} 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).`,
    },
    {
      name: "a volume of another node",
      objects: [claim("data", { volumeName: "pv" }), volume("pv", "c")],
      says: `${none} 2 node(s) had volume node affinity conflict.`,
    },
    {
      name: "a volume of one node",
      objects: [claim("data", { volumeName: "pv" }), volume("pv", "b")],
      says: "p → b",
    },
    {
      name: "a volume of a zone",
      objects: [
        claim("data", { volumeName: "pv" }),
        volume("pv", undefined, { labels: { "topology.kubernetes.io/zone": "z" } }),
      ],
      says: `${none} 2 node(s) had no available volume zone.`,
    },
    {
      name: "a claim that waits for its pod",
      objects: [claim("data"), storage()],
      says: "p → a data=new",
    },
    {
      name: "a class of some nodes",
      objects: [
        claim("data"),
        storage({
          allowedTopologies: [{ matchLabelExpressions: [{ key: "rack", values: ["2"] }] }],
        }),
      ],
      says: "p → b data=new",
    },
    {
      name: "a class that makes no volumes",
      objects: [claim("data"), storage({ provisioner: "kubernetes.io/no-provisioner" })],
      says: `${none} 2 node(s) didn't find available persistent volumes to bind.`,
    },
    {
      name: "the smallest volume that lies ready and will do",
      objects: [
        claim("data"),
        storage(),
        volume("big", "a", { size: "50Gi" }),
        volume("fit", "a", { size: "6Gi" }),
        volume("small", "a", { size: "1Gi" }),
      ],
      says: "p → a data=fit",
    },
    {
      name: "a volume that is kept for the claim, before smaller ones",
      objects: [
        claim("data"),
        storage(),
        volume("fit", "a", { size: "6Gi" }),
        volume("kept", "a", {
          size: "50Gi",
          spec: { claimRef: { kind: "PersistentVolumeClaim", namespace: "shop", name: "data" } },
        }),
      ],
      says: "p → a data=kept",
    },
    {
      name: "a volume that is another claim's",
      objects: [
        claim("data"),
        storage({ provisioner: "kubernetes.io/no-provisioner" }),
        volume("pv", "a", {
          spec: { claimRef: { kind: "PersistentVolumeClaim", namespace: "shop", name: "x" } },
        }),
      ],
      says: `${none} 2 node(s) didn't find available persistent volumes to bind.`,
    },
    {
      name: "a claim of the default class",
      objects: [
        claim("data", { storageClassName: undefined as never }),
        storage({
          metadata: {
            name: "fast",
            annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
          },
        }),
      ],
      says: "p → a data=new",
    },
  ])("$name: $says", ({ objects, says }) => {
    expect(decide(...nodes, ...objects, user("p", "data"))).toEqual([says]);
  });

  test("promises a volume once", () => {
    const local = storage({ provisioner: "kubernetes.io/no-provisioner" });
    expect(
      decide(
        ...nodes,
        local,
        claim("c1"),
        claim("c2"),
        volume("pv", "a"),
        user("p1", "c1"),
        user("p2", "c2"),
      ),
    ).toEqual([
      "p1 → a c1=pv",
      `${none} 2 node(s) didn't find available persistent volumes to bind.`,
    ]);
  });

  test("gives a ReadWriteOncePod claim one pod", () => {
    const modes: Modes = ["ReadWriteOncePod"];
    const mine = claim("data", { accessModes: modes, volumeName: "pv" });
    const first = {
      ...user("first", "data"),
      spec: { ...user("first", "data").spec, nodeName: "a" },
    };
    const says = `${none} 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.`;
    expect(decide(...nodes, mine, volume("pv", undefined), first, user("second", "data"))).toEqual([
      says,
    ]);
    scheduler.observe({ kind: "deleted", object: first, previous: first }, NOW + 60_000);
    const next: Decision[] = [];
    for (
      let turn = scheduler.turn(NOW + 60_000);
      turn !== undefined;
      turn = scheduler.turn(NOW + 60_000)
    )
      next.push(...turn);
    expect(next.map((item) => ("message" in item ? item.message : item.kind))).toEqual(["bind"]);
  });

  test("holds a node's limit of a driver's volumes", () => {
    const limited = node({ name: "a" });
    const status = {
      ...limited.status,
      allocatable: {
        ...limited.status?.allocatable,
        "attachable-volumes-csi-docker.berth.dev": "1",
      },
    };
    const csi = (name: string): PersistentVolume =>
      volume(name, undefined, {
        spec: { csi: { driver: "docker.berth.dev", volumeHandle: name } },
      });
    expect(
      decide(
        { ...limited, status } as ApiObject,
        csi("v1"),
        csi("v2"),
        claim("c1", { volumeName: "v1" }),
        claim("c2", { volumeName: "v2" }),
        user("p1", "c1"),
        user("p2", "c2"),
      ),
    ).toEqual(["p1 → a", "0/1 nodes are available: 1 node(s) exceed max volume count."]);
  });

  test("takes a promise back when the binding failed", () => {
    const local = storage({ provisioner: "kubernetes.io/no-provisioner" });
    const pod = user("p1", "c1");
    decide(...nodes, local, claim("c1"), claim("c2"), volume("pv", "a"), pod);
    scheduler.failed(uidOf(pod), NOW);
    expect(decide(user("p2", "c2"))).toEqual(["p2 → a c2=pv"]);
  });
});
