import { Cron } from "croner";
import { formatTime, type Millis } from "../base/clock.ts";

/** When a CronJob is due. */
export interface CronSchedule {
  /** The first time after `at`, in ms since the epoch; `undefined` when there is none any more. */
  next(at: Millis): Millis | undefined;
}

export type ParsedSchedule =
  | { readonly kind: "schedule"; readonly schedule: CronSchedule }
  /** `what` names the field that is wrong. */
  | { readonly kind: "problem"; readonly what: "schedule" | "timeZone"; readonly message: string };

/** Longest text that is looked at. */
const MAX_TEXT = 256;
const MACROS: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);
/** What Kubernetes' parser knows; the library knows more. */
const FIELD =
  /^(?:[\d*/,?-]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)+$/i;
const SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/**
 * The schedule that five fields or a macro such as `@hourly` or `@every 90m` say, in a time zone (UTC unless given). Pure.
 * A time that a change of clocks leaves out is due when the clocks have gone on; one that comes twice is due once.
 */
export function parseCronSchedule(text: string, timeZone = "UTC"): ParsedSchedule {
  const trimmed = text.trim();
  if (trimmed.length > MAX_TEXT) return wrong(`it is longer than ${MAX_TEXT} characters`);
  if (/\b(CRON_)?TZ=/.test(trimmed))
    return wrong("cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
  if (!isTimeZone(timeZone))
    return { kind: "problem", what: "timeZone", message: `unknown time zone ${timeZone}` };
  if (trimmed.startsWith("@every ")) return parseEvery(trimmed.slice("@every ".length).trim());
  const pattern = MACROS.get(trimmed) ?? trimmed;
  if (pattern.startsWith("@")) return wrong(`unrecognized descriptor: ${pattern}`);
  const fields = pattern.split(/\s+/);
  if (fields.length !== 5)
    return wrong(`expected exactly 5 fields, found ${fields[0] === "" ? 0 : fields.length}`);
  const odd = fields.find((field) => !FIELD.test(field));
  if (odd !== undefined) return wrong(`"${odd}" is no field of a cron schedule`);
  return parsePattern(pattern, timeZone);
}

function parsePattern(pattern: string, timezone: string): ParsedSchedule {
  try {
    const cron = new Cron(pattern, { timezone, mode: "5-part", sloppyRanges: true, paused: true });
    return {
      kind: "schedule",
      schedule: { next: (at) => cron.nextRun(formatTime(at))?.getTime() },
    };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return wrong(message.replace(/^CronPattern: /, ""));
  }
}

/** As Go writes durations: `1h30m`. At least a second. */
function parseEvery(text: string): ParsedSchedule {
  const parts = [...text.matchAll(/(\d{1,9})(h|m|s)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    return wrong(`failed to parse duration @every ${text}`);
  const seconds = parts.reduce(
    (sum, [, count, unit = "s"]) => sum + Number(count) * (SECONDS[unit] ?? 1),
    0,
  );
  const everyMs = Math.max(1, seconds) * 1000;
  return {
    kind: "schedule",
    schedule: { next: (at) => Math.floor(at / 1000) * 1000 + everyMs },
  };
}

/** A name of the IANA time zone database; `Local` would mean another time on each machine. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name) || name.toLowerCase() === "local") return false;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

function wrong(message: string): ParsedSchedule {
  return { kind: "problem", what: "schedule", message };
}
