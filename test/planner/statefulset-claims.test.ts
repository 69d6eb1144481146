import { describe, expect, test } from "vitest";
import type {
  PersistentVolumeClaim,
  StatefulSet,
  StatefulSetPersistentVolumeClaimRetentionPolicy,
} from "../../src/model/kinds.gen.ts";
import { controllerRef, type ObjectMeta, type OwnerReference } from "../../src/model/meta.ts";
import { planClaimOwners, planClaims } from "../../src/planner/statefulset-claims.ts";
import { pod } from "../support/builders.ts";
import { claimTemplate, statefulSet } from "../support/set-builders.ts";
import { render, worldOf } from "../support/world.ts";

type Policy = StatefulSetPersistentVolumeClaimRetentionPolicy;

const policy = (whenDeleted: Policy["whenDeleted"], whenScaled: Policy["whenScaled"]): Policy => ({
  whenDeleted,
  whenScaled,
});

const setWith = (persistentVolumeClaimRetentionPolicy: Policy): StatefulSet =>
  statefulSet({
    replicas: 2,
    volumeClaimTemplates: [claimTemplate("data"), claimTemplate("log")],
    persistentVolumeClaimRetentionPolicy,
  });

const retain = setWith(policy("Retain", "Retain"));
const ofSet = controllerRef(retain);
const web0 = pod({ name: "web-0", owner: retain });
const web5 = pod({ name: "web-5", owner: retain });
const other: OwnerReference = { apiVersion: "v1", kind: "Backup", name: "b", uid: "uid-b" };

function claim(name: string, metadata: Partial<ObjectMeta> = {}): PersistentVolumeClaim {
  const { spec } = claimTemplate();
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name, namespace: "shop", uid: `uid-${name}`, ...metadata },
    spec,
  };
}

describe("planClaims()", () => {
  test("makes the claims that are missing, with labels of the template and the selector", () => {
    const world = worldOf([claim("log-web-0")]);
    const { steps, obstacle } = planClaims(world, retain, 0);
    expect(obstacle).toBeUndefined();
    expect(render({ steps })).toEqual([
      "create PersistentVolumeClaim shop/data-web-0 (MissingClaim)",
      "event Normal SuccessfulCreate: create Claim data-web-0 Pod web-0 in StatefulSet web success",
    ]);
    expect(steps[0]).toEqual({
      kind: "create",
      reason: "MissingClaim",
      object: {
        ...claim("data-web-0"),
        metadata: {
          name: "data-web-0",
          namespace: "shop",
          labels: { tier: "disk", app: "web" },
        },
        status: { phase: "Pending" },
      },
    });
  });

  test("makes them the set's when they are to go with it", () => {
    const owners = (set: StatefulSet): unknown => {
      const [step] = planClaims(worldOf([]), set, 0).steps;
      return step?.kind === "create" ? step.object.metadata.ownerReferences : "none made";
    };
    expect(owners(setWith(policy("Delete", "Retain")))).toEqual([ofSet]);
    expect(owners(setWith(policy("Delete", "Delete")))).toEqual([ofSet]);
    expect(owners(setWith(policy("Retain", "Delete")))).toBeUndefined();
  });

  test("waits for one that is on its way out", () => {
    const world = worldOf([claim("data-web-0", { deletionTimestamp: "2026-01-02T03:00:00Z" })]);
    expect(planClaims(world, retain, 0)).toEqual({
      steps: [],
      obstacle: "pvc data-web-0 is being deleted",
    });
  });

  test("waits for one that goes with an earlier pod, but only where scaling down deletes", () => {
    const world = worldOf([claim("data-web-0", { ownerReferences: [controllerRef(web0)] })]);
    const set = setWith(policy("Retain", "Delete"));
    const obstacle = "pvc data-web-0 still belongs to an earlier pod";
    expect(planClaims(world, set, 0)).toEqual({ steps: [], obstacle });
    expect(planClaims(world, retain, 0).obstacle).toBeUndefined();
    expect(planClaims(world, set, 0, web0).obstacle).toBeUndefined();
  });
});

interface Case {
  readonly name: string;
  readonly policy: Policy;
  /** 5 is beyond the size of the set. */
  readonly ordinal: 0 | 5;
  readonly before?: readonly OwnerReference[];
  readonly after: readonly string[];
}

const ofPod5 = controllerRef(web5);

const CASES: readonly Case[] = [
  { name: "kept: nobody's", policy: policy("Retain", "Retain"), ordinal: 0, after: [] },
  {
    name: "kept: nobody's any more",
    policy: policy("Retain", "Retain"),
    ordinal: 0,
    before: [ofSet],
    after: [],
  },
  {
    name: "goes with the set",
    policy: policy("Delete", "Retain"),
    ordinal: 0,
    after: ["StatefulSet web"],
  },
  {
    name: "goes with the set even when it is scaled away",
    policy: policy("Delete", "Retain"),
    ordinal: 5,
    after: ["StatefulSet web"],
  },
  {
    name: "goes when scaled away: not yet",
    policy: policy("Retain", "Delete"),
    ordinal: 0,
    after: [],
  },
  {
    name: "goes when scaled away: with its pod",
    policy: policy("Retain", "Delete"),
    ordinal: 5,
    after: ["Pod web-5"],
  },
  {
    name: "goes with either: the set's",
    policy: policy("Delete", "Delete"),
    ordinal: 0,
    after: ["StatefulSet web"],
  },
  {
    name: "goes with either: its pod's once that is scaled away",
    policy: policy("Delete", "Delete"),
    ordinal: 5,
    before: [ofSet],
    after: ["Pod web-5"],
  },
  {
    name: "other owners stay",
    policy: policy("Delete", "Retain"),
    ordinal: 0,
    before: [other],
    after: ["Backup b", "StatefulSet web"],
  },
  {
    name: "what another controller owns is not ours to give away",
    policy: policy("Delete", "Retain"),
    ordinal: 0,
    before: [{ ...other, controller: true }],
    after: ["Backup b"],
  },
];

describe("planClaimOwners()", () => {
  test.for(CASES)("$name", ({ policy: wanted, ordinal, before, after }) => {
    const set = setWith(wanted);
    const held = ordinal === 5 ? web5 : web0;
    const owners = before === undefined ? {} : { ownerReferences: before };
    const stored = claim(`data-web-${ordinal}`, owners);
    const world = worldOf([stored]);
    const steps = planClaimOwners(world, set, ordinal, held);
    const [step] = steps;
    const result = step?.kind === "update" ? step.object : stored;
    expect(
      (result.metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind} ${name}`),
    ).toEqual(after);
    expect(steps.length).toBe(result === stored ? 0 : 1);
    if (step?.kind === "update") {
      world.apply(steps);
      expect(planClaimOwners(world, set, ordinal, held)).toEqual([]);
    }
  });

  test("the pod of a claim is the one that is there, not its namesake", () => {
    expect(ofPod5).toMatchObject({ kind: "Pod", name: "web-5", uid: "uid-web-5" });
  });
});
