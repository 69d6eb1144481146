import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatTime, type Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { refOf, type ApiObject, type ObjectRef } from "../../src/model/meta.ts";
import { resourceOf } from "../../src/model/resources.ts";
import {
  openObjectStore,
  type ObjectStoreOptions,
  type OpenObjectStore,
} from "../../src/store/cached-object-store.ts";
import { acquireLeadership } from "../../src/store/leader.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { ObjectBatch, ObjectEvent } from "../../src/store/object-store.ts";
import { StoreError, type Store } from "../../src/store/store.ts";
import { FlakyStore } from "./flaky-store.ts";

const POD = resourceOf({ apiVersion: "v1", kind: "Pod" });
const NODE = resourceOf({ apiVersion: "v1", kind: "Node" });
const CONFIG_MAP = resourceOf({ apiVersion: "v1", kind: "ConfigMap" });
const EVENT = resourceOf({ apiVersion: "v1", kind: "Event" });
const LEASE = resourceOf({ apiVersion: "coordination.k8s.io/v1", kind: "Lease" });

let folder: string;
let store: Store;
let objects: OpenObjectStore;
let now: number;
/** The monotonic clock. */
let elapsed = 0;
/** Ends the waits for the next progress mark. */
let tick: () => void;
let clock: Clock;
const opened: OpenObjectStore[] = [];

beforeEach(async () => {
  now = 1_767_323_045_000;
  let sleepers: (() => void)[] = [];
  tick = () => {
    for (const wake of sleepers.splice(0)) wake();
  };
  clock = {
    now: () => now,
    monotonic: () => elapsed,
    sleep: (_, signal) =>
      new Promise((resolve, reject) => {
        sleepers.push(resolve);
        signal?.addEventListener("abort", () => {
          sleepers = sleepers.filter((one) => one !== resolve);
          reject(new Error("aborted"));
        });
      }),
  };
  folder = await mkdtemp(join(tmpdir(), "berth-objects-"));
  store = await openLmdbStore({ path: folder, clock: systemClock });
  objects = await open();
});

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

async function open(more: Partial<ObjectStoreOptions> = {}): Promise<OpenObjectStore> {
  const one = await openObjectStore({ store, clock, freeze: true, ...more });
  opened.push(one);
  return one;
}

