import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import { callDocker } from "./docker.ts";

/** One figure. Its name repeats the words of the bar that it answers. */
export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The same figure of what it is compared with, from the same run. */
  readonly baseline?: number;
  /** `value / baseline`. */
  readonly ratio?: number;
}

/** What a metric must stay below, or above: its value, or its ratio to the baseline. */
export interface Bar {
  readonly metric: string;
  readonly of: "value" | "ratio";
  readonly below?: number;
  readonly above?: number;
}

export interface BenchOptions {
  /** Prints progress for people. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
  /** Words after the name of the benchmark. */
  readonly args?: readonly string[];
}

/** What a file of this folder exports. */
export interface Bench {
  readonly run: (options: BenchOptions) => Promise<Metric[]>;
  readonly bars: readonly Bar[];
}

export interface Machine {
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryBytes: number;
  readonly arch: string;
  readonly kernel: string;
  readonly system: string;
  readonly node: string;
  readonly docker: string;
}

/** Where the figures come from: they mean little on another machine. */
export async function describeMachine(): Promise<Machine> {
  const [cpu] = cpus();
  return {
    cpus: cpus().length,
    cpuModel: cpu?.model ?? "unknown",
    memoryBytes: totalmem(),
    arch: arch(),
    kernel: release(),
    system: systemName(),
    node: process.version,
    docker: await dockerVersion(),
  };
}

/** A metric with its baseline: both medians, and their ratio. Pure. */
export function compared(
  name: string,
  unit: string,
  values: readonly number[],
  baselines: readonly number[],
): Metric {
  const value = median(values);
  const baseline = median(baselines);
  return {
    name,
    value: round(value),
    unit,
    baseline: round(baseline),
    ratio: round(value / baseline),
  };
}

/** The middle value; of an even number, the mean of the two in the middle. Pure. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("There is no median of nothing");
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** A sentence for every bar that is missed, or that no metric answers. Pure. */
export function missedBars(metrics: readonly Metric[], bars: readonly Bar[]): string[] {
  return bars.flatMap(({ metric: name, of, below, above }) => {
    const metric = metrics.find((metric) => metric.name === name);
    const figure = metric?.[of];
    if (figure === undefined) return [`"${name}" has no ${of}`];
    if (below !== undefined && figure >= below)
      return [`"${name}" has the ${of} ${figure}, which is not below ${below}`];
    if (above !== undefined && figure <= above)
      return [`"${name}" has the ${of} ${figure}, which is not above ${above}`];
    return [];
  });
}

/** The metrics as a table for the terminal. Pure. */
export function formatMetrics(metrics: readonly Metric[], bars: readonly Bar[]): string {
  const rows = metrics.map(({ name, value, unit, baseline, ratio }) => {
    const bar = bars.find(({ metric }) => metric === name);
    return [
      name,
      `${value} ${unit}`,
      baseline === undefined ? "" : `${baseline} ${unit}`,
      ratio === undefined ? "" : `${ratio} x`,
      bar === undefined ? "" : formatBar(bar),
    ];
  });
  const lines = [["METRIC", "VALUE", "BASELINE", "RATIO", "BAR"], ...rows];
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function formatBar({ of, below, above }: Bar): string {
  return [
    ...(below === undefined ? [] : [`${of} < ${below}`]),
    ...(above === undefined ? [] : [`${of} > ${above}`]),
  ].join(", ");
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "";
  } catch {
    return process.platform;
  }
}

async function dockerVersion(): Promise<string> {
  const info = await callDocker<{ readonly ServerVersion: string; readonly Driver: string }>(
    "GET",
    "/info",
  );
  return `${info.ServerVersion}, ${info.Driver}`;
}
