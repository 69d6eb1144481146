import type { Millis } from "../base/clock.ts";

/** What a loop tells about its queue. */
export interface QueueObserver {
  /** A key was added that did not wait already. */
  added(): void;
  /** A worker took a key that had waited this long. */
  taken(waitedMs: Millis): void;
  /** A look at a key has ended after this long. */
  looked(tookMs: Millis): void;
  /** A look has failed and will be repeated. */
  retried(): void;
}

/** For loops whose figures nobody reads. */
export const SILENT_OBSERVER: QueueObserver = {
  added: () => undefined,
  taken: () => undefined,
  looked: () => undefined,
  retried: () => undefined,
};
