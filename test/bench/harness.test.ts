import { expect, test } from "vitest";
import { type Metric, compared, formatMetrics, median, missedBars } from "../../bench/harness.ts";

const METRIC: Metric = { name: "start", value: 130, unit: "ms", baseline: 100, ratio: 1.3 };

test.each([
  [[3], 3],
  [[5, 1, 3], 3],
  [[4, 1, 3, 2], 2.5],
])("median of %j is %d", (values, expected) => {
  expect(median(values)).toBe(expected);
});

test("median of nothing is refused", () => {
  expect(() => median([])).toThrow("nothing");
});

test("compared gives both medians and their ratio", () => {
  expect(compared("start", "ms", [130, 900, 110], [100, 50, 120])).toEqual(METRIC);
});

test.each([
  ["a ratio below the bar", 1.31, []],
  ["a ratio at the bar", 1.3, ['"start" has the ratio 1.3, which is not below 1.3']],
  ["a ratio above it", 1.2, ['"start" has the ratio 1.3, which is not below 1.2']],
])("missedBars: %s", (_, below, expected) => {
  expect(missedBars([METRIC], [{ metric: "start", of: "ratio", below }])).toEqual(expected);
});

test("missedBars: a bar that no metric answers is missed", () => {
  const missed = missedBars([METRIC], [{ metric: "stop", of: "value", below: 1 }]);
  expect(missed).toEqual(['"stop" has no value']);
});

test("formatMetrics shows value, baseline, ratio and bar in columns", () => {
  const table = formatMetrics([METRIC], [{ metric: "start", of: "ratio", below: 1.5 }]);
  expect(table.split("\n")).toEqual([
    "METRIC  VALUE   BASELINE  RATIO  BAR",
    "start   130 ms  100 ms    1.3 x  ratio < 1.5",
  ]);
});
