import { formatTime } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type { Pod, StatefulSet, StatefulSetStatus } from "../model/kinds.gen.ts";
import type { Condition } from "../model/meta.ts";
import { isReady, isTerminating } from "./pod-state.ts";
import { revisionNameOf } from "./statefulset-identity.ts";
import { isAvailable, type Situation } from "./statefulset-rollout.ts";

/**
 * The status as Kubernetes writes it, and one condition that it does not know: `ReplicaFailure`, while a pod cannot be
 * made. Pure.
 */
export function statefulSetStatus(
  situation: Situation,
  {
    collisionCount,
    obstacle,
  }: { readonly collisionCount: number; readonly obstacle?: string | undefined },
): StatefulSetStatus {
  const { set, update, current, world } = situation;
  const counts = countReplicas(situation);
  const isComplete = isRolloutComplete(set, counts);
  const currentReplicas = isComplete ? counts.updatedReplicas : counts.currentReplicas;
  const conditions = failureConditions(
    set.status?.conditions ?? [],
    obstacle,
    formatTime(world.now),
  );
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: counts.replicas,
    ...(counts.readyReplicas > 0 ? { readyReplicas: counts.readyReplicas } : {}),
    availableReplicas: counts.availableReplicas,
    ...(currentReplicas > 0 ? { currentReplicas } : {}),
    ...(counts.updatedReplicas > 0 ? { updatedReplicas: counts.updatedReplicas } : {}),
    currentRevision: isComplete ? update.revision : current.revision,
    updateRevision: update.revision,
    collisionCount,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
}

type Counts = Readonly<
  Record<
    "replicas" | "readyReplicas" | "availableReplicas" | "currentReplicas" | "updatedReplicas",
    number
  >
>;

function countReplicas(situation: Situation): Counts {
  const { slots, condemned, current, update } = situation;
  const pods = [...slots, ...condemned].flatMap(({ pod }) => pod ?? []);
  const count = (isCounted: (pod: Pod) => boolean): number => pods.filter(isCounted).length;
  const isOf = (name: string) => (pod: Pod) => !isTerminating(pod) && revisionNameOf(pod) === name;
  return {
    replicas: pods.length,
    readyReplicas: count((pod) => pod.status?.phase === "Running" && isReady(pod)),
    availableReplicas: count((pod) => isAvailable(situation, pod)),
    currentReplicas: count(isOf(current.revision)),
    updatedReplicas: count(isOf(update.revision)),
  };
}

/** The newest revision is the current one once every pod there is, is of it and Ready. */
function isRolloutComplete({ spec }: StatefulSet, counts: Counts): boolean {
  return (
    spec.updateStrategy.type === "RollingUpdate" &&
    [counts.replicas, counts.readyReplicas, counts.updatedReplicas].every(
      (count) => count === spec.replicas,
    )
  );
}

function failureConditions(
  conditions: readonly Condition[],
  obstacle: string | undefined,
  now: string,
): readonly Condition[] {
  if (obstacle === undefined) return conditions.filter(({ type }) => type !== "ReplicaFailure");
  const failure: Condition = {
    type: "ReplicaFailure",
    status: "True",
    reason: "FailedCreate",
    message: obstacle,
  };
  return setCondition(conditions, failure, now);
}
