import type { Millis } from "../base/clock.ts";

/** When nodes gave their last sign of life: their Lease was written. In memory only. */
export interface Heartbeats {
  /** In the clock's monotonic ms; `undefined` while the node has not been heard since the start. */
  lastSeen(node: string): Millis | undefined;
}

export class HeartbeatRegistry implements Heartbeats {
  readonly #seen = new Map<string, Millis>();

  beat(node: string, at: Millis): void {
    this.#seen.set(node, at);
  }

  lastSeen(node: string): Millis | undefined {
    return this.#seen.get(node);
  }
}
