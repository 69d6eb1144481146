import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { Entry, Store } from "../../src/store/store.ts";

const KILLS = 25;
const MOST_ACKS = 300;
const CHILD = fileURLToPath(new URL("./store-crash-child.ts", import.meta.url));

interface Ack {
  readonly revision: number;
  readonly pair: number;
  readonly start: string;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-crash-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test(`a store that was killed ${KILLS} times has every acknowledged write, whole`, async () => {
  const path = join(folder, "store");
  const newest = new Map<number, Ack>();
  let revision = 0;
  let total = 0;
  for (let round = 0; round < KILLS; round += 1) {
    // The first rounds die while opening, and right after the first write.
    const after = round < 2 ? round : 1 + Math.floor(Math.random() * MOST_ACKS);
    const acks = await killAfter(path, round, after);
    total += acks.length;
    for (const ack of acks) {
      revision = Math.max(revision, ack.revision);
      if (ack.revision > (newest.get(ack.pair)?.revision ?? 0)) newest.set(ack.pair, ack);
    }

    const store = await openLmdbStore({ path, clock: systemClock, log: { maxTransactions: 2000 } });
    const context = `kill ${round} after ${after} acknowledged writes`;
    const reached = await store.revision();
    expect(reached, context).toBeGreaterThanOrEqual(revision);
    const entries = new Map((await store.list("/")).entries.map((entry) => [entry.key, entry]));
    for (const [pair, ack] of newest) {
      const left = entries.get(`/pair/${pair}/left`);
      expect(left?.modRevision, context).toBeGreaterThanOrEqual(ack.revision);
      if (left?.modRevision === ack.revision) expect(startOf(left), context).toBe(ack.start);
    }
    expectWhole(entries, reached, context);
    await expectHistory(store, entries, reached, context);
    revision = reached;
    await store.close();
    expect((await readdir(path)).toSorted()).toEqual(["data.mdb", "lock.mdb"]);
  }
  expect(total).toBeGreaterThan(KILLS);
});

/** Runs a writer, and kills it once it has acknowledged so many writes. All that it acknowledged. */
async function killAfter(path: string, round: number, count: number): Promise<Ack[]> {
  const child = spawn(process.execPath, [CHILD, path, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const acks: Ack[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [revision, pair, start] = line.split(" ");
    if (start !== undefined) acks.push({ revision: Number(revision), pair: Number(pair), start });
    if (acks.length === count) child.kill("SIGKILL");
  }
  expect((await exited)[1]).toBe("SIGKILL");
  return acks;
}

/** No half transaction: what one transaction wrote is there together. */
function expectWhole(entries: ReadonlyMap<string, Entry>, revision: number, context: string): void {
  for (const [key, entry] of entries) {
    expect(entry.modRevision, context).toBeLessThanOrEqual(revision);
    if (!key.endsWith("/left")) continue;
    const right = entries.get(key.replace("left", "right"));
    expect(right?.modRevision, `${context}: ${key}`).toBe(entry.modRevision);
    expect(
      Buffer.compare(right?.value ?? Buffer.alloc(0), entry.value) === 0,
      `${context}: ${key}`,
    ).toBe(true);
    const odd = entries.get(key.replace("/pair/", "/odd/").replace("/left", ""));
    if (odd !== undefined) expect(odd.modRevision, `${context}: ${key}`).toBe(entry.modRevision);
  }
}

/** The kept history has every revision up to the newest, and its last word on each key is what is stored. */
async function expectHistory(
  store: Store,
  entries: ReadonlyMap<string, Entry>,
  revision: number,
  context: string,
): Promise<void> {
  if (revision === 0) return;
  const cancel = new AbortController();
  const after = Math.max(0, revision - 500);
  const last = new Map<string, number | undefined>();
  const seen = new Set<number>();
  for await (const batch of store.watch("/", after, cancel.signal)) {
    for (const event of batch.events) {
      seen.add(event.kind === "put" ? event.entry.modRevision : event.revision);
      if (event.kind === "put") last.set(event.entry.key, event.entry.modRevision);
      else last.set(event.key, undefined);
    }
    if (batch.revision === revision) cancel.abort();
  }
  expect(seen.size, context).toBe(revision - after);
  for (const [key, modRevision] of last) {
    expect(entries.get(key)?.modRevision, `${context}: ${key}`).toBe(modRevision);
  }
}

function startOf(entry: Entry): string {
  return Buffer.from(entry.value).toString().slice(0, 40);
}
