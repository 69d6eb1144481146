import { describe, expect, test } from "vitest";
import type { Eviction } from "../../../src/agent/pod-view.ts";
import { ContainerMeter } from "../../../src/agent/resources/container-meter.ts";
import { DEFAULT_NODE_RESOURCES } from "../../../src/agent/resources/node-config.ts";
import type { Readings } from "../../../src/agent/resources/pressure.ts";
import {
  DISK_EVERY_MS,
  IMAGES_EVERY_MS,
  LOOK_EVERY_MS,
  ResourceManager,
} from "../../../src/agent/resources/resource-manager.ts";
import type { RunningPod } from "../../../src/agent/stats.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { pod, type PodOptions } from "../pod-builder.ts";

const SIGNAL = new AbortController().signal;
const MI = 2 ** 20;
const SHORT_OF_MEMORY: Readings = {
  "memory.available": { available: 90 * MI, capacity: 4096 * MI },
};
const SHORT_OF_DISK: Readings = { "nodefs.available": { available: 9, capacity: 100 } };

/** A running pod whose container uses so much memory, and writes into a layer of its own. */
function runs(name: string, pid: number, options: PodOptions = {}): RunningPod {
  const container = {
    id: `c-${name}`,
    name,
    labels: {},
    state: "running" as const,
    image: "app:1",
    imageId: "i",
    role: "main" as const,
    containerName: "app",
    attempt: 0,
    crashes: 0,
    sandboxId: "s",
    pid,
    writtenIn: { layer: `/layers/${name}` },
  };
  return { pod: pod({ name, ...options }), containers: [container] };
}

function open(given: { readonly memory?: Readonly<Record<number, number>> } = {}) {
  const clock = new ManualClock();
  const state = {
    readings: {} as Readings,
    pods: [] as RunningPod[],
    sizes: new Map<string, number>(),
    freed: 0,
    gcError: undefined as Error | undefined,
    walks: 0,
    onReclaim: () => undefined as unknown,
  };
  const evicted: (Eviction & { readonly uid: string })[] = [];
  const told: string[] = [];
  const freed: (readonly [bytes: number, ageMs: number])[] = [];
  const meter = new ContainerMeter((path) => {
    const pid = /^\/proc\/(\d+)\/cgroup$/.exec(path)?.[1];
    if (pid !== undefined) return Promise.resolve(`0::/${pid}\n`);
    const [, of = "", file = ""] = /^\/sys\/fs\/cgroup\/(\d+)\/(.*)$/.exec(path) ?? [];
    if (file === "cpu.stat") return Promise.resolve("usage_usec 1\n");
    return Promise.resolve(
      file === "memory.current" ? String((given.memory?.[Number(of)] ?? 0) * MI) : undefined,
    );
  });
  const manager = new ResourceManager({
    config: DEFAULT_NODE_RESOURCES,
    nodeName: "node-a",
    clusterId: "abc",
    rootDir: "/docker",
    pods: {
      running: () => state.pods,
      evict: (uid, eviction) => void evicted.push({ uid, ...eviction }),
      removeDead: () => Promise.resolve(),
    },
    images: {
      free: (bytes, ageMs) => {
        freed.push([bytes, ageMs]);
        state.onReclaim();
        if (state.gcError !== undefined) return Promise.reject(state.gcError);
        return Promise.resolve({ freedBytes: state.freed, removed: [] });
      },
    },
    meter,
    readHost: () => Promise.resolve(state.readings),
    measureFolders: (folders) => {
      state.walks += 1;
      return Promise.resolve(
        new Map([...state.sizes].filter(([folder]) => folders.includes(folder))),
      );
    },
    events: {
      record: (about, { reason, message }) =>
        void told.push(`${about.kind}/${about.metadata.name} ${reason}: ${message}`),
      flush: () => Promise.resolve(),
    },
    clock,
    logger: silentLogger,
  });
  return { manager, state, evicted, told, freed, clock };
}

