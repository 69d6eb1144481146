import { describe, expect, test } from "vitest";
import { RuntimeError } from "../../src/agent/runtime.ts";
import { Semaphore } from "../../src/agent/semaphore.ts";
import { CallWatch, STUCK_AFTER_MS } from "../../src/agent/stuck-calls.ts";
import { findCondition } from "../../src/model/condition.ts";
import type { Node } from "../../src/model/kinds.gen.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";
import { isReady } from "./agent-harness.ts";
import { openFakeNode } from "./fake-node.ts";
import { NODE, pod } from "./pod-builder.ts";

const SIGNAL = new AbortController().signal;
const never = (): Promise<never> => new Promise(() => undefined);

describe("CallWatch", () => {
  test("names what has had no answer for long, until a call comes through", async () => {
    const clock = new ManualClock();
    const fake = new FakeRuntime(clock);
    const watch = new CallWatch(clock);
    const runtime = watch.watch(fake);
    fake.intercept = (call) => (call === "inspect" ? never() : Promise.resolve());
    void runtime.inspect("a", SIGNAL);
    await clock.advance(STUCK_AFTER_MS - 1);
    expect(watch.stuck()).toEqual([]);
    await clock.advance(1);
    expect(watch.stuck()).toEqual([{ containerId: "a", call: "inspect", forMs: STUCK_AFTER_MS }]);
  });

  test("does not forget a call that ran out of time until another is answered", async () => {
    const clock = new ManualClock();
    const fake = new FakeRuntime(clock);
    const watch = new CallWatch(clock);
    const runtime = watch.watch(fake);
    fake.intercept = () => Promise.reject(new RuntimeError("timeout", "Cannot: no answer"));
    await expect(runtime.kill("a", "SIGTERM", SIGNAL)).rejects.toThrow("no answer");
    await clock.advance(STUCK_AFTER_MS);
    expect(watch.stuck().map(({ call }) => call)).toEqual(["kill"]);
    fake.intercept = () => Promise.resolve();
    await runtime.inspect("a", SIGNAL);
    expect(watch.stuck()).toEqual([]);
  });
});

describe("Semaphore", () => {
  test("lets the next in when one takes too long, and counts that one once", async () => {
    const clock = new ManualClock();
    const slots = new Semaphore(1, { clock, ms: 1_000 });
    const hung = Promise.withResolvers<void>();
    const order: string[] = [];
    const first = slots.run(0, SIGNAL, () => hung.promise);
    await settle();
    const second = slots.run(0, SIGNAL, async () => void order.push("second"));
    await clock.advance(999);
    expect(order).toEqual([]);
    await clock.advance(1);
    await second;
    hung.resolve();
    await first;
    // One slot, not two.
    await settle();
    const third = Promise.withResolvers<void>();
    void slots.run(0, SIGNAL, () => third.promise);
    await settle();
    void slots.run(0, SIGNAL, async () => void order.push("fourth"));
    await clock.advance(500);
    expect(order).toEqual(["second"]);
    third.resolve();
  });
});

test("containers that hang at their start hold up nobody else, and are told of", async () => {
  await using node = await openFakeNode();
  const { harness, runtime } = node;
  // More than start at a time on this machine.
  const hanging = Array.from({ length: 6 }, (_, index) => `hung${index}`);
  const isHung = new Set<string>();
  runtime.intercept = (call) => {
    if (!call.startsWith("start sandbox") || isHung.size === hanging.length)
      return Promise.resolve();
    isHung.add(`${call}${isHung.size}`);
    return never();
  };
  for (const name of hanging) harness.api.put(pod({ name }));
  harness.start();
  await node.reach("all slots are taken", () => isHung.size >= 4);
  harness.api.put(pod());
  await node.passUntil("web is Ready", () => isReady(harness.pod("web") ?? pod()));
  await node.passUntil("people are told", () =>
    harness.events.some(({ reason }) => reason === "ContainerStuck"),
  );
  const nodeRef = { apiVersion: "v1", kind: "Node", name: NODE };
  const conditions = (): Node["status"] => (harness.api.peek(nodeRef) as Node).status;
  await node.passUntil(
    "the node says so",
    () => findCondition(conditions()?.conditions, "ContainersStuck")?.status === "True",
  );
  expect(findCondition(conditions()?.conditions, "Ready")?.status).toBe("True");
});

test("a container that cannot be looked at at the start holds up its own pod alone", async () => {
  await using node = await openFakeNode();
  const { harness, runtime } = node;
  for (const name of ["stuck", "web"]) harness.api.put(pod({ name }));
  harness.start();
  await node.reach("both run", () => runtime.running().length === 4);
  await harness.stop();
  const made = runtime.count();
  let isBroken = true;
  const inspect = runtime.inspect.bind(runtime);
  runtime.inspect = async (id) => {
    const found = await inspect(id);
    if (isBroken && found?.name.includes("app_stuck") === true)
      throw new RuntimeError("timeout", "Cannot inspect: no answer");
    return found;
  };
  runtime.calls.length = 0;
  harness.start();
  await node.passUntil("the agent serves", () => harness.logs !== undefined);
  await node.pass(2_000);
  expect(runtime.calls.filter((call) => /^(create|start|kill|remove)/.test(call))).toEqual([]);
  isBroken = false;
  await node.pass(40_000);
  expect(runtime.count()).toBe(made);
  expect(runtime.running()).toHaveLength(4);
});
