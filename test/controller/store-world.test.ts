import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { StoreWorld } from "../../src/controller/store-world.ts";
import { controllerOf, type ApiObject, type ObjectRef } from "../../src/model/meta.ts";
import { openObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import { ManualClock } from "../support/manual-clock.ts";

const OWNERS = ["u1", "u2", undefined] as const;

function pod(name: string, owner: string | undefined, note: number): ApiObject {
  const ownerReferences =
    owner === undefined
      ? []
      : [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true }];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", ownerReferences, annotations: { note: String(note) } },
    spec: {},
  } as ApiObject;
}

const change = fc.record({
  name: fc.constantFrom("a", "b", "c"),
  owner: fc.constantFrom(...OWNERS),
  remove: fc.boolean(),
  note: fc.nat(3),
});

test("the indexes by owner and of orphans are what a walk over everything finds", async () => {
  const dir = await mkdtemp(join(tmpdir(), "berth-world-"));
  const clock = new ManualClock();
  const store = await openLmdbStore({ path: dir, clock });
  const objects = await openObjectStore({ store, clock, freeze: true });
  try {
    const early = new StoreWorld(objects);
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        for (const { name, owner, remove, note } of changes) {
          const ref: ObjectRef = { apiVersion: "v1", kind: "Pod", namespace: "shop", name };
          const stored = objects.get(ref)?.object;
          if (stored === undefined) await objects.create(pod(name, owner, note));
          else if (remove) await objects.remove(ref);
          else {
            const next = pod(name, owner, note);
            await objects.update({ ...next, metadata: { ...stored.metadata, ...next.metadata } });
          }
        }
        const all = early.list("v1", "Pod");
        const names = (list: readonly ApiObject[]): string[] =>
          list.map(({ metadata }) => metadata.name).toSorted((a, b) => a.localeCompare(b));
        for (const world of [early, new StoreWorld(objects)]) {
          for (const owner of ["u1", "u2"]) {
            expect(names(world.ownedBy(owner))).toEqual(
              names(all.filter((object) => controllerOf(object)?.uid === owner)),
            );
          }
          expect(names(world.orphans("v1", "Pod", "shop"))).toEqual(
            names(all.filter((object) => controllerOf(object) === undefined)),
          );
          expect(world.orphans("v1", "Pod", "other")).toEqual([]);
          for (const object of world.orphans("v1", "Pod", "shop")) expect(all).toContain(object);
        }
      }),
      { numRuns: 30 },
    );
  } finally {
    await objects.close();
    await store.close();
    await rm(dir, { recursive: true });
  }
});
