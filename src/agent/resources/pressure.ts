import type { Millis } from "../../base/clock.ts";
import {
  SIGNALS,
  type NodeResourceConfig,
  type Reserved,
  type Signal,
  type Threshold,
} from "./node-config.ts";

/** What is left of something, and how much of it there is. */
export interface Reading {
  readonly available: number;
  readonly capacity: number;
}

/** Signals that could not be read are absent: they are no pressure. */
export type Readings = Readonly<Partial<Record<Signal, Reading>>>;

export interface MetThreshold {
  readonly signal: Signal;
  /** What there should be at least. */
  readonly wanted: number;
  readonly available: number;
}

export type PressureType = "MemoryPressure" | "DiskPressure" | "PIDPressure";
export const PRESSURES: readonly PressureType[] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

const PRESSURE_OF: Readonly<Record<Signal, PressureType>> = {
  "memory.available": "MemoryPressure",
  "nodefs.available": "DiskPressure",
  "nodefs.inodesFree": "DiskPressure",
  "imagefs.available": "DiskPressure",
  "imagefs.inodesFree": "DiskPressure",
  "pid.available": "PIDPressure",
};

/** When each condition was last so, in monotonic ms. */
export type PressureMemory = Readonly<Partial<Record<PressureType, Millis>>>;

/** The thresholds that are not kept, in the order in which they are seen to: memory first. Pure. */
export function metThresholds(
  readings: Readings,
  { evictionHard }: Pick<NodeResourceConfig, "evictionHard">,
): readonly MetThreshold[] {
  return SIGNALS.flatMap((signal) => {
    const reading = readings[signal];
    const threshold = evictionHard[signal];
    if (reading === undefined || threshold === undefined) return [];
    const wanted = amountOf(threshold, reading.capacity);
    const { available } = reading;
    return available < wanted ? [{ signal, wanted, available }] : [];
  });
}

/** Which conditions have been so within the transition period, now included. Pure. */
export function notePressure(
  before: PressureMemory,
  met: readonly MetThreshold[],
  now: Millis,
): PressureMemory {
  const fresh = Object.fromEntries(met.map(({ signal }) => [PRESSURE_OF[signal], now]));
  return { ...before, ...fresh };
}

/** The conditions that the node has: those of now, and those that have not been gone for long enough. Pure. */
export function pressuresAt(
  memory: PressureMemory,
  now: Millis,
  transitionMs: Millis,
): ReadonlySet<PressureType> {
  const isSo = (type: PressureType): boolean => {
    const seenAt = memory[type];
    return seenAt !== undefined && now - seenAt < Math.max(1, transitionMs);
  };
  return new Set(PRESSURES.filter(isSo));
}

/** What is kept from pods: for the system, and so that eviction begins before the host itself suffers. Pure. */
export function reservedOf(
  config: NodeResourceConfig,
  capacity: Omit<Reserved, "pids">,
): Omit<Reserved, "pids"> {
  const { systemReserved: system, kubeReserved: kube, evictionHard } = config;
  const keep = (signal: Signal, of: number): number => {
    const threshold = evictionHard[signal];
    return threshold === undefined ? 0 : amountOf(threshold, of);
  };
  return {
    cpuMillis: system.cpuMillis + kube.cpuMillis,
    memoryBytes:
      system.memoryBytes + kube.memoryBytes + keep("memory.available", capacity.memoryBytes),
    ephemeralBytes:
      system.ephemeralBytes +
      kube.ephemeralBytes +
      keep("nodefs.available", capacity.ephemeralBytes),
  };
}

function amountOf(threshold: Threshold, capacity: number): number {
  return threshold.kind === "amount"
    ? threshold.amount
    : Math.floor((capacity * threshold.percent) / 100);
}
