import { Deque } from "./deque.ts";
import type { Commit } from "./plan-group.ts";
import type { StoreEvent, WatchBatch } from "./store.ts";

/** What watchers that keep up read from memory; who falls behind it reads the log on disk. */
const MAX_RECENT_COMMITS = 1024;
const MAX_RECENT_BYTES = 4_000_000;
/** Events after which a batch ends: what a watcher gets to handle in one turn. */
export const MAX_BATCH_EVENTS = 256;

/** The newest commits, without a gap, in memory. */
export class RecentCommits {
  readonly #commits = new Deque<Commit>();
  /** Everything after this revision is here. */
  #floor: number;
  #bytes = 0;

  constructor(revision: number) {
    this.#floor = revision;
  }

  /** Whether all commits after `revision` are here. */
  covers(revision: number): boolean {
    return revision >= this.#floor;
  }

  push(commit: Commit): void {
    this.#commits.push(commit);
    this.#bytes += bytesOf(commit);
    while (this.#commits.length > MAX_RECENT_COMMITS || this.#bytes > MAX_RECENT_BYTES) {
      const oldest = this.#commits.shift();
      if (oldest === undefined) return;
      this.#floor = oldest.revision;
      this.#bytes -= bytesOf(oldest);
    }
  }

  /** The next whole commits after a covered revision. */
  read(prefix: string, after: number): WatchBatch {
    const from = after - this.#floor;
    return collectBatch(prefix, after, (index) => this.#commits.at(from + index));
  }
}

/** Commits from `next(0)` on until there are none or the batch is full, filtered by prefix. */
export function collectBatch(
  prefix: string,
  after: number,
  next: (index: number) => Commit | undefined,
): WatchBatch {
  const events: StoreEvent[] = [];
  let revision = after;
  let seen = 0;
  for (let index = 0; seen < MAX_BATCH_EVENTS; index += 1) {
    const commit = next(index);
    if (commit === undefined) break;
    revision = commit.revision;
    seen += commit.events.length;
    for (const event of commit.events) if (keyOfEvent(event).startsWith(prefix)) events.push(event);
  }
  return { revision, events };
}

function keyOfEvent(event: StoreEvent): string {
  return event.kind === "put" ? event.entry.key : event.key;
}

function bytesOf(commit: Commit): number {
  let bytes = 0;
  for (const event of commit.events) {
    bytes += event.previous?.value.length ?? 0;
    if (event.kind === "put") bytes += event.entry.value.length;
  }
  return bytes;
}
