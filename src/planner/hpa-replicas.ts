import { parseTime, type Millis } from "../base/clock.ts";
import { findCondition } from "../model/condition.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { isReady, isTerminating } from "./pod-state.ts";

/** Deviations from the target that change nothing: 0.1 is a tenth. */
export interface Tolerance {
  readonly up: number;
  readonly down: number;
}

/** What was measured of one pod, in thousandths. */
export interface PodReading {
  readonly milli: number;
  /** When it came in, and the time that it is an average of. */
  readonly at: Millis;
  readonly windowMs: Millis;
}

interface Workload {
  readonly now: Millis;
  readonly pods: readonly Pod[];
  readonly currentReplicas: number;
  readonly tolerance: Tolerance;
}

export type Counted =
  | {
      readonly kind: "replicas";
      readonly replicas: number;
      readonly averageMilli: number;
      /** Percent of what is requested. */
      readonly utilization: number;
    }
  | { readonly kind: "failed"; readonly message: string };

/** A starting program uses CPU that says nothing about its load: for so long its figures count only while it is Ready. */
const CPU_INITIALIZATION_MS: Millis = 300_000;
/** A pod that was not Ready at any time after this is one that never was. */
const INITIAL_READINESS_MS: Millis = 30_000;

/** How many pods make the use of what is requested come to the target, in percent. Pure. */
export function replicasForUtilization(
  readings: ReadonlyMap<string, PodReading>,
  requests: ReadonlyMap<string, number>,
  workload: Workload & { readonly targetPercent: number; readonly isCpu: boolean },
): Counted {
  const { targetPercent } = workload;
  const measure = (values: ReadonlyMap<string, number>): Ratio | undefined => {
    let used = 0;
    let requested = 0;
    for (const [name, value] of values) {
      const request = requests.get(name);
      if (request === undefined) continue;
      used += value;
      requested += request;
    }
    if (requested === 0) return undefined;
    const utilization = Math.trunc((used * 100) / requested);
    const average = Math.trunc(used / Math.max(1, values.size));
    return { ratio: utilization / targetPercent, utilization, averageMilli: average };
  };
  // Pods that nobody measured use all that they request, when that keeps pods; nothing, when it makes no more.
  const assumed = (name: string): number =>
    ((requests.get(name) ?? 0) * Math.max(100, targetPercent)) / 100;
  return countReplicas(readings, workload, { measure, assumed });
}

/** How many pods make the average come to the target. Pure. */
export function replicasForUsage(
  readings: ReadonlyMap<string, PodReading>,
  workload: Workload & { readonly targetMilli: number; readonly isCpu: boolean },
): Counted {
  const { targetMilli } = workload;
  const measure = (values: ReadonlyMap<string, number>): Ratio | undefined => {
    if (values.size === 0 || targetMilli === 0) return undefined;
    const total = [...values.values()].reduce((sum, value) => sum + value, 0);
    const averageMilli = Math.trunc(total / values.size);
    return { ratio: averageMilli / targetMilli, utilization: 0, averageMilli };
  };
  return countReplicas(readings, workload, { measure, assumed: () => targetMilli });
}

/** How many pods have no more than the target each of a total. Pure. */
export function replicasForShare(
  totalMilli: number,
  targetMilli: number,
  { currentReplicas, tolerance }: Workload,
): { readonly replicas: number; readonly averageMilli: number } {
  const ratio = totalMilli / (targetMilli * Math.max(1, currentReplicas));
  const replicas =
    targetMilli === 0 || isWithin(ratio, tolerance)
      ? currentReplicas
      : Math.ceil(totalMilli / targetMilli);
  return { replicas, averageMilli: Math.ceil(totalMilli / Math.max(1, currentReplicas)) };
}

/** How many pods there are to be for a total that is this far from its target. Pure. */
export function replicasForTotal(
  totalMilli: number,
  targetMilli: number,
  { pods, currentReplicas, tolerance }: Workload,
): number {
  if (targetMilli === 0) return currentReplicas;
  const ratio = totalMilli / targetMilli;
  if (currentReplicas === 0) return Math.ceil(ratio);
  if (isWithin(ratio, tolerance)) return currentReplicas;
  const ready = pods.filter((pod) => isReady(pod) && !isTerminating(pod)).length;
  return Math.ceil(ratio * ready);
}

