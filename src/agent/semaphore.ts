import type { Clock, Millis } from "../base/clock.ts";

/** After how long a piece of work no longer takes up a slot: what hangs must not hold up the rest. */
export interface Patience {
  readonly clock: Clock;
  readonly ms: Millis;
}

/** Made once: an abort without a reason makes a new error each time. */
const OVER = new Error("The work is over");

/**
 * Lets at most `slots` pieces of work run at a time. Those of higher priority go first, equal ones in their order.
 */
export class Semaphore {
  readonly #patience: Patience | undefined;
  #free: number;
  readonly #waiting: { readonly priority: number; readonly enter: () => void }[] = [];

  constructor(slots: number, patience?: Patience) {
    this.#free = slots;
    this.#patience = patience;
  }

  /** Runs `work` once there is room. Rejects without running it when `signal` aborts first. */
  async run<T>(priority: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(priority, signal);
    const over = new AbortController();
    let isInside = true;
    const leave = (): void => {
      if (isInside) this.#leave();
      isInside = false;
    };
    this.#patience?.clock.sleep(this.#patience.ms, over.signal).then(leave, () => undefined);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      leave();
      over.abort(OVER);
    }
  }

  async #enter(priority: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { priority, enter: resolve };
    const before = this.#waiting.findIndex((other) => other.priority < priority);
    this.#waiting.splice(before === -1 ? this.#waiting.length : before, 0, waiter);
    const abort = (): void => {
      const at = this.#waiting.indexOf(waiter);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next.enter();
  }
}
