import type { Millis } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import { resolveRolloutLimits, type RolloutLimits } from "../model/int-or-percent.ts";
import { isEmptySelector } from "../model/labels.ts";
import { refOf } from "../model/meta.ts";
import { EMPTY_PLAN, type Plan, type Step, type StepReason } from "../model/plan.ts";
import type { Deployment, ReplicaSet } from "../model/kinds.gen.ts";
import { deploymentStatus, isComplete, progressDeadlineAt } from "./deployment-status.ts";
import { isFinished } from "../model/pod-phase.ts";
import { earlier } from "./pod-state.ts";
import {
  annotate,
  DESIRED_ANNOTATION,
  MAX_ANNOTATION,
  numberOf,
  readRevisions,
  REVISION_ANNOTATION,
  revisionOf,
  type Revisions,
  type RevisionSet,
} from "./revisions.ts";
import {
  isScaled,
  nextSize,
  rollSets,
  scaleSets,
  type Rollout,
  type RolloutSet,
  type Sizes,
} from "./rollout.ts";
import type { World } from "./world.ts";

/**
 * One step of a Deployment towards its template and size, by the sizes of its ReplicaSets: within maxSurge and
 * maxUnavailable when rolling, all old pods gone first when recreating; then its history, status and events. Pure.
 */
