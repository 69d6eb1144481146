import type { Millis } from "../../src/base/clock.ts";
import type { Namespace, Node, Pod } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { newSchedulerCore, type SchedulerCore } from "../../src/scheduler/core.ts";
import { formatUnavailable } from "../../src/scheduler/explain.ts";
import type { Schedule, Unplaced } from "../../src/scheduler/queue-forecast.ts";
import { compareUrgency } from "../../src/scheduler/queue-order.ts";

export interface ScheduleInput {
  /** Pods that want a node. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Pods that have one; finished ones take nothing. */
  readonly placed: readonly Pod[];
  readonly now: Millis;
  /** Services and workloads, by which pods without constraints are kept apart. */
  readonly selectors?: readonly ApiObject[];
  readonly namespaces?: readonly Namespace[];
  /** Orders equally good nodes; absent: by name. */
  readonly seed?: string;
}

/** The core alone, without queue and preemption: a node for every pod that fits on one, a reason for every other. */
export function schedule(input: ScheduleInput): Schedule {
  const { nodes, placed, pods, namespaces = [], selectors = [], seed = "" } = input;
  const core = newSchedulerCore({ seed });
  for (const object of [...namespaces, ...selectors, ...nodes, ...placed]) core.upsert(object);
  return placePods(core, pods);
}

/**
 * Places pods, each counted as soon as it is placed: the more important first, then the older. The order of the input
 * does not show.
 */
function placePods(core: SchedulerCore, pods: readonly Pod[]): Schedule {
  const bindings: Schedule["bindings"][number][] = [];
  const unplaced: Unplaced[] = [];
  for (const pod of pods.toSorted(compareUrgency)) {
    const { namespace = "", name, uid = "" } = pod.metadata;
    const placement = core.place(pod);
    if (placement.kind === "refused") {
      unplaced.push({ namespace, name, uid, message: formatUnavailable(placement.refusals) });
    } else {
      core.assume(pod, placement.node);
      bindings.push({ namespace, name, uid, node: placement.node });
    }
  }
  return { bindings, unplaced };
}
