import { setCondition } from "./condition.ts";
import type { Pod } from "./kinds.gen.ts";
import type { ApiObject } from "./meta.ts";
import { isFinished } from "./pod-phase.ts";

/** Why the cluster, not the pod's owner, ends a pod. Written into its status before it goes, for whoever counts its end. */
export interface Disruption {
  /** CamelCase, as Kubernetes has it: `DeletionByTaintManager`, say. Absent: no condition is written. */
  readonly reason?: string;
  readonly message?: string;
  /** Nobody is left who could tell how it ended: it has Failed, unless it was at its end before. */
  readonly isLost?: boolean;
}

/** A Pod with the condition `DisruptionTarget`, at `now` (RFC 3339); the same object when nothing changes. Pure. */
export function withDisruption<T extends ApiObject>(
  object: T,
  disruption: Disruption | undefined,
  now: string,
): T {
  if (disruption === undefined || object.kind !== "Pod" || object.apiVersion !== "v1")
    return object;
  const { reason, message = "", isLost = false } = disruption;
  const pod = object as ApiObject as Pod;
  const status = pod.status ?? { phase: "Pending" };
  const conditions =
    reason === undefined
      ? status.conditions
      : setCondition(
          status.conditions,
          { type: "DisruptionTarget", status: "True", reason, message },
          now,
        );
  const phase = isLost && !isFinished(pod) ? "Failed" : status.phase;
  if (conditions === status.conditions && phase === status.phase) return object;
  return {
    ...object,
    status: { ...status, phase, ...(conditions === undefined ? {} : { conditions }) },
  };
}
