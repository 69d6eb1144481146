import { randomUUID } from "node:crypto";
import type { Compare, Store } from "./store.ts";

/** Who may write. Every write of a leader compares the key, so that a deposed one's writes are refused. */
export interface Leader {
  readonly key: string;
  readonly identity: string;
}

const LEADER_KEY = "/berth/leader";

/** Makes the caller the one leader of the store: whoever was it before is deposed. */
export async function acquireLeadership(
  store: Store,
  options: { readonly key?: string; readonly identity?: string } = {},
): Promise<Leader> {
  const { key = LEADER_KEY, identity = randomUUID() } = options;
  const value = Buffer.from(identity);
  await store.transact({ compare: [], operations: [{ kind: "put", key, value }] });
  return { key, identity };
}

/** Holds while `leader` is the leader. */
export function leaderCompare(leader: Leader): Compare {
  return { key: leader.key, value: Buffer.from(leader.identity) };
}
