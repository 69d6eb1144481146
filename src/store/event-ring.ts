import type { Millis } from "../base/clock.ts";
import type { CachedEvent } from "./cached-object.ts";
import { Deque } from "./deque.ts";

export interface RingLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxAgeMs: Millis;
}

/** What watches can go back. The bytes of a present object are shared with the cache, so this is an upper bound. */
export const DEFAULT_RING_LIMITS: RingLimits = {
  maxEvents: 20_000,
  maxBytes: 64_000_000,
  maxAgeMs: 600_000,
};

interface Kept {
  readonly shelf: string;
  readonly event: CachedEvent;
  readonly at: Millis;
}

/** The events of one resource. Everything of it after revision `floor` is here. */
interface Lane {
  readonly events: Deque<CachedEvent>;
  floor: number;
}

/** The newest events of all resources, readable by resource. */
export class EventRing {
  readonly #limits: RingLimits;
  readonly #all = new Deque<Kept>();
  readonly #lanes = new Map<string, Lane>();
  readonly #floor: number;
  #bytes = 0;

  /** Keeps what comes after revision `floor`. */
  constructor(floor: number, limits: RingLimits) {
    this.#floor = floor;
    this.#limits = limits;
  }

  /** `now` is monotonic. What is too old leaves when something comes. */
  push(shelf: string, event: CachedEvent, now: Millis): void {
    const lane = this.#lanes.get(shelf) ?? { events: new Deque(), floor: this.#floor };
    this.#lanes.set(shelf, lane);
    lane.events.push(event);
    this.#all.push({ shelf, event, at: now });
    this.#bytes += event.size;
    while (this.#isOver(now)) this.#dropOldest();
  }

  /** The next events after `after`, about `most`, revisions whole. `undefined` when some are gone. */
  read(shelf: string, after: number, most: number): readonly CachedEvent[] | undefined {
    const lane = this.#lanes.get(shelf);
    if (after < (lane?.floor ?? this.#floor)) return undefined;
    if (lane === undefined) return [];
    const found: CachedEvent[] = [];
    for (let index = firstAfter(lane.events, after); ; index += 1) {
      const event = lane.events.at(index);
      if (event === undefined) return found;
      if (found.length >= most && event.revision !== found.at(-1)?.revision) return found;
      found.push(event);
    }
  }

  #isOver(now: Millis): boolean {
    const { maxEvents, maxBytes, maxAgeMs } = this.#limits;
    const oldest = this.#all.at(0);
    if (oldest === undefined) return false;
    return this.#all.length > maxEvents || this.#bytes > maxBytes || now - oldest.at > maxAgeMs;
  }

  /** The oldest of all is also the oldest of its lane. */
  #dropOldest(): void {
    const oldest = this.#all.shift();
    if (oldest === undefined) return;
    const { shelf, event } = oldest;
    const lane = this.#lanes.get(shelf);
    lane?.events.shift();
    if (lane !== undefined) lane.floor = event.revision;
    this.#bytes -= event.size;
  }
}

function firstAfter(events: Deque<CachedEvent>, revision: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((events.at(middle)?.revision ?? 0) <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
