import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Compare, Entry, Operation, Store, StoreEvent } from "../../src/store/store.ts";
import {
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  StoreError,
} from "../../src/store/store.ts";

/** An empty store of its own for one test. */
export interface StoreUnderTest {
  readonly store: Store;
  /** Makes the driver forget its history up to the current revision. May write keys below `/forget/`. */
  forgetHistory(): Promise<void>;
  dispose(): Promise<void>;
}

/** What every driver of `Store` promises. */
export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let subject: StoreUnderTest;
    let store: Store;
    beforeEach(async () => {
      subject = await make();
      store = subject.store;
    });
    afterEach(async () => {
      await subject.dispose();
    });

    describeTransactions(() => store);
    describeReads(() => store);
    describeWatches(
      () => store,
      () => subject,
    );
    describeTogether(() => store);
  });
}

function describeTransactions(at: () => Store): void {
  test("a transaction takes the next revision, and all its operations share it", async () => {
    const before = await at().revision();
    const result = await at().transact(puts({ "/a": "1", "/b": "1" }));
    expect(result).toEqual({ succeeded: true, revision: before + 1 });
    expect(await at().revision()).toBe(before + 1);
    expect(show(await at().get("/a"))).toBe(`/a=1 created ${before + 1} modified ${before + 1}`);
    expect(show(await at().get("/b"))).toBe(`/b=1 created ${before + 1} modified ${before + 1}`);
  });

  test("a second write keeps createRevision, a deletion in between renews it", async () => {
    const { revision: first } = await at().transact(puts({ "/a": "1" }));
    await at().transact(puts({ "/a": "2" }));
    expect(show(await at().get("/a"))).toBe(`/a=2 created ${first} modified ${first + 1}`);
    await at().transact(deletes("/a"));
    expect(await at().get("/a")).toBeUndefined();
    await at().transact(puts({ "/a": "3" }));
    expect(show(await at().get("/a"))).toBe(`/a=3 created ${first + 3} modified ${first + 3}`);
  });

  test("a transaction that changes nothing takes no revision", async () => {
    const { revision } = await at().transact(puts({ "/a": "1" }));
    expect(await at().transact(deletes("/absent"))).toEqual({ succeeded: true, revision });
    expect(await at().transact({ compare: [], operations: [] })).toEqual({
      succeeded: true,
      revision,
    });
    expect(await at().revision()).toBe(revision);
  });

  test.each<{
    readonly name: string;
    readonly make: (r: number) => Compare;
    readonly holds: boolean;
  }>([
    { name: "its modRevision", make: (r) => ({ key: "/a", modRevision: r }), holds: true },
    { name: "another modRevision", make: (r) => ({ key: "/a", modRevision: r - 1 }), holds: false },
    { name: "0 of a key that is there", make: () => ({ key: "/a", modRevision: 0 }), holds: false },
    { name: "0 of an absent key", make: () => ({ key: "/absent", modRevision: 0 }), holds: true },
    {
      name: "a modRevision of an absent key",
      make: (r) => ({ key: "/absent", modRevision: r }),
      holds: false,
    },
    { name: "its value", make: () => ({ key: "/a", value: bytes("old") }), holds: true },
    { name: "another value", make: () => ({ key: "/a", value: bytes("olds") }), holds: false },
    {
      name: "a value of an absent key",
      make: () => ({ key: "/absent", value: bytes("") }),
      holds: false,
    },
  ])("compare with $name: $holds", async ({ make, holds }) => {
    await at().transact(puts({ "/other": "1" }));
    const { revision } = await at().transact(puts({ "/a": "old" }));
    const result = await at().transact({
      compare: [{ key: "/other", value: bytes("1") }, make(revision)],
      operations: [put("/a", "new"), { kind: "delete", key: "/other" }],
    });
    expect(result).toEqual({ succeeded: holds, revision: holds ? revision + 1 : revision });
    expect(text(await at().get("/a"))).toBe(holds ? "new" : "old");
    expect(text(await at().get("/other"))).toBe(holds ? undefined : "1");
  });

  test("of several writers with the same comparison one wins", async () => {
    const { revision } = await at().transact(puts({ "/a": "0" }));
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, writer) =>
        at().transact({
          compare: [{ key: "/a", modRevision: revision }],
          operations: [put("/a", String(writer))],
        }),
      ),
    );
    expect(results.filter((result) => result.succeeded)).toEqual([
      { succeeded: true, revision: revision + 1 },
    ]);
    expect(await at().revision()).toBe(revision + 1);
  });

  test("the limits hold, at their boundary", async () => {
    const keys = (count: number): Operation[] =>
      Array.from({ length: count }, (_, index) => put(`/k/${index}`, ""));
    const big = (length: number): Operation => ({
      kind: "put",
      key: "/big",
      value: new Uint8Array(length).fill(65),
    });
    const write = (...operations: Operation[]): Promise<unknown> =>
      at().transact({ compare: [], operations });

    await write(...keys(MAX_TRANSACTION_OPERATIONS));
    await write(big(MAX_TRANSACTION_BYTES));
    expect((await at().get("/big"))?.value.length).toBe(MAX_TRANSACTION_BYTES);
    const before = await at().revision();
    await expect(write(...keys(MAX_TRANSACTION_OPERATIONS + 1))).rejects.toMatchObject({
      name: "StoreError",
      code: "too-large",
    });
    await expect(write(big(MAX_TRANSACTION_BYTES), put("/one", "x"))).rejects.toMatchObject({
      code: "too-large",
    });
    await expect(write(put(`/${"é".repeat(512)}`, ""))).rejects.toMatchObject({
      code: "too-large",
    });
    expect(await at().revision()).toBe(before);
    await write(put(`/${"é".repeat(511)}`, ""));
  });

  test("a key may stand once in a transaction", async () => {
    const twice = at().transact({
      compare: [],
      operations: [put("/a", "1"), { kind: "delete", key: "/a" }],
    });
    await expect(twice).rejects.toThrow('"/a" twice');
    expect(await at().get("/a")).toBeUndefined();
  });

  test("values are any bytes, also none", async () => {
    const value = Uint8Array.from({ length: 256 }, (_, index) => index);
    await at().transact({
      compare: [],
      operations: [{ kind: "put", key: "/all", value }, put("/none", "")],
    });
    expect([...((await at().get("/all"))?.value ?? [])]).toEqual([...value]);
    expect((await at().get("/none"))?.value.length).toBe(0);
  });
}

