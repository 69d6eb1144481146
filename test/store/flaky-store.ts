import { StoreError, type Store, type WatchBatch } from "../../src/store/store.ts";

/** The store behind a watch that can be held back, lose its history, or fail; with pages of one entry. */
export class FlakyStore implements Store {
  readonly #store: Store;
  readonly #afterPage: (() => Promise<void>) | undefined;
  #held: Promise<void> | undefined;
  #release: () => void = () => undefined;
  #interrupt: (error: Error) => void = () => undefined;

  constructor(store: Store, afterPage?: () => Promise<void>) {
    this.#store = store;
    this.#afterPage = afterPage;
  }

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#held = undefined;
    this.#release();
  }

  compact(): void {
    this.#held = undefined;
    this.#interrupt(new StoreError("compacted", "gone"));
  }

  fail(error: Error): void {
    this.#interrupt(error);
  }

  async *watch(
    prefix: string,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const cancel = new AbortController();
    const interrupted = new Promise<never>((_, reject) => {
      this.#interrupt = reject;
    });
    interrupted.catch(() => undefined);
    const both = AbortSignal.any([signal, cancel.signal]);
    const iterable: AsyncIterable<WatchBatch> = this.#store.watch(prefix, after, both);
    const batches = iterable[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await Promise.race([batches.next(), interrupted]);
        if (this.#held !== undefined) {
          const aborted = new Promise((resolve) => both.addEventListener("abort", resolve));
          await Promise.race([interrupted, this.#held, aborted]);
          if (both.aborted) return;
        }
        if (next.done === true) return;
        yield next.value;
      }
    } finally {
      cancel.abort();
    }
  }

  revision = (): Promise<number> => this.#store.revision();
  get: Store["get"] = (key) => this.#store.get(key);
  list: Store["list"] = async (prefix, options) => {
    if (this.#afterPage === undefined) return await this.#store.list(prefix, options);
    const page = await this.#store.list(prefix, { ...options, limit: 1 });
    await this.#afterPage();
    return page;
  };
  transact: Store["transact"] = (transaction) => this.#store.transact(transaction);
  close = (): Promise<void> => Promise.resolve();
}