export function planDeployment(world: World, deployment: Deployment): Plan {
  const { metadata, spec } = deployment;
  if (metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  if (isEmptySelector(spec.selector)) return EMPTY_PLAN;
  const revisions = readRevisions(world, deployment);
  const limits = limitsOf(deployment);
  const rollout = toRollout(deployment, revisions, limits);
  const { sizes, reason, isCreating } = planSizes(deployment, revisions, rollout);
  const next = revisions.next.stored !== undefined || isCreating ? revisions.next : undefined;
  const sets = next === undefined ? revisions.old : [next, ...revisions.old];
  const steps: Step[] = [
    ...revisions.released.map((object): Step => ({ kind: "update", object, reason: "Release" })),
    ...sets.flatMap((set) => planSet(deployment, set, sizes, limits, reason)),
  ];

  const totalSize = sets.reduce((sum, set) => sum + sizeOf(set, sizes), 0);
  const status = deploymentStatus({
    deployment,
    next,
    old: revisions.old,
    totalSize,
    maxUnavailable: limits.maxUnavailable,
    collisionCount:
      next === undefined ? (deployment.status?.collisionCount ?? 0) : revisions.collisionCount,
    now: world.now,
  });
  if (spec.paused === true || isComplete(deployment, status))
    steps.push(...cleanHistory(deployment, revisions.old));
  // The status of the new resourceVersion comes with the next look.
  const revision = next === undefined ? [] : raiseRevision(deployment, next);
  if (revision.length > 0) steps.push(...revision);
  else if (!isSameJson(status, deployment.status))
    steps.push({
      kind: "update-status",
      object: { ...deployment, status } as Deployment,
      reason: "StatusChanged",
    });
  return withAlarm(steps, world.now, [
    progressDeadlineAt(deployment, status),
    ...sets.map(({ counts }) => counts.nextAvailableAt),
  ]);
}

function limitsOf({ spec }: Deployment): RolloutLimits {
  if (spec.strategy.type === "Recreate") return { maxSurge: 0, maxUnavailable: 0 };
  return resolveRolloutLimits(spec.strategy.rollingUpdate, spec.replicas);
}

function toRollout(
  { spec, status }: Deployment,
  { next, old }: Revisions,
  limits: RolloutLimits,
): Rollout {
  return {
    replicas: spec.replicas,
    limits,
    isRolling: spec.strategy.type === "RollingUpdate",
    next: toRolloutSet(next),
    old: old.map(toRolloutSet),
    reported: status?.replicas ?? 0,
  };
}

function toRolloutSet({ replicaSet, counts, createdAt }: RevisionSet): RolloutSet {
  const desiredBefore = numberOf(replicaSet, DESIRED_ANNOTATION);
  const maxBefore = numberOf(replicaSet, MAX_ANNOTATION);
  return {
    name: replicaSet.metadata.name,
    size: replicaSet.spec.replicas,
    active: counts.active,
    available: counts.available,
    createdAt,
    ...(desiredBefore === undefined ? {} : { desiredBefore }),
    ...(maxBefore === undefined ? {} : { maxBefore }),
  };
}

interface PlannedSizes {
  readonly sizes: Sizes;
  readonly reason: StepReason;
  /** Whether the set of the current template may be made now, if it is not there. */
  readonly isCreating: boolean;
}

function planSizes(deployment: Deployment, revisions: Revisions, rollout: Rollout): PlannedSizes {
  const isThere = revisions.next.stored !== undefined;
  const present: Rollout = isThere ? rollout : { ...rollout, next: undefined };
  if (deployment.spec.paused === true || isScaled(present)) {
    return { sizes: scaleSets(present), reason: "ScaleUp", isCreating: false };
  }
  if (!rollout.isRolling) return planRecreate(revisions, rollout);
  const next = rollout.next;
  if (!isThere && next !== undefined) {
    const sizes = new Map([[next.name, nextSize(rollout, next)]]);
    return { sizes, reason: "NewRevision", isCreating: true };
  }
  return { sizes: rollSets(rollout), reason: "RolloutStep", isCreating: false };
}

/** Recreate: old sets to nothing, then their pods gone from their nodes, then the new set. */
function planRecreate({ old }: Revisions, { next, replicas }: Rollout): PlannedSizes {
  const running = old.filter((set) => set.replicaSet.spec.replicas > 0);
  if (running.length > 0) {
    const sizes = new Map(running.map((set) => [set.replicaSet.metadata.name, 0]));
    return { sizes, reason: "RecreateStop", isCreating: false };
  }
  const isWaiting = old.some((set) => set.pods.some((pod) => !isFinished(pod)));
  if (isWaiting || next === undefined)
    return { sizes: new Map(), reason: "RecreateStop", isCreating: false };
  return { sizes: new Map([[next.name, replicas]]), reason: "NewRevision", isCreating: true };
}

function sizeOf({ replicaSet }: RevisionSet, sizes: Sizes): number {
  return sizes.get(replicaSet.metadata.name) ?? replicaSet.spec.replicas;
}

/** The write and the event for one set, if it changes. */
function planSet(
  deployment: Deployment,
  set: RevisionSet,
  sizes: Sizes,
  limits: RolloutLimits,
  reason: StepReason,
): readonly Step[] {
  const size = sizeOf(set, sizes);
  const { replicas } = deployment.spec;
  const isSized = size > 0 || set.stored === undefined;
  const annotated = isSized
    ? annotate(set.replicaSet, {
        [DESIRED_ANNOTATION]: String(replicas),
        [MAX_ANNOTATION]: String(replicas + limits.maxSurge),
      })
    : set.replicaSet;
  const object: ReplicaSet =
    size === annotated.spec.replicas
      ? annotated
      : { ...annotated, spec: { ...annotated.spec, replicas: size } };
  const scaled = planScaleEvent(deployment, set, size);
  if (set.stored === undefined)
    return [{ kind: "create", object, reason: "NewRevision" }, ...scaled];
  if (object === set.stored) return [];
  const before = set.stored.spec.replicas;
  const why = size === before ? "Revision" : scaleReason(reason, size > before);
  return [{ kind: "update", object, reason: why }, ...scaled];
}

function scaleReason(reason: StepReason, isUp: boolean): StepReason {
  if (reason === "RolloutStep") return isUp ? "RolloutSurge" : "RolloutStep";
  if (reason === "ScaleUp") return isUp ? "ScaleUp" : "ScaleDown";
  return reason;
}

function planScaleEvent(deployment: Deployment, set: RevisionSet, size: number): readonly Step[] {
  const before = set.stored?.spec.replicas ?? 0;
  if (size === before) return [];
  const verb = size > before ? "up" : "down";
  const message = `Scaled ${verb} replica set ${set.replicaSet.metadata.name} from ${before} to ${size}`;
  return [
    { kind: "event", about: deployment, type: "Normal", reason: "ScalingReplicaSet", message },
  ];
}

/** History beyond the limit goes, the oldest revision first; a set that has or wants pods stays. */
function cleanHistory(deployment: Deployment, old: readonly RevisionSet[]): readonly Step[] {
  const surplus = old.length - deployment.spec.revisionHistoryLimit;
  if (surplus <= 0) return [];
  return old
    .toSorted((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, surplus)
    .filter(({ replicaSet, counts, pods }) => {
      const { spec, status, metadata } = replicaSet;
      const isSeen = (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
      return spec.replicas === 0 && counts.active === 0 && pods.every(isFinished) && isSeen;
    })
    .map(({ replicaSet }) => ({
      kind: "delete",
      ref: refOf(replicaSet),
      uid: replicaSet.metadata.uid ?? "",
      reason: "HistoryLimit",
    }));
}

/** The Deployment carries the number of its current revision. */
function raiseRevision(deployment: Deployment, next: RevisionSet): readonly Step[] {
  const revision = next.replicaSet.metadata.annotations?.[REVISION_ANNOTATION] ?? "";
  if (deployment.metadata.annotations?.[REVISION_ANNOTATION] === revision) return [];
  const annotations = { ...deployment.metadata.annotations, [REVISION_ANNOTATION]: revision };
  const object = { ...deployment, metadata: { ...deployment.metadata, annotations } };
  return [{ kind: "update", object, reason: "Revision" }];
}

function withAlarm(
  steps: readonly Step[],
  now: Millis,
  times: readonly (Millis | undefined)[],
): Plan {
  const lookAgainAt = times
    .filter((at) => at !== undefined && at > now)
    .reduce<Millis | undefined>(earlier, undefined);
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
}
