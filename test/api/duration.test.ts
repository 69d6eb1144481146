import { describe, expect, test } from "vitest";
import { humanAge, humanDuration } from "../../src/api/duration.ts";

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const Y = 365 * D;

describe("humanDuration prints spans as kubectl does", () => {
  test.each([
    [-5 * S, "<invalid>"],
    [-2 * S, "<invalid>"],
    [-1.5 * S, "0s"],
    [-1 * S, "0s"],
    [0, "0s"],
    [999, "0s"],
    [59 * S, "59s"],
    [119 * S, "119s"],
    [120 * S, "2m"],
    [125 * S, "2m5s"],
    [9 * M + 59 * S, "9m59s"],
    [10 * M + 30 * S, "10m"],
    [179 * M, "179m"],
    [3 * H, "3h"],
    [3 * H + 59 * S, "3h"],
    [7 * H + 59 * M, "7h59m"],
    [8 * H + 20 * M, "8h"],
    [47 * H + 59 * M, "47h"],
    [48 * H, "2d"],
    [50 * H, "2d2h"],
    [7 * D + 23 * H, "7d23h"],
    [8 * D + 5 * H, "8d"],
    [2 * Y - 1, "729d"],
    [2 * Y, "2y"],
    [2 * Y + 3 * D, "2y3d"],
    [8 * Y - 1, "7y364d"],
    [8 * Y + 40 * D, "8y"],
    [20 * Y, "20y"],
  ])("%d ms is %s", (span, text) => {
    expect(humanDuration(span)).toBe(text);
  });
});

test("humanAge knows no age of what has no time", () => {
  expect(humanAge(undefined, 0)).toBe("<unknown>");
  expect(humanAge("yesterday", 0)).toBe("<unknown>");
  expect(humanAge("1970-01-01T00:00:00Z", 90 * S)).toBe("90s");
});
