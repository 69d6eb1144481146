import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WorkQueue } from "../../src/controller/workqueue.ts";

describe("WorkQueue", () => {
  test("hands out a key once, however often it was added", async () => {
    const queue = new WorkQueue();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    expect(await queue.next()).toBe("a");
    expect(await queue.next()).toBe("b");
    expect(queue.depth).toBe(0);
  });

  test("gives a key back that was added while in hand, and only after done()", async () => {
    const queue = new WorkQueue();
    queue.add("a");
    await queue.next();
    queue.add("a");
    expect(queue.depth).toBe(0);
    queue.done("a");
    expect(await queue.next()).toBe("a");
  });

  test("rejects done() of a key that nobody holds", () => {
    const queue = new WorkQueue();
    expect(() => queue.done("a")).toThrow('done() of the key "a", which nobody holds');
  });

  test("sends waiting workers home when it closes", async () => {
    const queue = new WorkQueue();
    const waiting = queue.next();
    queue.close();
    expect(await waiting).toBeUndefined();
    queue.add("a");
    expect(await queue.next()).toBeUndefined();
  });

  test("keeps its order over many keys", async () => {
    const queue = new WorkQueue();
    const keys = Array.from({ length: 5000 }, (_, index) => `k${index}`);
    for (const key of keys) queue.add(key);
    const seen: (string | undefined)[] = [];
    for (const key of keys) {
      const next = await queue.next();
      seen.push(next);
      if (next !== undefined) queue.done(key);
    }
    expect(seen).toEqual(keys);
  });

  test("never puts one key in two hands, and forgets none, in whatever interleaving", async () => {
    const keys = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(keys, fc.scheduler(), async (added, scheduler) => {
        const queue = new WorkQueue();
        const held = new Set<string>();
        const seen = new Set<string>();
        const lookedAfterAdd = new Map<string, boolean>();
        const pause = (): Promise<void> => scheduler.schedule(Promise.resolve());
        const work = async (): Promise<void> => {
          for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
            expect(held).not.toContain(key);
            held.add(key);
            lookedAfterAdd.set(key, true);
            await pause();
            held.delete(key);
            seen.add(key);
            queue.done(key);
          }
        };
        const produce = async (): Promise<void> => {
          for (const key of added) {
            await pause();
            lookedAfterAdd.set(key, false);
            queue.add(key);
          }
        };
        const workers = [work(), work()];
        await scheduler.waitFor(produce());
        while (queue.depth > 0 || held.size > 0) await scheduler.waitFor(pause());
        queue.close();
        await scheduler.waitFor(Promise.all(workers));
        expect(seen).toEqual(new Set(added));
        expect([...lookedAfterAdd.values()].every(Boolean)).toBe(true);
      }),
    );
  });
});
