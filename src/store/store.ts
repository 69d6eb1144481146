/** A key and its value as stored. Values are opaque bytes here. */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the transaction that created the key (after its last deletion). */
  readonly createRevision: number;
  /** Revision of the transaction that wrote this value. */
  readonly modRevision: number;
}

/** Must hold at commit for a transaction to succeed. `0` means: the key does not exist. */
export type Compare =
  | { readonly key: string; readonly modRevision: number }
  | { readonly key: string; readonly value: Uint8Array };

export type Operation =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: string };

/** At most `MAX_TRANSACTION_OPERATIONS` operations, each key once, and `MAX_TRANSACTION_BYTES` of values. */
export interface Transaction {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
}

/** etcd's limits bind both stores. */
export const MAX_TRANSACTION_OPERATIONS = 100;
export const MAX_TRANSACTION_BYTES = 1_000_000;

export interface TransactionResult {
  /** False when a comparison failed; nothing was written then. */
  readonly succeeded: boolean;
  /**
   * Revision of the store after the transaction. All operations of one transaction share one revision; a transaction
   * that changes nothing (all it deletes is absent) takes none.
   */
  readonly revision: number;
}

export interface ListResult {
  /** The revision that the entries are as of. */
  readonly revision: number;
  /** In the order of their keys (UTF-8 bytes). */
  readonly entries: readonly Entry[];
  /** Whether the list was cut, by `limit` or by the store's own bound on a page: go on with `after` = the last key. */
  readonly more: boolean;
}

export interface ListOptions {
  readonly limit?: number;
  /** Only keys after this one. */
  readonly after?: string;
}

export type StoreEvent =
  | { readonly kind: "put"; readonly entry: Entry; readonly previous?: Entry }
  | {
      readonly kind: "delete";
      readonly key: string;
      readonly revision: number;
      readonly previous: Entry;
    };

/** The events of one or more whole transactions, in order of revision. */
export interface WatchBatch {
  /** The watcher has now seen everything up to this revision, matching or not. */
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

/**
 * Objects at rest: one global revision that counts transactions, compare-and-swap, and watches that lose nothing.
 *
 * A transaction is durable before its promise resolves. A watch gives each event of its prefix exactly once, in
 * order of revision, from `afterRevision` + 1 on; it throws `StoreError` code "compacted" when that is gone.
 */
export interface Store {
  /** The newest committed revision. */
  revision(): Promise<number>;
  get(key: string): Promise<Entry | undefined>;
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  transact(transaction: Transaction): Promise<TransactionResult>;
  /** Ends when `signal` aborts. Batches may be empty, as progress marks. */
  watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchBatch>;
  close(): Promise<void>;
}

export type StoreErrorCode =
  | "compacted"
  | "too-large"
  | "closed"
  | "locked"
  | "format"
  | "full"
  | "io";

/** The store said no. `message` begins with the action and names the path or key. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
