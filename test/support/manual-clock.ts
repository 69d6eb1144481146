import type { Clock, Millis } from "../../src/base/clock.ts";

interface Sleeper {
  readonly at: Millis;
  readonly wake: () => void;
}

/** A clock that stands still until told. Sleepers wake in the order of their times. */
export class ManualClock implements Clock {
  #now: Millis;
  readonly #sleepers = new Set<Sleeper>();

  constructor(now: Millis = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): Millis {
    return this.#now;
  }

  monotonic(): Millis {
    return this.#now;
  }

  get sleeping(): number {
    return this.#sleepers.size;
  }

  sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const sleeper: Sleeper = { at: this.#now + ms, wake: resolve };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason as Error);
      });
    });
  }

  /** Moves on, waking whoever is due on the way, and lets them run. */
  async advance(ms: Millis): Promise<void> {
    const end = this.#now + ms;
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#now = Math.max(this.#now, next.at);
      this.#sleepers.delete(next);
      next.wake();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  #due(end: Millis): Sleeper | undefined {
    return [...this.#sleepers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0];
  }
}

/** Lets everything that is ready to run, run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
