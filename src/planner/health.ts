import type { Millis } from "../base/clock.ts";
import { findCondition, isTrue } from "../model/condition.ts";
import type {
  CronJob,
  DaemonSet,
  Deployment,
  DeploymentStatus,
  Job,
  Namespace,
  PersistentVolumeClaim,
  Pod,
  ReplicaSet,
  ReplicationController,
  Service,
  StatefulSet,
} from "../model/kinds.gen.ts";
import { formatRef, type ApiObject, type Condition, type ObjectRef } from "../model/meta.ts";
import {
  autoscalerHealth,
  claimHealth,
  definitionHealth,
  plainHealth,
  serviceHealth,
} from "./health-objects.ts";
import {
  degraded,
  HEALTHY,
  progressing,
  troubleOf,
  waiting,
  withoutStop,
  type Health,
  type WorkloadTrouble,
} from "./health-verdict.ts";
import {
  controllerHealth,
  cronJobHealth,
  daemonSetHealth,
  refusedFor,
  statefulSetHealth,
} from "./health-workloads.ts";
import { presentReplicas } from "./health-wanted.ts";
import { isTerminatingNamespace } from "./namespace-state.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { earlier, isReady } from "./pod-state.ts";
import { readRevisions } from "./revisions.ts";
import type { World } from "./world.ts";

export type { Health };

/** How all objects that a release declares stand, by the worst of them, which is named. Pure. */
export function releaseHealth(world: World, inventory: readonly ObjectRef[]): Health {
  const all = inventory.map((ref) => ({ ref, health: objectHealth(world, ref) }));
  const lookAgainAt = all.reduce<Millis | undefined>(
    (at, { health }) => earlier(at, health.lookAgainAt),
    undefined,
  );
  const alarm = lookAgainAt === undefined ? {} : { lookAgainAt };
  for (const kind of ["Degraded", "Progressing"] as const) {
    const [first, ...rest] = all.filter(({ health }) => health.kind === kind);
    if (first === undefined) continue;
    const more = rest.length === 0 ? "" : ` (and ${rest.length} more)`;
    const message = `${formatRef(first.ref)}: ${first.health.message}${more}`;
    return { kind, reason: first.health.reason, message, ...alarm };
  }
  const count = inventory.length;
  return {
    kind: "Healthy",
    reason: "Healthy",
    message:
      count === 0
        ? "nothing is declared"
        : `${count} object${count === 1 ? " is" : "s are"} as declared`,
    ...alarm,
  };
}

type Judge = (world: World, object: never) => Health;

/** Who knows how a kind stands. Of the others, what all kinds say in the same words. */
const JUDGES: ReadonlyMap<string, Judge> = new Map<string, Judge>([
  ["apps/v1/Deployment", (world, object: Deployment) => deploymentHealth(world, object)],
  ["apps/v1/ReplicaSet", (world, object: ReplicaSet) => replicaSetHealth(world, object)],
  ["apps/v1/StatefulSet", (world, object: StatefulSet) => statefulSetHealth(world, object)],
  ["apps/v1/DaemonSet", (world, object: DaemonSet) => daemonSetHealth(world, object)],
  [
    "v1/ReplicationController",
    (world, object: ReplicationController) => controllerHealth(world, object),
  ],
  ["batch/v1/CronJob", (_, object: CronJob) => cronJobHealth(object)],
  ["batch/v1/Job", (world, object: Job) => jobHealth(world, object)],
  ["v1/Pod", (world, object: Pod) => podHealth(world, object)],
  ["v1/Namespace", (_, object: Namespace) => namespaceHealth(object)],
  [
    "v1/PersistentVolumeClaim",
    (world, object: PersistentVolumeClaim) => claimHealth(world, object),
  ],
  ["v1/Service", (_, object: Service) => serviceHealth(object)],
  [
    "apiextensions.k8s.io/v1/CustomResourceDefinition",
    (_, object: ApiObject) => definitionHealth(object),
  ],
  ["berth.dev/v1/App", () => HEALTHY], // Its own releases tell of it: it delays no other.
  ["autoscaling/v2/HorizontalPodAutoscaler", (_, object: ApiObject) => autoscalerHealth(object)],
]);

/** Kinds whose controller says which generation it has seen: until it has said so, it has not looked. */
const OBSERVED: ReadonlySet<string> = new Set([
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "ReplicationController",
  "PodDisruptionBudget",
]);

/** How one declared object stands. What can only fail is told at once, not at its deadline. Pure. */
export function objectHealth(world: World, ref: ObjectRef): Health {
  const object = world.get(ref);
  if (object === undefined) return progressing("Missing", "not there yet");
  if (object.metadata.deletionTimestamp !== undefined && object.kind !== "Pod")
    return progressing("Terminating", "being deleted");
  if (isUnseen(object)) return progressing("NotObserved", "not looked at yet");
  const judge = JUDGES.get(`${object.apiVersion}/${object.kind}`);
  return judge === undefined ? plainHealth(object) : judge(world, object as never);
}