function describeReads(at: () => Store): void {
  test("list gives the keys of a prefix in the order of their UTF-8 bytes", async () => {
    await at().transact(
      puts({
        "/b/2": "",
        "/a/1": "",
        "/b/10": "",
        "/b/é": "",
        "/b/😀": "",
        "/b/z": "",
        "/b0": "",
        "/c": "",
      }),
    );
    const { entries, more } = await at().list("/b/");
    expect(entries.map((entry) => entry.key)).toEqual(["/b/10", "/b/2", "/b/z", "/b/é", "/b/😀"]);
    expect(more).toBe(false);
    expect((await at().list("/nothing/")).entries).toEqual([]);
  });

  test("list in pages misses nothing and repeats nothing", async () => {
    for (let part = 0; part < 3; part += 1) {
      await at().transact(
        puts(
          Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`/p/${part}/${i}`, `${i}`])),
        ),
      );
    }
    await at().transact(puts({ "/o": "", "/q": "" }));
    for (const limit of [1, 7, 100, 299, 300, 301, 10_000]) {
      const pages = await listAll(at(), "/p/", limit);
      expect(pages.flat().length).toBe(300);
      expect(new Set(pages.flat().map((entry) => entry.key)).size).toBe(300);
      expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(limit);
    }
  });

  test("list without a limit is still cut into pages of bounded size", async () => {
    for (let part = 0; part < 12; part += 1) {
      await at().transact({
        compare: [],
        operations: [{ kind: "put", key: `/large/${part}`, value: new Uint8Array(900_000) }],
      });
    }
    const first = await at().list("/large/");
    expect(first.more).toBe(true);
    expect(first.entries.length).toBeLessThan(12);
    expect((await listAll(at(), "/large/", undefined)).flat().length).toBe(12);
  });

  test("list says the revision that its entries are as of", async () => {
    const { revision } = await at().transact(puts({ "/a": "1" }));
    expect(await at().list("/")).toMatchObject({ revision, more: false });
  });
}