describe("create", () => {
  test("sets uid, creationTimestamp, generation and resourceVersion, and can be read at once", async () => {
    const made = await objects.create(pod("a"));
    expect(made.object).toEqual({
      ...pod("a"),
      metadata: {
        name: "a",
        namespace: "shop",
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        generation: 1,
        creationTimestamp: "2026-01-02T03:04:05Z",
        resourceVersion: String(objects.revision),
      },
    });
    expect(objects.get(podRef("a"))).toBe(made);
    expect(JSON.parse(textOf(made.bytes))).toEqual(made.object);
  });

  test("keeps a uid that the object carries, and its status", async () => {
    const wanted = {
      ...pod("a"),
      metadata: { ...pod("a").metadata, uid: "derived" },
      status: { phase: "Pending" },
    };
    const made = await objects.create(wanted);
    expect(made.object).toMatchObject({
      metadata: { uid: "derived" },
      status: { phase: "Pending" },
    });
  });

  test("refuses what exists, also when the cache does not know yet", async () => {
    const other = await open();
    const results = await Promise.allSettled([objects.create(pod("a")), other.create(pod("a"))]);
    expect(results.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const refused = results.find((one) => one.status === "rejected");
    expect(refused?.reason).toMatchObject({
      name: "ObjectStoreError",
      code: "already-exists",
      message: "Cannot create Pod shop/a: it exists already",
    });
  });

  test("refuses an object without a namespace where the kind has one", async () => {
    const bare = { ...pod("a"), metadata: { name: "a" } };
    await expect(objects.create(bare)).rejects.toThrow("Pod a without a namespace");
    await expect(objects.create(pod("a/b"))).rejects.toThrow('"a/b"');
  });
});

describe("update", () => {
  test("replaces all but status, and raises generation with the content alone", async () => {
    const made = await objects.create(withStatus(pod("a"), "Running"));
    const changed = await objects.update(withStatus(pod("a", { image: "2" }), "Bogus"));
    expect(changed.object).toMatchObject({
      metadata: {
        generation: 2,
        uid: made.object.metadata.uid,
        creationTimestamp: "2026-01-02T03:04:05Z",
      },
      spec: { image: "2" },
      status: { phase: "Running" },
    });
    const labelled = await objects.update({
      ...pod("a", { image: "2" }),
      metadata: { name: "a", namespace: "shop", labels: { app: "web" } },
    });
    expect(labelled.object.metadata).toMatchObject({ generation: 2, labels: { app: "web" } });
    const bare = await objects.update(pod("a", { image: "2" }));
    expect(bare.object.metadata.labels).toBeUndefined();
    expect(bare.object.metadata.generation).toBe(2);
  });

  test("content beside spec counts as content", async () => {
    const map = configMap("m", { key: "1" });
    await objects.create(map);
    const changed = await objects.update(configMap("m", { key: "2" }));
    expect(changed.object.metadata.generation).toBe(2);
  });

  test("that changes nothing writes nothing", async () => {
    const made = await objects.create(pod("a"));
    const before = await store.revision();
    expect(await objects.update(made.object)).toBe(made);
    expect(await objects.update(pod("a"))).toBe(made);
    expect(
      await objects.update({
        ...made.object,
        metadata: { ...made.object.metadata, generation: 99 },
      }),
    ).toBe(made);
    expect(await store.revision()).toBe(before);
  });

  test.each([
    [
      "another resourceVersion",
      { resourceVersion: "1" },
      'resourceVersion "1" is wanted, the current one is "2"',
    ],
    ["another uid", { uid: "other" }, 'uid "other" is wanted, the current one has "'],
  ])("with %s conflicts, and says so", async (_, metadata, says) => {
    await objects.create(pod("other"));
    const made = await objects.create(pod("a"));
    const stale = {
      ...pod("a", { image: "2" }),
      metadata: { ...made.object.metadata, ...metadata },
    };
    await expect(objects.update(stale)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`Cannot update Pod shop/a: ${says}`),
    });
  });

  test("of what is not there is refused", async () => {
    await expect(objects.update(pod("a"))).rejects.toMatchObject({
      code: "not-found",
      message: "Cannot update Pod shop/a: it does not exist",
    });
  });

  test("without a resourceVersion prevails over one that came between", async () => {
    await objects.create(pod("a"));
    const other = await open();
    await Promise.all([
      objects.update(pod("a", { image: "2" })),
      other.updateStatus(withStatus(pod("a"), "Running")),
      objects.update(pod("a", { image: "3" })),
    ]);
    await caughtUp(objects);
    expect(objects.get(podRef("a"))?.object).toMatchObject({
      spec: { image: "3" },
      status: { phase: "Running" },
    });
  });

  test("with a resourceVersion loses to one that came between, in another replica too", async () => {
    const made = await objects.create(pod("a"));
    const other = await open();
    const results = await Promise.allSettled([
      objects.update({ ...made.object, spec: { image: "2" } } as ApiObject),
      other.update({ ...made.object, spec: { image: "3" } } as ApiObject),
    ]);
    expect(results.map((one) => one.status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const refused = results.find((one) => one.status === "rejected");
    expect(refused?.reason).toMatchObject({ code: "conflict" });
  });
});

describe("updateStatus", () => {
  test("replaces status alone", async () => {
    const made = await objects.create(pod("a"));
    const changed = await objects.updateStatus({
      ...pod("a", { image: "ignored" }),
      metadata: { ...made.object.metadata, labels: { ignored: "yes" } },
      status: { phase: "Running" },
    } as ApiObject);
    expect(changed.object).toEqual({
      ...made.object,
      metadata: { ...made.object.metadata, resourceVersion: String(objects.revision) },
      status: { phase: "Running" },
    });
    const again = await objects.updateStatus(changed.object);
    expect(again).toBe(changed);
    const cleared = await objects.updateStatus(pod("a"));
    expect(cleared.object).not.toHaveProperty("status");
  });

  test("compares resourceVersion and existence", async () => {
    await expect(objects.updateStatus(pod("a"))).rejects.toMatchObject({ code: "not-found" });
    const made = await objects.create(pod("a"));
    await objects.update(pod("a", { image: "2" }));
    const stale = { ...made.object, status: { phase: "Running" } };
    await expect(objects.updateStatus(stale)).rejects.toMatchObject({ code: "conflict" });
  });
});

describe("remove", () => {
  test("gives the last state with the revision of the deletion", async () => {
    const made = await objects.create(pod("a"));
    const gone = await objects.remove(podRef("a"));
    expect(gone.object).toEqual({
      ...made.object,
      metadata: { ...made.object.metadata, resourceVersion: String(objects.revision) },
    });
    expect(objects.get(podRef("a"))).toBeUndefined();
    expect(objects.list(POD).items).toEqual([]);
    await expect(objects.remove(podRef("a"))).rejects.toMatchObject({
      code: "not-found",
      message: "Cannot delete Pod shop/a: it does not exist",
    });
  });

  test("with a precondition removes only that very object", async () => {
    const first = await objects.create(pod("a"));
    await objects.remove(podRef("a"));
    const second = await objects.create(pod("a"));
    const { uid = "" } = first.object.metadata;
    await expect(objects.remove(podRef("a"), { uid })).rejects.toMatchObject({ code: "conflict" });
    await expect(objects.remove(podRef("a"), { resourceVersion: "1" })).rejects.toMatchObject({
      code: "conflict",
    });
    await objects.remove(podRef("a"), {
      uid: second.object.metadata.uid ?? "",
      resourceVersion: second.object.metadata.resourceVersion ?? "",
    });
    expect(objects.get(podRef("a"))).toBeUndefined();
  });
});

describe("transact", () => {
  test("writes all in one revision, or none", async () => {
    const a = await objects.create(pod("a"));
    const b = await objects.create(pod("b"));
    const results = await objects.transact([
      { kind: "create", object: pod("c") },
      { kind: "update", object: { ...a.object, spec: { image: "2" } } as ApiObject },
      {
        kind: "delete",
        ref: podRef("b"),
        resourceVersion: b.object.metadata.resourceVersion ?? "",
      },
    ]);
    const revision = String(objects.revision);
    expect(results.map((one) => one.object.metadata.resourceVersion)).toEqual([
      revision,
      revision,
      revision,
    ]);
    expect(names(objects)).toEqual(["shop/a", "shop/c"]);

    const before = await store.revision();
    const stale = objects.transact([
      { kind: "create", object: pod("d") },
      { kind: "update", object: { ...a.object, spec: { image: "3" } } as ApiObject },
    ]);
    await expect(stale).rejects.toMatchObject({ code: "conflict" });
    expect(names(objects)).toEqual(["shop/a", "shop/c"]);
    expect(await store.revision()).toBe(before);
  });

  test("replaces spec and status at once, and keeps who the object is", async () => {
    const a = await objects.create({ ...pod("a"), status: { phase: "Pending" } } as ApiObject);
    const replace = async (object: ApiObject, change: object): Promise<ApiObject> => {
      const next = { ...object, ...change } as ApiObject;
      const [stored] = await objects.transact([{ kind: "replace", object: next }]);
      return stored?.object ?? object;
    };
    const both = await replace(a.object, { spec: { image: "2" }, status: { phase: "Running" } });
    expect(both).toMatchObject({ spec: { image: "2" }, status: { phase: "Running" } });
    expect(both.metadata).toMatchObject({ uid: a.object.metadata.uid, generation: 2 });
    const status = await replace(both, { status: { phase: "Failed" } });
    expect(status).toMatchObject({ spec: { image: "2" }, status: { phase: "Failed" } });
    expect(status.metadata.generation).toBe(2);
    const same = await replace(status, {});
    expect(same.metadata.resourceVersion).toBe(status.metadata.resourceVersion);
    await expect(replace(both, { status: {} })).rejects.toMatchObject({ code: "conflict" });
  });

  test("an update that changes nothing is compared all the same", async () => {
    const a = await objects.create(pod("a"));
    const other = await open();
    const batch = (from: OpenObjectStore): Promise<unknown> =>
      from.transact([
        { kind: "update", object: a.object },
        { kind: "create", object: pod("b") },
      ]);
    const change = other.update(pod("a", { image: "2" }));
    const lost = expect(batch(objects)).rejects.toMatchObject({ code: "conflict" });
    await change;
    await lost;
    expect(names(other)).toEqual(["shop/a"]);
  });

  test("has the limits of the store", async () => {
    const many = (count: number): Parameters<OpenObjectStore["transact"]>[0] =>
      Array.from({ length: count }, (_, index) => ({ kind: "create", object: pod(`p${index}`) }));
    expect((await objects.transact(many(100))).length).toBe(100);
    await expect(objects.transact(many(101))).rejects.toMatchObject({
      code: "too-large",
      message: "Cannot write 101 objects at once: at most 100 are allowed",
    });
    const large = configMap("large", { text: "x".repeat(600_000) });
    await expect(
      objects.create(configMap("huge", { text: "x".repeat(1_000_000) })),
    ).rejects.toMatchObject({
      code: "too-large",
      message: expect.stringMatching(
        /^Cannot create ConfigMap shop\/huge: its JSON has 1000\d\d\d bytes, at most 1000000 are kept$/,
      ),
    });
    const both = objects.transact([
      { kind: "create", object: large },
      { kind: "create", object: configMap("large2", { text: "x".repeat(600_000) }) },
    ]);
    await expect(both).rejects.toMatchObject({ name: "ObjectStoreError", code: "too-large" });
    expect(objects.list(CONFIG_MAP).items).toEqual([]);
  });

  test("an empty batch is nothing", async () => {
    expect(await objects.transact([])).toEqual([]);
  });
});

describe("leadership", () => {
  test("a deposed leader's writes are refused as fenced, and write nothing", async () => {
    const first = await acquireLeadership(store);
    const old = await open({ leader: first });
    await old.create(pod("a"));
    const second = await acquireLeadership(store);
    expect(second.identity).not.toBe(first.identity);
    const fenced = {
      name: "ObjectStoreError",
      code: "fenced",
      message: "Cannot write: another control plane is the leader now",
    };
    await expect(old.create(pod("b"))).rejects.toMatchObject(fenced);
    await expect(old.update(pod("a", { image: "2" }))).rejects.toMatchObject(fenced);
    await expect(old.remove(podRef("a"))).rejects.toMatchObject(fenced);
    await expect(old.transact([{ kind: "create", object: pod("b") }])).rejects.toMatchObject(
      fenced,
    );
    const current = await open({ leader: second });
    expect(names(current)).toEqual(["shop/a"]);
    expect(current.get(podRef("a"))?.object).toMatchObject({ spec: { image: "1" } });
    await current.create(pod("b"));
  });
});

describe("list and get", () => {
  test("are in the order of namespace, then name, by resource and namespace", async () => {
    for (const [namespace, name] of [
      ["b", "2"],
      ["b", "10"],
      ["a", "z"],
      ["a-b", "a"],
      ["b", "1"],
    ]) {
      await objects.create({
        ...pod(name ?? ""),
        metadata: { name: name ?? "", namespace: namespace ?? "" },
      });
    }
    await objects.create({ apiVersion: "v1", kind: "Node", metadata: { name: "n" } });
    expect(names(objects)).toEqual(["a/z", "a-b/a", "b/1", "b/10", "b/2"]);
    expect(objects.list(POD, "b").items.map(({ object }) => object.metadata.name)).toEqual([
      "1",
      "10",
      "2",
    ]);
    expect(objects.list(POD, "none").items).toEqual([]);
    expect(objects.list(NODE).items.map(({ object }) => object.metadata.name)).toEqual(["n"]);
    expect(objects.get({ apiVersion: "v1", kind: "Node", name: "n" })?.object.kind).toBe("Node");
    expect(objects.list(POD).revision).toBe(objects.revision);
  });

  test("a list stays as it was", async () => {
    await objects.create(pod("a"));
    const { items } = objects.list(POD, "shop");
    await objects.create(pod("b"));
    await objects.update(pod("a", { image: "2" }));
    expect(items.map(({ object }) => object)).toMatchObject([
      { metadata: { name: "a" }, spec: { image: "1" } },
    ]);
  });

  test("nobody can change what is shared", async () => {
    const { object } = await objects.create(pod("a"));
    expect(() => Object.assign(object.metadata, { name: "b" })).toThrow(TypeError);
  });
});

describe("watch", () => {
  test("tells each change once, with what was before", async () => {
    const seen = follow(objects, 0);
    await objects.create(pod("a"));
    await objects.update(pod("a", { image: "2" }));
    await objects.remove(podRef("a"));
    await seen.until(3);
    expect(seen.events.map(show)).toEqual([
      "1 added a:1",
      "2 modified a:2 was 1",
      "3 deleted a:2 was 2",
    ]);
    expect(seen.events.every((event) => textOf(event.bytes) === JSON.stringify(event.object))).toBe(
      true,
    );
    expect(seen.events.at(-1)?.object.metadata.resourceVersion).toBe("3");
    await seen.stop();
  });

  test("tells of its resource alone; others' changes move the revision, at a steady pace", async () => {
    const seen = follow(objects, 0);
    await objects.create(configMap("m", {}));
    await objects.update(configMap("m", { a: "1" }));
    expect(seen.batches).toEqual([]);
    tick();
    await seen.until(2);
    expect(seen.batches.map((batch) => [batch.revision, batch.events.length])).toEqual([[2, 0]]);
    await seen.stop();
  });

  test("who comes late learns at once how far the store is", async () => {
    await objects.create(configMap("m", {}));
    const seen = follow(objects, 0);
    await seen.until(1);
    expect(seen.events).toEqual([]);
    await seen.stop();
  });

  test("goes back as far as the ring reaches, by resource, and else is expired", async () => {
    const small = await open({ ring: { maxEvents: 4 } });
    await small.create(configMap("m", {}));
    for (const name of ["a", "b", "c", "d", "e"]) await small.create(pod(name));
    await caughtUp(small);
    const seen = follow(small, 2);
    await seen.until(6);
    expect(seen.events.map(show)).toEqual([
      "3 added b:1",
      "4 added c:1",
      "5 added d:1",
      "6 added e:1",
    ]);
    await seen.stop();
    await expect(follow(small, 1).ended).resolves.toMatchObject({
      name: "ObjectStoreError",
      code: "expired",
      message:
        "Cannot watch pods from revision 1: the changes after it are no longer kept; list again",
    });
  });

  test("goes back no further than the ring has bytes", async () => {
    const small = await open({ ring: { maxBytes: 20_000 } });
    for (let index = 0; index < 30; index += 1) {
      await small.create(configMap(`m${index}`, { text: "x".repeat(1000) }));
    }
    expect(await follow(small, 2, CONFIG_MAP).ended).toMatchObject({ code: "expired" });
    const seen = follow(small, 15, CONFIG_MAP);
    await seen.until(30);
    expect(seen.events.length).toBe(15);
    await seen.stop();
  });

  test("goes back no further than the ring has time", async () => {
    const small = await open({ ring: { maxAgeMs: 60_000 } });
    await small.create(pod("a"));
    elapsed += 60_000;
    await small.create(configMap("m", {}));
    await caughtUp(small);
    const kept = follow(small, 0);
    await kept.until(2);
    expect(kept.events.map(show)).toEqual(["1 added a:1"]);
    await kept.stop();
    elapsed += 1;
    await small.update(configMap("m", { a: "1" }));
    expect(await follow(small, 0).ended).toMatchObject({ code: "expired" });
    const quiet = follow(small, 1);
    await quiet.until(3);
    await quiet.stop();
  });

  test("gives much at once in batches, none of which splits a transaction", async () => {
    for (let part = 0; part < 7; part += 1) {
      await objects.transact(
        Array.from({ length: 100 }, (_, index) => ({
          kind: "create",
          object: pod(`p${part}-${index}`),
        })),
      );
    }
    const seen = follow(objects, 0);
    await seen.until(7);
    expect(seen.batches.map((batch) => [batch.revision, batch.events.length])).toEqual([
      [3, 300],
      [6, 300],
      [7, 100],
    ]);
    await seen.stop();
  });

  test("a quiet resource's watch never expires, however much happens elsewhere", async () => {
    const small = await open({ ring: { maxEvents: 4 } });
    const quiet = follow(small, small.revision, CONFIG_MAP);
    for (let index = 0; index < 20; index += 1) await small.create(pod(`p${index}`));
    await small.create(configMap("m", {}));
    await quiet.until(21);
    expect(quiet.events.map((event) => event.object.metadata.name)).toEqual(["m"]);
    await quiet.stop();
  });

  test("has the past also after a restart", async () => {
    await objects.create(pod("a"));
    await objects.update(pod("a", { image: "2" }));
    await objects.create(pod("b"));
    await objects.remove(podRef("a"));
    const restarted = await open();
    expect(names(restarted)).toEqual(["shop/b"]);
    const seen = follow(restarted, 1);
    await seen.until(4);
    expect(seen.events.map(show)).toEqual([
      "2 modified a:2 was 1",
      "3 added b:1",
      "4 deleted a:2 was 2",
    ]);
    await seen.stop();
  });

  test("abort and close end it", async () => {
    const cancelled = follow(objects, 0);
    await cancelled.stop();
    const seen = follow(objects, 0);
    await objects.close();
    expect(await seen.ended).toBeUndefined();
  });
});

describe("subscribe", () => {
  test("is called in order, with the change in the cache, until it is stopped", async () => {
    const calls: string[] = [];
    const stop = objects.subscribe((event) => {
      const cached = objects.get(refOf(event.object))?.object.metadata.resourceVersion ?? "none";
      calls.push(`${show(event)}, cache ${cached}, store ${objects.revision}`);
    });
    await objects.create(pod("a"));
    expect(calls).toEqual(["1 added a:1, cache 1, store 1"]);
    await objects.transact([
      { kind: "create", object: pod("b") },
      { kind: "delete", ref: podRef("a"), resourceVersion: "1" },
    ]);
    expect(calls.slice(1)).toEqual([
      "2 added b:1, cache 2, store 2",
      "2 deleted a:1 was 1, cache none, store 2",
    ]);
    stop();
    await objects.create(pod("c"));
    expect(calls.length).toBe(3);
  });
});

describe("leases", () => {
  test("never touch the store, and have no watch", async () => {
    const watched = follow(objects, 0, LEASE);
    const heard: ObjectEvent[] = [];
    objects.subscribe((event) => heard.push(event));
    const made = await objects.create(lease("n", 1));
    const renewed = await objects.update({ ...made.object, spec: { renewTime: 2 } } as ApiObject);
    expect(Number(renewed.object.metadata.resourceVersion)).toBe(
      Number(made.object.metadata.resourceVersion) + 1,
    );
    await expect(
      objects.update({ ...made.object, spec: { renewTime: 3 } } as ApiObject),
    ).rejects.toMatchObject({ code: "conflict" });
    await expect(objects.create(lease("n", 1))).rejects.toMatchObject({ code: "already-exists" });
    const { items, revision } = objects.list(LEASE, "shop");
    expect(items.map(({ object }) => object)).toMatchObject([{ spec: { renewTime: 2 } }]);
    expect(String(revision)).toBe(renewed.object.metadata.resourceVersion);
    expect(objects.get(refOf(made.object))).toBe(renewed);
    await objects.remove(refOf(made.object));
    expect(objects.get(refOf(made.object))).toBeUndefined();
    await expect(objects.remove(refOf(made.object))).rejects.toMatchObject({ code: "not-found" });
    expect(await store.revision()).toBe(0);
    expect(heard).toEqual([]);
    await watched.stop();
    expect(watched.events).toEqual([]);
  });
});

describe("leases", () => {
  test("have a limit", async () => {
    const limit = 10_000;
    for (let index = 0; index < limit; index += 1) await objects.create(lease(`n${index}`, 1));
    await expect(objects.create(lease("more", 1))).rejects.toMatchObject({
      code: "too-large",
      message: "Cannot create Lease more: there are 10000 Leases already, the most that are kept",
    });
    await objects.remove(refOf(lease("n0", 1)));
    await objects.create(lease("more", 1));
  });
});

describe("expireEvents", () => {
  test("removes the old Events, in batches, and nothing else", async () => {
    for (let part = 0; part < 3; part += 1) {
      await objects.transact(
        Array.from({ length: 80 }, (_, index) => ({
          kind: "create",
          object: event(`old-${part}-${index}`, "2026-01-02T02:00:00Z"),
        })),
      );
    }
    now += 1;
    await objects.create(event("fresh", "2026-01-02T03:00:00Z"));
    await objects.create(pod("a"));
    const later = Date.parse("2026-01-02T03:59:59Z");
    expect(await objects.expireEvents(later, new AbortController().signal)).toBe(0);
    expect(await objects.expireEvents(later + 3_600_000, AbortSignal.abort())).toBe(0);
    // An Event counts from when it was last seen or made, whichever is later.
    const after = Date.parse("2026-01-02T04:04:06Z");
    await objects.update({ ...event("fresh", "2026-01-02T04:00:00Z") });
    expect(await objects.expireEvents(after, new AbortController().signal)).toBe(240);
    expect(
      objects
        .list(resourceOf({ apiVersion: "v1", kind: "Event" }))
        .items.map(({ object }) => object.metadata.name),
    ).toEqual(["fresh"]);
    expect(names(objects)).toEqual(["shop/a"]);
  });
});

describe("expireEvents", () => {
  test("leaves an Event alone that is seen again in that moment", async () => {
    await objects.create(event("again", "2026-01-02T03:00:00Z"));
    const later = now + 4_000_000;
    const [, count] = await Promise.all([
      objects.update(event("again", formatTime(later))),
      objects.expireEvents(later, new AbortController().signal),
    ]);
    expect(count).toBe(0);
    expect(objects.list(EVENT).items.length).toBe(1);
  });
});

describe("a cache that is behind its store", () => {
  test("a write settles when its own change is in the cache, not before", async () => {
    const flaky = new FlakyStore(store);
    const behind = await open({ store: flaky });
    flaky.hold();
    let isSettled = false;
    const write = behind.create(pod("a")).then((stored) => {
      isSettled = true;
      return stored;
    });
    await caughtUp(objects, 1);
    await nextTurn();
    expect(isSettled).toBe(false);
    expect(behind.get(podRef("a"))).toBeUndefined();
    flaky.release();
    const written = await write;
    expect(behind.get(podRef("a"))).toBe(written);
  });

  test("close ends the writes that wait for it", async () => {
    const flaky = new FlakyStore(store);
    const behind = await open({ store: flaky });
    flaky.hold();
    const refused = expect(behind.create(pod("a"))).rejects.toMatchObject({ code: "closed" });
    await caughtUp(objects, 1);
    await nextTurn();
    await behind.close();
    await refused;
    await expect(behind.create(pod("b"))).rejects.toMatchObject({ code: "closed" });
    expect(await store.revision()).toBe(1);
  });

  test("a store that moves while its pages are loaded is loaded whole, and its past is right", async () => {
    for (const name of ["a", "b", "c", "d", "e", "f", "g", "h"]) await objects.create(pod(name));
    const moves = [
      () => objects.update(pod("a", { image: "2" })),
      () => objects.remove(podRef("b")),
      () => objects.create(pod("aa")),
      () => objects.remove(podRef("f")),
      () => objects.create(pod("f", { image: "3" })),
      () => objects.create(pod("i")),
      () => objects.remove(podRef("e")),
    ];
    const paged = new FlakyStore(store, async () => void (await moves.shift()?.()));
    const loaded = await open({ store: paged });
    expect(moves).toEqual([]);
    expect(loaded.list(POD).items.map(({ bytes }) => textOf(bytes))).toEqual(
      objects.list(POD).items.map(({ bytes }) => textOf(bytes)),
    );
    const [past, truth] = [follow(loaded, 0), follow(objects, 0)];
    await Promise.all([past.until(15), truth.until(15)]);
    expect(past.events.map(show)).toEqual(truth.events.map(show));
    await Promise.all([past.stop(), truth.stop()]);
  });

  test("a store that moves while it is loaded again: listeners learn each object's end, in order", async () => {
    for (const name of ["a", "b", "c", "d", "e", "f", "g", "h"]) await objects.create(pod(name));
    const moves: (() => Promise<unknown>)[] = [];
    const paged = new FlakyStore(store, async () => void (await moves.shift()?.()));
    const behind = await open({ store: paged });
    const held = new Map(
      behind.list(POD).items.map(({ object }) => [object.metadata.name, object]),
    );
    const newest = new Map<string, number>();
    behind.subscribe(({ kind, object, previous, revision }) => {
      const { name } = object.metadata;
      expect(previous).toEqual(held.get(name));
      expect(revision).toBeGreaterThan(newest.get(name) ?? 0);
      if (kind === "modified") expect(object.metadata.uid).toBe(previous?.metadata.uid);
      newest.set(name, revision);
      if (kind === "deleted") held.delete(name);
      else held.set(name, object);
    });
    paged.hold();
    await objects.remove(podRef("c"));
    await objects.update(pod("d", { image: "2" }));
    const inTurn = (...writes: (() => Promise<unknown>)[]): void => {
      moves.push(async () => {
        for (const write of writes) await write();
      });
    };
    inTurn(
      () => objects.update(pod("a", { image: "2" })),
      () => objects.update(pod("h", { image: "2" })),
    );
    inTurn(
      () => objects.remove(podRef("h")),
      () => objects.remove(podRef("d")),
    );
    inTurn(
      () => objects.remove(podRef("e")),
      () => objects.create(pod("e", { image: "2" })),
    );
    inTurn(
      () => objects.remove(podRef("g")),
      () => objects.create(pod("g", { image: "2" })),
    );
    inTurn(
      () => objects.create(pod("c", { image: "2" })),
      () => objects.create(pod("aa")),
    );
    paged.compact();
    await caughtUp(behind, 20);
    expect(moves).toEqual([]);
    expect([...held].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object)).toEqual(
      objects.list(POD).items.map(({ object }) => object),
    );
    expect(names(behind)).toEqual(names(objects));
  });
});

