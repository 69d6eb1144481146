import { expect, test } from "vitest";
import type { LoadedTree, Manifest } from "../../src/schema/manifest.ts";
import { TreeSlots } from "../../src/sync/tree-slots.ts";

const tree = (count: number): LoadedTree => ({
  key: "",
  files: [],
  manifests: Array.from({ length: count }, (): Manifest => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } };
    return { object, hash: "", at: { file: "a.yaml", line: 1, column: 1 } };
  }),
});

const put = (slots: TreeSlots, place: string, count: number): void =>
  slots.with(place, (slot) => {
    slot.tree = tree(count);
  });
const sizeAt = (slots: TreeSlots, place: string): number | undefined =>
  slots.with(place, ({ tree }) => tree?.manifests.length);

test("TreeSlots forgets what was not followed for the longest time, once there are too many", () => {
  const slots = new TreeSlots(10);
  put(slots, "a", 4);
  put(slots, "b", 4);
  expect(sizeAt(slots, "a")).toBe(4);
  put(slots, "c", 4);
  expect(["a", "b", "c"].map((place) => sizeAt(slots, place))).toEqual([4, undefined, 4]);
  put(slots, "a", 2);
  put(slots, "d", 4);
  expect(["a", "c", "d"].map((place) => sizeAt(slots, place))).toEqual([2, 4, 4]);
  put(slots, "huge", 11);
  expect(["a", "c", "d", "huge"].map((place) => sizeAt(slots, place))).toEqual(
    Array.from({ length: 4 }),
  );
});

test("TreeSlots keeps nothing of a place whose slot was emptied", () => {
  const slots = new TreeSlots(10);
  put(slots, "a", 8);
  slots.with("a", (slot) => {
    slot.tree = undefined;
  });
  expect(sizeAt(slots, "a")).toBeUndefined();
  put(slots, "b", 8);
  expect(sizeAt(slots, "b")).toBe(8);
});
