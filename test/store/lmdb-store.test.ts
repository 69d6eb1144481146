import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { openLmdbStore, type LmdbStoreOptions } from "../../src/store/lmdb-store.ts";
import type { Store } from "../../src/store/store.ts";
import { describeStore, puts, text } from "../support/store-contract.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-store-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const openAt = (path: string, more: Partial<LmdbStoreOptions> = {}): Promise<Store> =>
  openLmdbStore({ path, clock: systemClock, ...more });

describeStore("LMDB store", async () => {
  const store = await openAt(join(folder, "contract"), { log: { maxTransactions: 300 } });
  return {
    store,
    forgetHistory: async () => {
      const writes = Array.from({ length: 1500 }, (_, index) =>
        store.transact(puts({ "/forget/it": String(index) })),
      );
      await Promise.all(writes);
    },
    dispose: () => store.close(),
  };
});

describe("openLmdbStore", () => {
  test("what was written is there after closing and opening, with its history", async () => {
    const first = await openAt(folder);
    await first.transact(puts({ "/a": "1" }));
    await first.transact(puts({ "/a": "2", "/b": "1" }));
    await first.close();

    const second = await openAt(folder);
    expect(await second.revision()).toBe(2);
    expect(text(await second.get("/a"))).toBe("2");
    const cancel = new AbortController();
    for await (const batch of second.watch("/", 0, cancel.signal)) {
      expect(batch.events.length).toBe(3);
      expect(batch.revision).toBe(2);
      cancel.abort();
    }
    expect(await second.transact(puts({ "/a": "3" }))).toEqual({ succeeded: true, revision: 3 });
    await second.close();
  });

  test("one opener at a time; the next may when the first has closed", async () => {
    const first = await openAt(folder);
    await expect(openAt(folder)).rejects.toMatchObject({
      name: "StoreError",
      code: "locked",
      message: `Cannot open the store "${folder}": this process has it open`,
    });
    await first.transact(puts({ "/a": "1" }));
    await first.close();
    const second = await openAt(folder);
    expect(text(await second.get("/a"))).toBe("1");
    await second.close();
    expect((await readdir(folder)).filter((name) => name.includes("lock-"))).toEqual([]);
  });

  test("of openers at the same time at most one gets in", async () => {
    const tries = await Promise.allSettled(Array.from({ length: 6 }, () => openAt(folder)));
    const opened = tries.filter((one) => one.status === "fulfilled");
    expect(opened.length).toBeLessThanOrEqual(1);
    for (const one of tries) {
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "locked" });
      else await one.value.close();
    }
    const after = await openAt(folder);
    await after.close();
  });

  test("sockets of openers that died are swept away, whenever they died", async () => {
    const names = ["lock-1-0123456789abcdef.sock", ".lock-1-0123456789abcdef.sock"];
    for (const name of names) await leaveDeadSocket(join(folder, name));
    expect((await readdir(folder)).toSorted()).toEqual(names.toSorted());
    const store = await openAt(folder);
    const left = (await readdir(folder)).filter((name) => name.includes("lock-"));
    expect(left).toEqual([expect.stringMatching(`^lock-${process.pid}-`)]);
    await store.close();
  });

  test("a folder whose path is too long for a socket is locked all the same", async () => {
    const long = join(folder, "x".repeat(120));
    const first = await openAt(long);
    await expect(openAt(long)).rejects.toMatchObject({ code: "locked" });
    await first.close();
  });

  test("a newer format is refused with the cure, and stays untouched", async () => {
    const store = await openAt(folder);
    await store.close();
    await setFormat(folder, "2");
    await expect(openAt(folder)).rejects.toMatchObject({
      code: "format",
      message: `Cannot open the store "${folder}": it has format 2, this version of Berth reads format 1; use the newer Berth that wrote it`,
    });
    await setFormat(folder, "1");
    const again = await openAt(folder);
    await again.close();
  });

  test("a file that is not LMDB's is refused, and stays untouched", async () => {
    const file = join(folder, "data.mdb");
    await writeFile(file, "not a database at all, but long enough to look like one\n".repeat(200));
    const before = await readFile(file);
    await expect(openAt(folder)).rejects.toMatchObject({ code: "format" });
    expect(await readFile(file)).toEqual(before);
  });

  test("another program's LMDB file is refused", async () => {
    const root = open({ path: folder, noSubdir: false });
    await root.put("someone", "else");
    await root.close();
    await expect(openAt(folder)).rejects.toMatchObject({ code: "format" });
  });

  test("a path that is a file is refused with a clear message", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(openAt(file)).rejects.toMatchObject({
      code: "io",
      message: `Cannot open the store "${file}": the path is not a folder; name a folder`,
    });
  });

  test("the folder and its file are for the owner alone", async () => {
    const path = join(folder, "deep", "store");
    const store = await openAt(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, "data.mdb"))).mode & 0o777).toBe(0o600);
    await store.close();
  });

  test("every use after close is refused as closed; waiting watches end so too", async () => {
    const store = await openAt(folder);
    const told: number[] = [];
    const watching = (async () => {
      const { signal } = new AbortController();
      for await (const batch of store.watch("/", 0, signal)) told.push(batch.revision);
    })();
    const closed = { name: "StoreError", code: "closed" };
    const ended = expect(watching).rejects.toMatchObject(closed);
    const write = store.transact(puts({ "/a": "1" }));
    await store.close();
    expect(await write).toEqual({ succeeded: true, revision: 1 });
    await ended;
    expect(told.length).toBeLessThanOrEqual(1);
    await expect(store.get("/a")).rejects.toMatchObject(closed);
    await expect(store.list("/")).rejects.toMatchObject(closed);
    await expect(store.revision()).rejects.toMatchObject(closed);
    await expect(store.transact(puts({ "/a": "2" }))).rejects.toMatchObject(closed);
    await store.close();
  });
});

