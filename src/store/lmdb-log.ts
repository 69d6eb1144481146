import type { Millis } from "../base/clock.ts";
import type { LmdbFile } from "./lmdb-file.ts";
import type { Commit } from "./plan-group.ts";
import { collectBatch, MAX_BATCH_EVENTS } from "./recent-commits.ts";
import {
  decodeLog,
  decodeRevision,
  encodeLog,
  encodeRevision,
  logTime,
  type StoreState,
} from "./record-codec.ts";
import { StoreError, type WatchBatch } from "./store.ts";

/** A transaction leaves the log when it is past any of these. */
export interface LogLimits {
  readonly keepMs: Millis;
  readonly maxTransactions: number;
  readonly maxBytes: number;
}

/** Ten minutes, as etcd's users set it: an agent or a `kubectl -w` that was away for less goes on without a list. */
export const DEFAULT_LOG_LIMITS: LogLimits = {
  keepMs: 600_000,
  maxTransactions: 100_000,
  maxBytes: 512_000_000,
};
/** Records that one commit removes at least, where that many are due: the log shrinks also under few writes. */
const MIN_TRIM = 16;
/** What of the log is read in one turn at most, beside `MAX_BATCH_EVENTS`. */
const MAX_READ_BYTES = 1_000_000;

/** What a commit changes in the log. `state` counts it. */
export interface LogChange {
  readonly puts: readonly { readonly key: Buffer; readonly record: Buffer }[];
  readonly removes: readonly Buffer[];
  readonly state: StoreState;
}

/** The history on disk: one record per transaction, by revision. Written in the transaction's own commit. */
export class LmdbLog {
  readonly #file: LmdbFile;
  readonly #limits: LogLimits;

  constructor(file: LmdbFile, limits: LogLimits) {
    this.#file = file;
    this.#limits = limits;
  }

  /** Reads the oldest records in the snapshot of this turn; changes nothing. */
  plan(state: StoreState, commits: readonly Commit[], now: Millis): LogChange {
    const puts = commits.map(({ revision, events }) => ({
      key: encodeRevision(revision),
      record: encodeLog({ at: now, events }),
    }));
    const before = {
      revision: state.revision + commits.length,
      compacted: state.compacted,
      logBytes: puts.reduce((sum, { record }) => sum + record.length, state.logBytes),
    };
    const due = this.#due(before, state.revision, now, MIN_TRIM + 2 * commits.length);
    return {
      puts,
      removes: due.map(({ key }) => key),
      state: {
        revision: before.revision,
        compacted: state.compacted + due.length,
        logBytes: due.reduce((sum, { bytes }) => sum - bytes, before.logBytes),
      },
    };
  }

  /** Call within the batch of the commit. */
  put(change: LogChange): void {
    for (const { key, record } of change.puts) void this.#file.log.put(key, record);
    for (const key of change.removes) void this.#file.log.remove(key);
  }

  /** The next whole transactions after `after`. Throws "compacted" when they are gone. */
  read(prefix: string, after: number): WatchBatch {
    this.#file.root.resetReadTxn();
    const commits: Commit[] = [];
    let bytes = 0;
    let count = 0;
    for (const { key, value } of this.#file.log.getRange({ start: encodeRevision(after + 1) })) {
      const revision = decodeRevision(key);
      if (commits.length === 0 && revision !== after + 1) break;
      bytes += value.length;
      const { events } = decodeLog(revision, value);
      commits.push({ revision, events });
      count += events.length;
      if (bytes > MAX_READ_BYTES || count >= MAX_BATCH_EVENTS) break;
    }
    if (commits.length === 0) {
      throw new StoreError(
        "compacted",
        `Cannot watch from revision ${after}: it is no longer kept`,
      );
    }
    return collectBatch(prefix, after, (index) => commits[index]);
  }

  /** The oldest records that are past a limit, at most `most`; never of the commit in the making. */
  #due(
    state: StoreState,
    newest: number,
    now: Millis,
    most: number,
  ): { readonly key: Buffer; readonly bytes: number }[] {
    const { keepMs, maxTransactions, maxBytes } = this.#limits;
    const due: { key: Buffer; bytes: number }[] = [];
    let { logBytes } = state;
    let revision = state.compacted + 1;
    while (due.length < most && revision <= newest) {
      const key = encodeRevision(revision);
      const record = this.#file.log.get(key);
      if (record === undefined) break;
      const kept = state.revision - revision + 1;
      const isDue = kept > maxTransactions || logBytes > maxBytes || now - logTime(record) > keepMs;
      if (!isDue) break;
      due.push({ key, bytes: record.length });
      logBytes -= record.length;
      revision += 1;
    }
    return due;
  }
}
