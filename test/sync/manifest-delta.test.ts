import fc from "fast-check";
import { expect, test } from "vitest";
import type { Manifest } from "../../src/schema/manifest.ts";
import { applyDelta, manifestDelta, RememberedManifests } from "../../src/sync/manifest-delta.ts";

function manifest(name: string): Manifest {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name } };
  return { object, at: { file: `${name}.yaml`, line: 1, column: 1 }, hash: name };
}

const POOL = ["a", "b", "c", "d"].map(manifest);
const lists = fc.array(fc.constantFrom(...POOL), { maxLength: 6 });

test("a delta over its base gives the manifests, the unchanged ones as they were", () => {
  fc.assert(
    fc.property(lists, lists, (base, next) => {
      const delta = manifestDelta(base, next);
      const made = applyDelta(base, { order: delta.order, fresh: structuredClone(delta.fresh) });
      expect(made).toEqual(next);
    }),
  );
});

test("a delta between manifests in their order sends only what is not in its base", () => {
  const many = ["a", "b", "c", "d", "e", "f", "g", "h"].map(manifest);
  const ordered = fc.subarray(many);
  fc.assert(
    fc.property(ordered, ordered, (base, next) => {
      const { order, fresh } = manifestDelta(base, next);
      expect(fresh).toEqual(next.filter((one) => !base.includes(one)));
      expect([...order].map((index) => base[index])).toEqual(
        next.map((one) => (base.includes(one) ? one : undefined)),
      );
    }),
  );
});

test("a manifest that moved in its file is sent again", () => {
  const [a] = POOL;
  if (a === undefined) return;
  const moved = { ...a, at: { ...a.at, line: 2 } };
  expect(manifestDelta([a], [moved]).fresh).toEqual([moved]);
});

test("a delta whose manifests did not all come is refused", () => {
  const { order } = manifestDelta([], POOL);
  expect(() => applyDelta([], { order, fresh: POOL.slice(1) })).toThrow("one is missing");
});

test("remembers the latest, and stays within its bound", () => {
  const known = new RememberedManifests<number>();
  const many = Array.from({ length: 15_000 }, () => POOL[0]).filter((one) => one !== undefined);
  for (const key of [1, 2, 3, 4]) known.set(key, many);
  expect([1, 2, 3, 4].map((key) => known.get(key)?.length)).toEqual([
    undefined,
    undefined,
    15_000,
    15_000,
  ]);
});
