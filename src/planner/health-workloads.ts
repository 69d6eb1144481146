import { parseTime, type Millis } from "../base/clock.ts";
import { findCondition } from "../model/condition.ts";
import type {
  ControllerRevision,
  CronJob,
  DaemonSet,
  Pod,
  PodTemplateSpec,
  ReplicationController,
  StatefulSet,
} from "../model/kinds.gen.ts";
import type { ApiObject, Condition } from "../model/meta.ts";
import { admitObject, forbiddenMessage } from "./admit-object.ts";
import {
  HEALTHY,
  troubleOf,
  waiting,
  degraded,
  type Health,
  type WorkloadTrouble,
} from "./health-verdict.ts";
import { missingOfWanted, wantedRevision } from "./health-wanted.ts";
import { limitRangesOf, podViolations, withDefaultLimits } from "./limit-ranges.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { podSecurityRefusal } from "./pod-security.ts";
import type { World } from "./world.ts";

/** A creation that is refused for this long is not refused by chance: what stood in its way would have gone by then. */
const REFUSED_PATIENCE_MS: Millis = 60_000;
const HASH_LABEL = "controller-revision-hash";

/** As many pods of the newest revision as are to be updated, all there and available. Pure. */
export function statefulSetHealth(world: World, set: StatefulSet): Health {
  const { spec, status = { replicas: 0 } } = set;
  const revision = wantedRevision(world, set) ?? status.updateRevision;
  const pods = newest(podsOwnedBy(world, set.metadata.uid), revision);
  const missing = missingOfSet(spec, status) ?? missingOfWanted(world, set, updatesOf(spec));
  if (missing === undefined) return HEALTHY;
  const isShort = status.replicas < spec.replicas;
  return verdict(
    missing,
    troubleOf(world, pods),
    isShort ? refusal(world, set, spec.template) : undefined,
  );
}

/** A pod on each node that is to have one, of the newest template, and available. Pure. */
export function daemonSetHealth(world: World, set: DaemonSet): Health {
  const { spec, status } = set;
  const hash = wantedRevision(world, set) ?? newestHash(world, set);
  const pods = newest(podsOwnedBy(world, set.metadata.uid), hash);
  const { desiredNumberScheduled = 0, currentNumberScheduled = 0 } = status ?? {};
  const missing = missingOfDaemons(set) ?? missingOfWanted(world, set, desiredNumberScheduled);
  if (missing === undefined) return HEALTHY;
  const isShort = currentNumberScheduled < desiredNumberScheduled;
  return verdict(
    missing,
    troubleOf(world, pods),
    isShort ? refusal(world, set, spec.template) : undefined,
  );
}

/** Pure. */
export function controllerHealth(world: World, controller: ReplicationController): Health {
  const { spec, status, metadata } = controller;
  const { replicas = 1 } = spec as { readonly replicas?: number };
  const available = status?.availableReplicas ?? 0;
  if (available >= replicas) return HEALTHY;
  const trouble =
    refusedFor(world.now, status?.conditions) ?? troubleOf(world, podsOwnedBy(world, metadata.uid));
  return verdict(`${available} of ${replicas} replicas are available`, trouble, undefined);
}

/** A CronJob is as declared when it is there: what its Jobs come to is theirs to tell. Pure. */
export function cronJobHealth({ spec }: CronJob): Health {
  if (spec.suspend) return { ...HEALTHY, reason: "Suspended", message: "suspended" };
  return HEALTHY;
}

/**
 * Why pods are missing that must not be made, by the condition that tells it: an end once it has lasted, since quotas may get
 * room again by what is going on. Pure.
 */
export function refusedFor(
  now: Millis,
  conditions: readonly Condition[] | undefined,
): WorkloadTrouble | undefined {
  const failure = findCondition(conditions, "ReplicaFailure");
  if (failure?.status !== "True") return undefined;
  const { reason = "FailedCreate", message = "pods cannot be made" } = failure;
  const at = (parseTime(failure.lastTransitionTime) ?? now) + REFUSED_PATIENCE_MS;
  const trouble = { reason, message, text: message };
  return now >= at
    ? { ...trouble, isTerminal: true }
    : { ...trouble, isTerminal: false, terminalAt: at };
}

