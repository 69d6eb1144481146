import type {
  Compare,
  Entry,
  Operation,
  StoreEvent,
  Transaction,
  TransactionResult,
} from "./store.ts";

/** One transaction that changed something. */
export interface Commit {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

export interface GroupPlan {
  /** One per transaction, in order. */
  readonly results: readonly TransactionResult[];
  /** Revisions count on by one. */
  readonly commits: readonly Commit[];
  /** What to write: the last state of each changed key; `undefined` for deleted ones. */
  readonly entries: ReadonlyMap<string, Entry | undefined>;
}

/**
 * Decides transactions that share one commit to disk, one after the other, each seeing those before it.
 * A transaction that changes nothing (only comparisons, deletions of absent keys) takes no revision.
 */
export function planGroup(
  transactions: readonly Transaction[],
  revision: number,
  read: (key: string) => Entry | undefined,
): GroupPlan {
  const entries = new Map<string, Entry | undefined>();
  const current = (key: string): Entry | undefined =>
    entries.has(key) ? entries.get(key) : read(key);
  const results: TransactionResult[] = [];
  const commits: Commit[] = [];
  let at = revision;
  for (const { compare, operations } of transactions) {
    const succeeded = compare.every((one) => holds(one, current(one.key)));
    const events = succeeded
      ? operations.flatMap((operation) => toEvent(operation, current(operation.key), at + 1))
      : [];
    if (events.length > 0) {
      at += 1;
      commits.push({ revision: at, events });
      for (const event of events) {
        if (event.kind === "put") entries.set(event.entry.key, event.entry);
        else entries.set(event.key, undefined);
      }
    }
    results.push({ succeeded, revision: at });
  }
  return { results, commits, entries };
}

function holds(compare: Compare, entry: Entry | undefined): boolean {
  if ("modRevision" in compare) return (entry?.modRevision ?? 0) === compare.modRevision;
  return entry !== undefined && Buffer.compare(entry.value, compare.value) === 0;
}

function toEvent(
  operation: Operation,
  previous: Entry | undefined,
  revision: number,
): StoreEvent[] {
  const { key } = operation;
  if (operation.kind === "delete") {
    return previous === undefined ? [] : [{ kind: "delete", key, revision, previous }];
  }
  const createRevision = previous?.createRevision ?? revision;
  const entry = { key, value: operation.value, createRevision, modRevision: revision };
  return [previous === undefined ? { kind: "put", entry } : { kind: "put", entry, previous }];
}
