import { describe, expect, test } from "vitest";
import type { PersistentVolumeClaim, Pod } from "../../src/model/kinds.gen.ts";
import { refKey, refOf } from "../../src/model/meta.ts";
import { CLAIM_FINALIZER } from "../../src/model/storage.ts";
import { planObject, wakeKeys } from "../../src/planner/plan-object.ts";
import { node, pod } from "../support/builders.ts";
import { render, worldOf } from "../support/world.ts";

const TEMPLATE = {
  metadata: { labels: { for: "scratch" } },
  spec: {
    accessModes: ["ReadWriteOnce" as const],
    resources: { requests: { storage: "1Gi" } },
    volumeMode: "Filesystem" as const,
  },
};

function user(fields: Partial<Parameters<typeof pod>[0]> = {}): Pod {
  const made = pod({ name: "web", node: "", ...fields });
  const volumes = [
    { name: "scratch", ephemeral: { volumeClaimTemplate: TEMPLATE } },
    { name: "work", emptyDir: {} },
  ];
  return { ...made, spec: { ...made.spec, volumes } };
}

function madeFor(of: Pod): PersistentVolumeClaim {
  const plan = planObject(worldOf([of]), refOf(of));
  const step = plan.steps.find((one) => one.kind === "create");
  if (step?.kind !== "create") throw new Error("nothing is made");
  return step.object as PersistentVolumeClaim;
}

describe("the claims that a pod brings along", () => {
  test("are made, named after pod and volume, and the pod's", () => {
    const claim = madeFor(user());
    expect(refKey(refOf(claim))).toContain("web-scratch");
    expect(claim.metadata).toMatchObject({
      name: "web-scratch",
      namespace: "shop",
      labels: { for: "scratch" },
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Pod",
          name: "web",
          uid: "uid-web",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    });
    expect(claim.spec).toEqual(TEMPLATE.spec);
  });

  test("are not made twice, nor over one of that name", () => {
    const claim = { ...madeFor(user()), metadata: { name: "web-scratch", namespace: "shop" } };
    expect(render(planObject(worldOf([user(), claim]), refOf(user())))).toEqual([]);
  });

  test.for([
    { name: "that is being deleted", of: user({ terminating: true, node: "a" }) },
    { name: "that is finished", of: user({ phase: "Succeeded" }) },
  ])("are not made for a pod $name", ({ of }) => {
    const lines = render(planObject(worldOf([of, node({ name: "a" })]), refOf(of)));
    expect(lines.filter((line) => line.startsWith("create"))).toEqual([]);
  });

  test("go when the pod is gone, and not while it uses them", () => {
    const made = madeFor(user());
    const metadata = { ...made.metadata, uid: "uid-claim", finalizers: [CLAIM_FINALIZER] };
    const claim = { ...made, metadata };
    expect(render(planObject(worldOf([claim]), refOf(claim))).join()).toMatch(
      /^delete PersistentVolumeClaim shop\/web-scratch/,
    );
    const ending = {
      ...claim,
      metadata: { ...metadata, deletionTimestamp: "2026-01-01T00:00:00Z" },
    };
    expect(render(planObject(worldOf([user(), ending]), refOf(ending)))).toEqual([]);
    const over = user({ phase: "Succeeded" });
    expect(wakeKeys(worldOf([over, ending]), over)).toContain(refKey(refOf(ending)));
  });

  test("a claim that is lost wakes its pod", () => {
    const claim = madeFor(user());
    expect(wakeKeys(worldOf([user()]), claim)).toContain(refKey(refOf(user())));
  });
});
