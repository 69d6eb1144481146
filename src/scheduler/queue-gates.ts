import type { Condition, Pod } from "../model/kinds.gen.ts";

/** Whether the pod waits for somebody to remove its scheduling gates. Pure. */
export function isGated(pod: Pod): boolean {
  return (pod.spec.schedulingGates?.length ?? 0) > 0;
}

/** What Kubernetes says of a pod that waits behind gates. */
export const GATED_CONDITION: Condition = {
  type: "PodScheduled",
  status: "False",
  reason: "SchedulingGated",
  message: "Scheduling is blocked due to non-empty scheduling gates",
};