function deploymentHealth(world: World, deployment: Deployment): Health {
  const { spec, status = {} } = deployment;
  const revisions = readRevisions(world, deployment);
  const { stored, pods, replicaSet } = revisions.next;
  // The deadline for finding a place is the Deployment's own.
  const trouble =
    refusedFor(world.now, status.conditions) ?? troubleOf(world, pods, Number.POSITIVE_INFINITY);
  const present = presentReplicas(deployment, revisions);
  const progress = findCondition(status.conditions, "Progressing");
  const isOfNext = progress?.message?.includes(`"${replicaSet.metadata.name}"`) === true;
  if (progress?.reason === "ProgressDeadlineExceeded" && (present === undefined || isOfNext))
    return timedOut(progress, trouble);
  if (trouble?.isTerminal === true) return degraded(trouble);
  if (spec.paused === true && stored === undefined)
    return isTrue(status.conditions, "Available")
      ? { ...HEALTHY, reason: "Paused", message: "paused" }
      : progressing("Paused", "paused, and not available");
  const missing =
    whatIsMissing(spec.replicas, status) ??
    (present === undefined ? undefined : whatIsMissing(spec.replicas, present));
  return missing === undefined ? HEALTHY : waiting(missing, trouble);
}

/** As `kubectl rollout status` judges it. */
function whatIsMissing(wanted: number, status: DeploymentStatus): string | undefined {
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  if (updatedReplicas < wanted)
    return `${updatedReplicas} of ${wanted} new replicas have been made`;
  if (replicas > updatedReplicas)
    return `${replicas - updatedReplicas} old replicas are still there`;
  if (availableReplicas < updatedReplicas)
    return `${availableReplicas} of ${updatedReplicas} replicas are available`;
  return undefined;
}

function timedOut(progress: Condition, trouble: WorkloadTrouble | undefined): Health {
  const verdict = withoutStop(progress.message ?? "timed out progressing");
  const message = trouble === undefined ? verdict : withoutStop(`${verdict}; ${trouble.text}`);
  return { kind: "Degraded", reason: "ProgressDeadlineExceeded", message };
}

function replicaSetHealth(world: World, { metadata, spec, status }: ReplicaSet): Health {
  const trouble =
    refusedFor(world.now, status?.conditions) ?? troubleOf(world, podsOwnedBy(world, metadata.uid));
  if (trouble?.isTerminal === true) return degraded(trouble);
  const available = status?.availableReplicas ?? 0;
  if (available >= spec.replicas) return HEALTHY;
  return waiting(`${available} of ${spec.replicas} replicas are available`, trouble);
}

/** A Job is healthy once it is done; crashes are for its own back-off to judge. */
function jobHealth(world: World, { metadata, spec, status }: Job): Health {
  const failed = findCondition(status?.conditions, "Failed");
  if (failed?.status === "True")
    return {
      kind: "Degraded",
      reason: failed.reason ?? "Failed",
      message: withoutStop(failed.message ?? "failed"),
    };
  if (isTrue(status?.conditions, "Complete")) return HEALTHY;
  if (spec.suspend === true) return { ...HEALTHY, reason: "Suspended", message: "suspended" };
  const trouble = troubleOf(world, podsOwnedBy(world, metadata.uid));
  if (trouble?.isTerminal === true && trouble.reason !== "CrashLoopBackOff")
    return degraded(trouble);
  const wanted = spec.completions === undefined ? "" : ` of ${spec.completions}`;
  return waiting(`${status?.succeeded ?? 0}${wanted} completions`, trouble);
}

function podHealth(world: World, pod: Pod): Health {
  const { phase = "Pending", reason, message } = pod.status ?? {};
  if (phase === "Succeeded") return HEALTHY;
  if (phase === "Failed")
    return {
      kind: "Degraded",
      reason: reason ?? "Failed",
      message: withoutStop(message ?? "the pod failed"),
    };
  const trouble = troubleOf(world, [pod]);
  if (trouble?.isTerminal === true) return degraded(trouble);
  return isReady(pod) ? HEALTHY : waiting(`the pod is ${phase}, not Ready`, trouble);
}

function namespaceHealth(namespace: Namespace): Health {
  return isTerminatingNamespace(namespace) ? progressing("Terminating", "being deleted") : HEALTHY;
}

/** Whether a controller has yet to look at the newest spec. */
function isUnseen(object: ApiObject): boolean {
  const { kind, metadata } = object;
  if (!OBSERVED.has(kind)) return false;
  const { status } = object as ApiObject & { readonly status?: { observedGeneration?: number } };
  return (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);
}
