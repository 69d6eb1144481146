import { describe, expect, it } from "vitest";
import {
  isIntOrPercent,
  resolveIntOrPercent,
  resolveRolloutLimits,
} from "../../src/model/int-or-percent.ts";

describe("resolveIntOrPercent", () => {
  it.each([
    ["25%", 10, "up", 3],
    ["25%", 10, "down", 2],
    ["7%", 100, "up", 7],
    ["100%", 3, "down", 3],
    ["0%", 3, "up", 0],
    ["250%", 2, "up", 5],
    [4, 10, "down", 4],
  ] as const)("%s of %d %s = %d", (value, total, rounding, expected) =>
    expect(resolveIntOrPercent(value, total, rounding)).toBe(expected),
  );

  it("throws on what cannot have passed validation", () => {
    expect(() => resolveIntOrPercent("many", 1, "up")).toThrow("a count or a percentage");
  });
});

it.each([
  ["25%", "25%", 3, 1, 0],
  ["25%", "25%", 1, 1, 0],
  [0, "25%", 3, 0, 1],
  [0, 0, 3, 0, 1],
  [2, 1, 3, 2, 1],
  ["25%", "25%", 0, 0, 1],
] as const)(
  "surge %s, unavailable %s of %d: +%d -%d",
  (maxSurge, maxUnavailable, replicas, up, down) =>
    expect(resolveRolloutLimits({ maxSurge, maxUnavailable }, replicas)).toEqual({
      maxSurge: up,
      maxUnavailable: down,
    }),
);

it.each([
  ["25%", true],
  [0, true],
  ["0%", true],
  [-1, false],
  [1.5, false],
  ["25", false],
  ["-1%", false],
  ["1.5%", false],
  [null, false],
])("isIntOrPercent(%j) = %s", (value, expected) => expect(isIntOrPercent(value)).toBe(expected));
