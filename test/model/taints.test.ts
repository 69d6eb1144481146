import { describe, expect, test } from "vitest";
import type { Taint, Toleration } from "../../src/model/kinds.gen.ts";
import { toleratesTaint, untoleratedTaint } from "../../src/model/taints.ts";

const taint: Taint = { key: "dedicated", value: "db", effect: "NoSchedule" };

const CASES: readonly (readonly [says: string, toleration: Toleration, tolerates: boolean])[] = [
  ["key and value", { key: "dedicated", value: "db" }, true],
  ["another value", { key: "dedicated", value: "web" }, false],
  ["no value", { key: "dedicated" }, false],
  ["another key", { key: "other", operator: "Exists" }, false],
  ["the key, whatever its value", { key: "dedicated", operator: "Exists" }, true],
  ["everything", { operator: "Exists" }, true],
  ["no key, which needs Exists", { value: "db" }, false],
  ["the effect too", { key: "dedicated", value: "db", effect: "NoSchedule" }, true],
  ["another effect", { key: "dedicated", value: "db", effect: "NoExecute" }, false],
];

describe("toleratesTaint", () => {
  test.each(CASES)("%s", (_, toleration, tolerates) => {
    expect(toleratesTaint(toleration, taint)).toBe(tolerates);
  });
  test("a taint without a value is met by a toleration without one", () => {
    expect(toleratesTaint({ key: "x" }, { key: "x", effect: "NoExecute" })).toBe(true);
  });
});

describe("untoleratedTaint", () => {
  const soft: Taint = { key: "soft", effect: "PreferNoSchedule" };
  test("the first one of the asked effects", () => {
    expect(untoleratedTaint([soft, taint], [], ["NoSchedule"])).toBe(taint);
    expect(untoleratedTaint([soft, taint], [], ["NoExecute"])).toBeUndefined();
  });
  test("none when all are borne", () => {
    const bears: Toleration = { key: "dedicated", operator: "Exists" };
    expect(untoleratedTaint([soft, taint], [bears], ["NoSchedule"])).toBeUndefined();
  });
});
