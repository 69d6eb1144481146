import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SharedMap } from "../../src/proxy/shared-map.ts";

type Edit = readonly [key: string, value: number | undefined];
const edits = fc.array(
  fc.tuple(
    fc.constantFrom("a", "b", "c", "d", "10.96.0.1", "10.96.0.2"),
    fc.option(fc.nat(3), { nil: undefined }),
  ),
);

function edited(map: SharedMap<number>, changes: readonly Edit[]): SharedMap<number> {
  const editor = map.edit();
  for (const [key, value] of changes) {
    if (value === undefined) editor.delete(key);
    else editor.set(key, value);
  }
  return editor.finish();
}

function plain(changes: readonly Edit[]): Map<string, number> {
  const map = new Map<string, number>();
  for (const [key, value] of changes) {
    if (value === undefined) map.delete(key);
    else map.set(key, value);
  }
  return map;
}

const sorted = (map: SharedMap<number> | Map<string, number>): unknown[] =>
  [...map.entries()].map(([key, value]) => `${key}=${value}`).toSorted();

describe("SharedMap", () => {
  test("holds what a Map would", () => {
    fc.assert(
      fc.property(edits, (changes) => {
        const map = edited(new SharedMap(), changes);
        expect(sorted(map)).toEqual(sorted(plain(changes)));
        expect(map.size).toBe(plain(changes).size);
      }),
    );
  });

  test("stays as it is when a copy is changed, and tells exactly what differs", () => {
    fc.assert(
      fc.property(edits, edits, (first, second) => {
        const before = edited(new SharedMap(), first);
        const held = sorted(before);
        const after = edited(before, second);
        expect(sorted(before)).toEqual(held);
        const [had, has] = [plain(first), plain([...first, ...second])];
        const differ = [...new Set([...had.keys(), ...has.keys()])].filter(
          (key) => had.get(key) !== has.get(key),
        );
        expect([...before.changedKeys(after)].toSorted()).toEqual(differ.toSorted());
      }),
    );
  });
});
