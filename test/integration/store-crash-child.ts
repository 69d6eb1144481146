import { writeSync } from "node:fs";
import { systemClock } from "../../src/base/system-clock.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";

/**
 * Writes pairs until it is killed, and prints `<revision> <pair> <value>` for each acknowledged transaction, unbuffered.
 * Several writers at once, so that commits hold more than one transaction.
 */
const PAIRS = 12;
const WRITERS = 6;

const [, , path = "", round = ""] = process.argv;
writeSync(1, "opening\n");
const store = await openLmdbStore({ path, clock: systemClock, log: { maxTransactions: 2000 } });

async function write(writer: number): Promise<never> {
  for (let count = 0; ; count += 1) {
    const pair = (writer + count * WRITERS) % PAIRS;
    const value = `${round}.${writer}.${count}.${"x".repeat((count * 7919) % 20_000)}`;
    const bytes = Buffer.from(value);
    const { revision } = await store.transact({
      compare: [],
      operations: [
        { kind: "put", key: `/pair/${pair}/left`, value: bytes },
        { kind: "put", key: `/pair/${pair}/right`, value: bytes },
        count % 2 === 0
          ? { kind: "put", key: `/odd/${pair}`, value: bytes }
          : { kind: "delete", key: `/odd/${pair}` },
      ],
    });
    writeSync(1, `${revision} ${pair} ${value.slice(0, 40)}\n`);
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
