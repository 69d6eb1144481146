import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { QueueMetrics } from "./queue-metrics.ts";
import { SILENT_OBSERVER, type QueueObserver } from "./queue-observer.ts";
import { WorkQueue } from "./workqueue.ts";

/** What one look at a key asks for: nothing more, or another look at a time (ms since the epoch). */
export interface Outcome {
  readonly lookAgainAt?: Millis;
}

export interface LoopOptions {
  /** For the log and the metrics. */
  readonly name: string;
  /** One look at one key. Level-triggered: it reads for itself what is. A throw means: again, later and later. */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly workers: number;
  readonly metrics?: QueueMetrics | undefined;
}

const RETRY: BackoffPolicy = { baseMs: 50, maxMs: 30_000 };

/** Keeps looking at keys until its signal aborts. Told that something changed, never what. */
export class Loop {
  readonly #queue = new WorkQueue();
  readonly #failures = new Map<string, number>();
  /** The one pending alarm of a key: a nearer time replaces a later one. */
  readonly #alarms = new Map<string, { readonly at: Millis; readonly cancel: AbortController }>();
  readonly #options: LoopOptions;
  readonly #observer: QueueObserver;
  /** Since when a key waits, monotonic. */
  readonly #waitingSince = new Map<string, Millis>();

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#observer = options.metrics?.observe(options.name, () => this.depth) ?? SILENT_OBSERVER;
  }

  get depth(): number {
    return this.#queue.depth;
  }

  add(key: string): void {
    if (!this.#queue.add(key)) return;
    this.#waitingSince.set(key, this.#options.clock.monotonic());
    this.#observer.added();
  }

  /** Runs until `signal` aborts; keys in hand are finished first. */
  async run(signal: AbortSignal): Promise<void> {
    const close = (): void => {
      this.#queue.close();
      for (const { cancel } of this.#alarms.values()) cancel.abort();
    };
    if (signal.aborted) close();
    signal.addEventListener("abort", close, { once: true });
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#work(signal)));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (let key = await this.#queue.next(); key !== undefined; key = await this.#queue.next()) {
      await this.#look(key, signal);
      this.#queue.done(key);
    }
  }

  async #look(key: string, signal: AbortSignal): Promise<void> {
    const { reconcile, clock, logger, name } = this.#options;
    const startedAt = clock.monotonic();
    this.#observer.taken(startedAt - (this.#waitingSince.get(key) ?? startedAt));
    this.#waitingSince.delete(key);
    try {
      const { lookAgainAt } = await reconcile(key, signal);
      this.#failures.delete(key);
      if (lookAgainAt !== undefined) this.#wakeAt(key, lookAgainAt, signal);
    } catch (error) {
      if (signal.aborted) return;
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      this.#observer.retried();
      const waitMs = backoffMs(RETRY, failures);
      logger.warn(
        { loop: name, key, failures, waitMs, error: describeError(error) },
        "look failed, will retry",
      );
      this.#wakeAt(key, clock.now() + waitMs, signal);
    } finally {
      this.#observer.looked(clock.monotonic() - startedAt);
    }
  }

  #wakeAt(key: string, at: Millis, signal: AbortSignal): void {
    const pending = this.#alarms.get(key);
    if (pending !== undefined && pending.at <= at) return;
    pending?.cancel.abort();
    const cancel = new AbortController();
    const alarm = { at, cancel };
    this.#alarms.set(key, alarm);
    const wake = (): void => {
      if (this.#alarms.get(key) === alarm) this.#alarms.delete(key);
      if (!cancel.signal.aborted && !signal.aborted) this.add(key);
    };
    const waitMs = Math.max(1, at - this.#options.clock.now());
    this.#options.clock.sleep(waitMs, cancel.signal).then(wake, () => undefined);
  }
}

/** One line about an unknown error, with its cause. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` (${describeError(error.cause)})`;
  return `${error.name === "Error" ? "" : `${error.name}: `}${error.message}${cause}`;
}
