import { statfs } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { invariant, InvariantError } from "../base/assert.ts";
import type { Clock, Millis } from "../base/clock.ts";
import { Bell } from "./bell.ts";
import { checkTransaction } from "./check-transaction.ts";
import { lockFolder, type FolderLock } from "./folder-lock.ts";
import { DEFAULT_LOG_LIMITS, LmdbLog, type LogLimits } from "./lmdb-log.ts";
import { openLmdbFile, probe, putState, readState, type LmdbFile } from "./lmdb-file.ts";
import { planGroup, type GroupPlan } from "./plan-group.ts";
import { decodeEntry, encodeEntry, type StoreState } from "./record-codec.ts";
import { RecentCommits } from "./recent-commits.ts";
import { toStoreError } from "./store-failure.ts";
import {
  StoreError,
  type Entry,
  type ListOptions,
  type ListResult,
  type Store,
  type Transaction,
  type TransactionResult,
  type WatchBatch,
} from "./store.ts";

export interface LmdbStoreOptions {
  /** Folder of the store; made, for its owner alone, when absent. */
  readonly path: string;
  readonly clock: Clock;
  /** How much history is kept for watches. */
  readonly log?: Partial<LogLimits>;
  /** Bytes that are free on the disk of `path`. */
  readonly freeBytes?: (path: string) => Promise<number>;
}

/** A page of `list` ends here too, so that no turn is long. */
const MAX_LIST_ENTRIES = 500;
const MAX_LIST_BYTES = 4_000_000;
/** One commit to disk takes at most this much, so that deciding it is a short turn. */
const MAX_GROUP_OPERATIONS = 300;
const MAX_GROUP_BYTES = 4_000_000;
/** Writes stop here, before the disk is full: room for what the other programs of the machine need. */
const MIN_FREE_BYTES = 32_000_000;
const SPACE_CHECK_MS: Millis = 1000;