interface Ratio {
  readonly ratio: number;
  readonly utilization: number;
  readonly averageMilli: number;
}

interface Rules {
  readonly measure: (values: ReadonlyMap<string, number>) => Ratio | undefined;
  /** What a pod that nobody measured is taken to use, when that keeps pods. */
  readonly assumed: (name: string) => number;
}

/** Kubernetes' rules for pods that are not Ready or not measured: they never make a change greater, only smaller. */
function countReplicas(
  readings: ReadonlyMap<string, PodReading>,
  workload: Workload & { readonly isCpu: boolean },
  rules: Rules,
): Counted {
  const { pods, currentReplicas, tolerance } = workload;
  if (pods.length === 0)
    return failed("no pods returned by selector while calculating replica count");
  const groups = groupPods(readings, workload);
  if (groups.values.size === 0)
    return failed("did not receive metrics for targeted pods (pods might be unready)");
  const first = rules.measure(groups.values);
  if (first === undefined) return failed("no metrics returned matched known pods");
  const { ratio, utilization, averageMilli } = first;
  const countsUnready = groups.unready.length > 0 && ratio > 1;
  let replicas = currentReplicas;
  if (countsUnready || groups.missing.length > 0)
    replicas = replicasWithAssumptions(ratio, groups, workload, rules);
  else if (!isWithin(ratio, tolerance)) replicas = Math.ceil(ratio * groups.values.size);
  return { kind: "replicas", replicas, averageMilli, utilization };
}

function replicasWithAssumptions(
  ratio: number,
  groups: Groups,
  { currentReplicas, tolerance }: Workload,
  { measure, assumed }: Rules,
): number {
  const values = new Map(groups.values);
  for (const name of groups.missing) {
    if (ratio < 1) values.set(name, assumed(name));
    else if (ratio > 1) values.set(name, 0);
  }
  if (ratio > 1) for (const name of groups.unready) values.set(name, 0);
  const next = measure(values)?.ratio ?? 1;
  const hasTurned = ratio < 1 ? next > 1 : next < 1;
  if (isWithin(next, tolerance) || hasTurned) return currentReplicas;
  const replicas = Math.ceil(next * values.size);
  return next < 1 ? Math.min(replicas, currentReplicas) : Math.max(replicas, currentReplicas);
}

function failed(message: string): Counted {
  return { kind: "failed", message };
}

interface Groups {
  readonly values: ReadonlyMap<string, number>;
  readonly unready: readonly string[];
  readonly missing: readonly string[];
}

function groupPods(
  readings: ReadonlyMap<string, PodReading>,
  { now, pods, isCpu }: Workload & { readonly isCpu: boolean },
): Groups {
  const values = new Map<string, number>();
  const unready: string[] = [];
  const missing: string[] = [];
  for (const pod of pods) {
    const { name } = pod.metadata;
    const phase = pod.status?.phase ?? "Pending";
    if (isTerminating(pod) || phase === "Failed" || phase === "Succeeded") continue;
    const reading = readings.get(name);
    if (phase === "Pending") unready.push(name);
    else if (reading === undefined) missing.push(name);
    else if (isCpu && !isMeaningful(pod, reading, now)) unready.push(name);
    else values.set(name, reading.milli);
  }
  return { values, unready, missing };
}

/** Whether the CPU that a pod uses speaks of its load, not of its start. */
function isMeaningful(pod: Pod, { at, windowMs }: PodReading, now: Millis): boolean {
  const ready = findCondition(pod.status?.conditions, "Ready");
  const startedAt = parseTime(pod.status?.startTime);
  if (ready === undefined || startedAt === undefined) return false;
  const changedAt = parseTime(ready.lastTransitionTime) ?? startedAt;
  if (startedAt + CPU_INITIALIZATION_MS > now)
    return ready.status !== "False" && at >= changedAt + windowMs;
  return ready.status !== "False" || startedAt + INITIAL_READINESS_MS <= changedAt;
}

function isWithin(ratio: number, { up, down }: Tolerance): boolean {
  return ratio >= 1 - down && ratio <= 1 + up;
}
