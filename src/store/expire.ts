import { parseTime, type Millis } from "../base/clock.ts";
import type { ApiObject } from "../model/meta.ts";

/** As long as kube-apiserver keeps Events. */
export const EVENT_TTL_MS: Millis = 3_600_000;

interface EventTimes {
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly series?: { readonly lastObservedTime?: string } | null;
}

/** Whether an Event was last seen longer ago than Events are kept. Pure. */
export function isExpiredEvent(event: ApiObject, now: Millis): boolean {
  const { lastTimestamp, eventTime, series } = event as ApiObject & EventTimes;
  const times = [
    series?.lastObservedTime,
    lastTimestamp,
    eventTime,
    event.metadata.creationTimestamp,
  ].map((text) => parseTime(text) ?? 0);
  return now - Math.max(...times) > EVENT_TTL_MS;
}
