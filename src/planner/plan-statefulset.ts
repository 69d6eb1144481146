import type { Millis } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import type { ControllerRevision, Pod, StatefulSet } from "../model/kinds.gen.ts";
import { isEmptySelector } from "../model/labels.ts";
import { EMPTY_PLAN, type Plan, type Step } from "../model/plan.ts";
import { claimObjects, type Claims } from "./claim.ts";
import {
  cleanRevisions,
  HASH_LABEL,
  readHistory,
  templateOf,
  type RevisionHistory,
} from "./controller-revisions.ts";
import { MAX_PODS_PER_PLAN } from "./plan-replicaset.ts";
import { earlier } from "./pod-state.ts";
import { templateWithConfig } from "./restart-on-config.ts";
import { planClaimOwners } from "./statefulset-claims.ts";
import { isInRange, ordinalOf, ordinalsOf, revisionNameOf } from "./statefulset-identity.ts";
import { endPod, planCondemned, planSlot, type SlotPlan } from "./statefulset-pods.ts";
import {
  isHealthy,
  isOrdered,
  nextAvailableAt,
  nextToUpdate,
  type PodRevision,
  type Situation,
  type Slot,
} from "./statefulset-rollout.ts";
import { statefulSetStatus } from "./statefulset-status.ts";
import type { World } from "./world.ts";

/**
 * One step of a StatefulSet towards its size and revision: pods with names that stay, each with its claims. An ordinal
 * is held by its pod until that is gone from the cluster, so that it never runs twice: a pod on a node that has
 * fallen silent is waited for. In an ordered set one pod at a time comes, goes or is replaced. Pure.
 */
export function planStatefulSet(world: World, set: StatefulSet): Plan {
  if (set.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  if (isEmptySelector(set.spec.selector)) return EMPTY_PLAN;
  const history = readHistory(world, set, templateWithConfig(world, set), HASH_LABEL);
  const claims = claimObjects<Pod>(world, set, set.spec.selector, {
    apiVersion: "v1",
    kind: "Pod",
    isMember: (pod) => ordinalOf(set, pod.metadata.name) !== undefined,
  });
  const situation = toSituation(world, set, history, claims.owned);
  const work = planPods(situation);
  const status = statefulSetStatus(situation, {
    collisionCount: history.collisionCount,
    obstacle: work.obstacle,
  });
  const steps: Step[] = [
    ...history.steps,
    ...planAdoption(claims, work.steps),
    ...claims.released.map((object): Step => ({ kind: "update", object, reason: "Release" })),
    ...work.steps,
    ...cleanRevisions(set, unusedRevisions(situation, history, claims.owned)),
  ];
  if (!isSameJson(status, set.status))
    steps.push({
      kind: "update-status",
      object: { ...set, status } as StatefulSet,
      reason: "StatusChanged",
    });
  const lookAgainAt = earlier(work.lookAgainAt, nextAvailableAt(situation));
  return lookAgainAt === undefined ? { steps } : { steps, lookAgainAt };
}

function toSituation(
  world: World,
  set: StatefulSet,
  { update, old }: RevisionHistory,
  pods: readonly Pod[],
): Situation {
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(set, pod.metadata.name) ?? -1, pod]));
  const condemned = [...byOrdinal]
    .map(([ordinal, pod]) => ({ ordinal, pod }))
    .filter(({ ordinal }) => !isInRange(set, ordinal))
    .toSorted((a, b) => b.ordinal - a.ordinal);
  const newest: PodRevision = {
    revision: update.metadata.name,
    template: templateOf(update) ?? set.spec.template,
  };
  const before = old.find(({ metadata }) => metadata.name === set.status?.currentRevision);
  return {
    world,
    set,
    update: newest,
    current:
      before === undefined
        ? newest
        : { revision: before.metadata.name, template: templateOf(before) ?? newest.template },
    slots: ordinalsOf(set).map((ordinal) => ({ ordinal, pod: byOrdinal.get(ordinal) })),
    condemned,
  };
}

interface Work {
  readonly steps: readonly Step[];
  readonly obstacle?: string | undefined;
  readonly lookAgainAt?: Millis | undefined;
}

/** First all that there is to be, then what is to go, then the roll-out; in an ordered set each waits for the one before. */
function planPods(situation: Situation): Work {
  const { set, world, slots, condemned } = situation;
  const present = runAll(set, slots, (slot) => planSlot(situation, slot));
  if (present.isBlocking) return present;
  const owners = condemned.flatMap(({ ordinal, pod }) => planClaimOwners(world, set, ordinal, pod));
  const ill = [...slots, ...condemned.toReversed()].find(({ pod }) => !isHealthy(situation, pod));
  const leaving = runAll(set, condemned, (slot) => planCondemned(situation, slot, ill?.pod));
  const steps = [...present.steps, ...owners, ...leaving.steps];
  if (leaving.isBlocking) return { ...present, steps };
  const next = nextToUpdate(situation);
  const update = next === undefined ? [] : endPod(set, next.pod, "RolloutStep");
  return { ...present, steps: [...steps, ...update] };
}

/** Ordered sets stop at the first that blocks; the others do a bounded burst and go on. */
function runAll<T extends Slot>(
  set: StatefulSet,
  slots: readonly T[],
  plan: (slot: T) => SlotPlan,
): Work & { readonly isBlocking: boolean } {
  const steps: Step[] = [];
  let obstacle: string | undefined;
  let lookAgainAt: Millis | undefined;
  let pods = 0;
  for (const slot of slots) {
    const planned = plan(slot);
    steps.push(...planned.steps);
    obstacle ??= planned.obstacle;
    lookAgainAt = earlier(lookAgainAt, planned.lookAgainAt);
    if (planned.isBlocking && isOrdered(set))
      return { steps, obstacle, lookAgainAt, isBlocking: true };
    if (planned.steps.length > 0) pods += 1;
    if (pods >= MAX_PODS_PER_PLAN) return { steps, obstacle, lookAgainAt, isBlocking: true };
  }
  return { steps, obstacle, lookAgainAt, isBlocking: false };
}

/** What is adopted is written, unless the plan changes or ends it anyway. */
function planAdoption(claims: Claims<Pod>, work: readonly Step[]): readonly Step[] {
  const touched = new Set(
    work.flatMap((step) =>
      step.kind === "delete"
        ? [step.ref.name]
        : step.kind === "update" && step.object.kind === "Pod"
          ? [step.object.metadata.name]
          : [],
    ),
  );
  return claims.adopted
    .filter(({ metadata }) => !touched.has(metadata.name))
    .map((object) => ({ kind: "update", object, reason: "Adopt" }));
}

/** Revisions that neither the set nor one of its pods is of. */
function unusedRevisions(
  { current, update }: Situation,
  { old }: RevisionHistory,
  pods: readonly Pod[],
): readonly ControllerRevision[] {
  const used = new Set([current.revision, update.revision, ...pods.map(revisionNameOf)]);
  return old.filter(({ metadata }) => !used.has(metadata.name));
}
