/** Says "look again" to one waiting loop. Calls that come while it is busy count as one; none is lost. */
export class Wakeup {
  #isDue = false;
  #waiting: (() => void) | undefined;

  wake(): void {
    this.#isDue = true;
    this.#waiting?.();
  }

  /** Resolves once `wake` was called since the last time; rejects with `signal.reason` when aborted first. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isDue) {
      const woken = Promise.withResolvers<void>();
      const abort = (): void => woken.reject(signal.reason);
      this.#waiting = woken.resolve;
      signal.addEventListener("abort", abort, { once: true });
      try {
        await woken.promise;
      } finally {
        this.#waiting = undefined;
        signal.removeEventListener("abort", abort);
      }
    }
    this.#isDue = false;
  }
}