function describeWatches(at: () => Store, subject: () => StoreUnderTest): void {
  test("a watch tells changes with what was before, once each, in order", async () => {
    const before = await at().revision();
    const seen = follow(at(), "/", before);
    await at().transact(puts({ "/a": "1" }));
    await at().transact({ compare: [], operations: [put("/a", "2"), put("/b", "1")] });
    await at().transact(deletes("/a"));
    await seen.until(before + 3);
    const [r1, r2, r3] = [before + 1, before + 2, before + 3];
    expect(seen.events.map(showEvent)).toEqual([
      `${r1} put /a=1`,
      `${r2} put /a=2 was 1 of ${r1}`,
      `${r2} put /b=1`,
      `${r3} delete /a was 2 of ${r2}`,
    ]);
    await seen.stop();
  });

  test("a watch from any old revision gives the rest", async () => {
    const start = await at().revision();
    for (let index = 1; index <= 5; index += 1) await at().transact(puts({ "/a": String(index) }));
    for (let after = 0; after <= 5; after += 1) {
      const seen = follow(at(), "/", start + after);
      if (after < 5) await seen.until(start + 5);
      await at().transact(puts({ "/z": `${after}` }));
      await seen.until(start + 6 + after);
      const revisions = seen.events.map((event) => revisionOf(event) - start);
      expect(revisions).toEqual(Array.from({ length: 6 }, (_, index) => after + index + 1));
      await seen.stop();
    }
  });

  test("a watch sees its prefix alone, and learns that the revision moved on", async () => {
    const before = await at().revision();
    const seen = follow(at(), "/a/", before);
    await at().transact(puts({ "/a/x": "1", "/b/x": "1" }));
    await at().transact(puts({ "/a": "1", "/ab": "1" }));
    await at().transact(deletes("/b/x"));
    await seen.until(before + 3);
    expect(seen.events.map(showEvent)).toEqual([`${before + 1} put /a/x=1`]);
    await seen.stop();
  });

  test("a watch from a revision yet to come waits for it", async () => {
    const before = await at().revision();
    const seen = follow(at(), "/", before + 2);
    for (const value of ["1", "2", "3"]) await at().transact(puts({ "/a": value }));
    await seen.until(before + 3);
    expect(seen.events.map(showEvent)).toEqual([`${before + 3} put /a=3 was 2 of ${before + 2}`]);
    await seen.stop();
  });

  test("abort ends a watch that waits, and one that never began", async () => {
    const cancel = new AbortController();
    const waiting = begin(at().watch("/", await at().revision(), cancel.signal));
    const next = waiting.next();
    cancel.abort();
    expect((await next).done).toBe(true);
    const late = begin(at().watch("/", 0, AbortSignal.abort()));
    expect((await late.next()).done).toBe(true);
  });

  test("history that is gone is said to be compacted", async () => {
    await at().transact(puts({ "/a": "1" }));
    const old = await at().revision();
    await at().transact(puts({ "/a": "2" }));
    await subject().forgetHistory();
    const error = await follow(at(), "/", old).ended;
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: "compacted" });
    const seen = follow(at(), "/", await at().revision());
    await at().transact(puts({ "/a": "3" }));
    await seen.until(await at().revision());
    expect(
      seen.events.map((event) => text(event.kind === "put" ? event.entry : undefined)),
    ).toEqual(["3"]);
    await seen.stop();
  });

  test("a watcher that does not read holds nobody up, and ends as compacted or complete", async () => {
    const before = await at().revision();
    const cancel = new AbortController();
    const lazy = begin(at().watch("/", before, cancel.signal));
    await at().transact(puts({ "/a": "first" }));
    const first = await lazy.next();
    expect(first.value?.revision).toBe(before + 1);
    await subject().forgetHistory();
    await at().transact(puts({ "/a": "last" }));
    const end = await at().revision();
    const seen: number[] = [];
    try {
      for (let at = before + 1; at < end;) {
        const next = await lazy.next();
        if (next.done === true) throw new Error("the watch ended");
        at = next.value.revision;
        seen.push(...next.value.events.map(revisionOf));
      }
      expect(seen).toEqual(Array.from(seen, (_, index) => before + 2 + index));
      expect(seen.at(-1)).toBe(end);
    } catch (error) {
      expect(error).toMatchObject({ name: "StoreError", code: "compacted" });
    }
    cancel.abort();
  });

  test("many watchers, from many revisions, all see the same history of concurrent writers", async () => {
    const start = await at().revision();
    const early = [follow(at(), "/", start), follow(at(), "/w/1/", start)];
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let round = 0; round < 25; round += 1) {
        await at().transact(puts({ [`/w/${writer}/${round % 3}`]: `${round}` }));
      }
    });
    await Promise.all(writers);
    const end = start + 100;
    expect(await at().revision()).toBe(end);
    const late = [start, start + 1, start + 37, end - 1].map((after) => follow(at(), "/", after));
    const all = [...early, ...late];
    await Promise.all(all.map((one) => one.until(end)));
    const [whole] = early;
    const history = whole?.events.map(showEvent) ?? [];
    expect(whole?.events.map(revisionOf)).toEqual(
      Array.from({ length: 100 }, (_, i) => start + 1 + i),
    );
    expect(early[1]?.events.map(showEvent)).toEqual(
      history.filter((line) => line.includes(" /w/1/")),
    );
    for (const [index, after] of [0, 1, 37, 99].entries()) {
      expect(late[index]?.events.map(showEvent)).toEqual(history.slice(after));
    }
    await Promise.all(all.map((one) => one.stop()));
  });
}

