import { parseTime, type Millis } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { isReady, readySince } from "./pod-state.ts";

/** Lets people say which replicas go first: the cheaper ones. */
export const DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";

/** What the order of victims looks at beside the pods themselves. */
export interface VictimContext {
  /** The active pods of the whole workload, for the doubling; without them it does not count. */
  readonly related?: readonly Pod[];
  /** Ages count by orders of magnitude from here; without it the younger goes first, as among the pods of a Job. */
  readonly now?: Millis;
}

/** A pod with what it is ranked by, read once. */
interface Candidate {
  readonly now: Millis | undefined;
  readonly pod: Pod;
  /** Pods of the same workload on the same node, this one included. */
  readonly neighbours: number;
  readonly isReady: boolean;
  readonly readySince: Millis | undefined;
  readonly createdAt: Millis | undefined;
}

type Rule = (a: Candidate, b: Candidate) => number;

/** Kubernetes' order: the first rule that tells two pods apart decides; negative means that `a` goes first. */
const RULES: readonly Rule[] = [
  (a, b) => rank(isAssigned(a.pod)) - rank(isAssigned(b.pod)),
  (a, b) => phaseRank(a.pod) - phaseRank(b.pod),
  (a, b) => rank(a.isReady) - rank(b.isReady),
  (a, b) => deletionCost(a.pod) - deletionCost(b.pod),
  (a, b) => b.neighbours - a.neighbours,
  (a, b) => (a.isReady ? compareAge(a, b, (candidate) => candidate.readySince) : 0),
  (a, b) => restarts(b.pod) - restarts(a.pod),
  (a, b) => sidecarRestarts(b.pod) - sidecarRestarts(a.pod),
  (a, b) => compareAge(a, b, ({ createdAt }) => createdAt),
  (a, b) => compare(a.pod.metadata.name, b.pod.metadata.name),
];

/**
 * The `count` of `pods` that are to go: the least useful first (unassigned, pending, not ready, cheap, doubled up on a
 * node, newer). Pure.
 */
export function chooseVictims(
  pods: readonly Pod[],
  count: number,
  { related = [], now }: VictimContext = {},
): readonly Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related) {
    if (spec.nodeName !== undefined)
      perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1);
  }
  return pods
    .map((pod) => ({
      now,
      pod,
      neighbours: perNode.get(pod.spec.nodeName ?? "") ?? 0,
      isReady: isReady(pod),
      readySince: readySince(pod),
      createdAt: parseTime(pod.metadata.creationTimestamp),
    }))
    .toSorted(compareCandidates)
    .slice(0, count)
    .map(({ pod }) => pod);
}

function compareCandidates(a: Candidate, b: Candidate): number {
  for (const rule of RULES) {
    const order = rule(a, b);
    if (order !== 0) return order;
  }
  return 0;
}

function isAssigned(pod: Pod): boolean {
  return pod.spec.nodeName !== undefined && pod.spec.nodeName !== "";
}

function phaseRank(pod: Pod): number {
  const phase = pod.status?.phase ?? "Pending";
  return phase === "Pending" ? 0 : phase === "Unknown" ? 1 : 2;
}

function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST_ANNOTATION];
  if (text === undefined) return 0;
  return /^-?\d{1,10}$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): number {
  return Math.max(
    0,
    ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount),
  );
}

/** The same of init containers that go on beside the others. */
function sidecarRestarts({ spec, status }: Pod): number {
  const sidecars = new Set(
    (spec.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === "Always")
      .map(({ name }) => name),
  );
  return Math.max(
    0,
    ...(status?.initContainerStatuses ?? [])
      .filter(({ name }) => sidecars.has(name))
      .map(({ restartCount }) => restartCount),
  );
}

/**
 * The younger first, by orders of magnitude (powers of two): among pods of about the same age it is left to their uids,
 * so that scaling down does not always hit the newest. One without a time counts as the youngest.
 */
function compareAge(
  a: Candidate,
  b: Candidate,
  timeOf: (candidate: Candidate) => Millis | undefined,
): number {
  const [left, right] = [timeOf(a), timeOf(b)];
  if (left === right) return 0;
  if (left === undefined) return -1;
  if (right === undefined) return 1;
  if (a.now === undefined) return right - left;
  const order = ageRank(left, a.now) - ageRank(right, a.now);
  return order === 0 ? compare(a.pod.metadata.uid ?? "", b.pod.metadata.uid ?? "") : order;
}

function ageRank(time: Millis, now: Millis): number {
  const age = now - time;
  // In nanoseconds, as Kubernetes ranks: the borders between two ranks are powers of two of them.
  return age > 0 ? Math.trunc(Math.log2(age * 1_000_000)) : -1;
}

function rank(isUseful: boolean): number {
  return isUseful ? 1 : 0;
}