describe("a cache whose store lost the history", () => {
  test("loads again: listeners get the differences, watches expire, writes go on", async () => {
    await objects.create(pod("same"));
    await objects.create(pod("changed"));
    await objects.create(pod("removed"));
    const flaky = new FlakyStore(store);
    const behind = await open({ store: flaky });
    const watched = follow(behind, 3);
    const heard: string[] = [];
    behind.subscribe((event) => heard.push(show(event)));

    flaky.hold();
    await objects.update(pod("changed", { image: "2" }));
    await objects.remove(podRef("removed"));
    await objects.create(pod("added"));
    expect(heard).toEqual([]);
    flaky.compact();
    expect(await watched.ended).toMatchObject({ code: "expired" });
    await behind.create(pod("own"));

    expect(heard.toSorted()).toEqual([
      "4 modified changed:2 was 1",
      "6 added added:1",
      "6 deleted removed:1 was 1",
      "7 added own:1",
    ]);
    expect(names(behind)).toEqual(["shop/added", "shop/changed", "shop/own", "shop/same"]);
    const after = follow(behind, 6);
    await after.until(7);
    expect(after.events.map(show)).toEqual(["7 added own:1"]);
    await after.stop();
  });

  test("that cannot be followed any more says so: by ended, watches and writes", async () => {
    const flaky = new FlakyStore(store);
    const broken = await open({ store: flaky });
    const watched = follow(broken, 0);
    flaky.fail(new StoreError("io", "the disk is gone"));
    const gone = { name: "StoreError", code: "io" };
    await expect(broken.ended).rejects.toMatchObject(gone);
    expect(await watched.ended).toMatchObject(gone);
    await expect(broken.create(pod("a"))).rejects.toMatchObject(gone);
    expect(await store.revision()).toBe(0);
  });
});

