import { compare } from "../base/order.ts";
import { findCondition, isTrue } from "../model/condition.ts";
import { hasFinalizers } from "../model/deletion.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import { refKey, refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import type { Disruption } from "../model/pod-disruption.ts";
import { isFinished } from "../model/pod-phase.ts";
import { TAINTS } from "../model/taints.ts";
import { isTerminating } from "./pod-state.ts";
import type { World } from "./world.ts";

/** Kubernetes' default: more pods than these that have come to their end are not kept. */
export const MAX_FINISHED_PODS = 12_500;
/** Removals of one plan at most. */
const MAX_REMOVALS = 500;

/**
 * Removes a pod that no agent will ever remove: its node is gone from the cluster, or somebody has declared it out of service;
 * or it was asked to end before it had a node. Pure.
 */
export function planPodCollection(world: World, pod: Pod): Plan {
  const disruption = whyLost(world, pod);
  if (disruption === undefined || isWaiting(pod)) return EMPTY_PLAN;
  return { steps: [remove(pod, disruption)] };
}

/** Removes the oldest of the pods that have come to their end, where there are too many. Pure. */
export function planFinishedPods(pods: readonly Pod[], limit: number = MAX_FINISHED_PODS): Plan {
  const finished = pods.filter((pod) => isFinished(pod) && !isTerminating(pod));
  const surplus = finished.length - limit;
  if (surplus <= 0) return EMPTY_PLAN;
  const oldest = finished.toSorted(
    (a, b) =>
      compare(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
      compare(refKey(refOf(a)), refKey(refOf(b))),
  );
  const removed = oldest.slice(0, Math.min(surplus, MAX_REMOVALS));
  return { steps: removed.map((pod) => remove(pod, {})) };
}

/** Whether somebody has said that the node is off for good, and it does not answer. Pure. */
export function isOutOfService({ spec, status }: Node): boolean {
  const isTainted = spec.taints?.some(({ key }) => key === TAINTS.outOfService) ?? false;
  return isTainted && !isTrue(status?.conditions, "Ready");
}

function whyLost(world: World, pod: Pod): Disruption | undefined {
  const { nodeName } = pod.spec;
  if (nodeName === undefined) return isTerminating(pod) ? { isLost: true } : undefined;
  const node = world.get({ apiVersion: "v1", kind: "Node", name: nodeName }) as Node | undefined;
  if (node === undefined) {
    const message = "PodGC: node no longer exists";
    return { reason: "DeletionByPodGC", message, isLost: true };
  }
  return isTerminating(pod) && isOutOfService(node) ? { isLost: true } : undefined;
}

/** Only its finalizers are left, and who put them there has been told how it ended. */
function isWaiting(pod: Pod): boolean {
  const isGone = isTerminating(pod) && pod.metadata.deletionGracePeriodSeconds === 0;
  return isGone && hasFinalizers(pod) && isFinished(pod);
}

function remove(pod: Pod, disruption: Disruption): Step {
  const known = findCondition(pod.status?.conditions, "DisruptionTarget");
  // Who asked it to end first gave the reason: that one stays.
  const told = known?.status === "True" ? { isLost: disruption.isLost === true } : disruption;
  return {
    kind: "delete",
    ref: refOf(pod),
    uid: pod.metadata.uid ?? "",
    graceSeconds: 0,
    disruption: told,
    reason: disruption.isLost === true ? "NodeGone" : "PodCollected",
  };
}
