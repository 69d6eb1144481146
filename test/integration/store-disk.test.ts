import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import { puts, text } from "../support/store-contract.ts";

const run = promisify(execFile);
const DISK_MB = 64;

let folder: string;
let disk: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-disk-"));
  disk = join(folder, "disk");
  await mkdir(disk);
  await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "berth-store-test", disk]);
});
afterEach(async () => {
  await run("umount", [disk]);
  await rm(folder, { recursive: true, force: true });
});

const large = (
  key: string,
): Parameters<Awaited<ReturnType<typeof openLmdbStore>>["transact"]>[0] => ({
  compare: [],
  operations: [{ kind: "put", key, value: new Uint8Array(900_000).fill(1) }],
});

test("a disk that fills up: writes are refused with the cure, reads go on, and writes resume by themselves", async () => {
  const path = join(disk, "store");
  const store = await openLmdbStore({ path, clock: systemClock });
  await store.transact(puts({ "/a": "1" }));
  const { bavail, bsize } = await statfs(disk);
  await writeFile(join(disk, "other"), Buffer.alloc(bavail * bsize - 200_000, 1));

  const refused = await Promise.allSettled([
    store.transact(large("/b")),
    store.transact(puts({ "/a": "2" })),
  ]);
  for (const one of refused) {
    expect(one).toMatchObject({
      status: "rejected",
      reason: {
        name: "StoreError",
        code: "full",
        message: expect.stringMatching(
          /^Cannot write to the store ".*": its disk has 0 MB left, of which 32 MB are kept free; free some space$/,
        ),
      },
    });
  }
  expect(await store.revision()).toBe(1);
  expect(text(await store.get("/a"))).toBe("1");
  expect((await store.list("/")).entries.map((entry) => entry.key)).toEqual(["/a"]);

  await rm(join(disk, "other"));
  expect(await store.transact(large("/b"))).toEqual({ succeeded: true, revision: 2 });
  await store.close();
  const again = await openLmdbStore({ path, clock: systemClock });
  expect((await again.list("/")).entries.map((entry) => entry.key)).toEqual(["/a", "/b"]);
  await again.close();
});

test("a disk that LMDB itself finds full fails that commit alone", async () => {
  const path = join(disk, "store");
  // The guard is told lies, so that LMDB meets the end of the disk.
  let free = 1_000_000_000_000;
  const store = await openLmdbStore({
    path,
    clock: systemClock,
    freeBytes: () => Promise.resolve(free),
  });
  await store.transact(puts({ "/a": "1" }));
  const { bavail, bsize } = await statfs(disk);
  await writeFile(join(disk, "other"), Buffer.alloc(bavail * bsize - 200_000, 1));
  const watched: number[] = [];
  const cancel = new AbortController();
  const watching = (async () => {
    for await (const batch of store.watch("/", 1, cancel.signal)) watched.push(batch.revision);
  })();

  await expect(store.transact(large("/b"))).rejects.toMatchObject({
    name: "StoreError",
    code: "io",
  });
  free = 0;
  await expect(store.transact(large("/b"))).rejects.toMatchObject({ code: "full" });
  expect(await store.get("/b")).toBeUndefined();
  expect(await store.revision()).toBe(1);

  free = 1_000_000_000_000;
  await rm(join(disk, "other"));
  expect(await store.transact(large("/b"))).toEqual({ succeeded: true, revision: 2 });
  cancel.abort();
  await watching;
  expect(watched).toEqual([2]);
  await store.close();
});

test("a read-only disk is named", async () => {
  const path = join(disk, "store");
  await (await openLmdbStore({ path, clock: systemClock })).close();
  await run("mount", ["-o", "remount,ro", disk]);
  await expect(openLmdbStore({ path, clock: systemClock })).rejects.toMatchObject({
    name: "StoreError",
    code: "io",
    message: `Cannot open the store "${path}": its file system is read-only; mount it writable`,
  });
});
