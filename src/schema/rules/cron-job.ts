import type { CronJob } from "../../model/kinds.gen.ts";
import { quote } from "../finding.ts";
import type { ObjectRule } from "./rule.ts";

interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly words?: readonly string[];
}

const FIELDS: readonly CronField[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of the month", min: 1, max: 31 },
  {
    name: "month",
    min: 1,
    max: 12,
    words: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  {
    name: "day of the week",
    min: 0,
    max: 6,
    words: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
  },
];

/** The five fields of a schedule, whose form the schema has checked, are within their bounds. */
export const cronSchedule: ObjectRule<CronJob> = ({ spec: { schedule } }, report) => {
  if (schedule.startsWith("@")) return;
  const parts = schedule.trim().split(/\s+/);
  for (const [index, field] of FIELDS.entries()) {
    const item = (parts[index] ?? "").split(",").find((one) => !isItem(one, field));
    if (item === undefined) continue;
    report({
      code: "cron/schedule",
      message: `spec.schedule has the ${field.name} ${quote(item)}: it must be from ${field.min} to ${field.max}, a range, * or a step of these`,
      path: ["spec", "schedule"],
      hint: "the fields are minute, hour, day of the month, month, day of the week",
    });
    return;
  }
};

/** A time zone is one that the time zone database knows. */
export const cronTimeZone: ObjectRule<CronJob> = ({ spec: { timeZone } }, report) => {
  if (timeZone === undefined || isTimeZone(timeZone)) return;
  report({
    code: "cron/time-zone",
    message: `spec.timeZone ${quote(timeZone)} is no time zone that is known`,
    path: ["spec", "timeZone"],
    hint: 'write a name such as "Europe/Berlin" or "Etc/UTC"',
  });
};

/** `*`, `5`, `1-5`, each with a step, in numbers or names. */
function isItem(text: string, field: CronField): boolean {
  const [range = "", step, ...more] = text.split("/");
  if (more.length > 0) return false;
  if (step !== undefined && !(/^\d{1,3}$/.test(step) && Number(step) > 0)) return false;
  if (range === "*" || range === "?") return true;
  const ends = range.split("-");
  if (ends.length > 2) return false;
  const [first, last = first] = ends.map((end) => valueOf(end, field));
  return first !== undefined && last !== undefined && first <= last;
}

function valueOf(text: string, { min, max, words = [] }: CronField): number | undefined {
  const word = words.indexOf(text.toLowerCase());
  if (word >= 0) return word + min;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : -1;
  return value >= min && value <= max ? value : undefined;
}

/** The names of the database only: offsets such as `+01:00` mean nothing elsewhere. */
function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
