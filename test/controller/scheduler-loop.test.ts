import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import type { EventNote } from "../../src/controller/event-writer.ts";
import { runSchedulerLoop } from "../../src/controller/scheduler-loop.ts";
import { findCondition } from "../../src/model/condition.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import type { ApiObject, ObjectRef } from "../../src/model/meta.ts";
import { openObjectStore, type OpenObjectStore } from "../../src/store/cached-object-store.ts";
import { openLmdbStore } from "../../src/store/lmdb-store.ts";
import type { Store } from "../../src/store/store.ts";
import { node, NOW, seconds } from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { waitingPod } from "../support/scheduler.ts";

const podRef = (name: string): ObjectRef => ({
  apiVersion: "v1",
  kind: "Pod",
  namespace: "shop",
  name,
});

describe("runSchedulerLoop()", () => {
  let dir: string;
  let store: Store;
  let objects: OpenObjectStore;
  let clock: ManualClock;
  let notes: string[];
  let stop: AbortController;
  let loops: Promise<void>[];
  const opened: OpenObjectStore[] = [];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "berth-scheduler-"));
    clock = new ManualClock(NOW);
    store = await openLmdbStore({ path: dir, clock });
    objects = await open();
    notes = [];
    stop = new AbortController();
    loops = [];
  });

  afterEach(async () => {
    stop.abort();
    await Promise.all(loops);
    for (const one of opened.splice(0)) await one.close();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function open(): Promise<OpenObjectStore> {
    const one = await openObjectStore({ store, clock, freeze: true });
    opened.push(one);
    return one;
  }

  function start(on: OpenObjectStore = objects): void {
    const events = {
      write: ({ about, reason, message }: EventNote): void =>
        void notes.push(`${about.metadata.name} ${reason}: ${message}`),
    };
    loops.push(runSchedulerLoop({ objects: on, events, clock, logger: silentLogger }, stop.signal));
  }

  /** Lets everybody run until it is so; the test's own time-out ends it. The clock moves on, so that back-offs end. */
  async function until(isTrue: () => boolean): Promise<void> {
    while (!isTrue() && !stop.signal.aborted) {
      await nextTurn();
      await clock.advance(1);
    }
  }

  const pod = (name: string, on: OpenObjectStore = objects): Pod | undefined =>
    on.get(podRef(name))?.object as Pod | undefined;
  const nodeOf = (name: string): string | undefined => pod(name)?.spec.nodeName;
  const why = (name: string): string | undefined =>
    findCondition(pod(name)?.status?.conditions, "PodScheduled")?.message;
  const create = async (...all: readonly ApiObject[]): Promise<void> => {
    for (const object of all) await objects.create(object);
  };

  test("puts pods on nodes, those that wait at the start and those that come", async () => {
    await create(node({ name: "a" }), waitingPod({ name: "early" }));
    start();
    await until(() => nodeOf("early") === "a");
    await create(waitingPod({ name: "late" }));
    await until(() => nodeOf("late") === "a");
    expect(findCondition(pod("late")?.status?.conditions, "PodScheduled")).toMatchObject({
      status: "True",
    });
    expect(notes).toEqual([
      "early Scheduled: Successfully assigned shop/early to a",
      "late Scheduled: Successfully assigned shop/late to a",
    ]);
  });

  test("says why a pod has no node, once, and places it when there is one", async () => {
    await create(node({ name: "a", cpu: "1" }), waitingPod({ name: "p", cpu: "2" }));
    start();
    await until(() => why("p") !== undefined);
    const says =
      "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
    expect(findCondition(pod("p")?.status?.conditions, "PodScheduled")).toMatchObject({
      status: "False",
      reason: "Unschedulable",
      message: says,
    });
    await clock.advance(seconds(301));
    await clock.advance(seconds(301));
    expect(notes).toEqual([`p FailedScheduling: ${says}`]);
    await create(node({ name: "b" }));
    await until(() => nodeOf("p") === "b");
  });

  test("says that a pod is gated", async () => {
    await create(
      node({ name: "a" }),
      waitingPod({ name: "p", spec: { schedulingGates: [{ name: "g" }] } }),
    );
    start();
    await until(() => why("p") !== undefined);
    expect(findCondition(pod("p")?.status?.conditions, "PodScheduled")).toMatchObject({
      status: "False",
      reason: "SchedulingGated",
    });
    expect([nodeOf("p"), notes]).toEqual([undefined, []]);
  });

  test("evicts with the pod's own grace, nominates, and clears the nomination with the node", async () => {
    const victim = waitingPod({ name: "victim", node: "a", cpu: "4" });
    await create(node({ name: "a" }), victim);
    start();
    await create(waitingPod({ name: "urgent", cpu: "4", priority: 5 }));
    await until(() => pod("victim")?.metadata.deletionTimestamp !== undefined);
    await until(() => pod("urgent")?.status?.nominatedNodeName === "a");
    expect(pod("victim")?.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(findCondition(pod("victim")?.status?.conditions, "DisruptionTarget")).toMatchObject({
      status: "True",
      reason: "PreemptionByScheduler",
      message: "default-scheduler: preempting to accommodate a higher priority pod",
    });
    await objects.remove(podRef("victim"));
    await until(() => nodeOf("urgent") === "a");
    expect(pod("urgent")?.status).not.toHaveProperty("nominatedNodeName");
    expect(notes).toEqual([
      "victim Preempted: Preempted by pod uid-shop-urgent on node a",
      "urgent FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.",
      "urgent Scheduled: Successfully assigned shop/urgent to a",
    ]);
  });

  test("tells the provisioner of a claim the node, with the pod's own write", async () => {
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "data", namespace: "shop" },
      spec: { accessModes: ["ReadWriteOnce"], storageClassName: "local", volumeMode: "Filesystem" },
    };
    const storage = {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "local" },
      provisioner: "berth.dev/local",
      reclaimPolicy: "Delete",
      volumeBindingMode: "WaitForFirstConsumer",
    };
    const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "data" } }];
    await create(node({ name: "a" }), waitingPod({ name: "p", spec: { volumes } }));
    start();
    await until(() => why("p") !== undefined);
    expect(why("p")).toBe(
      '0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
    );
    await create(storage as ApiObject, claim as ApiObject);
    await until(() => nodeOf("p") === "a");
    const ref = { ...podRef("data"), kind: "PersistentVolumeClaim" };
    expect(objects.get(ref)?.object.metadata.annotations).toEqual({
      "volume.kubernetes.io/selected-node": "a",
    });
  });

  test("binds no pod twice when two of them run at the same time", async () => {
    const other = await open();
    for (const name of ["a", "b", "c"]) await create(node({ name, cpu: "100" }));
    const bindings = new Map<string, Set<string>>();
    objects.subscribe(({ object }) => {
      const to = (object as Pod).spec?.nodeName;
      if (object.kind !== "Pod" || to === undefined) return;
      const seen = bindings.get(object.metadata.name) ?? new Set();
      bindings.set(object.metadata.name, seen.add(to));
    });
    start();
    start(other);
    const names = Array.from({ length: 150 }, (_, n) => `p${n}`);
    await Promise.all(names.map((name) => create(waitingPod({ name, cpu: "100m" }))));
    await until(() => names.every((name) => nodeOf(name) !== undefined));
    expect([...bindings.values()].filter((nodes) => nodes.size !== 1)).toEqual([]);
    expect(notes.filter((note) => note.includes("Scheduled")).length).toBe(names.length);
  });

  test("places the rest of a batch when one of it was changed by somebody else", async () => {
    await create(node({ name: "a", cpu: "100" }));
    const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
    await Promise.all(names.map((name) => create(waitingPod({ name, cpu: "100m" }))));
    const other = await open();
    start();
    for (let turn = 0; turn < 20; turn += 1) {
      const current = pod(`p${turn}`, other);
      if (current !== undefined)
        await other
          .update({ ...current, metadata: { ...current.metadata, labels: { turn: "x" } } })
          .catch(() => undefined);
    }
    await until(() => names.every((name) => nodeOf(name) === "a"));
  });
});
