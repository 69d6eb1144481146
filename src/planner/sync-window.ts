import { formatTime, type Millis } from "../base/clock.ts";
import { parseCronSchedule } from "../model/cron-schedule.ts";
import type { SyncWindow } from "../model/kinds.gen.ts";

export type WindowVerdict =
  | { readonly kind: "open" }
  /** `changesAt`: when to look again; absent when no window ever comes. */
  | { readonly kind: "closed"; readonly message: string; readonly changesAt?: Millis };

/** Times that a window may have begun before now and still last: more begin only where windows overlap themselves. */
const MAX_STARTS = 1000;

/**
 * Whether commits may be applied at `now`: in no denying window, and, where there are allowing ones, in one of them. Pure.
 */
export function syncWindowVerdict(
  windows: readonly SyncWindow[] | undefined,
  now: Millis,
): WindowVerdict {
  if (windows === undefined || windows.length === 0) return { kind: "open" };
  const states = windows.map((window) => ({ window, ...stateOf(window, now) }));
  const denying = states.find(
    ({ window, endsAt }) => window.kind === "deny" && endsAt !== undefined,
  );
  const changes = states.flatMap(({ endsAt, nextAt }) => [endsAt ?? nextAt]);
  const changesAt = changes.reduce<Millis | undefined>(
    (first, at) => (at === undefined || (first !== undefined && first <= at) ? first : at),
    undefined,
  );
  const alarm = changesAt === undefined ? {} : { changesAt };
  if (denying?.endsAt !== undefined) {
    const message = `the sync window "${denying.window.schedule}" denies it until ${formatTime(denying.endsAt)}`;
    return { kind: "closed", message, ...alarm };
  }
  const allowing = states.filter(({ window }) => window.kind === "allow");
  if (allowing.length === 0 || allowing.some(({ endsAt }) => endsAt !== undefined))
    return { kind: "open" };
  const next = Math.min(...allowing.map(({ nextAt = Number.POSITIVE_INFINITY }) => nextAt));
  const opens = Number.isFinite(next) ? `opens at ${formatTime(next)}` : "never opens";
  return { kind: "closed", message: `no sync window is open; the next one ${opens}`, ...alarm };
}

/** When the window that is open now ends, and when the next one begins. */
function stateOf(
  { schedule, durationSeconds, timeZone }: SyncWindow,
  now: Millis,
): { readonly endsAt?: Millis; readonly nextAt?: Millis } {
  const parsed = parseCronSchedule(schedule, timeZone);
  if (parsed.kind !== "schedule") return {};
  const lengthMs = durationSeconds * 1000;
  let begunAt: Millis | undefined;
  let at = parsed.schedule.next(now - lengthMs);
  for (let step = 0; at !== undefined && at <= now && step < MAX_STARTS; step += 1) {
    begunAt = at;
    at = parsed.schedule.next(at);
  }
  return {
    ...(begunAt === undefined ? {} : { endsAt: begunAt + lengthMs }),
    ...(at === undefined ? {} : { nextAt: at }),
  };
}
