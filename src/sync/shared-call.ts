interface Running<T> {
  readonly result: Promise<T>;
  readonly stop: AbortController;
  waiting: number;
}

/** Lets callers that ask for the same thing at the same time share one answer; the work stops when the last one leaves. */
export class SharedCalls<T> {
  readonly #running = new Map<string, Running<T>>();

  async run(
    key: string,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const call = this.#running.get(key) ?? this.#start(key, work);
    call.waiting++;
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([call.result, left.promise]);
    } finally {
      signal.removeEventListener("abort", leave);
      call.waiting--;
      if (call.waiting === 0) call.stop.abort();
    }
  }

  #start(key: string, work: (signal: AbortSignal) => Promise<T>): Running<T> {
    const stop = new AbortController();
    const forget = (): void => {
      if (this.#running.get(key) === call) this.#running.delete(key);
    };
    const result = work(stop.signal).finally(forget);
    result.catch(() => undefined); // Everyone may have left.
    stop.signal.addEventListener("abort", forget, { once: true });
    const call: Running<T> = { result, stop, waiting: 0 };
    this.#running.set(key, call);
    return call;
  }
}
