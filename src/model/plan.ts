import type { Propagation } from "./deletion.ts";
import type { ApiObject, ObjectRef } from "./meta.ts";
import type { Disruption } from "./pod-disruption.ts";
import type { Millis } from "../base/clock.ts";

/**
 * One change in a plan. Carrying a step out twice changes nothing more: creations name their object,
 * updates carry the `resourceVersion` that they were planned from, deletions carry the uid.
 */
export type Step =
  /** Creates `object`. One of that name that is there already makes the step a no-op, to be planned anew. */
  | {
      readonly kind: "create";
      readonly object: ApiObject;
      readonly reason: StepReason;
      readonly message?: string;
    }
  /** Replaces metadata and spec of the object that `object.metadata.resourceVersion` was read from; its status stays. */
  | {
      readonly kind: "update";
      readonly object: ApiObject;
      readonly reason: StepReason;
      readonly message?: string;
    }
  /** Replaces the status alone. */
  | { readonly kind: "update-status"; readonly object: ApiObject; readonly reason: StepReason }
  /**
   * A Pod on a node gets its deletion time-stamp and ends with grace; what has finalizers waits for their owners; anything
   * else is removed. `graceSeconds` 0 means that nobody is left who would end the Pod.
   */
  | {
      readonly kind: "delete";
      readonly ref: ObjectRef;
      readonly uid: string;
      readonly graceSeconds?: number;
      /** Background, unless given: what it owns goes after it. */
      readonly propagation?: Propagation;
      /** Of a Pod that the cluster ends: told in its status first. */
      readonly disruption?: Disruption;
      readonly reason: StepReason;
      readonly message?: string;
    }
  /** Tells people something about an object. Repeats are counted up. */
  | {
      readonly kind: "event";
      readonly about: ApiObject;
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    };

/** Why a step is planned. Shown in plans, events and logs; CamelCase, closed. */
export type StepReason =
  | "NewRevision"
  | "ImagesResolved"
  | "ScaleUp"
  | "ScaleDown"
  | "RolloutSurge"
  | "RolloutStep"
  | "RecreateStop"
  | "BrokenRollout"
  | "FinishedPod"
  | "Identity"
  | "MissingClaim"
  | "ClaimOwner"
  | "NodeNotEligible"
  | "HistoryLimit"
  | "MissingReplica"
  | "SurplusReplica"
  | "Adopt"
  | "Release"
  | "Scheduled"
  | "Autoscaled"
  | "JobPod"
  | "JobPodCounted"
  | "JobFinished"
  | "JobSuspended"
  | "TtlExpired"
  | "DeadlineExceeded"
  | "EndpointsChanged"
  | "OwnerGone"
  | "NamespaceTerminating"
  | "NodeGone"
  | "NodeSilent"
  | "NodeTainted"
  | "PodCollected"
  | "FinalizerDone"
  | "QuotaUsed"
  | "ClaimBound"
  | "ClaimProtected"
  | "VolumeProvisioned"
  | "VolumeReleased"
  | "StatusChanged"
  | "Revision"
  | "Declared"
  | "NotDeclared";

/** A planner's answer. JSON, in an order that does not depend on the order of the input. */
export interface Plan {
  readonly steps: readonly Step[];
  /** When to look again although nothing has changed by then, in ms since the epoch. */
  readonly lookAgainAt?: Millis;
}

export const EMPTY_PLAN: Plan = { steps: [] };