describe("LMDB store", () => {
  test("a disk that runs full refuses writes before LMDB does, and resumes by itself", async () => {
    let free = 40_000_000;
    const store = await openAt(folder, { freeBytes: () => Promise.resolve(free) });
    await store.transact(puts({ "/a": "1" }));
    free = 32_000_000;
    const large = {
      compare: [],
      operations: [{ kind: "put", key: "/l", value: new Uint8Array(900_000) }],
    } as const;
    for (let index = 0; index < 2; index += 1) await store.transact(large);
    await expect(store.transact(large)).rejects.toMatchObject({
      code: "full",
      message: `Cannot write to the store "${folder}": its disk has 32 MB left, of which 32 MB are kept free; free some space`,
    });
    expect(await store.revision()).toBe(3);
    free = 90_000_000;
    expect(await store.transact(large)).toEqual({ succeeded: true, revision: 4 });
    await store.close();
  });

  test("transactions of one turn share a commit", async () => {
    const store = await openAt(folder);
    await store.transact(puts({ "/warm": "" }));
    const order: string[] = [];
    const writes = Array.from({ length: 50 }, (_, index) =>
      store.transact(puts({ [`/k/${index}`]: "" })).then(() => order.push(`w${index}`)),
    );
    await writes[0];
    await Promise.resolve();
    expect(order.length).toBe(50);
    await Promise.all(writes);
    await store.close();
  });

  test("the log leaves by age, and only when it is past it", async () => {
    let now = 1_000_000;
    const clock = { ...systemClock, now: () => now };
    const store = await openAt(folder, { clock, log: { keepMs: 60_000 } });
    await store.transact(puts({ "/a": "1" }));
    await store.close();
    now += 60_000;
    const second = await openAt(folder, { clock, log: { keepMs: 60_000 } });
    await second.transact(puts({ "/a": "2" }));
    await second.close();
    const third = await openAt(folder, { clock, log: { keepMs: 60_000 } });
    expect(await firstRevision(third, 0)).toBe(1);
    now += 1;
    await third.transact(puts({ "/a": "3" }));
    await third.close();
    const fourth = await openAt(folder, { clock, log: { keepMs: 60_000 } });
    await expect(firstRevision(fourth, 0)).rejects.toMatchObject({
      code: "compacted",
      message: "Cannot watch from revision 0: it is no longer kept",
    });
    expect(await firstRevision(fourth, 1)).toBe(2);
    await fourth.close();
  });

  test("the log leaves by bytes", async () => {
    const log = { maxBytes: 100_000 };
    const store = await openAt(folder, { log });
    for (let index = 0; index < 40; index += 1) {
      await store.transact({
        compare: [],
        operations: [{ kind: "put", key: `/k/${index}`, value: new Uint8Array(10_000) }],
      });
    }
    await store.close();
    const again = await openAt(folder, { log });
    await expect(firstRevision(again, 25)).rejects.toMatchObject({ code: "compacted" });
    expect(await firstRevision(again, 35)).toBe(36);
    await again.close();
  });

  test("a long log is read in turns, none of which is long", async () => {
    const store = await openAt(folder);
    const writes = Array.from({ length: 3000 }, (_, index) =>
      store.transact(puts({ [`/k/${index % 500}`]: "x".repeat(100) })),
    );
    await Promise.all(writes);
    await store.close();
    const again = await openAt(folder);
    const cancel = new AbortController();
    const revisions: number[] = [];
    let largest = 0;
    for await (const batch of again.watch("/k/", 0, cancel.signal)) {
      largest = Math.max(largest, batch.events.length);
      for (const event of batch.events)
        revisions.push(event.kind === "put" ? event.entry.modRevision : 0);
      if (batch.revision === 3000) cancel.abort();
    }
    expect(revisions).toEqual(Array.from({ length: 3000 }, (_, index) => index + 1));
    expect(largest).toBeLessThanOrEqual(256);
    await again.close();
  });

  test("the file grows by itself, far beyond its first map", async () => {
    const store = await openAt(folder);
    const value = new Uint8Array(500_000).fill(7);
    for (let index = 0; index < 40; index += 1) {
      await store.transact({
        compare: [],
        operations: [{ kind: "put", key: `/k/${index}`, value }],
      });
      expect((await store.get(`/k/${index >> 1}`))?.value.at(-1)).toBe(7);
    }
    expect((await stat(join(folder, "data.mdb"))).size).toBeGreaterThan(20_000_000);
    await store.close();
  });
});

/** As a killed process leaves it: nobody listens there any more. */
async function leaveDeadSocket(path: string): Promise<void> {
  const script = `require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: "ignore" });
  await once(child, "exit");
}

async function firstRevision(store: Store, after: number): Promise<number | undefined> {
  const cancel = new AbortController();
  for await (const batch of store.watch("/", after, cancel.signal)) {
    cancel.abort();
    const [event] = batch.events;
    return event?.kind === "put" ? event.entry.modRevision : undefined;
  }
  return undefined;
}

async function setFormat(path: string, format: string): Promise<void> {
  await mkdir(path, { recursive: true });
  const root = open({ path, noSubdir: false, overlappingSync: false });
  const meta = root.openDB<Buffer, Buffer>("meta", { encoding: "binary", keyEncoding: "binary" });
  await meta.put(Buffer.from("format"), Buffer.from(format));
  await root.close();
}
