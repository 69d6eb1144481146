import type { Millis } from "../base/clock.ts";
import type { Pod, StatefulSet } from "../model/kinds.gen.ts";
import { refOf } from "../model/meta.ts";
import type { Step, StepReason } from "../model/plan.ts";
import { isFinished } from "../model/pod-phase.ts";
import { isNamespaceTerminating } from "./namespace-state.ts";
import { isTerminating } from "./pod-state.ts";
import { planClaimOwners, planClaims } from "./statefulset-claims.ts";
import { newOrdinalPod, podNameOf, withIdentity } from "./statefulset-identity.ts";
import {
  isAvailable,
  isHealthy,
  isOrdered,
  judgeBroken,
  revisionFor,
  type HeldSlot,
  type Situation,
  type Slot,
} from "./statefulset-rollout.ts";

/** What one pod of a set needs. */
export interface SlotPlan {
  readonly steps: readonly Step[];
  /** Whether, in an ordered set, what comes after it has to wait. */
  readonly isBlocking: boolean;
  /** Why the pod cannot be made. */
  readonly obstacle?: string;
  readonly lookAgainAt?: Millis | undefined;
}

const WAIT: SlotPlan = { steps: [], isBlocking: true };
const GO_ON: SlotPlan = { steps: [], isBlocking: false };

/** A pod that is to be there: made, made again after its end, repaired, or waited for. Pure. */
export function planSlot(situation: Situation, { ordinal, pod }: Slot): SlotPlan {
  const { set, world } = situation;
  if (pod === undefined) return planMissing(situation, ordinal);
  if (isFinished(pod))
    return isTerminating(pod) ? WAIT : { steps: endPod(set, pod, "FinishedPod"), isBlocking: true };
  const claims =
    pod.status?.phase === "Pending" ? planClaims(world, set, ordinal, pod) : { steps: [] };
  if (isOrdered(set)) {
    if (isTerminating(pod)) return { ...WAIT, steps: claims.steps };
    const { isBroken, lookAgainAt } = judgeBroken(situation, { ordinal, pod });
    if (isBroken) return { steps: endPod(set, pod, "BrokenRollout"), isBlocking: true };
    if (!isAvailable(situation, pod)) return { ...claims, isBlocking: true, lookAgainAt };
  }
  return {
    ...claims,
    steps: [...claims.steps, ...repair(situation, { ordinal, pod })],
    isBlocking: false,
  };
}

/**
 * A pod that is to go. In an ordered set one at a time, the highest ordinal first, and none while another one is ill:
 * but the first one that is ill, `ill`, may go itself. Pure.
 */
export function planCondemned(
  situation: Situation,
  { pod }: HeldSlot,
  ill: Pod | undefined,
): SlotPlan {
  const { set } = situation;
  if (isTerminating(pod)) return isOrdered(set) ? WAIT : GO_ON;
  if (isOrdered(set) && pod !== ill && !isHealthy(situation, pod)) return WAIT;
  return { steps: endPod(set, pod, "ScaleDown"), isBlocking: true };
}

/** The deletion of a pod and its event. Pure. */
export function endPod(set: StatefulSet, pod: Pod, reason: StepReason): readonly Step[] {
  const { name, uid = "" } = pod.metadata;
  const message = `delete Pod ${name} in StatefulSet ${set.metadata.name} successful`;
  return [
    { kind: "delete", ref: refOf(pod), uid, reason },
    { kind: "event", about: set, type: "Normal", reason: "SuccessfulDelete", message },
  ];
}

function planMissing(situation: Situation, ordinal: number): SlotPlan {
  const { world, set } = situation;
  const { namespace = "", name: setName } = set.metadata;
  const name = podNameOf(set, ordinal);
  if (isNamespaceTerminating(world, namespace))
    return blocked(
      `pods "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    );
  if (world.get({ apiVersion: "v1", kind: "Pod", namespace, name }) !== undefined)
    return blocked(`pods "${name}" already exists`);
  const claims = planClaims(world, set, ordinal);
  if (claims.obstacle !== undefined) return blocked(claims.obstacle);
  const object = newOrdinalPod(set, ordinal, revisionFor(situation, ordinal));
  const message = `create Pod ${name} in StatefulSet ${setName} successful`;
  return {
    steps: [
      ...claims.steps,
      { kind: "create", object, reason: "MissingReplica" },
      { kind: "event", about: set, type: "Normal", reason: "SuccessfulCreate", message },
    ],
    isBlocking: true,
  };
}

function blocked(obstacle: string): SlotPlan {
  return { steps: [], isBlocking: true, obstacle };
}

/** The labels of its identity, and owners of its claims as the retention policy says. */
function repair({ world, set }: Situation, { ordinal, pod }: HeldSlot): readonly Step[] {
  const owners = planClaimOwners(world, set, ordinal, pod);
  const object = withIdentity(set, ordinal, pod);
  if (object === pod) return owners;
  const message = `update Pod ${object.metadata.name} in StatefulSet ${set.metadata.name} successful`;
  return [
    ...owners,
    { kind: "update", object, reason: "Identity" },
    { kind: "event", about: set, type: "Normal", reason: "SuccessfulUpdate", message },
  ];
}
