import type { Clock, Millis } from "../../base/clock.ts";

/** Attempts of one address, or for one token, in a row; then one each `REFILL_MS`. */
const BURST = 20;
const REFILL_MS: Millis = 3_000;
/** What is told apart; beyond that all others share. */
const MAX_KEYS = 2_000;

interface Bucket {
  left: number;
  at: Millis;
}

/** Slows down who tries tokens. */
export class Attempts {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether another attempt is granted. */
  take(key: string): boolean {
    const known = this.#buckets.has(key) || this.#buckets.size < MAX_KEYS ? key : "others";
    const now = this.#clock.monotonic();
    const bucket = this.#buckets.get(known) ?? { left: BURST, at: now };
    bucket.left = Math.min(BURST, bucket.left + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    this.#buckets.set(known, bucket);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    if (this.#buckets.size >= MAX_KEYS) this.#forget(now);
    return true;
  }

  /** Those that are full again say nothing. */
  #forget(now: Millis): void {
    for (const [key, { left, at }] of this.#buckets) {
      if (left + (now - at) / REFILL_MS >= BURST) this.#buckets.delete(key);
    }
  }
}
