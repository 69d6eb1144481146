import { describe, expect, test } from "vitest";
import { formatTime, parseTime } from "../../src/base/clock.ts";
import { parseCronSchedule } from "../../src/model/cron-schedule.ts";

function next(schedule: string, after: string, zone?: string, count = 3): readonly string[] {
  const parsed = parseCronSchedule(schedule, zone);
  if (parsed.kind === "problem") return [`${parsed.what}: ${parsed.message}`];
  const times: string[] = [];
  let at = parseTime(after);
  while (at !== undefined && times.length < count) {
    at = parsed.schedule.next(at);
    if (at !== undefined) times.push(formatTime(at));
  }
  return times;
}

describe("parseCronSchedule()", () => {
  test.for([
    ["*/20 * * * *", ["00:20:00", "00:40:00", "01:00:00"]],
    ["5/25 * * * *", ["00:05:00", "00:30:00", "00:55:00"]],
    ["0 3,5-6 * * *", ["03:00:00", "05:00:00", "06:00:00"]],
    ["@hourly", ["01:00:00", "02:00:00", "03:00:00"]],
    ["@every 1h30m", ["01:30:00", "03:00:00", "04:30:00"]],
  ] as const)("%s", ([schedule, times]) => {
    expect(next(schedule, "2026-01-01T00:00:00Z")).toEqual(
      times.map((time) => `2026-01-01T${time}Z`),
    );
  });

  test("the 13th or a Friday, as cron has it", () => {
    expect(next("0 0 13 * FRI", "2026-01-01T00:00:00Z")).toEqual([
      "2026-01-02T00:00:00Z",
      "2026-01-09T00:00:00Z",
      "2026-01-13T00:00:00Z",
    ]);
  });

  test.for([
    {
      name: "a time that is left out: when the clocks have gone on",
      at: "2026-03-07T12:00:00Z",
      schedule: "30 2 * * *",
      times: ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    },
    {
      name: "a time that comes twice: once",
      at: "2026-10-31T12:00:00Z",
      schedule: "30 1 * * *",
      times: ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    },
    {
      name: "every hour: also the one that comes twice",
      at: "2026-11-01T04:30:00Z",
      schedule: "0 * * * *",
      times: ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"],
    },
  ])("where clocks change: $name", ({ schedule, at, times }) => {
    expect(next(schedule, at, "America/New_York", 2)).toEqual(times);
  });

  test("a date that never comes has no next time", () => {
    expect(next("0 0 30 2 *", "2026-01-01T00:00:00Z")).toEqual([]);
  });

  test.for([
    ["", "schedule: expected exactly 5 fields, found 0"],
    ["* * * *", "schedule: expected exactly 5 fields, found 4"],
    ["0 * * * * *", "schedule: expected exactly 5 fields, found 6"],
    [
      "TZ=UTC 0 * * * *",
      "schedule: cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
    ],
    [
      "CRON_TZ=UTC 0 * * * *",
      "schedule: cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
    ],
    ["@sometimes", "schedule: unrecognized descriptor: @sometimes"],
    ["@every soon", "schedule: failed to parse duration @every soon"],
    ["0 0 L * *", 'schedule: "L" is no field of a cron schedule'],
    ["0 0 * * 5#2", 'schedule: "5#2" is no field of a cron schedule'],
    ["60 * * * *", "schedule: Invalid value for minute: 60"],
  ] as const)("refuses %j", ([schedule, message]) => {
    expect(next(schedule, "2026-01-01T00:00:00Z")).toEqual([message]);
  });

  test.for(["Mars/Crater", "Local", "local", "", "+01:00"])("refuses the time zone %j", (zone) => {
    expect(next("@daily", "2026-01-01T00:00:00Z", zone)).toEqual([
      `timeZone: unknown time zone ${zone}`,
    ]);
  });
});
