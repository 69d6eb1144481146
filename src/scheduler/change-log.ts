/** Longest history that is kept; who is further behind looks at everything. */
const MAX_CHANGES = 16_384;

/** Which nodes changed, in order, for readers that each remember how far they have read. */
export class ChangeLog {
  #entries: number[] = [];
  #start = 0;

  /** One more than the position of the newest entry. */
  get end(): number {
    return this.#start + this.#entries.length;
  }

  add(node: number, isNodeItself: boolean): void {
    if (this.#entries.length >= 2 * MAX_CHANGES) {
      this.#entries = this.#entries.slice(MAX_CHANGES);
      this.#start += MAX_CHANGES;
    }
    this.#entries.push(node * 2 + (isNodeItself ? 1 : 0));
  }

  /** Whether the entries from a position on are still there. */
  reaches(position: number): boolean {
    return position >= this.#start;
  }

  /** Node index × 2, plus 1 when the node itself changed. */
  entry(position: number): number {
    return this.#entries[position - this.#start] ?? 0;
  }
}
