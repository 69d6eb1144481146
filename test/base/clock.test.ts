import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMicroTime, formatTime, parseTime } from "../../src/base/clock.ts";

describe("parseTime()", () => {
  test.for([
    ["1970-01-01T00:00:00Z", 0],
    ["2026-01-02T03:04:05Z", Date.UTC(2026, 0, 2, 3, 4, 5)],
    ["2024-02-29T23:59:59Z", Date.UTC(2024, 1, 29, 23, 59, 59)],
    ["2026-01-02T03:04:05.678901Z", Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ["2026-01-02T03:04:05.6Z", Date.UTC(2026, 0, 2, 3, 4, 5, 600)],
    ["2026-01-02T03:04:05+00:00", undefined],
    ["2026-01-02T03:04:05", undefined],
    ["2026-01-02 03:04:05Z", undefined],
    ["2026-01-0aT03:04:05Z", undefined],
    ["2026-01-0:T03:04:05Z", undefined],
    ["2026-01-0/T03:04:05Z", undefined],
    ["2026-01-02T03:04:05.Z", undefined],
    ["", undefined],
    [undefined, undefined],
    [null, undefined],
  ] as const)("%s", ([text, at]) => {
    expect(parseTime(text)).toBe(at);
  });

  test("reads what is written", () => {
    const millis = fc.integer({ min: 0, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(millis, (at) => {
        expect(parseTime(formatMicroTime(at))).toBe(at);
        expect(parseTime(formatTime(at))).toBe(Math.floor(at / 1000) * 1000);
      }),
    );
  });
});
