import { beforeEach, describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import type { ClusterEvent } from "../../src/scheduler/events.ts";
import { SchedulingQueue, STUCK_MS } from "../../src/scheduler/queue.ts";
import { NOW, seconds } from "../support/builders.ts";
import { uidOf, waitingPod } from "../support/scheduler.ts";

const ROOM: ClusterEvent = { kind: "node", key: "n", node: "a", aspects: ["allocatable"] };
const LABEL: ClusterEvent = { kind: "node", key: "l", node: "a", aspects: ["labels"] };

describe("SchedulingQueue", () => {
  let queue: SchedulingQueue;
  let asked: string[];
  let helps: (event: ClusterEvent, pod: Pod) => boolean;

  beforeEach(() => {
    asked = [];
    helps = () => true;
    queue = new SchedulingQueue({
      helps: (event, pod) => {
        asked.push(`${event.key} ${pod.metadata.name}`);
        return helps(event, pod);
      },
    });
  });

  const popAll = (now: number): string[] => {
    const names: string[] = [];
    for (let pod = queue.pop(now); pod !== undefined; pod = queue.pop(now))
      names.push(pod.metadata.name);
    return names;
  };
  const refused = (pod: Pod, now = NOW, plugins = ["NodeResourcesFit"]): void => {
    queue.set(pod, now);
    expect(queue.pop(now)?.metadata.name).toBe(pod.metadata.name);
    queue.refuse(uidOf(pod), plugins, now);
  };
  const tell = (event: ClusterEvent, now: number): void => {
    queue.notice(event);
    while (!queue.settle(now, 10)) continue;
  };

  test("gives the more important first, then the older, whatever the order in which they came", () => {
    for (const pod of [
      waitingPod({ name: "young", created: 9 }),
      waitingPod({ name: "urgent", priority: 10, created: 99 }),
      waitingPod({ name: "old", created: 1 }),
      waitingPod({ name: "unwanted", priority: -5, created: 0 }),
    ])
      queue.set(pod, NOW);
    expect(popAll(NOW)).toEqual(["urgent", "old", "young", "unwanted"]);
  });

  test("does not give a pod that sleeps, and others go past it", () => {
    refused(waitingPod({ name: "huge", priority: 10 }));
    queue.set(waitingPod({ name: "small" }), NOW);
    expect(popAll(NOW + seconds(100))).toEqual(["small"]);
  });

  test("wakes a pod only for an event that concerns what refused it", () => {
    refused(waitingPod({ name: "p" }));
    tell(LABEL, NOW + seconds(20));
    expect([asked, popAll(NOW + seconds(20))]).toEqual([[], []]);
    tell(ROOM, NOW + seconds(20));
    expect(popAll(NOW + seconds(20))).toEqual(["p"]);
  });

  test("does not wake a pod that the event could not help", () => {
    helps = () => false;
    refused(waitingPod({ name: "p" }));
    tell(ROOM, NOW + seconds(20));
    expect([asked, popAll(NOW + seconds(20))]).toEqual([["n p"], []]);
  });

  test("asks once for pods that are alike, and wakes the next when one was placed", () => {
    const pods = [1, 2, 3].map((n) => waitingPod({ name: `web-${n}`, cpu: "1", created: n }));
    for (const pod of pods) refused(pod);
    tell(ROOM, NOW + seconds(20));
    expect(asked).toEqual(["n web-1"]);
    const [first, second] = pods as [Pod, Pod, Pod];
    expect(popAll(NOW + seconds(20))).toEqual(["web-1"]);
    queue.remove(uidOf(first), NOW + seconds(20));
    expect(popAll(NOW + seconds(20))).toEqual(["web-2"]);
    queue.refuse(uidOf(second), ["NodeResourcesFit"], NOW + seconds(20));
    expect(popAll(NOW + seconds(20))).toEqual([]);
  });

  test("passes the turn on when the one that speaks for others breaks off", () => {
    const pods = [1, 2].map((n) => waitingPod({ name: `web-${n}`, created: n })) as [Pod, Pod];
    for (const pod of pods) refused(pod);
    tell(ROOM, NOW + seconds(20));
    expect(queue.pop(NOW + seconds(20))?.metadata.name).toBe("web-1");
    queue.fail(uidOf(pods[0]), NOW + seconds(20));
    expect(queue.pop(NOW + seconds(20))?.metadata.name).toBe("web-2");
  });

  test.each([
    { failures: 1, waitSeconds: 1 },
    { failures: 2, waitSeconds: 2 },
    { failures: 4, waitSeconds: 8 },
    { failures: 5, waitSeconds: 10 },
    { failures: 9, waitSeconds: 10 },
  ])("waits $waitSeconds s after break-off number $failures", ({ failures, waitSeconds }) => {
    const pod = waitingPod({ name: "p" });
    queue.set(pod, NOW);
    let now = NOW;
    for (let n = 0; n < failures; n += 1) {
      now = Math.max(now, queue.nextAt() ?? now);
      expect(queue.pop(now)).toBe(pod);
      queue.fail(uidOf(pod), now);
    }
    expect(queue.nextAt()).toBe(now + seconds(waitSeconds));
    expect(queue.pop(now + seconds(waitSeconds) - 1)).toBeUndefined();
    expect(queue.pop(now + seconds(waitSeconds))).toBe(pod);
  });

  test("lets pods in back-off wait behind others, but not when there are none", () => {
    refused(waitingPod({ name: "early", priority: 5 }));
    queue.set(waitingPod({ name: "other" }), NOW);
    tell(ROOM, NOW + 10);
    expect(queue.stateOf("uid-shop-early")).toBe("back-off");
    expect(popAll(NOW + 10)).toEqual(["other", "early"]);
  });

  test("tries a pod again after five minutes, whatever happened", () => {
    refused(waitingPod({ name: "p" }));
    expect(queue.nextAt()).toBe(NOW + STUCK_MS);
    queue.settle(NOW + STUCK_MS - 1, 10);
    expect(popAll(NOW + STUCK_MS - 1)).toEqual([]);
    queue.settle(NOW + STUCK_MS, 10);
    expect(popAll(NOW + STUCK_MS)).toEqual(["p"]);
  });

  test("tries a pod again when the scheduler sees another one, not for what is written of its status", () => {
    const pod = waitingPod({ name: "p" });
    refused(pod);
    queue.set({ ...pod, status: { phase: "Pending", message: "x" } }, NOW + seconds(20));
    expect(popAll(NOW + seconds(20))).toEqual([]);
    queue.set({ ...pod, spec: { ...pod.spec, nodeSelector: { a: "b" } } }, NOW + seconds(20));
    expect(popAll(NOW + seconds(20))).toEqual(["p"]);
  });

  test("keeps a gated pod until its last gate is gone", () => {
    const gates = (...names: string[]): Pod =>
      waitingPod({ name: "p", spec: { schedulingGates: names.map((name) => ({ name })) } });
    queue.set(gates("a", "b"), NOW);
    expect([queue.stateOf("uid-shop-p"), popAll(NOW)]).toEqual(["gated", []]);
    queue.set(gates("b"), NOW);
    expect(popAll(NOW)).toEqual([]);
    queue.set(gates(), NOW);
    expect(popAll(NOW)).toEqual(["p"]);
  });

  test("does not give what is gone, nor what is in hand already", () => {
    const [kept, gone] = [waitingPod({ name: "kept" }), waitingPod({ name: "gone" })];
    for (const pod of [kept, gone]) queue.set(pod, NOW);
    queue.remove(uidOf(gone), NOW);
    expect(popAll(NOW)).toEqual(["kept"]);
    queue.set(waitingPod({ name: "kept", cpu: "3" }), NOW);
    expect([popAll(NOW), queue.take(uidOf(kept))]).toEqual([[], false]);
  });

  test("does bounded work for an event, and the rest of it later", () => {
    helps = () => false;
    for (let n = 0; n < 25; n += 1) refused(waitingPod({ name: `p${n}`, cpu: `${n + 1}` }));
    queue.notice(ROOM);
    expect(queue.settle(NOW, 10)).toBe(false);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThanOrEqual(10);
    while (!queue.settle(NOW, 10)) continue;
    expect(asked.length).toBe(25);
  });
});
