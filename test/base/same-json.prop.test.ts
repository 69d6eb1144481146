import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJson } from "../../src/base/hash.ts";
import { isSameJson } from "../../src/base/same-json.ts";

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<unknown>(null, true, 0, 1, "", "a", undefined),
    fc.array(fc.constantFrom<unknown>(null, 1, "a"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "constructor", "__proto__"), tie("value"), {
      maxKeys: 3,
    }),
  ),
}));

test("two values are the same when their canonical JSON is", () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      const isSame = canonicalJson({ a }) === canonicalJson({ a: b });
      expect(isSameJson(a, b)).toBe(isSame);
      expect(isSameJson(b, a)).toBe(isSame);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  [[1], [1, 2], false],
  [[1, 2], [1], false],
  [{}, [], false],
  [{ a: 1 }, null, false],
  [{ a: undefined }, {}, true],
  [{ a: null }, {}, false],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{}, { constructor: "x" }, false],
])("%j and %j: %s", (a, b, same) => {
  expect(isSameJson(a, b)).toBe(same);
  expect(isSameJson(b, a)).toBe(same);
});
