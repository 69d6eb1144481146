import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesToFree, ImageGc } from "../../../src/agent/resources/image-gc.ts";
import { ImageLedger } from "../../../src/agent/resources/image-ledger.ts";
import type { ImageStore, ListedImage } from "../../../src/agent/runtime.ts";
import { silentLogger } from "../../../src/base/logger.ts";

const SIGNAL = new AbortController().signal;
const MIN = 60_000;

/** Images of a host, in memory. */
class FakeStore implements ImageStore {
  images: ListedImage[] = [];
  readonly used = new Set<string>();

  list(): Promise<readonly ListedImage[]> {
    return Promise.resolve([...this.images]);
  }

  inUse(): Promise<ReadonlySet<string>> {
    return Promise.resolve(this.used);
  }

  untag(reference: string): Promise<void> {
    this.images = this.images.flatMap((image) => {
      const references = image.references.filter((one) => one !== reference);
      return references.length === 0 || image.id === reference ? [] : [{ ...image, references }];
    });
    return Promise.resolve();
  }
}

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-ledger-"));
});
const ledgers: ImageLedger[] = [];
afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.flush();
  await rm(folder, { recursive: true, force: true });
});

async function open() {
  const clock = { now: 1_000_000 };
  const store = new FakeStore();
  const options = { stateDir: folder, now: () => clock.now, logger: silentLogger };
  const ledger = await ImageLedger.open(options);
  ledgers.push(ledger);
  const needed = new Set<string>();
  const asked: string[] = [];
  const gc = new ImageGc({
    store,
    ledger,
    askNeeded: (references) => {
      asked.push(...references);
      return Promise.resolve(references.filter((one) => needed.has(one)));
    },
    now: () => clock.now,
    logger: silentLogger,
  });
  const pull = (name: string, sizeBytes = 10): void => {
    const digest = `${name.split(":")[0] ?? ""}@sha256:${name}`;
    store.images.push({ id: `id-${name}`, sizeBytes, references: [name, digest] });
    ledger.pulled({ id: `id-${name}`, user: "", sizeBytes, digests: [digest] }, name);
  };
  return { clock, store, ledger, gc, needed, asked, pull, options };
}

describe("ImageGc", () => {
  test("removes the least recently used first, and no more than is wanted", async () => {
    const { clock, store, gc, pull } = await open();
    pull("a:1");
    clock.now += MIN;
    pull("b:1");
    store.used.add("id-a:1");
    clock.now += MIN;
    await gc.free(0, 0, SIGNAL);
    store.used.clear();
    clock.now += 5 * MIN;
    pull("c:1");
    clock.now += 5 * MIN;
    expect(await gc.free(15, 2 * MIN, SIGNAL)).toEqual({
      freedBytes: 20,
      removed: ["id-b:1", "id-a:1"],
    });
    expect(store.images.map(({ id }) => id)).toEqual(["id-c:1"]);
  });

  test.each([
    [
      "one that a container uses",
      ({ store }: Awaited<ReturnType<typeof open>>) => void store.used.add("id-a:1"),
    ],
    [
      "one that a retained release needs",
      ({ needed }: Awaited<ReturnType<typeof open>>) => void needed.add("a:1"),
    ],
    [
      "one that a retained release needs by its digest",
      ({ needed }: Awaited<ReturnType<typeof open>>) => void needed.add("a@sha256:a:1"),
    ],
    [
      "one to which somebody else gave a name",
      ({ store }: Awaited<ReturnType<typeof open>>) => {
        store.images = store.images.map((one) => ({
          ...one,
          references: [...one.references, "mine:1"],
        }));
      },
    ],
    [
      "one that was there before",
      ({ store, ledger }: Awaited<ReturnType<typeof open>>) => {
        ledger.keep(new Set());
        expect(store.images).toHaveLength(1);
      },
    ],
  ])("keeps %s", async (_, arrange) => {
    const bench = await open();
    bench.pull("a:1");
    bench.clock.now += 10 * MIN;
    arrange(bench);
    expect(await bench.gc.free(1000, 2 * MIN, SIGNAL)).toEqual({ freedBytes: 0, removed: [] });
    expect(bench.store.images).toHaveLength(1);
  });

  test("keeps one that is younger than two minutes, but for disk pressure", async () => {
    const { gc, pull, clock, store } = await open();
    pull("a:1");
    clock.now += 2 * MIN - 1;
    expect((await gc.free(1000, 2 * MIN, SIGNAL)).removed).toEqual([]);
    expect((await gc.free(1000, 0, SIGNAL)).removed).toEqual(["id-a:1"]);
    expect(store.images).toEqual([]);
  });

  test("removes nothing while nobody can be asked what is needed", async () => {
    const { store, ledger, pull, clock } = await open();
    pull("a:1");
    clock.now += 10 * MIN;
    const askNeeded = (): Promise<never> => Promise.reject(new Error("the API is away"));
    const gc = new ImageGc({
      store,
      ledger,
      askNeeded,
      now: () => clock.now,
      logger: silentLogger,
    });
    await expect(gc.free(1000, 0, SIGNAL)).rejects.toThrow("the API is away");
    expect(store.images).toHaveLength(1);
  });

  test("asks only about images that it would remove", async () => {
    const { gc, pull, store, asked } = await open();
    pull("a:1");
    pull("b:1");
    store.images.push({ id: "other", sizeBytes: 1, references: ["secret:1"] });
    store.used.add("id-b:1");
    await gc.free(1000, 0, SIGNAL);
    expect(asked).toEqual(["a:1", "a@sha256:a:1"]);
  });
});

describe("ImageLedger", () => {
  test("remembers over a restart", async () => {
    const { ledger, pull, options } = await open();
    pull("a:1");
    await ledger.flush();
    const again = await ImageLedger.open(options);
    expect([...again.entries]).toEqual([...ledger.entries]);
  });

  test("that cannot be read counts as empty", async () => {
    await writeFile(join(folder, "images.json"), "{");
    const { ledger } = await open();
    expect(ledger.entries.size).toBe(0);
  });
});

test.each([
  [16, 0],
  [15, 5],
  [10, 10],
])("with %i of 100 bytes left, %i are to be freed", (available, bytes) => {
  const marks = { highPercent: 85, lowPercent: 80 };
  expect(bytesToFree({ available, capacity: 100 }, marks)).toBe(bytes);
});
