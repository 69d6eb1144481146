import type { Millis } from "../base/clock.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { createScheduler } from "./create-scheduler.ts";
import { explainForeign, isOurs } from "./profiles.ts";
import { GATED_CONDITION } from "./queue-gates.ts";
import type { Decision } from "./decision.ts";
import type { Scheduler } from "./scheduler.ts";
import type { VolumeChoice } from "./volumes.ts";

export interface PlaceAllInput {
  /** Pods that want a node. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Pods that have one. */
  readonly placed: readonly Pod[];
  /** Whatever else decides: namespaces, Services and workloads, volumes and claims, disruption budgets. */
  readonly others?: readonly ApiObject[];
  readonly now: Millis;
}

/** Names the very pod. */
interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

interface Binding extends PodIdentity {
  readonly node: string;
  /** What becomes of its claims there. */
  readonly volumes?: readonly VolumeChoice[];
}

/** Pods that would have to leave a node for a more important one. */
interface Preemption extends PodIdentity {
  readonly node: string;
  readonly victims: readonly Pod[];
  /** Less important pods that lose the room there that they were promised. */
  readonly displaced: readonly Pod[];
}

export interface Unplaced extends PodIdentity {
  /** As Kubernetes says it: `0/5 nodes are available: 3 Insufficient memory, 2 node(s) were unschedulable.` */
  readonly message: string;
}

export interface Schedule {
  readonly bindings: readonly Binding[];
  readonly unplaced: readonly Unplaced[];
  readonly preemptions?: readonly Preemption[];
}

/**
 * What the scheduler of the control plane would do with a world in one go: groups, gates, profiles, volumes and all.
 * A pod that would have others evicted has no node yet; its message says whom. Pure.
 */
export function placeAll(input: PlaceAllInput): Schedule {
  const scheduler = schedulerOf(input);
  const bindings: Schedule["bindings"][number][] = [];
  const unplaced: Unplaced[] = input.pods
    .filter((pod) => !isOurs(pod))
    .map((pod) => ({ ...identityOf(pod), message: explainForeign(pod) }));
  const preemptions: Preemption[] = [];
  for (const decision of decisionsOf(scheduler, input.now)) {
    if (decision.kind !== "bind") unplaced.push(toUnplaced(decision));
    else
      for (const { pod, node, volumes } of decision.bindings)
        bindings.push({ ...identityOf(pod), node, volumes });
    if (decision.kind !== "preempt") continue;
    const { pod, node, victims, displaced } = decision;
    preemptions.push({ ...identityOf(pod), node, victims, displaced });
  }
  return { bindings, unplaced, preemptions };
}

/** A scheduler that knows a world, and has decided nothing yet. */
export function schedulerOf(input: PlaceAllInput): Scheduler {
  const scheduler = createScheduler();
  const { others = [], nodes, placed, pods, now } = input;
  for (const object of [...others, ...nodes, ...placed, ...pods])
    scheduler.observe({ kind: "added", object }, now);
  return scheduler;
}

function decisionsOf(scheduler: Scheduler, now: Millis): readonly Decision[] {
  const decisions: Decision[] = [];
  for (let turn = scheduler.turn(now); turn !== undefined; turn = scheduler.turn(now))
    decisions.push(...turn);
  return decisions;
}

function toUnplaced(decision: Exclude<Decision, { readonly kind: "bind" }>): Unplaced {
  const identity = identityOf(decision.pod);
  switch (decision.kind) {
    case "refuse":
      return { ...identity, message: decision.message };
    case "gated":
      return { ...identity, message: GATED_CONDITION.message ?? "" };
    default: {
      const names = decision.victims.map(
        ({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`,
      );
      const says = `It evicts ${names.join(", ")} from node "${decision.node}" and goes there.`;
      return { ...identity, message: `${decision.message} ${says}` };
    }
  }
}

function identityOf({ metadata }: Pod): {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
} {
  return { namespace: metadata.namespace ?? "", name: metadata.name, uid: metadata.uid ?? "" };
}