/** Why a pod of a template would not be made now, for kinds that tell it in Events alone. What breaks a limit range or a Pod Security level is an end. */
function refusal(
  world: World,
  owner: ApiObject,
  template: PodTemplateSpec,
): WorkloadTrouble | undefined {
  const { name, namespace = "" } = owner.metadata;
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace },
    spec: template.spec,
  };
  const admitted = admitObject(world, pod);
  if (admitted.kind === "admitted") return undefined;
  const message = forbiddenMessage(pod, admitted.why);
  const isTerminal =
    podSecurityRefusal(world, pod) !== undefined ||
    limitRangesOf(world, namespace).some(
      (range) => podViolations(range, withDefaultLimits(range, pod)).length > 0,
    );
  return { reason: "FailedCreate", message, text: message, isTerminal };
}

function verdict(
  missing: string,
  trouble: WorkloadTrouble | undefined,
  refused: WorkloadTrouble | undefined,
): Health {
  for (const found of [trouble, refused]) if (found?.isTerminal === true) return degraded(found);
  return waiting(missing, trouble ?? refused);
}

function missingOfSet(
  { replicas, updateStrategy }: StatefulSet["spec"],
  status: NonNullable<StatefulSet["status"]>,
): string | undefined {
  const { readyReplicas = 0, availableReplicas = 0, updatedReplicas = 0 } = status;
  if (status.replicas < replicas) return `${status.replicas} of ${replicas} pods have been made`;
  if (status.replicas > replicas)
    return `${status.replicas - replicas} pods too many are still there`;
  if (updateStrategy.type !== "OnDelete") {
    const wanted = updatesOf({ replicas, updateStrategy });
    if (updatedReplicas < wanted)
      return `${updatedReplicas} of ${wanted} pods are of the new revision`;
  }
  if (readyReplicas < replicas) return `${readyReplicas} of ${replicas} pods are ready`;
  if (availableReplicas < replicas) return `${availableReplicas} of ${replicas} pods are available`;
  return undefined;
}

/** How many pods are to be of the newest revision. */
function updatesOf({
  replicas,
  updateStrategy,
}: Pick<StatefulSet["spec"], "replicas" | "updateStrategy">): number {
  return Math.max(0, replicas - (updateStrategy.rollingUpdate?.partition ?? 0));
}

function missingOfDaemons({ spec, status }: DaemonSet): string | undefined {
  if (status === undefined) return "not looked at yet";
  const { desiredNumberScheduled: wanted, currentNumberScheduled, numberReady } = status;
  const { updatedNumberScheduled = 0, numberAvailable = 0 } = status;
  if (currentNumberScheduled < wanted)
    return `${currentNumberScheduled} of ${wanted} nodes have their pod`;
  const { type } = (spec.updateStrategy ?? {}) as { readonly type?: string };
  if (type !== "OnDelete" && updatedNumberScheduled < wanted)
    return `${updatedNumberScheduled} of ${wanted} pods are of the new revision`;
  if (numberReady < wanted) return `${numberReady} of ${wanted} pods are ready`;
  if (numberAvailable < wanted) return `${numberAvailable} of ${wanted} pods are available`;
  return undefined;
}

/** What an older revision suffers from is what the new one mends. */
function newest(pods: readonly Pod[], hash: string | undefined): readonly Pod[] {
  if (hash === undefined) return pods;
  return pods.filter(({ metadata }) => metadata.labels?.[HASH_LABEL] === hash);
}

function newestHash(world: World, owner: ApiObject): string | undefined {
  const revisions = world.ownedBy(owner.metadata.uid ?? "").filter(isRevision);
  const [last] = revisions.toSorted((a, b) => b.revision - a.revision);
  return last?.metadata.labels?.[HASH_LABEL];
}

function isRevision(object: ApiObject): object is ControllerRevision {
  return object.kind === "ControllerRevision";
}
