import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import type { ApiObject, ObjectRef } from "../../src/model/meta.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { openObjectStore, type OpenObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import { ObjectStoreError, type ObjectEvent } from "../../src/store/object-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FlakyStore } from "./flaky-store.ts";

const POD = resourceOf({ apiVersion: "v1", kind: "Pod" });

let folder: string;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-objects-"));
  store = await openLmdbStore({ path: folder, clock: systemClock });
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

/** Few names and values, so that steps meet. */
const name = fc.constantFrom("a", "b", "c");
const value = fc.constantFrom("1", "2");
/** Which resourceVersion a step gives: none, the one it has just read, or one long gone. */
const version = fc.constantFrom("none", "current", "stale");
const step = fc.oneof(
  fc.record({ kind: fc.constant("create" as const), name, value, status: fc.option(value) }),
  fc.record({ kind: fc.constant("update" as const), name, value, version }),
  fc.record({ kind: fc.constant("update-status" as const), name, value, version }),
  fc.record({ kind: fc.constant("remove" as const), name, version }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe("object store", () => {
  test("whatever is written, one step after the other, it is as a plain map", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), async (steps) => {
        const objects = await open();
        const model = new Map<string, ModelObject>();
        const start = objects.revision;
        const watched = new Watched(objects, start);
        const expected: string[] = [];
        for (const one of steps) {
          const before = model.get(one.name);
          const wanted = predict(one, before);
          const outcome = await outcomeOf(objects, one);
          expect(outcome, JSON.stringify(one)).toBe(wanted.outcome);
          if (wanted.event === undefined) continue;
          expected.push(wanted.event);
          if (wanted.next === undefined) model.delete(one.name);
          else model.set(one.name, wanted.next);
          expect(listed(objects)).toEqual(
            [...model]
              .toSorted(([a], [b]) => (a < b ? -1 : 1))
              .map(([at, o]) => `${at}: ${render(o)}`),
          );
        }
        expect(objects.revision - start).toBe(expected.length);
        await watched.until(objects.revision);
        expect(watched.lines).toEqual(expected);
        await clean(objects);
        await objects.close();
      }),
      { numRuns: 60 },
    );
  });

  test("whatever two replicas write at the same time, all who look see one history, and end alike", async () => {
    const run = fc.array(step, { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(run, run, async (first, second) => {
        const replicas = [await open(), await open()];
        const start = await store.revision();
        const watched = replicas.map((one) => new Watched(one, start));
        const heard = replicas.map((one) => new Heard(one));
        await Promise.all(
          [first, second].flatMap((steps, index) =>
            steps.map((one) => outcomeOf(replicas[index] as OpenObjectStore, one)),
          ),
        );
        const end = await store.revision();
        await Promise.all(watched.map((one) => one.until(end)));
        expect(watched[1]?.lines).toEqual(watched[0]?.lines);
        for (const one of watched)
          expect(one.revisions).toEqual(one.revisions.toSorted((a, b) => a - b));
        for (const [index, one] of replicas.entries()) {
          expect(one.revision).toBe(end);
          expect(heard[index]?.lines).toEqual(watched[0]?.lines);
          expect(heard[index]?.folded()).toEqual(listed(one));
        }
        expect(listed(replicas[1] as OpenObjectStore)).toEqual(
          listed(replicas[0] as OpenObjectStore),
        );
        const late = await open();
        expect(listed(late)).toEqual(listed(replicas[0] as OpenObjectStore));
        const replayed = new Watched(late, start);
        await replayed.until(end);
        expect(replayed.lines).toEqual(watched[0]?.lines);
        await clean(late);
        for (const one of [...replicas, late]) await one.close();
      }),
      { numRuns: 40 },
    );
  });

  test("whatever happens before, while and after it loads again, listeners end with what is there", async () => {
    const steps = fc.array(step, { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        steps,
        steps,
        fc.array(step, { maxLength: 8 }),
        async (first, away, during) => {
          const writer = await open();
          for (const one of first) await outcomeOf(writer, one);
          const left: Step[] = [];
          const flaky = new FlakyStore(store, async () => {
            for (const one of left.splice(0, 2)) await outcomeOf(writer, one);
          });
          const objects = await openObjectStore({ store: flaky, clock: systemClock, freeze: true });
          const heard = new Heard(objects);
          flaky.hold();
          for (const one of away) await outcomeOf(writer, one);
          left.push(...during);
          flaky.compact();
          // Its own write comes back only when it follows again.
          await objects.create(podOf("last", "1", undefined));
          expect(heard.folded()).toEqual(listed(objects));
          const end = await store.revision();
          while (writer.revision < end) await nextTurn();
          expect(listed(objects)).toEqual(listed(writer));
          await clean(writer);
          await objects.close();
          await writer.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});

function open(): Promise<OpenObjectStore> {
  return openObjectStore({ store, clock: systemClock, freeze: true });
}

interface ModelObject {
  readonly value: string;
  readonly status: string | undefined;
  readonly generation: number;
}

/** What a step must come to, by the rules of the contract alone. */
function predict(
  one: Step,
  before: ModelObject | undefined,
): { readonly outcome: string; readonly event?: string; readonly next?: ModelObject } {
  if (one.kind === "create") {
    if (before !== undefined) return { outcome: "already-exists" };
    const next = { value: one.value, status: one.status ?? undefined, generation: 1 };
    return { outcome: "done", next, event: `added ${one.name}: ${render(next)}` };
  }
  if (before === undefined) return { outcome: "not-found" };
  if (one.version === "stale") return { outcome: "conflict" };
  if (one.kind === "remove") {
    return {
      outcome: "done",
      event: `deleted ${one.name}: ${render(before)} was ${render(before)}`,
    };
  }
  const next =
    one.kind === "update-status"
      ? { ...before, status: one.value }
      : one.value === before.value
        ? before
        : { ...before, value: one.value, generation: before.generation + 1 };
  if (render(next) === render(before)) return { outcome: "done" };
  return {
    outcome: "done",
    next,
    event: `modified ${one.name}: ${render(next)} was ${render(before)}`,
  };
}

async function outcomeOf(objects: OpenObjectStore, one: Step): Promise<string> {
  try {
    await perform(objects, one);
    return "done";
  } catch (error) {
    if (error instanceof ObjectStoreError) return error.code;
    throw error;
  }
}

function perform(objects: OpenObjectStore, one: Step): Promise<unknown> {
  const ref: ObjectRef = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: one.name };
  if (one.kind === "create")
    return objects.create(podOf(one.name, one.value, one.status ?? undefined));
  const current = objects.get(ref)?.object.metadata.resourceVersion;
  const resourceVersion =
    one.version === "stale" ? "0" : one.version === "current" ? current : undefined;
  const precondition = resourceVersion === undefined ? {} : { resourceVersion };
  if (one.kind === "remove") return objects.remove(ref, precondition);
  // What the other half of an update says must not count.
  const object =
    one.kind === "update"
      ? podOf(one.name, one.value, "ignored")
      : podOf(one.name, "ignored", one.value);
  const asked = { ...object, metadata: { ...object.metadata, ...precondition } };
  return one.kind === "update" ? objects.update(asked) : objects.updateStatus(asked);
}

/** What a watch has told. */
class Watched {
  readonly lines: string[] = [];
  readonly revisions: number[] = [];
  readonly #cancel = new AbortController();
  readonly #ended: Promise<void>;
  #seen: number;
  #wanted = Number.POSITIVE_INFINITY;

  constructor(objects: OpenObjectStore, after: number) {
    this.#seen = after;
    this.#ended = this.#run(objects, after);
    this.#ended.catch(() => undefined);
  }

  async until(revision: number): Promise<void> {
    this.#wanted = revision;
    if (this.#seen >= revision) this.#cancel.abort();
    await this.#ended;
    expect(this.#seen).toBe(revision);
  }

  async #run(objects: OpenObjectStore, after: number): Promise<void> {
    for await (const batch of objects.watch(POD, after, this.#cancel.signal)) {
      for (const event of batch.events) {
        this.lines.push(lineOf(event));
        this.revisions.push(event.revision);
      }
      this.#seen = batch.revision;
      if (this.#seen >= this.#wanted) this.#cancel.abort();
    }
  }
}

/** What a subscriber was told, and the map that it would keep from it. */
class Heard {
  readonly lines: string[] = [];
  readonly #map = new Map<string, ApiObject>();

  constructor(objects: OpenObjectStore) {
    for (const { object } of objects.list(POD).items) this.#map.set(object.metadata.name, object);
    objects.subscribe((event) => {
      this.lines.push(lineOf(event));
      const { name } = event.object.metadata;
      expect(event.previous).toEqual(this.#map.get(name));
      if (event.kind === "deleted") this.#map.delete(name);
      else this.#map.set(name, event.object);
    });
  }

  folded(): string[] {
    return [...this.#map]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([at, object]) => `${at}: ${renderObject(object)}`);
  }
}

async function clean(objects: OpenObjectStore): Promise<void> {
  for (const { object } of objects.list(POD).items) {
    await objects.remove({
      apiVersion: "v1",
      kind: "Pod",
      namespace: "shop",
      name: object.metadata.name,
    });
  }
}

function podOf(name: string, value: string, status: string | undefined): ApiObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop" },
    spec: { value },
    ...(status === undefined ? {} : { status: { phase: status } }),
  } as ApiObject;
}

function render({ value, status, generation }: ModelObject): string {
  return `${value} ${status ?? "-"} g${generation}`;
}

function renderObject(object: ApiObject): string {
  const { spec, status } = object as ApiObject & {
    readonly spec: { readonly value: string };
    readonly status?: { readonly phase: string };
  };
  const generation = object.metadata.generation ?? 0;
  return render({ value: spec.value, status: status?.phase, generation });
}

function lineOf(event: ObjectEvent): string {
  const was = event.previous === undefined ? "" : ` was ${renderObject(event.previous)}`;
  return `${event.kind} ${event.object.metadata.name}: ${renderObject(event.object)}${was}`;
}

function listed(objects: OpenObjectStore): string[] {
  return objects
    .list(POD, "shop")
    .items.map(({ object }) => `${object.metadata.name}: ${renderObject(object)}`);
}
