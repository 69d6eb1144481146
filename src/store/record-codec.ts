import { invariant } from "../base/assert.ts";
import type { Millis } from "../base/clock.ts";
import type { Entry, StoreEvent } from "./store.ts";

/**
 * How the LMDB driver lays out its records. Whole numbers are big-endian; a revision takes 8 bytes.
 * A change here is a new FORMAT in lmdb-file.ts.
 */

const U64 = 8;
const U32 = 4;
const ENTRY_HEADER = 2 * U64;
const LOG_HEADER = U64 + U32;
const TWO_32 = 2 ** 32;

/** createRevision, modRevision, value. */
export function encodeEntry(entry: Entry): Buffer {
  const record = Buffer.allocUnsafe(ENTRY_HEADER + entry.value.length);
  writeU64(record, entry.createRevision, 0);
  writeU64(record, entry.modRevision, U64);
  record.set(entry.value, ENTRY_HEADER);
  return record;
}

/** Shares the record's memory. */
export function decodeEntry(key: string, record: Buffer): Entry {
  return {
    key,
    value: record.subarray(ENTRY_HEADER),
    createRevision: readU64(record, 0),
    modRevision: readU64(record, U64),
  };
}

/** One transaction as the log keeps it. Its revision is the key of the record. */
export interface LogRecord {
  readonly at: Millis;
  readonly events: readonly StoreEvent[];
}

/** time, count, then of each event: the new entry and the previous one, each with its key; absent ones have length 0. */
export function encodeLog(record: LogRecord): Buffer {
  const parts: Buffer[] = [];
  for (const event of record.events) {
    const key = Buffer.from(event.kind === "put" ? event.entry.key : event.key);
    const current = event.kind === "put" ? encodeEntry(event.entry) : Buffer.alloc(0);
    const previous = event.previous === undefined ? Buffer.alloc(0) : encodeEntry(event.previous);
    const lengths = Buffer.allocUnsafe(3 * U32);
    lengths.writeUInt32BE(key.length, 0);
    lengths.writeUInt32BE(current.length, U32);
    lengths.writeUInt32BE(previous.length, 2 * U32);
    parts.push(lengths, key, current, previous);
  }
  const header = Buffer.allocUnsafe(LOG_HEADER);
  writeU64(header, record.at, 0);
  header.writeUInt32BE(record.events.length, U64);
  return Buffer.concat([header, ...parts]);
}

export function decodeLog(revision: number, record: Buffer): LogRecord {
  const events: StoreEvent[] = [];
  let position = LOG_HEADER;
  const take = (length: number): Buffer => {
    const part = record.subarray(position, position + length);
    invariant(part.length === length, `a log record of revision ${revision} that is cut short`);
    position += length;
    return part;
  };
  for (let count = record.readUInt32BE(U64); count > 0; count -= 1) {
    const lengths = take(3 * U32);
    const key = take(lengths.readUInt32BE(0)).toString();
    const current = take(lengths.readUInt32BE(U32));
    const before = take(lengths.readUInt32BE(2 * U32));
    const previous = before.length === 0 ? undefined : decodeEntry(key, before);
    if (current.length > 0) {
      const entry = decodeEntry(key, current);
      events.push(
        previous === undefined ? { kind: "put", entry } : { kind: "put", entry, previous },
      );
    } else {
      invariant(previous !== undefined, `a deletion of nothing in the log of revision ${revision}`);
      events.push({ kind: "delete", key, revision, previous });
    }
  }
  return { at: readU64(record, 0), events };
}

/** When the logged transaction was committed, without decoding the rest. */
export function logTime(record: Buffer): Millis {
  return readU64(record, 0);
}

/** What must change together with every transaction. */
export interface StoreState {
  readonly revision: number;
  /** Newest revision that the log no longer has. */
  readonly compacted: number;
  /** Bytes of all log records. */
  readonly logBytes: number;
}

export function encodeState(state: StoreState): Buffer {
  const record = Buffer.allocUnsafe(3 * U64);
  writeU64(record, state.revision, 0);
  writeU64(record, state.compacted, U64);
  writeU64(record, state.logBytes, 2 * U64);
  return record;
}

export function decodeState(record: Buffer): StoreState {
  return {
    revision: readU64(record, 0),
    compacted: readU64(record, U64),
    logBytes: readU64(record, 2 * U64),
  };
}

export function encodeRevision(revision: number): Buffer {
  const key = Buffer.allocUnsafe(U64);
  writeU64(key, revision, 0);
  return key;
}

export function decodeRevision(key: Buffer): number {
  return readU64(key, 0);
}

function writeU64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / TWO_32), offset);
  target.writeUInt32BE(value % TWO_32, offset + U32);
}

function readU64(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * TWO_32 + source.readUInt32BE(offset + U32);
}
