import type { Millis } from "../base/clock.ts";
import { parseTime } from "../base/clock.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

interface Scale {
  /** The scale holds below this. */
  readonly below: Millis;
  readonly unit: readonly [Millis, string];
  /** The smaller unit that is shown too, unless it is zero. */
  readonly rest?: readonly [Millis, string];
}

/** kubectl's: two units where the smaller one still tells something. */
const SCALES: readonly Scale[] = [
  { below: 2 * MINUTE, unit: [SECOND, "s"] },
  { below: 10 * MINUTE, unit: [MINUTE, "m"], rest: [SECOND, "s"] },
  { below: 3 * HOUR, unit: [MINUTE, "m"] },
  { below: 8 * HOUR, unit: [HOUR, "h"], rest: [MINUTE, "m"] },
  { below: 2 * DAY, unit: [HOUR, "h"] },
  { below: 8 * DAY, unit: [DAY, "d"], rest: [HOUR, "h"] },
  { below: 2 * YEAR, unit: [DAY, "d"] },
  { below: 8 * YEAR, unit: [YEAR, "y"], rest: [DAY, "d"] },
  { below: Number.POSITIVE_INFINITY, unit: [YEAR, "y"] },
];

/** A span as kubectl prints it: `119s`, `2m5s`, `3h`, `7d23h`, `2y3d`. Spans below zero by 2 s or more are invalid. Pure. */
export function humanDuration(span: Millis): string {
  const seconds = Math.trunc(span / SECOND);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  const { unit, rest } = SCALES.find(({ below }) => span < below) ?? { unit: [YEAR, "y"] as const };
  const text = `${Math.trunc(span / unit[0])}${unit[1]}`;
  if (rest === undefined) return text;
  const remainder = Math.trunc((span % unit[0]) / rest[0]);
  return remainder === 0 ? text : `${text}${remainder}${rest[1]}`;
}

/** How long ago an RFC 3339 time was, as the AGE column has it. Pure. */
export function humanAge(time: string | undefined, now: Millis): string {
  const at = parseTime(time);
  return at === undefined ? "<unknown>" : humanDuration(now - at);
}