describe("ResourceManager", () => {
  test("evicts one pod at a time when memory runs out, and says so", async () => {
    const { manager, state, evicted, told, clock } = open({ memory: { 1: 500, 2: 60 } });
    const asks = (memory: string) => ({ containers: [{ resources: { requests: { memory } } }] });
    state.pods = [runs("modest", 1, asks("1Gi")), runs("greedy", 2, asks("10Mi"))];
    state.readings = SHORT_OF_MEMORY;
    await manager.look(SIGNAL);
    const message =
      "The node was low on resource: memory. Threshold quantity: 100Mi, available: 90Mi. " +
      "Container app was using 60Mi, request is 10Mi, has larger consumption of memory. ";
    expect(evicted).toEqual([{ uid: "greedy-uid", message, graceMs: 1000 }]);
    expect(told).toEqual([
      "Node/node-a EvictionThresholdMet: Attempting to reclaim memory",
      `Pod/greedy Evicted: ${message}`,
    ]);
    expect([...manager.pressures]).toEqual(["MemoryPressure"]);
    // It still ends: nobody else goes.
    await clock.advance(LOOK_EVERY_MS);
    await manager.look(SIGNAL);
    expect(evicted).toHaveLength(1);
    state.pods = state.pods.slice(0, 1);
    await manager.look(SIGNAL);
    expect(evicted.map(({ uid }) => uid)).toEqual(["greedy-uid", "modest-uid"]);
  });

  test("holds the condition for five minutes, and refuses pods meanwhile", async () => {
    const { manager, state, clock } = open();
    state.readings = SHORT_OF_MEMORY;
    await manager.look(SIGNAL);
    state.readings = {};
    await clock.advance(299_000);
    await manager.look(SIGNAL);
    const message = "The node had condition: [MemoryPressure]. ";
    expect(manager.refuse(pod())).toEqual({ message, graceMs: 0 });
    const asking = pod({ containers: [{ resources: { requests: { cpu: "1m" } } }] });
    expect(manager.refuse(asking)).toBeUndefined();
    const tolerant = pod({
      tolerations: [{ key: "node.kubernetes.io/memory-pressure", operator: "Exists" }],
    });
    expect(manager.refuse(tolerant)).toBeUndefined();
    expect(manager.refuse(pod({ priority: 2_000_000_000 }))).toBeUndefined();
    await clock.advance(1000);
    expect([...manager.pressures]).toEqual([]);
    expect(manager.refuse(pod())).toBeUndefined();
  });

  test("cleans up before it ends a pod for want of disk", async () => {
    const { manager, state, evicted, freed } = open();
    state.pods = [runs("web", 1)];
    state.readings = SHORT_OF_DISK;
    state.onReclaim = () => (state.readings = {});
    await manager.look(SIGNAL);
    expect(freed).toEqual([[Number.MAX_SAFE_INTEGER, 0]]);
    expect(evicted).toEqual([]);
    expect([...manager.pressures]).toEqual(["DiskPressure"]);
    expect(
      manager.refuse(pod({ containers: [{ resources: { requests: { cpu: "1" } } }] }))?.message,
    ).toBe("The node had condition: [DiskPressure]. ");
  });

  test("ends who wrote most when cleaning up was not enough", async () => {
    const { manager, state, evicted } = open();
    state.pods = [runs("little", 1), runs("much", 2)];
    state.sizes = new Map([
      ["/layers/little", 1 * MI],
      ["/layers/much", 7 * MI],
    ]);
    state.readings = SHORT_OF_DISK;
    state.gcError = new Error("the API is away");
    await manager.look(SIGNAL);
    expect(evicted.map(({ uid, message }) => `${uid} ${message}`)).toEqual([
      "much-uid The node was low on resource: ephemeral-storage. Threshold quantity: 10, available: 9. " +
        "Container app was using 7Mi, request is 0, has larger consumption of ephemeral-storage. ",
    ]);
  });

  test("ends a pod that wrote more than it may, and looks at the disk once a minute", async () => {
    const { manager, state, evicted, clock } = open();
    const limits = { "ephemeral-storage": "5Mi" };
    state.pods = [runs("web", 1, { containers: [{ resources: { limits } }] })];
    await manager.look(SIGNAL);
    state.sizes = new Map([["/layers/web", 6 * MI]]);
    await clock.advance(DISK_EVERY_MS - 1);
    await manager.look(SIGNAL);
    expect([state.walks, evicted.length]).toEqual([1, 0]);
    await clock.advance(1);
    await manager.look(SIGNAL);
    expect(state.walks).toBe(2);
    expect(evicted.map(({ message }) => message)).toEqual([
      "Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ",
    ]);
  });

  test("cleans images up from 85 to 80 percent, and says when it cannot", async () => {
    const { manager, state, freed, told, clock } = open();
    state.readings = { "imagefs.available": { available: 15_000, capacity: 100_000 } };
    state.freed = 5_000;
    await manager.look(SIGNAL);
    expect(freed).toEqual([[5_000, 120_000]]);
    expect(told).toEqual([]);
    state.freed = 100;
    await clock.advance(IMAGES_EVERY_MS);
    await manager.look(SIGNAL);
    expect(told).toEqual([
      "Node/node-a FreeDiskSpaceFailed: Failed to garbage collect required amount of images. Attempted to free 5000 bytes, but only found 100 bytes eligible to free.",
    ]);
    state.gcError = new Error("the API is away");
    await clock.advance(IMAGES_EVERY_MS);
    await manager.look(SIGNAL);
    expect(told.at(-1)).toBe("Node/node-a ImageGCFailed: the API is away");
  });
});
