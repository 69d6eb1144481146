import { invariant } from "../base/assert.ts";

/**
 * Hands out keys to work on. Keys, not events: a burst of changes to one object collapses into one more look.
 *
 * - A key waits in the queue at most once.
 * - A key is never in two hands; added meanwhile, it comes back after `done`.
 * - First in, first out.
 */
export class WorkQueue {
  readonly #ready: string[] = [];
  #head = 0;
  /** Keys that need another look: those in `#ready`, and those added again while in hand. */
  readonly #dirty = new Set<string>();
  readonly #inHand = new Set<string>();
  readonly #waiters: ((key: string | undefined) => void)[] = [];
  #closed = false;

  get depth(): number {
    return this.#ready.length - this.#head;
  }

  /** Whether the key was added: false when it waits already, or the queue is closed. */
  add(key: string): boolean {
    if (this.#closed || this.#dirty.has(key)) return false;
    this.#dirty.add(key);
    if (!this.#inHand.has(key)) this.#enqueue(key);
    return true;
  }

  /** The next key; `undefined` once closed and drained. */
  next(): Promise<string | undefined> {
    const key = this.#shift();
    if (key !== undefined) return Promise.resolve(this.#take(key));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Must follow every key that `next` gave. */
  done(key: string): void {
    const held = this.#inHand.delete(key);
    invariant(held, `done() of the key "${key}", which nobody holds`);
    if (this.#dirty.has(key)) this.#enqueue(key);
  }

  /** Takes no new keys and forgets the waiting ones; those in hand are finished by their holders. */
  close(): void {
    this.#closed = true;
    this.#ready.length = 0;
    this.#head = 0;
    for (const resolve of this.#waiters.splice(0)) resolve(undefined);
  }

  #shift(): string | undefined {
    const key = this.#ready[this.#head];
    if (key === undefined) return undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#ready.length) {
      this.#ready.splice(0, this.#head);
      this.#head = 0;
    }
    return key;
  }

  #enqueue(key: string): void {
    if (this.#closed) return;
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#ready.push(key);
    else waiter(this.#take(key));
  }

  #take(key: string): string {
    this.#dirty.delete(key);
    this.#inHand.add(key);
    return key;
  }
}