interface Following {
  readonly events: ObjectEvent[];
  readonly batches: ObjectBatch[];
  /** What the watch threw. */
  readonly ended: Promise<unknown>;
  until(revision: number): Promise<void>;
  stop(): Promise<void>;
}

function follow(from: OpenObjectStore, after: number, resource = POD): Following {
  const cancel = new AbortController();
  const batches: ObjectBatch[] = [];
  const events: ObjectEvent[] = [];
  const waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  const seen = (): number => batches.at(-1)?.revision ?? after;
  const run = async (): Promise<unknown> => {
    try {
      for await (const batch of from.watch(resource, after, cancel.signal)) {
        batches.push(batch);
        events.push(...batch.events);
        for (const one of waiting) if (one.revision <= seen()) one.resolve();
      }
      return undefined;
    } catch (error) {
      return error;
    } finally {
      for (const one of waiting) one.resolve();
    }
  };
  const ended = run();
  return {
    events,
    batches,
    ended,
    until: async (revision) => {
      if (seen() >= revision) return;
      await new Promise<void>((resolve) => waiting.push({ revision, resolve }));
      expect(await Promise.race([ended, Promise.resolve()])).toBeUndefined();
      expect(seen()).toBeGreaterThanOrEqual(revision);
    },
    stop: async () => {
      cancel.abort();
      expect(await ended).toBeUndefined();
    },
  };
}

