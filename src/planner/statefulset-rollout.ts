import { parseTime, type Millis } from "../base/clock.ts";
import { findCondition } from "../model/condition.ts";
import type { Pod, PodTemplateSpec, StatefulSet } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import { availableAt, earlier, isReady, isTerminating } from "./pod-state.ts";
import { podTrouble } from "./pod-trouble.ts";
import { firstOrdinal, revisionNameOf } from "./statefulset-identity.ts";
import type { World } from "./world.ts";

/** A revision as the pods of a set know it. */
export interface PodRevision {
  readonly revision: string;
  readonly template: PodTemplateSpec;
}

/** The place of one pod in a set. */
export interface Slot {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

/** A place that a pod has. */
export interface HeldSlot extends Slot {
  readonly pod: Pod;
}

/** A set, its revisions, and who holds its ordinals. */
export interface Situation {
  readonly world: World;
  readonly set: StatefulSet;
  /** What the set ran before the roll-out that is under way; else the same as `update`. */
  readonly current: PodRevision;
  readonly update: PodRevision;
  /** The ordinals that there are to be, in their order. */
  readonly slots: readonly Slot[];
  /** Pods of other ordinals, the highest first. */
  readonly condemned: readonly HeldSlot[];
}

/** Whether pods come and go one by one, each waiting for those before it. Pure. */
export function isOrdered({ spec }: StatefulSet): boolean {
  return spec.podManagementPolicy === "OrderedReady";
}

/** Which revision a pod that is made now is of: what the partition holds back stays as it was. Pure. */
export function revisionFor({ set, current, update }: Situation, ordinal: number): PodRevision {
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type !== "RollingUpdate") return update;
  const kept = rollingUpdate?.partition ?? set.status?.currentReplicas ?? 0;
  return ordinal < firstOrdinal(set) + kept ? current : update;
}

/** Whether a pod serves, and has for as long as the set asks. Pure. */
export function isAvailable({ world, set }: Situation, pod: Pod): boolean {
  const at = availableAt(pod, set.spec.minReadySeconds ?? 0);
  return pod.status?.phase === "Running" && at !== undefined && at <= world.now;
}

/** Whether a pod can be counted on: available, and not on its way out. Pure. */
export function isHealthy(situation: Situation, pod: Pod | undefined): boolean {
  return pod !== undefined && !isTerminating(pod) && isAvailable(situation, pod);
}

/**
 * The one pod that a rolling update replaces next: the highest ordinal that is not of the newest revision, once all above
 * it are healthy. Pure.
 */
export function nextToUpdate(situation: Situation): HeldSlot | undefined {
  const { set, slots, update } = situation;
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type !== "RollingUpdate") return undefined;
  const least = firstOrdinal(set) + (rollingUpdate?.partition ?? 0);
  for (const { ordinal, pod } of slots.toReversed()) {
    if (ordinal < least || pod === undefined || isFinished(pod)) return undefined;
    if (revisionNameOf(pod) !== update.revision && !isTerminating(pod)) return { ordinal, pod };
    if (!isHealthy(situation, pod)) return undefined;
  }
  return undefined;
}

/** Whether a pod that is not Ready will be replaced since its revision is no longer wanted; and if not yet, when to ask again. */
export interface BrokenVerdict {
  readonly isBroken: boolean;
  readonly lookAgainAt?: Millis;
}

const KEEP: BrokenVerdict = { isBroken: false };
/** An outdated pod that has not been Ready for this long will hardly be: a Deployment's patience, too. */
const PATIENCE_MS: Millis = 600_000;

/**
 * Kubernetes waits for ever for a pod of an ordered set that an earlier, broken revision made, even after the
 * revision was corrected or taken back. Here such a pod gives way: when its revision was given up, when it never reached a
 * node, when waiting cannot help it, or has not for ten minutes. One of the current revision that is merely slow is left
 * alone until then. Pure.
 */
export function judgeBroken(situation: Situation, { ordinal, pod }: HeldSlot): BrokenVerdict {
  const { world, set, current, update } = situation;
  const revision = revisionNameOf(pod);
  if (set.spec.updateStrategy.type !== "RollingUpdate" || isReady(pod)) return KEEP;
  if (revision === revisionFor(situation, ordinal).revision) return KEEP;
  if (revision !== current.revision && revision !== update.revision) return { isBroken: true };
  if (pod.spec.nodeName === undefined) return { isBroken: true };
  const trouble = podTrouble(world, pod);
  if (trouble?.isTerminal === true) return { isBroken: true };
  const giveUpAt = illSince(pod) + PATIENCE_MS;
  return giveUpAt <= world.now
    ? { isBroken: true }
    : { isBroken: false, lookAgainAt: Math.min(giveUpAt, trouble?.terminalAt ?? Infinity) };
}

function illSince({ metadata, status }: Pod): Millis {
  const ready = findCondition(status?.conditions, "Ready");
  return parseTime(ready?.lastTransitionTime) ?? parseTime(metadata.creationTimestamp) ?? 0;
}

/** When the next pod that is Ready will have been so for long enough. Pure. */
export function nextAvailableAt({ world, set, slots, condemned }: Situation): Millis | undefined {
  return [...slots, ...condemned].reduce<Millis | undefined>((next, { pod }) => {
    const at = pod === undefined ? undefined : availableAt(pod, set.spec.minReadySeconds ?? 0);
    return at === undefined || at <= world.now ? next : earlier(next, at);
  }, undefined);
}
