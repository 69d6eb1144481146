import { parseTime, type Millis } from "../base/clock.ts";
import type { Pod, Taint } from "../model/kinds.gen.ts";
import { refOf } from "../model/meta.ts";
import type { Step } from "../model/plan.ts";
import { isFinished } from "../model/pod-phase.ts";
import { toleratesTaint } from "../model/taints.ts";
import { isEvictionTaint } from "./node-taints.ts";
import { isTerminating } from "./pod-state.ts";

/** Of a pod that says nothing, and was made before every pod got a word of its own: Kubernetes' default. */
export const EVICT_AFTER_MS: Millis = 300_000;

/**
 * When a pod has to leave its node because of taints that evict: at once where one is not tolerated, else when the first of
 * the times for which they are is over; `undefined` when it may stay. Pure.
 */
export function evictionAt(pod: Pod, taints: readonly Taint[], now: Millis): Millis | undefined {
  if (isTerminating(pod) || isFinished(pod)) return undefined;
  const times = taints
    .filter(({ effect }) => effect === "NoExecute")
    .map((taint) => (parseTime(taint.timeAdded) ?? now) + toleratedMs(pod, taint));
  const first = Math.min(...times);
  return Number.isFinite(first) ? first : undefined;
}

/** Ends a pod because of a taint of its node. Pure. */
export function evictPod(pod: Pod): readonly Step[] {
  const { name, namespace = "", uid = "" } = pod.metadata;
  return [
    {
      kind: "delete",
      ref: refOf(pod),
      uid,
      reason: "NodeTainted",
      disruption: {
        reason: "DeletionByTaintManager",
        message: "Taint manager: deleting due to NoExecute taint",
      },
    },
    {
      kind: "event",
      about: pod,
      type: "Normal",
      reason: "TaintManagerEviction",
      message: `Marking for deletion Pod ${namespace}/${name}`,
    },
  ];
}

/** The first toleration that bears the taint decides, as in Kubernetes. */
function toleratedMs({ spec }: Pod, taint: Taint): Millis {
  const { tolerations = [] } = spec;
  const bearing = tolerations.find((toleration) => toleratesTaint(toleration, taint));
  if (bearing === undefined) return isEvictionTaint(taint) ? EVICT_AFTER_MS : 0;
  const { tolerationSeconds } = bearing;
  return tolerationSeconds === undefined
    ? Number.POSITIVE_INFINITY
    : Math.max(0, tolerationSeconds) * 1000;
}
