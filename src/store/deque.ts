/** A queue that is also read by position. What was shifted out is let go at once. */
export class Deque<T> {
  #slots: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#slots.length - this.#head;
  }

  push(item: T): void {
    this.#slots.push(item);
  }

  /** From the oldest, which is 0. */
  at(index: number): T | undefined {
    return index < 0 ? undefined : this.#slots[this.#head + index];
  }

  shift(): T | undefined {
    const item = this.#slots[this.#head];
    if (this.#head === this.#slots.length) return undefined;
    this.#slots[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > 1024 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