function describeTogether(at: () => Store): void {
  test("concurrent increments by compare-and-swap lose none", async () => {
    const increment = async (): Promise<void> => {
      for (;;) {
        const entry = await at().get("/counter");
        const { succeeded } = await at().transact({
          compare: [{ key: "/counter", modRevision: entry?.modRevision ?? 0 }],
          operations: [put("/counter", String(Number(text(entry) ?? "0") + 1))],
        });
        if (succeeded) return;
      }
    };
    const rounds = async (): Promise<void> => {
      for (let round = 0; round < 5; round += 1) await increment();
    };
    await Promise.all([rounds(), rounds(), rounds(), rounds()]);
    expect(text(await at().get("/counter"))).toBe("20");
  });

  test("whatever is written, the store is as a plain map, and its watch tells how it came about", async () => {
    const key = fc.constantFrom("/m/a", "/m/b", "/m/c", "/m/d");
    const step = fc.record({
      guard: fc.option(fc.record({ key, kind: fc.constantFrom("absent", "current", "stale") })),
      operations: fc.uniqueArray(
        fc.record({
          key,
          kind: fc.constantFrom("put", "delete"),
          value: fc.constantFrom("x", "y"),
        }),
        { selector: (one) => one.key, maxLength: 3 },
      ),
      together: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const model = new Model(await at().revision(), (await at().list("/m/")).entries);
        const seen = follow(at(), "/m/", model.revision);
        let running: Promise<void>[] = [];
        for (const { guard, operations, together } of steps) {
          const compare = guard === null ? [] : [model.compare(guard.key, guard.kind)];
          const asked = operations.map(({ key, kind, value }): Operation =>
            kind === "put" ? put(key, value) : { kind: "delete", key },
          );
          const expected = model.transact(compare, asked);
          running.push(
            at()
              .transact({ compare, operations: asked })
              .then((result) => expect(result).toEqual(expected)),
          );
          if (!together) {
            await Promise.all(running);
            running = [];
          }
        }
        await Promise.all(running);
        expect((await at().list("/m/")).entries.map(show)).toEqual(model.entries().map(show));
        await seen.until(model.revision);
        expect(seen.events.map(showEvent)).toEqual(model.history);
        await seen.stop();
      }),
      { numRuns: 40 },
    );
  });
}

/** What a store is, without disk, time or concurrency. */
class Model {
  revision: number;
  readonly history: string[] = [];
  readonly #entries: Map<string, Entry>;

  constructor(revision: number, entries: readonly Entry[]) {
    this.revision = revision;
    this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
  }

