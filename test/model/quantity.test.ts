import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalQuantity,
  cpuMillis,
  formatBytes,
  formatCpuMillis,
  memoryBytes,
  parseQuantity,
} from "../../src/model/quantity.ts";

describe("cpuMillis rounds up", () => {
  it.each([
    ["1", 1000],
    ["500m", 500],
    ["0.5", 500],
    [".5", 500],
    ["1.", 1000],
    ["1.0001", 1001],
    ["100u", 1],
    ["1n", 1],
    ["0", 0],
    ["2e3", 2_000_000],
    ["2E-3", 2],
    ["+1", 1000],
    ["-1", -1000],
    ["-1.0001", -1000],
  ])("%s", (text, expected) => expect(cpuMillis(text)).toBe(expected));
});

describe("memoryBytes", () => {
  it.each([
    ["1", 1],
    ["1k", 1000],
    ["1Ki", 1024],
    ["64Mi", 67_108_864],
    ["1.5Gi", 1_610_612_736],
    ["1G", 1e9],
    ["1Ti", 2 ** 40],
    ["1T", 1e12],
    ["1P", 1e15],
    ["1E", 1e18],
    ["2Pi", 2 ** 51],
    ["1Ei", 2 ** 60],
    ["1e3", 1000],
    ["1E3", 1000],
    ["123m", 1],
    ["99E", Number(2n ** 63n - 1n)],
    ["1e999999999", Number(2n ** 63n - 1n)],
    ["1e-999999999", 1],
  ])("%s", (text, expected) => expect(memoryBytes(text)).toBe(expected));
});

describe("canonicalQuantity", () => {
  it.each([
    ["0.5", "500m"],
    ["1000m", "1"],
    ["1500m", "1500m"],
    ["1024Mi", "1Gi"],
    ["1.5Gi", "1536Mi"],
    ["1024", "1024"],
    ["0.5Ki", "512"],
    ["1000", "1k"],
    ["1e3", "1e3"],
    ["1000e3", "1e6"],
    ["0Mi", "0"],
    ["-2048", "-2048"],
    ["-2Ki", "-2Ki"],
    ["0.1n", "1n"],
    ["100000Ki", "100000Ki"],
  ])("%s → %s", (text, expected) => expect(canonicalQuantity(text)).toBe(expected));

  it("changes neither value nor itself the second time", () => {
    const number = fc.oneof(
      fc.nat().map(String),
      fc.double({ min: 0, max: 1e6, noNaN: true }).map((x) => x.toFixed(3)),
    );
    const suffix = fc.constantFrom("", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "e3", "e-2");
    fc.assert(
      fc.property(number, suffix, (digits, unit) => {
        const once = canonicalQuantity(digits + unit) ?? "none";
        expect(canonicalQuantity(once)).toBe(once);
        expect(parseQuantity(once)?.nanos).toBe(parseQuantity(digits + unit)?.nanos);
      }),
    );
  });
});

it.each([
  "",
  ".",
  "+",
  "1 Gi",
  "64MB",
  "1K",
  "1ki",
  "0x10",
  "abc",
  "1.2.3",
  "1e",
  "1mm",
  "٣",
  "1".repeat(65),
])("%s is no quantity", (text) => {
  expect(parseQuantity(text)).toBeUndefined();
  expect(cpuMillis(text)).toBeUndefined();
  expect(canonicalQuantity(text)).toBeUndefined();
});

it("formats what nodes and metrics count", () => {
  expect(formatCpuMillis(1500)).toBe("1500m");
  expect(formatCpuMillis(2000)).toBe("2");
  expect(formatBytes(67_108_864)).toBe("64Mi");
  expect(formatBytes(1000)).toBe("1k");
});
