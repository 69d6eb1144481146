import fc from "fast-check";
import { expect, test } from "vitest";
import type { Release } from "../../src/model/kinds.gen.ts";
import { refKey, type ObjectRef } from "../../src/model/meta.ts";
import { planPrune } from "../../src/planner/release-rules.ts";

const REFS: readonly ObjectRef[] = [
  { apiVersion: "v1", kind: "Namespace", name: "shop" },
  ...["a", "b", "c"].flatMap((name): ObjectRef[] => [
    { apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name },
    { apiVersion: "v1", kind: "ConfigMap", namespace: "blue", name },
    { apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name },
  ]),
];
/** In any order, each at most once. */
const refs = fc.shuffledSubarray([...REFS]);
/** In one order, as manifests are. */
const ordered = fc.subarray([...REFS]);

test("what goes is all that was declared or owed before and is not declared now, each once", () => {
  fc.assert(
    fc.property(fc.oneof(refs, ordered), fc.oneof(refs, ordered), refs, (before, next, owed) => {
      for (const toPrune of [[], owed]) {
        const current = { status: { inventory: before, toPrune } } as unknown as Release;
        const keys = planPrune(current, next).map(refKey);
        const declared = new Set(next.map(refKey));
        const expected = new Set(
          [...before, ...toPrune].map(refKey).filter((k) => !declared.has(k)),
        );
        expect(new Set(keys)).toEqual(expected);
        expect(keys).toHaveLength(expected.size);
      }
    }),
    { numRuns: 500 },
  );
});
