/** Milliseconds: an instant since the Unix epoch, or a span, as the name of the field says. */
export type Millis = number;

/** A digit stands for any digit. */
const SIGNS = "0000-00-00T00:00:00Z";
const DIGIT_ZERO = 0x30;

/** Time as a dependency. Tests give a `ManualClock`. */
export interface Clock {
  /** Wall-clock time in ms since the Unix epoch. May jump. For timestamps that people read. */
  now(): Millis;
  /** Monotonic ms from an arbitrary origin. Never goes back. For time-outs and ages. */
  monotonic(): Millis;
  /** Resolves after `ms`; rejects with `signal.reason` when aborted first. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>;
}

/** RFC 3339 in UTC with seconds, as Kubernetes writes `metav1.Time`: `2026-01-02T03:04:05Z`. Pure. */
export function formatTime(at: Millis): string {
  return `${formatMicroTime(at).slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with microseconds, as Kubernetes writes `metav1.MicroTime`. Pure. */
export function formatMicroTime(at: Millis): string {
  const ms = Math.floor(at);
  const days = Math.floor(ms / 86_400_000);
  const rest = ms - days * 86_400_000;
  const { year, month, day } = civilFromDays(days);
  const pad = (value: number, width: number): string => String(value).padStart(width, "0");
  const hours = Math.floor(rest / 3_600_000);
  const minutes = Math.floor(rest / 60_000) % 60;
  const seconds = Math.floor(rest / 1000) % 60;
  const time = `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}.${pad(rest % 1000, 3)}000Z`;
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}T${time}`;
}

/** Ms since the epoch of an RFC 3339 time in UTC; `undefined` for anything else. Pure. */
export function parseTime(text: string | undefined | null): Millis | undefined {
  return parseWholeSeconds(text ?? "") ?? parseAnyTime(text ?? "");
}

/** The usual form, `2026-01-02T03:04:05Z`, without a regular expression: times of pods are compared by the thousand. */
function parseWholeSeconds(text: string): Millis | undefined {
  if (text.length !== SIGNS.length) return undefined;
  for (let index = 0; index < SIGNS.length; index += 1) {
    const sign = SIGNS.charCodeAt(index);
    const code = text.charCodeAt(index);
    if (sign === DIGIT_ZERO ? code < DIGIT_ZERO || code > DIGIT_ZERO + 9 : code !== sign)
      return undefined;
  }
  const two = (at: number): number =>
    (text.charCodeAt(at) - DIGIT_ZERO) * 10 + text.charCodeAt(at + 1) - DIGIT_ZERO;
  const days = daysFromCivil(two(0) * 100 + two(2), two(5), two(8));
  return ((days * 24 + two(11)) * 60 + two(14)) * 60_000 + two(17) * 1000;
}

function parseAnyTime(text: string): Millis | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hours, minutes, seconds, fraction] = match;
  const days = daysFromCivil(Number(year), Number(month), Number(day));
  const ms = Math.floor(Number(`0.${fraction ?? "0"}`) * 1000);
  return (
    days * 86_400_000 +
    Number(hours) * 3_600_000 +
    Number(minutes) * 60_000 +
    Number(seconds) * 1000 +
    ms
  );
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function civilFromDays(days: number): { year: number; month: number; day: number } {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const mp = Math.floor((5 * dayOfYear + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * mp + 2) / 5) + 1,
  };
}