async function caughtUp(one: OpenObjectStore, revision?: number): Promise<void> {
  const target = revision ?? (await store.revision());
  const state = { hasEnded: false };
  const ended = one.ended.finally(() => {
    state.hasEnded = true;
  });
  ended.catch(() => undefined);
  while (one.revision < target && !state.hasEnded) await nextTurn();
  if (state.hasEnded) await ended;
}

function pod(name: string, spec: Readonly<Record<string, unknown>> = { image: "1" }): ApiObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop" },
    spec,
  } as ApiObject;
}

function withStatus(object: ApiObject, phase: string): ApiObject {
  return { ...object, status: { phase } } as ApiObject;
}

function podRef(name: string): ObjectRef {
  return { apiVersion: "v1", kind: "Pod", namespace: "shop", name };
}

function configMap(name: string, data: Readonly<Record<string, string>>): ApiObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "shop" },
    data,
  } as ApiObject;
}

function lease(name: string, renewTime: number): ApiObject {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace: "shop" },
    spec: { renewTime },
  } as ApiObject;
}

function event(name: string, lastTimestamp: string): ApiObject {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: "shop" },
    lastTimestamp,
  } as ApiObject;
}

function names(from: OpenObjectStore): string[] {
  return from
    .list(POD)
    .items.map(({ object }) => `${object.metadata.namespace}/${object.metadata.name}`);
}

function show(event: ObjectEvent): string {
  const image = (object: ApiObject): unknown =>
    (object as ApiObject & { readonly spec?: { readonly image?: string } }).spec?.image;
  const was = event.previous === undefined ? "" : ` was ${String(image(event.previous))}`;
  return `${event.revision} ${event.kind} ${event.object.metadata.name}:${String(image(event.object))}${was}`;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
