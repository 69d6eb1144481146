import { formatTime } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import { setCondition } from "../model/condition.ts";
import { matchesLabels } from "../model/labels.ts";
import { controllerOf, refOf, type Condition } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import type { LabelSelector, Pod, ReplicaSet, ReplicationController } from "../model/kinds.gen.ts";
import { claimObjects } from "./claim.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import { newPods } from "./new-pods.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { countPods, isActive, type PodCounts } from "./pod-state.ts";
import { chooseVictims } from "./victims.ts";
import type { World } from "./world.ts";

/** A kind that keeps a number of equal pods. */
type Replicated = ReplicaSet | ReplicationController;

/** Pods made or ended by one plan, as Kubernetes bounds a burst; the next look goes on. */
export const MAX_PODS_PER_PLAN = 500;

/**
 * As many pods of the template as `spec.replicas` says: missing ones are made, surplus ones end in Kubernetes' order,
 * strays that the selector chooses are adopted, pods that left it are released. Finished and ending pods do not count. Pure.
 */
export function planReplicaSet(world: World, replicaSet: ReplicaSet): Plan {
  return planReplicas(world, replicaSet, replicaSet.spec.selector);
}

/** The same for the older kind, whose selector is a map of labels: an empty one chooses nothing. Pure. */
export function planReplicationController(world: World, controller: ReplicationController): Plan {
  const { selector } = controller.spec;
  const chooses = Object.keys(selector).length > 0;
  return planReplicas(world, controller, chooses ? { matchLabels: selector } : undefined);
}

function planReplicas(
  world: World,
  replicaSet: Replicated,
  selector: LabelSelector | undefined,
): Plan {
  if (replicaSet.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const claims = claimObjects<Pod>(world, replicaSet, selector, { apiVersion: "v1", kind: "Pod" });
  const active = claims.owned.filter(isActive);
  const forbidden = isNamespaceTerminating(world, replicaSet.metadata.namespace);
  const missing = replicaSet.spec.replicas - active.length;
  const victims = missing < 0 ? selectVictims(world, replicaSet, active, -missing) : [];
  const gone = new Set(victims.map((pod) => pod.metadata.name));
  const created =
    missing > 0 && !forbidden
      ? newPods(world, replicaSet, replicaSet.spec.template, Math.min(missing, MAX_PODS_PER_PLAN))
      : [];
  const counts = countPods(claims.owned, replicaSet.spec.minReadySeconds ?? 0, world.now);
  const steps: Step[] = [
    ...claims.adopted
      .filter((pod) => !gone.has(pod.metadata.name))
      .map((object): Step => ({ kind: "update", object, reason: "Adopt" })),
    ...claims.released.map((object): Step => ({ kind: "update", object, reason: "Release" })),
    ...victims.flatMap((pod) => endPod(replicaSet, pod)),
    ...created.flatMap((pod) => makePod(replicaSet, pod)),
    ...planStatus(world, replicaSet, active, counts, forbidden && missing > 0),
  ];
  return counts.nextAvailableAt === undefined
    ? { steps }
    : { steps, lookAgainAt: counts.nextAvailableAt };
}

function selectVictims(
  world: World,
  replicaSet: Replicated,
  active: readonly Pod[],
  count: number,
): readonly Pod[] {
  const owner = controllerOf(replicaSet)?.uid;
  const siblings =
    owner === undefined
      ? []
      : world
          .ownedBy(owner)
          .filter(
            ({ kind, metadata }) =>
              kind === "ReplicaSet" && metadata.uid !== replicaSet.metadata.uid,
          );
  const related = siblings
    .flatMap(({ metadata }) => podsOwnedBy(world, metadata.uid))
    .filter(isActive);
  return chooseVictims(active, Math.min(count, MAX_PODS_PER_PLAN), {
    related: [...active, ...related],
    now: world.now,
  });
}

function makePod(replicaSet: Replicated, pod: Pod): readonly Step[] {
  const { name } = pod.metadata;
  return [
    { kind: "create", object: pod, reason: "MissingReplica" },
    {
      kind: "event",
      about: replicaSet,
      type: "Normal",
      reason: "SuccessfulCreate",
      message: `Created pod: ${name}`,
    },
  ];
}

function endPod(replicaSet: Replicated, pod: Pod): readonly Step[] {
  const { name, uid = "" } = pod.metadata;
  return [
    { kind: "delete", ref: refOf(pod), uid, reason: "SurplusReplica" },
    {
      kind: "event",
      about: replicaSet,
      type: "Normal",
      reason: "SuccessfulDelete",
      message: `Deleted pod: ${name}`,
    },
  ];
}

function planStatus(
  world: World,
  replicaSet: Replicated,
  active: readonly Pod[],
  counts: PodCounts,
  forbidden: boolean,
): readonly Step[] {
  const wanted = replicaSet.spec.template.metadata?.labels ?? {};
  const fullyLabeled = active.filter((pod) => matchesLabels(wanted, pod.metadata.labels)).length;
  const conditions = failureConditions(world, replicaSet, forbidden);
  const status: NonNullable<ReplicaSet["status"]> = {
    replicas: counts.active,
    ...(fullyLabeled > 0 ? { fullyLabeledReplicas: fullyLabeled } : {}),
    ...(counts.ready > 0 ? { readyReplicas: counts.ready } : {}),
    ...(counts.available > 0 ? { availableReplicas: counts.available } : {}),
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length > 0 ? { conditions } : {}),
  };
  if (isSameJson(status, replicaSet.status)) return [];
  const object: Replicated = { ...replicaSet, status };
  return [{ kind: "update-status", object, reason: "StatusChanged" }];
}

/** `ReplicaFailure` while pods are missing that must not be made. */
function failureConditions(
  world: World,
  { metadata, status }: Replicated,
  forbidden: boolean,
): readonly Condition[] {
  if (!forbidden) return (status?.conditions ?? []).filter(({ type }) => type !== "ReplicaFailure");
  const namespace = metadata.namespace ?? "";
  const failure: Condition = {
    type: "ReplicaFailure",
    status: "True",
    reason: "FailedCreate",
    message: `pods are forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
  };
  return setCondition(status?.conditions, failure, formatTime(world.now));
}
