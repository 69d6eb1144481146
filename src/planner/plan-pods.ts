import { refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan } from "../model/plan.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { isTerminating } from "./pod-state.ts";
import type { World } from "./world.ts";

/**
 * Removes a pod that no agent will ever remove: its node is gone from the cluster, or it was asked to end before it had
 * a node. Pure.
 */
export function planPodCollection(world: World, pod: Pod): Plan {
  const { nodeName } = pod.spec;
  const orphaned =
    nodeName !== undefined &&
    world.get({ apiVersion: "v1", kind: "Node", name: nodeName }) === undefined;
  const neverPlaced = nodeName === undefined && isTerminating(pod);
  if (!orphaned && !neverPlaced) return EMPTY_PLAN;
  const uid = pod.metadata.uid ?? "";
  return { steps: [{ kind: "delete", ref: refOf(pod), uid, graceSeconds: 0, reason: "NodeGone" }] };
}