interface Pending {
  readonly transaction: Transaction;
  readonly resolve: (result: TransactionResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens the store in a folder, or makes it. One opener at a time: throws `StoreError` "locked", "format", "full", "io".
 *
 * The transactions of a turn of the event loop, and those that come while the disk is busy, share one commit, yet each
 * is atomic and has its own revision. Every promise resolves after the flush to disk. A failed commit fails all that
 * shared it, and the store goes on: nothing of it was written.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
  const action = `Cannot open the store "${options.path}"`;
  const lock = await lockFolder(options.path).catch((error: unknown) => {
    throw toStoreError(action, error);
  });
  try {
    return new LmdbStore(options, lock, await openLmdbFile(options.path));
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class LmdbStore implements Store {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #freeBytes: (path: string) => Promise<number>;
  readonly #lock: FolderLock;
  readonly #file: LmdbFile;
  readonly #log: LmdbLog;
  /** Rings after each commit, and at the end. */
  readonly #bell = new Bell();
  readonly #queue: Pending[] = [];
  #state: StoreState;
  #recent: RecentCommits;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #broken: StoreError | undefined;
  #space: { readonly checkedAt: Millis; bytes: number } | undefined;

  constructor(options: LmdbStoreOptions, lock: FolderLock, file: LmdbFile) {
    this.#path = options.path;
    this.#clock = options.clock;
    this.#freeBytes = options.freeBytes ?? freeBytesOf;
    this.#lock = lock;
    this.#file = file;
    this.#log = new LmdbLog(file, { ...DEFAULT_LOG_LIMITS, ...options.log });
    this.#state = readState(file);
    this.#recent = new RecentCommits(this.#state.revision);
  }

  async revision(): Promise<number> {
    this.#checkOpen("read");
    return this.#state.revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#checkOpen("read");
    return this.#read(key);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    this.#checkOpen("read");
    const limit = Math.min(options.limit ?? MAX_LIST_ENTRIES, MAX_LIST_ENTRIES);
    invariant(limit > 0, `a list of ${limit} entries`);
    const after = options.after === undefined ? "" : `${options.after}\0`;
    const start = Buffer.from(after > prefix ? after : prefix);
    const end = endOfPrefix(prefix);
    const range = end === undefined ? { start } : { start, end };
    this.#file.root.resetReadTxn();
    const { revision } = readState(this.#file);
    const entries: Entry[] = [];
    let bytes = 0;
    for (const { key, value } of this.#file.data.getRange(range)) {
      if (entries.length === limit || bytes > MAX_LIST_BYTES) {
        return { revision, entries, more: true };
      }
      bytes += value.length;
      entries.push(decodeEntry(key.toString(), value));
    }
    return { revision, entries, more: false };
  }

  async transact(transaction: Transaction): Promise<TransactionResult> {
    this.#checkOpen("write");
    if (this.#broken !== undefined) throw this.#broken;
    checkTransaction(transaction);
    return await new Promise((resolve, reject) => {
      this.#queue.push({ transaction, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  async *watch(
    prefix: string,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    let seen = afterRevision;
    while (!signal.aborted) {
      this.#checkOpen("watch");
      if (seen >= this.#state.revision) {
        await this.#bell.wait(signal);
        continue;
      }
      const batch = this.#recent.covers(seen)
        ? this.#recent.read(prefix, seen)
        : this.#log.read(prefix, seen);
      seen = batch.revision;
      yield batch;
      if (!this.#recent.covers(seen)) await nextTurn();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#bell.ring();
    await this.#draining;
    await this.#file.root.close();
    await this.#lock.release();
  }

  #checkOpen(verb: string): void {
    if (this.#closing === undefined) return;
    throw new StoreError("closed", `Cannot ${verb} the store "${this.#path}": it is closed`);
  }

  #read(key: string): Entry | undefined {
    const record = this.#file.data.get(Buffer.from(key));
    return record === undefined ? undefined : decodeEntry(key, record);
  }

  /** One group after the other; each waits for the end of the turn, to take along all that the turn brings. */
  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      await nextTurn();
      const group = this.#takeGroup();
      try {
        const results = await this.#commit(group.map((pending) => pending.transaction));
        for (const [index, result] of results.entries()) group[index]?.resolve(result);
      } catch (error) {
        const failure =
          error instanceof InvariantError
            ? error
            : toStoreError(`Cannot write to the store "${this.#path}"`, error);
        for (const pending of group) pending.reject(failure);
      }
    }
    this.#draining = undefined;
  }

  #takeGroup(): Pending[] {
    let operations = 0;
    let bytes = 0;
    const end = this.#queue.findIndex(({ transaction }, index) => {
      operations += transaction.operations.length;
      bytes += bytesOf(transaction);
      return index > 0 && (operations > MAX_GROUP_OPERATIONS || bytes > MAX_GROUP_BYTES);
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  async #commit(transactions: readonly Transaction[]): Promise<readonly TransactionResult[]> {
    if (this.#broken !== undefined) throw this.#broken;
    this.#file.root.resetReadTxn();
    const plan = planGroup(transactions, this.#state.revision, (key) => this.#read(key));
    if (plan.commits.length === 0) return plan.results;
    await this.#checkSpace(transactions.reduce((sum, one) => sum + bytesOf(one), 0));
    this.#state = await this.#write(plan);
    for (const commit of plan.commits) this.#recent.push(commit);
    this.#bell.ring();
    return plan.results;
  }

  async #write(plan: GroupPlan): Promise<StoreState> {
    const { data, root } = this.#file;
    const change = this.#log.plan(this.#state, plan.commits, Math.floor(this.#clock.now()));
    try {
      await root.batch(() => {
        for (const [key, entry] of plan.entries) {
          if (entry === undefined) void data.remove(Buffer.from(key));
          else void data.put(Buffer.from(key), encodeEntry(entry));
        }
        this.#log.put(change);
        putState(this.#file, change.state);
      });
    } catch (error) {
      this.#probe();
      throw await this.#explain(error);
    }
    return change.state;
  }

  /** After a commit that failed half-way nothing can be written before the store is opened again. */
  #probe(): void {
    try {
      probe(this.#file);
    } catch (error) {
      this.#broken = toStoreError(`Cannot write to the store "${this.#path}"`, error);
    }
  }

  /** lmdb-js keeps the cause of a failed commit apart, and LMDB calls a full disk an I/O error. */
  async #explain(error: unknown): Promise<unknown> {
    if (!(error instanceof Error) || !("commitError" in error)) return error;
    this.#space = undefined;
    try {
      await error.commitError;
    } catch (cause) {
      await this.#checkSpace(0);
      return cause;
    }
    return error;
  }

  /** Throws "full" when writing `bytes` would leave the disk with too little. */
  async #checkSpace(bytes: number): Promise<void> {
    const now = this.#clock.monotonic();
    // The log has the old value and the new one once more, and LMDB copies the pages above them.
    const needed = 4 * bytes;
    const known = this.#space;
    if (known === undefined || now - known.checkedAt >= SPACE_CHECK_MS || known.bytes < needed) {
      const free = await this.#freeBytes(this.#path);
      this.#space = { checkedAt: now, bytes: free - MIN_FREE_BYTES };
    }
    const space = this.#space;
    if (space === undefined || space.bytes >= needed) {
      if (space !== undefined) space.bytes -= needed;
      return;
    }
    const left = Math.floor((space.bytes + MIN_FREE_BYTES) / 1_000_000);
    this.#space = undefined;
    const says = `its disk has ${left} MB left, of which ${MIN_FREE_BYTES / 1_000_000} MB are kept free; free some space`;
    throw new StoreError("full", `Cannot write to the store "${this.#path}": ${says}`);
  }
}

function bytesOf(transaction: Transaction): number {
  let bytes = 0;
  for (const operation of transaction.operations) {
    if (operation.kind === "put") bytes += operation.value.length;
  }
  return bytes;
}

/** The first key after all that begin with `prefix`; no byte of UTF-8 is 255. */
function endOfPrefix(prefix: string): Buffer | undefined {
  const end = Buffer.from(prefix);
  if (end.length === 0) return undefined;
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1);
  return end;
}

async function freeBytesOf(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
