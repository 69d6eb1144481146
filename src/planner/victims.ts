import { parseTime } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { isReady, readySince } from "./pod-state.ts";

/** Lets people say which replicas go first: the cheaper ones. */
export const DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost";

/** What the order of victims looks at. */
interface Candidate {
  readonly pod: Pod;
  /** Pods of the same workload on the same node, this one included. */
  readonly neighbours: number;
}

type Rule = (a: Candidate, b: Candidate) => number;

/** Kubernetes' order: the first rule that tells two pods apart decides; negative means that `a` goes first. */
const RULES: readonly Rule[] = [
  (a, b) => rank(isAssigned(a.pod)) - rank(isAssigned(b.pod)),
  (a, b) => phaseRank(a.pod) - phaseRank(b.pod),
  (a, b) => rank(isReady(a.pod)) - rank(isReady(b.pod)),
  (a, b) => deletionCost(a.pod) - deletionCost(b.pod),
  (a, b) => b.neighbours - a.neighbours,
  (a, b) => (readySince(b.pod) ?? 0) - (readySince(a.pod) ?? 0),
  (a, b) => restarts(b.pod) - restarts(a.pod),
  (a, b) => createdAt(b.pod) - createdAt(a.pod),
  (a, b) => compare(a.pod.metadata.name, b.pod.metadata.name),
];

/**
 * The `count` of `pods` that are to go: the least useful first (unassigned, pending, not ready, cheap, doubled up on a
 * node, newer). `related` are the active pods of the whole workload, for the doubling. Pure.
 */
export function chooseVictims(
  pods: readonly Pod[],
  count: number,
  related: readonly Pod[],
): readonly Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related) {
    if (spec.nodeName !== undefined)
      perNode.set(spec.nodeName, (perNode.get(spec.nodeName) ?? 0) + 1);
  }
  return pods
    .map((pod) => ({ pod, neighbours: perNode.get(pod.spec.nodeName ?? "") ?? 0 }))
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
  const text = pod.metadata.annotations?.[DELETION_COST_ANNOTATION] ?? "0";
  return /^-?\d{1,10}$/.test(text) ? Number(text) : 0;
}

function restarts(pod: Pod): number {
  return Math.max(
    0,
    ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount),
  );
}

function createdAt(pod: Pod): number {
  return parseTime(pod.metadata.creationTimestamp) ?? Number.MAX_SAFE_INTEGER;
}

function rank(isUseful: boolean): number {
  return isUseful ? 1 : 0;
}
