import type { DaemonSetStatus } from "../model/kinds.gen.ts";
import { isDaemonAvailable, isUpdated, type DaemonSituation } from "./daemonset-rollout.ts";
import { isReady } from "./pod-state.ts";

/** The status as Kubernetes writes it; on a node with two pods the older one counts. Pure. */
export function daemonSetStatus(
  situation: DaemonSituation,
  collisionCount: number,
): DaemonSetStatus {
  const { set, nodes } = situation;
  const wanted = nodes.filter(({ shouldRun }) => shouldRun);
  const counted = wanted.flatMap(({ pods }) => pods.slice(0, 1));
  const ready = counted.filter(isReady);
  const available = ready.filter((pod) => isDaemonAvailable(situation, pod)).length;
  const updated = counted.filter((pod) => isUpdated(situation, pod)).length;
  const conditions = set.status?.conditions ?? [];
  return {
    observedGeneration: set.metadata.generation ?? 0,
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: counted.length,
    numberMisscheduled: nodes.filter(
      ({ exists, shouldRun, pods }) => exists && !shouldRun && pods.length > 0,
    ).length,
    numberReady: ready.length,
    ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    ...(available > 0 ? { numberAvailable: available } : {}),
    ...(wanted.length > available ? { numberUnavailable: wanted.length - available } : {}),
    ...(collisionCount > 0 ? { collisionCount } : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}
