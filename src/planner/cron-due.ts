import { parseTime, type Millis } from "../base/clock.ts";
import type { CronSchedule } from "../model/cron-schedule.ts";
import type { CronJob } from "../model/kinds.gen.ts";

/** Beyond this number of missed times people are told. */
const MANY_MISSED = 100;
/** Times that are looked at one by one, before a leap is taken. */
const MAX_STEPS = 1000;

/** Which time of a schedule is due now. */
export interface CronDue {
  /** The newest time that has come since the last run; older ones are given up. */
  readonly dueAt?: Millis;
  readonly hasMissedMany: boolean;
  /** The first time that is still to come. */
  readonly nextAt?: Millis;
}

/**
 * What is due of a CronJob: at most the newest time since its last run (or since it was made), so that a clock that
 * leaps never starts a row of Jobs, and one that goes back starts none. Pure.
 */
export function cronDue(cronJob: CronJob, schedule: CronSchedule, now: Millis): CronDue {
  const after = earliestTime(cronJob, now);
  const nextAt = schedule.next(Math.max(now, after));
  const upcoming = nextAt === undefined ? {} : { nextAt };
  const first = schedule.next(after);
  if (first === undefined || first > now) return { hasMissedMany: false, ...upcoming };
  const second = schedule.next(first);
  const missed = second === undefined ? 1 : Math.floor((now - first) / (second - first)) + 1;
  const dueAt = newestBefore(schedule, first, now);
  return { dueAt, hasMissedMany: missed > MANY_MISSED, ...upcoming };
}

/** From when on times count: none that lies before the deadline for starting. */
function earliestTime({ metadata, spec, status }: CronJob, now: Millis): Millis {
  const madeAt = parseTime(metadata.creationTimestamp) ?? now;
  const lastAt = parseTime(status?.lastScheduleTime) ?? madeAt;
  const { startingDeadlineSeconds } = spec;
  if (startingDeadlineSeconds === undefined) return lastAt;
  return Math.max(lastAt, now - startingDeadlineSeconds * 1000);
}

/** The last time of the schedule that is not after `now`, from one that is not. */
function newestBefore(schedule: CronSchedule, first: Millis, now: Millis): Millis {
  let newest = first;
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const next = schedule.next(newest);
    if (next === undefined || next > now) return newest;
    newest = next;
  }
  // Too many to count: go on from the middle of what is left.
  const middle = schedule.next(newest + Math.floor((now - newest) / 2));
  return middle === undefined || middle > now
    ? newestBefore(schedule, newest, now)
    : newestBefore(schedule, middle, now);
}
