import { afterEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { ApiError } from "../../src/client/client.ts";
import type { ApiClient, Informer, ObjectListing, WatchEvent } from "../../src/client/client.ts";
import { createInformer } from "../../src/client/informer.ts";
import type { Node } from "../../src/model/kinds.gen.ts";
import { resourceOf } from "../../src/model/resources.ts";
import * as build from "../support/builders.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";

const nodes = resourceOf({ apiVersion: "v1", kind: "Node" });

function node(name: string, version: number): Node {
  const object = build.node({ name });
  return { ...object, metadata: { ...object.metadata, resourceVersion: `${version}` } };
}

/** What the API answers next; each answer is given once, in order. */
type Script =
  | { readonly list: readonly Node[]; readonly version: string }
  | {
      readonly watch: readonly WatchEvent<Node>[];
      readonly error?: Error;
      readonly stay?: boolean;
    }
  | { readonly fail: Error };

interface Scene {
  readonly informer: Informer<Node>;
  readonly clock: ManualClock;
  /** What was asked, as `list` or `watch VERSION`. */
  readonly asked: readonly string[];
  /** What listeners were told, as `set NAME`, `delete NAME` or `mark VERSION`. */
  readonly told: readonly string[];
  readonly stop: () => void;
}

let end: AbortController | undefined;
afterEach(() => end?.abort());

function play(script: readonly Script[]): Scene {
  end = new AbortController();
  const rest = [...script];
  const asked: string[] = [];
  const told: string[] = [];
  const next = (): Script | undefined => {
    const step = rest.shift();
    if (step !== undefined && "fail" in step) throw step.fail;
    return step;
  };
  const client = {
    list: (
      _resource: unknown,
      _query: unknown,
      signal: AbortSignal,
    ): Promise<ObjectListing<Node>> => {
      asked.push("list");
      const step = next();
      if (step === undefined || !("list" in step)) return forever(signal);
      return Promise.resolve({ resourceVersion: step.version, items: step.list });
    },
    watch: async function* (
      _resource: unknown,
      version: string,
      _query: unknown,
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent<Node>> {
      asked.push(`watch ${version}`);
      const step = next();
      if (step === undefined || !("watch" in step)) {
        await forever(signal);
        return;
      }
      yield* step.watch;
      if (step.error !== undefined) throw step.error;
      if (step.stay === true) await forever(signal);
    },
  };
  const clock = new ManualClock();
  const informer = createInformer<Node>(client as unknown as ApiClient, nodes, undefined, {
    clock,
    logger: silentLogger,
    signal: end.signal,
    random: () => 1,
  });
  informer.subscribe(({ type, object }) => {
    told.push(`${type} ${object?.metadata.name ?? informer.resourceVersion}`);
  });
  const controller = end;
  return { informer, clock, asked, told, stop: () => controller.abort(new Error("stopped")) };
}

function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

const away = new ApiError(0, "Unreachable", "away");
const names = ({ informer }: Scene): readonly string[] =>
  informer.list().map(({ metadata }) => metadata.name);

describe("an informer", () => {
  test("lists, then watches from there", async () => {
    const scene = play([
      { list: [node("b", 3), node("a", 5)], version: "7" },
      {
        watch: [
          { type: "ADDED", object: node("c", 8) },
          { type: "MODIFIED", object: node("a", 9) },
          { type: "DELETED", object: node("b", 10) },
          { type: "BOOKMARK", resourceVersion: "42" },
        ],
        stay: true,
      },
    ]);
    expect(scene.informer.synced).toBe(false);
    await scene.informer.ready();
    await settle();
    expect(scene.asked).toEqual(["list", "watch 7"]);
    expect(scene.told).toEqual([
      "set b",
      "set a",
      "mark 7",
      "set c",
      "set a",
      "delete b",
      "mark 42",
    ]);
    expect(names(scene)).toEqual(["a", "c"]);
    expect(scene.informer.get(undefined, "a")?.metadata.resourceVersion).toBe("9");
    expect(scene.informer.resourceVersion).toBe("42");
    expect(scene.informer.synced).toBe(true);
  });

  test("resumes from its last version when the watch ends", async () => {
    const scene = play([
      { list: [], version: "7" },
      { watch: [{ type: "ADDED", object: node("a", 8) }] },
      { watch: [{ type: "BOOKMARK", resourceVersion: "9" }], error: away },
    ]);
    await scene.informer.ready();
    await settle();
    await scene.clock.advance(200);
    await scene.clock.advance(200);
    expect(scene.asked).toEqual(["list", "watch 7", "watch 8", "watch 9"]);
    expect(names(scene)).toEqual(["a"]);
  });

  test("lists anew when its version is gone, and tells the differences only", async () => {
    const scene = play([
      { list: [node("a", 1), node("b", 2), node("c", 3)], version: "7" },
      { watch: [], error: new ApiError(410, "Expired", "too old") },
      { list: [node("a", 1), node("b", 20), node("d", 21)], version: "30" },
      { watch: [], stay: true },
    ]);
    await scene.informer.ready();
    await settle();
    await settle();
    expect(scene.asked).toEqual(["list", "watch 7", "list", "watch 30"]);
    expect(scene.told.slice(4)).toEqual(["delete c", "set b", "set d", "mark 30"]);
  });

  test("keeps what it knows while the API is away, and asks less and less often", async () => {
    const scene = play([
      { list: [node("a", 1)], version: "7" },
      ...Array.from({ length: 6 }, () => ({ fail: away })),
      { watch: [{ type: "ADDED", object: node("b", 8) }], stay: true },
    ]);
    await scene.informer.ready();
    for (const wait of [200, 400, 800, 1600, 3200]) {
      await settle();
      const before = scene.asked.length;
      await scene.clock.advance(wait - 1);
      expect(scene.asked).toHaveLength(before);
      await scene.clock.advance(1);
      expect(scene.asked).toHaveLength(before + 1);
      expect(names(scene)).toEqual(["a"]);
    }
    await scene.clock.advance(6400);
    expect(names(scene)).toEqual(["a", "b"]);
    expect(scene.asked.filter((line) => line === "list")).toHaveLength(1);
  });

  test("is not ready before its first list", async () => {
    const scene = play([{ fail: away }, { list: [], version: "1" }]);
    let ready = false;
    const waiting = scene.informer.ready().then(() => {
      ready = true;
    });
    await settle();
    expect(ready).toBe(false);
    await scene.clock.advance(200);
    await waiting;
  });

  test("waiting for it can be given up", async () => {
    const scene = play([]);
    const given = new AbortController();
    const waiting = scene.informer.ready(given.signal);
    given.abort(new Error("no patience"));
    await expect(waiting).rejects.toThrow("no patience");
    await expect(scene.informer.ready(given.signal)).rejects.toThrow("no patience");
  });

  test("whoever waits for one that is stopped is told", async () => {
    const scene = play([]);
    const waiting = scene.informer.ready();
    await settle();
    scene.stop();
    await expect(waiting).rejects.toThrow("stopped");
  });

  test("a listener that throws hurts no other, and one that left is not called", async () => {
    const scene = play([
      { list: [node("a", 1)], version: "7" },
      { watch: [{ type: "ADDED", object: node("b", 8) }], stay: true },
    ]);
    scene.informer.subscribe(() => {
      throw new Error("mine");
    });
    const calls: string[] = [];
    const leave = scene.informer.subscribe(({ type }) => calls.push(type));
    leave();
    await scene.informer.ready();
    await settle();
    expect(names(scene)).toEqual(["a", "b"]);
    expect(calls).toEqual([]);
  });

  test("its list is in the order of namespace and name, and the same array until something changes", async () => {
    const scene = play([{ list: [node("z", 1), node("a", 2)], version: "7" }]);
    await scene.informer.ready();
    expect(names(scene)).toEqual(["a", "z"]);
    expect(scene.informer.list()).toBe(scene.informer.list());
  });
});
