import { describe, expect, test } from "vitest";
import {
  DEFAULT_NODE_RESOURCES,
  toNodeResourceConfig,
} from "../../../src/agent/resources/node-config.ts";
import {
  metThresholds,
  notePressure,
  pressuresAt,
  reservedOf,
  type Readings,
} from "../../../src/agent/resources/pressure.ts";

const MI = 2 ** 20;
const GI = 2 ** 30;

describe("toNodeResourceConfig()", () => {
  test("knows kubelet's words", () => {
    const config = toNodeResourceConfig({
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      maxPods: 60,
      podPidsLimit: 1024,
      maxParallelImagePulls: 5,
      imageGCHighThresholdPercent: 70,
      imageGCLowThresholdPercent: 60,
      imageMinimumGCAge: "1h2m3s",
      evictionPressureTransitionPeriod: "30s",
      systemReserved: { cpu: "100m", memory: "200Mi", "ephemeral-storage": "1Gi", pid: "10" },
      kubeReserved: { memory: "100Mi" },
      evictionHard: { "memory.available": "250Mi", "nodefs.available": "12.5%" },
    });
    expect(config).toEqual({
      maxPods: 60,
      podPidsLimit: 1024,
      maxParallelImagePulls: 5,
      imageGcHighPercent: 70,
      imageGcLowPercent: 60,
      imageMinimumGcAgeMs: 3_723_000,
      evictionPressureTransitionPeriodMs: 30_000,
      systemReserved: { cpuMillis: 100, memoryBytes: 200 * MI, ephemeralBytes: GI, pids: 10 },
      kubeReserved: { cpuMillis: 0, memoryBytes: 100 * MI, ephemeralBytes: 0, pids: 0 },
      evictionHard: {
        "memory.available": { kind: "amount", amount: 250 * MI },
        "nodefs.available": { kind: "percent", percent: 12.5 },
      },
    });
  });

  test("of nothing is kubelet's defaults", () => {
    expect(toNodeResourceConfig(undefined)).toBe(DEFAULT_NODE_RESOURCES);
    expect(toNodeResourceConfig(null)).toBe(DEFAULT_NODE_RESOURCES);
  });

  test.each([
    [{ maxPod: 1 }, "maxPod: is not a field that Berth knows"],
    [{ maxPods: "1" }, "maxPods: must be a whole number from 1 to 1000"],
    [{ kind: "Node" }, 'kind: must be "KubeletConfiguration"'],
    [{ imageMinimumGCAge: "2" }, 'imageMinimumGCAge: must be a duration such as "5m0s"'],
    [{ evictionHard: { "disk.free": "1" } }, /"disk\.free" is no signal/],
    [{ evictionHard: { "nodefs.available": "101%" } }, /must be an amount such as/],
    [{ systemReserved: { gpu: "1" } }, /"gpu" cannot be reserved/],
    [{ systemReserved: { cpu: "much" } }, /"cpu" must be an amount/],
    [{ imageGCHighThresholdPercent: 50 }, /must be less than imageGCHighThresholdPercent/],
    [[], "it must be a map of fields"],
  ])("refuses %j", (value, message) => {
    expect(() => toNodeResourceConfig(value)).toThrow(message);
  });
});

const READINGS: Readings = {
  "memory.available": { available: 99 * MI, capacity: 4 * GI },
  "nodefs.available": { available: 10, capacity: 100 },
  "nodefs.inodesFree": { available: 4, capacity: 100 },
  "imagefs.available": { available: 14, capacity: 100 },
};

describe("pressure", () => {
  test("is what is below its threshold, memory first", () => {
    expect(metThresholds(READINGS, DEFAULT_NODE_RESOURCES)).toEqual([
      { signal: "memory.available", wanted: 100 * MI, available: 99 * MI },
      { signal: "nodefs.inodesFree", wanted: 5, available: 4 },
      { signal: "imagefs.available", wanted: 15, available: 14 },
    ]);
  });

  test("stays for the transition period", () => {
    const met = metThresholds(READINGS, DEFAULT_NODE_RESOURCES);
    const memory = notePressure({}, met, 1000);
    expect([...pressuresAt(memory, 1000, 5000)]).toEqual(["MemoryPressure", "DiskPressure"]);
    expect([...pressuresAt(memory, 5999, 5000)]).toEqual(["MemoryPressure", "DiskPressure"]);
    expect([...pressuresAt(memory, 6000, 5000)]).toEqual([]);
    const again = notePressure(memory, met.slice(0, 1), 4000);
    expect([...pressuresAt(again, 6000, 5000)]).toEqual(["MemoryPressure"]);
  });

  test("reserves for the system, for Berth and for eviction", () => {
    const config = toNodeResourceConfig({
      systemReserved: { cpu: "250m", memory: "1Gi" },
      kubeReserved: { cpu: "250m", "ephemeral-storage": "1Gi" },
      evictionHard: { "memory.available": "100Mi", "nodefs.available": "10%" },
    });
    const capacity = { cpuMillis: 2000, memoryBytes: 4 * GI, ephemeralBytes: 100 * GI };
    expect(reservedOf(config, capacity)).toEqual({
      cpuMillis: 500,
      memoryBytes: GI + 100 * MI,
      ephemeralBytes: 11 * GI,
    });
  });
});
