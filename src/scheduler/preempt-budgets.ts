import type { Pod, PodDisruptionBudget } from "../model/kinds.gen.ts";
import { isEmptySelector, matchesSelector } from "../model/labels.ts";

/** The disruption budgets of the cluster, by what their status allows, less what is being evicted already. */
export class BudgetTable {
  readonly #byNamespace = new Map<string, Map<string, PodDisruptionBudget>>();
  /** Chosen to be evicted, and not seen terminating yet: the budgets do not know of them. */
  readonly #leaving = new Map<string, Pod>();
  /** Raised by every change. */
  version = 0;

  set(budget: PodDisruptionBudget): void {
    this.version += 1;
    const { namespace = "", name } = budget.metadata;
    const known = this.#byNamespace.get(namespace);
    if (known === undefined) this.#byNamespace.set(namespace, new Map([[name, budget]]));
    else known.set(name, budget);
  }

  remove(budget: PodDisruptionBudget): void {
    this.version += 1;
    const { namespace = "", name } = budget.metadata;
    const known = this.#byNamespace.get(namespace);
    known?.delete(name);
    if (known?.size === 0) this.#byNamespace.delete(namespace);
  }

  evict(pod: Pod): void {
    if (this.of(pod).length === 0) return;
    this.#leaving.set(pod.metadata.uid ?? "", pod);
    this.version += 1;
  }

  /** The pod was seen terminating, or is gone, or stays after all. */
  settle(uid: string): void {
    if (this.#leaving.delete(uid)) this.version += 1;
  }

  /** The budgets that a pod counts in. An empty selector counts none, as in Kubernetes' preemption. */
  of(pod: Pod): readonly PodDisruptionBudget[] {
    const budgets = this.#byNamespace.get(pod.metadata.namespace ?? "");
    if (budgets === undefined) return [];
    const labels = pod.metadata.labels ?? {};
    return [...budgets.values()].filter(({ spec, status }) => {
      const { selector } = spec;
      if (selector === undefined || isEmptySelector(selector)) return false;
      if (!matchesSelector(selector, labels)) return false;
      return status?.disruptedPods?.[pod.metadata.name] === undefined;
    });
  }

  /** Those of the pods that a budget would not allow to go, if they went in this order. Pure. */
  violating(pods: readonly Pod[]): ReadonlySet<Pod> {
    const violating = new Set<Pod>();
    if (this.#byNamespace.size === 0) return violating;
    const left = new Map<PodDisruptionBudget, number>();
    for (const pod of pods) {
      for (const budget of this.of(pod)) {
        const allowed = (left.get(budget) ?? this.#allowed(budget)) - 1;
        left.set(budget, allowed);
        if (allowed < 0) violating.add(pod);
      }
    }
    return violating;
  }

  #allowed(budget: PodDisruptionBudget): number {
    let allowed = budget.status?.disruptionsAllowed ?? 0;
    for (const pod of this.#leaving.values()) if (this.of(pod).includes(budget)) allowed -= 1;
    return allowed;
  }
}
