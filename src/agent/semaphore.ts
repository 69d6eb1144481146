/**
 * Lets at most `slots` pieces of work run at a time. Those of higher priority go first, equal ones in their order.
 */
export class Semaphore {
  #free: number;
  readonly #waiting: { readonly priority: number; readonly enter: () => void }[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs `work` once there is room. Rejects without running it when `signal` aborts first. */
  async run<T>(priority: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#enter(priority, signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      this.#leave();
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
