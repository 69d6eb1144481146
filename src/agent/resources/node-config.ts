import type { Millis } from "../../base/clock.ts";
import { cpuMillis, memoryBytes } from "../../model/quantity.ts";

/** What a node watches. Each has what is left of it, and how much there is. */
export const SIGNALS = [
  "memory.available",
  "nodefs.available",
  "nodefs.inodesFree",
  "imagefs.available",
  "imagefs.inodesFree",
  "pid.available",
] as const;
export type Signal = (typeof SIGNALS)[number];

/** A signal below it is pressure. */
export type Threshold =
  | { readonly kind: "amount"; readonly amount: number }
  /** Of the capacity. */
  | { readonly kind: "percent"; readonly percent: number };

export interface Reserved {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly ephemeralBytes: number;
  readonly pids: number;
}

/** How a node deals with what it has. In kubelet's words, where its KubeletConfiguration has the field. */
export interface NodeResourceConfig {
  readonly maxPods: number;
  /** -1: no limit. */
  readonly podPidsLimit: number;
  readonly systemReserved: Reserved;
  readonly kubeReserved: Reserved;
  readonly evictionHard: Readonly<Partial<Record<Signal, Threshold>>>;
  /** How long a condition stays after the pressure has gone: it must not come and go. */
  readonly evictionPressureTransitionPeriodMs: Millis;
  readonly imageGcHighPercent: number;
  readonly imageGcLowPercent: number;
  readonly imageMinimumGcAgeMs: Millis;
  readonly maxParallelImagePulls: number;
}

const NOTHING: Reserved = { cpuMillis: 0, memoryBytes: 0, ephemeralBytes: 0, pids: 0 };

/** Kubelet's defaults, but for `maxParallelImagePulls`: kubelet pulls one image after the other. */
export const DEFAULT_NODE_RESOURCES: NodeResourceConfig = {
  maxPods: 110,
  podPidsLimit: -1,
  systemReserved: NOTHING,
  kubeReserved: NOTHING,
  evictionHard: {
    "memory.available": { kind: "amount", amount: 100 * 2 ** 20 },
    "nodefs.available": { kind: "percent", percent: 10 },
    "nodefs.inodesFree": { kind: "percent", percent: 5 },
    "imagefs.available": { kind: "percent", percent: 15 },
    "imagefs.inodesFree": { kind: "percent", percent: 5 },
  },
  evictionPressureTransitionPeriodMs: 300_000,
  imageGcHighPercent: 85,
  imageGcLowPercent: 80,
  imageMinimumGcAgeMs: 120_000,
  maxParallelImagePulls: 3,
};

/** The file says something that cannot be meant. The message has all that is wrong, one a line. */
export class NodeConfigError extends Error {
  override readonly name = "NodeConfigError";
}

type Fields = Readonly<Record<string, unknown>>;
type Read = (value: unknown) => Partial<NodeResourceConfig> | string;

const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ["apiVersion", () => ({})],
  ["kind", (value) => (value === "KubeletConfiguration" ? {} : 'must be "KubeletConfiguration"')],
  ["maxPods", whole("maxPods", 1, 1000)],
  ["podPidsLimit", whole("podPidsLimit", -1, 4_194_304)],
  ["maxParallelImagePulls", whole("maxParallelImagePulls", 1, 32)],
  ["imageGCHighThresholdPercent", whole("imageGcHighPercent", 1, 100)],
  ["imageGCLowThresholdPercent", whole("imageGcLowPercent", 0, 100)],
  ["imageMinimumGCAge", duration("imageMinimumGcAgeMs")],
  ["evictionPressureTransitionPeriod", duration("evictionPressureTransitionPeriodMs")],
  ["systemReserved", reserved("systemReserved")],
  ["kubeReserved", reserved("kubeReserved")],
  ["evictionHard", readThresholds],
]);

/** What a node's file says, beside the defaults. Throws `NodeConfigError`. Pure. */
export function toNodeResourceConfig(value: unknown): NodeResourceConfig {
  if (value === undefined || value === null) return DEFAULT_NODE_RESOURCES;
  if (!isFields(value)) throw new NodeConfigError("it must be a map of fields");
  const problems: string[] = [];
  let config = DEFAULT_NODE_RESOURCES;
  for (const [field, given] of Object.entries(value)) {
    const read = READERS.get(field);
    const found = read === undefined ? "is not a field that Berth knows" : read(given);
    if (typeof found === "string") problems.push(`${field}: ${found}`);
    else config = { ...config, ...found };
  }
  if (config.imageGcLowPercent >= config.imageGcHighPercent)
    problems.push("imageGCLowThresholdPercent: must be less than imageGCHighThresholdPercent");
  if (problems.length > 0) throw new NodeConfigError(problems.join("\n"));
  return config;
}

function whole(name: keyof NodeResourceConfig, min: number, max: number): Read {
  return (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
      ? { [name]: value }
      : `must be a whole number from ${min} to ${max}`;
}

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/;

function duration(name: keyof NodeResourceConfig): Read {
  return (value) => {
    const match = typeof value === "string" && value !== "" ? DURATION.exec(value) : null;
    if (match === null) return 'must be a duration such as "5m0s"';
    const [, hours = "0", minutes = "0", seconds = "0"] = match;
    return { [name]: ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 };
  };
}

function reserved(name: "systemReserved" | "kubeReserved"): Read {
  return (value) => {
    if (!isFields(value)) return "must be a map of amounts";
    let found = NOTHING;
    for (const [resource, amount] of Object.entries(value)) {
      const read = readReserved(resource, String(amount));
      if (typeof read === "string") return read;
      found = { ...found, ...read };
    }
    return { [name]: found };
  };
}

function readReserved(resource: string, amount: string): Partial<Reserved> | string {
  const whole = resource === "cpu" ? cpuMillis(amount) : memoryBytes(amount);
  if (whole === undefined || whole < 0) return `"${resource}" must be an amount, not "${amount}"`;
  switch (resource) {
    case "cpu":
      return { cpuMillis: whole };
    case "memory":
      return { memoryBytes: whole };
    case "ephemeral-storage":
      return { ephemeralBytes: whole };
    case "pid":
      return { pids: whole };
    default:
      return `"${resource}" cannot be reserved; cpu, memory, ephemeral-storage and pid can`;
  }
}

/** As kubelet has it: a signal that is not named keeps no threshold once any is. */
function readThresholds(value: unknown): Partial<NodeResourceConfig> | string {
  if (!isFields(value)) return "must be a map of signals to amounts or percentages";
  const evictionHard: Partial<Record<Signal, Threshold>> = {};
  for (const [name, text] of Object.entries(value)) {
    const signal = SIGNALS.find((one) => one === name);
    if (signal === undefined) return `"${name}" is no signal; there are ${SIGNALS.join(", ")}`;
    const threshold = toThreshold(String(text));
    if (threshold === undefined)
      return `"${name}" must be an amount such as "100Mi" or "10%", not "${String(text)}"`;
    evictionHard[signal] = threshold;
  }
  return { evictionHard };
}

function toThreshold(text: string): Threshold | undefined {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text);
  if (percent !== null) {
    const value = Number(percent[1]);
    return value <= 100 ? { kind: "percent", percent: value } : undefined;
  }
  const amount = memoryBytes(text);
  return amount === undefined || amount < 0 ? undefined : { kind: "amount", amount };
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
