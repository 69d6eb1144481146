import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countIndexes,
  firstMissing,
  formatIndexes,
  hasIndex,
  NO_INDEXES,
  parseIndexes,
  withIndexes,
} from "../../src/planner/job-indexes.ts";

describe("index sets", () => {
  test.for([
    [[], ""],
    [[3], "3"],
    [[1, 2], "1,2"],
    [[1, 2, 3], "1-3"],
    [[0, 2, 3, 4, 7, 8], "0,2-4,7,8"],
  ] as const)("%j is written %j", ([indexes, text]) => {
    expect(formatIndexes(withIndexes(NO_INDEXES, indexes))).toBe(text);
  });

  test.for([
    ["5-2", ""],
    ["1-9", "1-4"],
    ["7", ""],
    ["x,2,-", "2"],
    [" 1, 3 ", "1,3"],
    ["3,1-2,2", "1-3"],
  ] as const)("%j below 5 is %j", ([text, expected]) => {
    expect(formatIndexes(parseIndexes(text, 5))).toBe(expected);
  });

  test("behave as sets of numbers, and text says them", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 20 }), fc.array(fc.nat(20)), (first, more) => {
        const set = withIndexes(withIndexes(NO_INDEXES, first), more);
        const model = new Set([...first, ...more]);
        expect(countIndexes(set)).toBe(model.size);
        for (let index = 0; index <= 21; index += 1)
          expect(hasIndex(set, index)).toBe(model.has(index));
        expect(parseIndexes(formatIndexes(set), 21)).toEqual(set);
        const missing = Array.from({ length: 21 }, (_, index) => index).filter(
          (index) => !model.has(index),
        );
        expect(
          firstMissing([withIndexes(NO_INDEXES, first), withIndexes(NO_INDEXES, more)], 21, 5),
        ).toEqual(missing.slice(0, 5));
      }),
    );
  });
});
