import type { Millis } from "../base/clock.ts";

/** From … to, in ms: each time is somewhere between, as likely as any other. */
export type Span = readonly [fromMs: Millis, toMs: Millis];

/** How a simulated container host behaves. Probabilities are from 0 to 1. */
export interface HollowBehavior {
  /** The same seed gives the same times and failures, in the same order of calls. */
  readonly seed: number;
  readonly pull: Span;
  readonly create: Span;
  readonly start: Span;
  /** From SIGTERM to the end. */
  readonly stop: Span;
  readonly probe: Span;
  readonly pullFails: number;
  readonly startFails: number;
  readonly probeFails: number;
  /** How often a running container ends by itself, with exit code 1. */
  readonly crashesPerHour: number;
}

/** Times of a quick host with the image present, and nothing fails. */
export const CALM: HollowBehavior = {
  seed: 1,
  pull: [500, 3_000],
  create: [10, 30],
  start: [80, 300],
  stop: [10, 200],
  probe: [1, 5],
  pullFails: 0,
  startFails: 0,
  probeFails: 0,
  crashesPerHour: 0,
};

const HOUR_MS: Millis = 3_600_000;

/** Seeded chances: numbers that look random and come again. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.trunc(seed) | 0;
  }

  /** From 0 up to 1. */
  next(): number {
    // A 32-bit counter, mixed until every bit of it depends on all others.
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  }

  within([fromMs, toMs]: Span): Millis {
    return fromMs + this.next() * Math.max(0, toMs - fromMs);
  }

  happens(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }

  /** The time until the next of what comes so often in an hour; `undefined` when it never does. */
  untilNext(perHour: number): Millis | undefined {
    return perHour <= 0 ? undefined : (-Math.log(1 - this.next()) * HOUR_MS) / perHour;
  }
}
