import { invariant } from "../base/assert.ts";
import {
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  StoreError,
  type Transaction,
} from "./store.ts";

/** Longest key in UTF-8 bytes. A group, a plural, a namespace and a name need 640; LMDB takes 1,978. */
export const MAX_KEY_BYTES = 1024;

/** Room for one per operation, the leader's key and a few more. etcd's default for either list is 128. */
const MAX_COMPARES = 128;

/** Throws "too-large" beyond the limits that bind every store; crashes on a key that is empty or given twice. */
export function checkTransaction(transaction: Transaction): void {
  const { operations, compare } = transaction;
  if (operations.length > MAX_TRANSACTION_OPERATIONS) {
    throw new StoreError(
      "too-large",
      `Cannot write ${operations.length} keys in one transaction: at most ${MAX_TRANSACTION_OPERATIONS} are allowed`,
    );
  }
  invariant(compare.length <= MAX_COMPARES, `${compare.length} comparisons in one transaction`);
  let bytes = 0;
  const keys = new Set<string>();
  for (const operation of operations) {
    invariant(!keys.has(operation.key), `the key "${operation.key}" twice in one transaction`);
    keys.add(operation.key);
    checkKey(operation.key);
    if (operation.kind === "put") bytes += operation.value.length;
  }
  if (bytes > MAX_TRANSACTION_BYTES) {
    throw new StoreError(
      "too-large",
      `Cannot write ${bytes} bytes in one transaction: at most ${MAX_TRANSACTION_BYTES} are allowed`,
    );
  }
}

function checkKey(key: string): void {
  invariant(key !== "", "an empty key in a transaction");
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new StoreError(
      "too-large",
      `Cannot write the key "${key.slice(0, 64)}…": it has more than ${MAX_KEY_BYTES} bytes`,
    );
  }
}