  entries(): Entry[] {
    return [...this.#entries.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  compare(key: string, kind: "absent" | "current" | "stale"): Compare {
    if (kind === "absent") return { key, modRevision: 0 };
    const modRevision = this.#entries.get(key)?.modRevision ?? 0;
    return { key, modRevision: kind === "current" ? modRevision : modRevision + 1000 };
  }

  transact(
    compare: readonly Compare[],
    operations: readonly Operation[],
  ): { succeeded: boolean; revision: number } {
    const holds = compare.every(
      (one) =>
        "modRevision" in one && one.modRevision === (this.#entries.get(one.key)?.modRevision ?? 0),
    );
    if (!holds) return { succeeded: false, revision: this.revision };
    const effective = operations.filter((one) => one.kind === "put" || this.#entries.has(one.key));
    if (effective.length > 0) this.revision += 1;
    for (const operation of effective) {
      const was = this.#entries.get(operation.key);
      const previous = was === undefined ? "" : ` was ${text(was)} of ${was.modRevision}`;
      if (operation.kind === "delete") {
        this.#entries.delete(operation.key);
        this.history.push(`${this.revision} delete ${operation.key}${previous}`);
      } else {
        const createRevision = was?.createRevision ?? this.revision;
        const { key, value } = operation;
        this.#entries.set(key, { key, value, createRevision, modRevision: this.revision });
        this.history.push(
          `${this.revision} put ${key}=${new TextDecoder().decode(value)}${previous}`,
        );
      }
    }
    return { succeeded: true, revision: this.revision };
  }
}

interface Following {
  readonly events: StoreEvent[];
  /** What the watch threw; undefined when it ended. */
  readonly ended: Promise<Error | undefined>;
  until(revision: number): Promise<void>;
  stop(): Promise<void>;
}

/** Collects a watch, and checks on the way that revisions only rise and no batch is split. */
function follow(store: Store, prefix: string, after: number): Following {
  const cancel = new AbortController();
  const events: StoreEvent[] = [];
  const waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  let seen = after;
  const run = async (): Promise<Error | undefined> => {
    try {
      for await (const batch of store.watch(prefix, after, cancel.signal)) {
        for (const event of batch.events) {
          expect(revisionOf(event)).toBeGreaterThan(seen);
          expect(revisionOf(event)).toBeLessThanOrEqual(batch.revision);
        }
        expect(batch.revision).toBeGreaterThanOrEqual(seen);
        seen = batch.revision;
        events.push(...batch.events);
        for (const one of waiting) if (one.revision <= seen) one.resolve();
      }
      return undefined;
    } catch (error) {
      for (const one of waiting) one.resolve();
      return error instanceof Error ? error : new Error(String(error));
    }
  };
  const ended = run();
  return {
    events,
    ended,
    until: async (revision) => {
      if (seen >= revision) return;
      await new Promise<void>((resolve) => waiting.push({ revision, resolve }));
      if (seen < revision) throw (await ended) ?? new Error(`the watch ended at ${seen}`);
    },
    stop: async () => {
      cancel.abort();
      const error = await ended;
      if (error !== undefined) throw error;
    },
  };
}

function begin<T>(iterable: AsyncIterable<T>): AsyncIterator<T> {
  return iterable[Symbol.asyncIterator]();
}

async function listAll(
  store: Store,
  prefix: string,
  limit: number | undefined,
): Promise<Entry[][]> {
  const pages: Entry[][] = [];
  let after: string | undefined;
  for (;;) {
    const page = await store.list(prefix, {
      ...(limit === undefined ? {} : { limit }),
      ...(after === undefined ? {} : { after }),
    });
    pages.push([...page.entries]);
    if (!page.more) return pages;
    after = page.entries.at(-1)?.key;
    if (after === undefined) throw new Error("a page that has more, but nothing in it");
  }
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function put(key: string, value: string): Operation {
  return { kind: "put", key, value: bytes(value) };
}

export function puts(values: Readonly<Record<string, string>>): {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
} {
  return { compare: [], operations: Object.entries(values).map(([key, value]) => put(key, value)) };
}

function deletes(...keys: readonly string[]): {
  readonly compare: readonly Compare[];
  readonly operations: readonly Operation[];
} {
  return { compare: [], operations: keys.map((key) => ({ kind: "delete", key })) };
}

export function text(entry: Entry | undefined): string | undefined {
  return entry === undefined ? undefined : new TextDecoder().decode(entry.value);
}

function show(entry: Entry | undefined): string {
  if (entry === undefined) return "absent";
  return `${entry.key}=${text(entry)} created ${entry.createRevision} modified ${entry.modRevision}`;
}

function revisionOf(event: StoreEvent): number {
  return event.kind === "put" ? event.entry.modRevision : event.revision;
}

function showEvent(event: StoreEvent): string {
  const { previous } = event;
  const was = previous === undefined ? "" : ` was ${text(previous)} of ${previous.modRevision}`;
  return event.kind === "put"
    ? `${event.entry.modRevision} put ${event.entry.key}=${text(event.entry)}${was}`
    : `${event.revision} delete ${event.key}${was}`;
}
