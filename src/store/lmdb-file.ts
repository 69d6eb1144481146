import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { open, type Database, type RootDatabase, type RootDatabaseOptionsWithPath } from "lmdb";
import { decodeState, encodeState, type StoreState } from "./record-codec.ts";
import { StoreError } from "./store.ts";
import { toStoreError } from "./store-failure.ts";

/** Version of the layout in record-codec.ts. Raised when an older Berth could misread what this one writes. */
const FORMAT = 1;
const FORMAT_KEY: Buffer = Buffer.from("format");
const STATE_KEY: Buffer = Buffer.from("state");
/** LMDB's mark at the head of its file, and where it stands. */
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_MAGIC_OFFSET = 24;

type Table = Database<Buffer, Buffer>;

/** The open file: objects by key, the log by revision, and the record that counts both. */
export interface LmdbFile {
  readonly root: RootDatabase<Buffer, Buffer>;
  readonly data: Table;
  readonly log: Table;
  readonly meta: Table;
}

/** Opens or makes the file. The caller holds the folder's lock. Throws "format", "full" or "io". */
export async function openLmdbFile(path: string): Promise<LmdbFile> {
  const action = `Cannot open the store "${path}"`;
  let root: RootDatabase<Buffer, Buffer> | undefined;
  try {
    await checkHeader(path);
    root = openRoot(path);
    const table = { encoding: "binary", keyEncoding: "binary" } as const;
    const meta = root.openDB<Buffer, Buffer>("meta", table);
    const data = root.openDB<Buffer, Buffer>("data", table);
    const log = root.openDB<Buffer, Buffer>("log", table);
    const file = { root, meta, data, log };
    await checkFormat(path, file);
    return file;
  } catch (error) {
    await root?.close();
    throw toStoreError(action, error);
  }
}

/** As of the newest commit, or of the read snapshot of this turn. */
export function readState(file: LmdbFile): StoreState {
  const record = file.meta.get(STATE_KEY);
  if (record === undefined)
    throw new StoreError("io", "Cannot read the store: its state is missing");
  return decodeState(record);
}

/** Throws when LMDB takes no more transactions, as after a commit that failed half-way. */
export function probe(file: LmdbFile): void {
  file.root.transactionSync(() => undefined);
}

export function putState(file: LmdbFile, state: StoreState): void {
  void file.meta.put(STATE_KEY, encodeState(state));
}

/**
 * `overlappingSync: false`: a commit is plain LMDB's, `fdatasync` of the pages, then a synchronous write of the meta
 * page, so that its promise means durable. `eventTurnBatching: false`: `batch` delimits transactions; else lmdb-js
 * makes a promise of its own that nobody handles when a commit fails. The map grows by itself, doubling.
 */
function openRoot(path: string): RootDatabase<Buffer, Buffer> {
  // The types of lmdb-js lack the file's mode.
  const options: RootDatabaseOptionsWithPath & { readonly permissionsMode: number } = {
    path,
    permissionsMode: 0o600,
    noSubdir: false,
    overlappingSync: false,
    eventTurnBatching: false,
    encoding: "binary",
    keyEncoding: "binary",
  };
  return open<Buffer, Buffer>(options);
}

/** LMDB maps whatever it finds into memory and dies of it: look first. */
async function checkHeader(path: string): Promise<void> {
  let handle;
  try {
    handle = await openFile(join(path, "data.mdb"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  try {
    const head = Buffer.alloc(LMDB_MAGIC_OFFSET + 4);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    if (bytesRead === 0 || head.readUInt32LE(LMDB_MAGIC_OFFSET) === LMDB_MAGIC) return;
    const says = `"data.mdb" in it is not an LMDB file; move it away or restore a copy`;
    throw new StoreError("format", `Cannot open the store "${path}": ${says}`);
  } finally {
    await handle.close();
  }
}

async function checkFormat(path: string, file: LmdbFile): Promise<void> {
  const record = file.meta.get(FORMAT_KEY);
  if (record === undefined) {
    if (file.data.getKeysCount({ limit: 1 }) > 0 || file.root.getKeysCount({ limit: 4 }) > 3) {
      throw new StoreError("format", `Cannot open the store "${path}": it is not one of Berth's`);
    }
    await file.root.batch(() => {
      void file.meta.put(FORMAT_KEY, Buffer.from(String(FORMAT)));
      putState(file, { revision: 0, compacted: 0, logBytes: 0 });
    });
    return;
  }
  const format = Number(record.toString());
  if (format !== FORMAT) {
    const says = `it has format ${record.toString()}, this version of Berth reads format ${FORMAT}`;
    const cure = format > FORMAT ? "; use the newer Berth that wrote it" : "";
    throw new StoreError("format", `Cannot open the store "${path}": ${says}${cure}`);
  }
}
