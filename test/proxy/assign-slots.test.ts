import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assignSlots } from "../../src/proxy/assign-slots.ts";

interface Item {
  readonly id: string;
}
const items = (text: string): Item[] => text.split("").map((id) => ({ id }));
const assign = (previous: string, wanted: string): string =>
  assignSlots(items(previous), items(wanted), ({ id }) => id)
    .map(({ id }) => id)
    .join("");

describe("assignSlots()", () => {
  test.for([
    ["", "abc", "abc"],
    ["abc", "abc", "abc"],
    ["abc", "bc", "cb"],
    ["abc", "abcd", "abcd"],
    ["abc", "bcd", "dbc"],
    ["abcd", "a", "a"],
    ["abcd", "d", "d"],
  ] as const)("%s, wanted %s → %s", ([previous, wanted, slots]) => {
    expect(assign(previous, wanted)).toBe(slots);
  });

  test("has exactly what is wanted, and moves no more than went or came", () => {
    const text = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(text, text, (previous, wanted) => {
        const slots = assign(previous.join(""), wanted.join("")).split("");
        expect(slots.toSorted()).toEqual(wanted.toSorted());
        const gone = previous.filter((id) => !wanted.includes(id)).length;
        const come = wanted.filter((id) => !previous.includes(id)).length;
        const moved = slots.filter((id, slot) => previous[slot] !== id).length;
        expect(moved).toBeLessThanOrEqual(Math.max(gone, come));
      }),
    );
  });
});
