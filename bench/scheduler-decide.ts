import type { Pod } from "../src/model/kinds.gen.ts";
import { createScheduler } from "../src/scheduler/create-scheduler.ts";
import type { Decision } from "../src/scheduler/decision.ts";
import type { Scheduler } from "../src/scheduler/scheduler.ts";
import type { Churn, Workload } from "./scheduler-workloads.ts";

/** Where every clock of these runs stands, in ms: the work alone takes time. */
const NOW = 1_767_322_800_000;
/** Rounds without a binding before pods count as stuck. */
const MAX_IDLE_ROUNDS = 1000;

/** Decides for all measured pods, churn beside; throws when one of them stays without a node. */
export function decideAll(workload: Workload): { readonly pods: number; readonly ms: number } {
  const scheduler = createScheduler();
  const { namespaces = [], services = [], nodes, init, measured } = workload;
  for (const object of [...namespaces, ...services, ...nodes])
    scheduler.observe({ kind: "added", object }, NOW);
  const driver = new Driver(scheduler);
  driver.placeAll(init, undefined);
  const startedAt = performance.now();
  driver.placeAll(measured, workload.churn);
  return { pods: measured.length, ms: performance.now() - startedAt };
}

class Driver {
  readonly #scheduler: Scheduler;
  #wanted = new Set<string>();
  #now = NOW;
  #churned = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  placeAll(pods: readonly Pod[], churn: Churn | undefined): void {
    this.#wanted = new Set(pods.map(({ metadata }) => metadata.uid ?? ""));
    const every = churn?.everyPods ?? Infinity;
    for (let from = 0; from < pods.length; from += every) {
      for (const object of pods.slice(from, from + every))
        this.#scheduler.observe({ kind: "added", object }, this.#now);
      if (churn !== undefined) this.#churn(churn);
      this.#drain();
    }
    for (let round = 0; this.#wanted.size > 0; round += 1) {
      if (round > MAX_IDLE_ROUNDS) throw new Error(`${this.#wanted.size} pods have no node`);
      this.#now = Math.max(this.#now + 1, this.#scheduler.nextAt() ?? 0);
      this.#drain();
    }
  }

  #churn({ node, pod, service }: Churn): void {
    for (const object of [node?.(), service?.()]) {
      if (object === undefined) continue;
      if (this.#churned > 0) this.#scheduler.observe({ kind: "deleted", object }, this.#now);
      this.#scheduler.observe({ kind: "added", object }, this.#now);
    }
    const made = pod?.(this.#churned);
    if (made !== undefined) this.#scheduler.observe({ kind: "added", object: made }, this.#now);
    this.#churned += 1;
  }

  #drain(): void {
    for (;;) {
      const decisions = this.#scheduler.turn(this.#now);
      if (decisions === undefined) return;
      for (const decision of decisions) this.#carryOut(decision);
    }
  }

  #carryOut(decision: Decision): void {
    if (decision.kind === "bind") {
      for (const { pod, node } of decision.bindings) {
        const { uid = "" } = pod.metadata;
        this.#scheduler.bound(uid, this.#now);
        const object: Pod = { ...pod, spec: { ...pod.spec, nodeName: node } };
        this.#scheduler.observe({ kind: "modified", object, previous: pod }, this.#now);
        this.#wanted.delete(uid);
      }
    } else if (decision.kind === "preempt") {
      // Without a kubelet and without a grace period, what is evicted is gone.
      for (const object of decision.victims)
        this.#scheduler.observe({ kind: "deleted", object, previous: object }, this.#now);
    }
  }
}
