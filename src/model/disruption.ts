import { resolveIntOrPercent } from "./int-or-percent.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from "./kinds.gen.ts";

/** What a budget is computed from. */
export interface BudgetFacts {
  /** Pods that the selector chooses. */
  readonly podCount: number;
  /** How many pods their controllers want in all; needed for a share and for `maxUnavailable`. */
  readonly scale: number;
  /** Ready pods that nobody has asked to end. */
  readonly healthy: number;
}

export interface BudgetFigures {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
  readonly disruptionsAllowed: number;
}

/** Kubernetes' arithmetic of a PodDisruptionBudget: shares are rounded up, of whatever they are. Pure. */
export function budgetFigures(spec: PodDisruptionBudgetSpec, facts: BudgetFacts): BudgetFigures {
  const { podCount, scale, healthy } = facts;
  const { minAvailable, maxUnavailable } = spec;
  const isCounted = maxUnavailable === undefined && typeof (minAvailable ?? 0) === "number";
  const expectedPods = isCounted ? podCount : scale;
  const desiredHealthy =
    maxUnavailable === undefined
      ? resolveIntOrPercent(minAvailable ?? 0, expectedPods, "up")
      : Math.max(0, expectedPods - resolveIntOrPercent(maxUnavailable, expectedPods, "up"));
  const spare = healthy - desiredHealthy;
  return {
    expectedPods,
    desiredHealthy,
    disruptionsAllowed: expectedPods > 0 ? Math.max(0, spare) : 0,
  };
}

/** Whether the figures depend on what the controllers of the pods want. Pure. */
export function needsScale({ minAvailable, maxUnavailable }: PodDisruptionBudgetSpec): boolean {
  return maxUnavailable !== undefined || typeof minAvailable === "string";
}

/** How many pods the budget lets go now, as its status says; none while its newest spec was not looked at. Pure. */
export function disruptionsAllowed({ metadata, status }: PodDisruptionBudget): number {
  const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  return isSeen ? Math.max(0, status?.disruptionsAllowed ?? 0) : 0;
}
