import { expect, test } from "vitest";
import { Semaphore } from "../../src/agent/semaphore.ts";
import { settle } from "../support/manual-clock.ts";

const signal = new AbortController().signal;

test("higher priority goes first, equals in their order, never more than the slots", async () => {
  const semaphore = new Semaphore(1);
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const enter = (priority: number, name: string): Promise<void> =>
    semaphore.run(priority, signal, () => {
      order.push(name);
      return Promise.resolve();
    });
  const first = semaphore.run(0, signal, () => gate.promise);
  const rest = [enter(0, "a"), enter(2, "b"), enter(1, "c"), enter(2, "d")];
  await settle();
  expect(order).toEqual([]);
  gate.resolve();
  await Promise.all([first, ...rest]);
  expect(order).toEqual(["b", "d", "c", "a"]);
});

test("who leaves the queue or fails takes no slot with it", async () => {
  const semaphore = new Semaphore(1);
  const stop = new AbortController();
  const gate = Promise.withResolvers<void>();
  const failing = semaphore.run(0, signal, async () => {
    await gate.promise;
    throw new Error("no");
  });
  const leaving = semaphore.run(0, stop.signal, () => Promise.resolve());
  stop.abort(new Error("gone"));
  await expect(leaving).rejects.toThrow("gone");
  gate.resolve();
  await expect(failing).rejects.toThrow("no");
  await expect(semaphore.run(0, signal, () => Promise.resolve("free"))).resolves.toBe("free");
});
