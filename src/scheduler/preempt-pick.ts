import { parseTime } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import type { Pod } from "../model/kinds.gen.ts";

/** Priorities may be negative: shifted by this much each, more victims never look cheaper than fewer. */
const PRIORITY_SHIFT = 2 ** 31;

/** The pods that would have to leave a node for another. */
export interface Victims {
  readonly node: string;
  /** The most important first. Not empty. */
  readonly pods: readonly Pod[];
  /** How many of them a disruption budget would rather keep. */
  readonly violations: number;
}

/** What Kubernetes compares of victims, in this order; less is better. */
export type VictimCost = readonly [
  violations: number,
  highestPriority: number,
  prioritySum: number,
  count: number,
  /** Minus the earliest start of the most important victims: those that ran shortest go. */
  start: number,
];

/** Pure. */
export function costOf({ pods, violations }: Victims): VictimCost {
  let highest = -Infinity;
  let sum = 0;
  let start = Infinity;
  for (const pod of pods) {
    const priority = priorityOf(pod);
    sum += priority + PRIORITY_SHIFT;
    if (priority > highest) {
      highest = priority;
      start = startOf(pod);
    } else if (priority === highest) start = Math.min(start, startOf(pod));
  }
  return [violations, highest, sum, pods.length, -start];
}

/** Pure. */
export function compareCost(a: VictimCost, b: VictimCost): number {
  for (let index = 0; index < a.length; index += 1) {
    const left = a[index] ?? 0;
    const right = b[index] ?? 0;
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

export function priorityOf(pod: Pod): number {
  return pod.spec.priority ?? 0;
}

/** Which of two pods is rather kept: the more important, then the one that runs longer. Pure. */
export function compareImportance(a: Pod, b: Pod): number {
  return (
    priorityOf(b) - priorityOf(a) ||
    compareNumbers(startOf(a), startOf(b)) ||
    compare(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compare(a.metadata.name, b.metadata.name)
  );
}

function compareNumbers(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** A pod that has not begun counts as begun last. */
function startOf({ status }: Pod): number {
  return parseTime(status?.startTime) ?? Infinity;
}
