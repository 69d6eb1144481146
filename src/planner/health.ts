import type { Millis } from "../base/clock.ts";
import { sortedBy } from "../base/order.ts";
import { findCondition, isTrue } from "../model/condition.ts";
import type {
  Deployment,
  DeploymentStatus,
  Job,
  Namespace,
  Pod,
  ReplicaSet,
} from "../model/kinds.gen.ts";
import { formatRef, type ApiObject, type Condition, type ObjectRef } from "../model/meta.ts";
import { isTerminatingNamespace } from "./namespace-state.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import { earlier, isActive, isReady } from "./pod-state.ts";
import { podTrouble, type PodTrouble } from "./pod-trouble.ts";
import { readRevisions } from "./revisions.ts";
import type { World } from "./world.ts";

export interface Health {
  /** Degraded is an end: waiting does not help. */
  readonly kind: "Healthy" | "Progressing" | "Degraded";
  /** CamelCase. */
  readonly reason: string;
  /** For people; without a full stop, since others put it into sentences. */
  readonly message: string;
  /** When to look again although nothing has changed by then. */
  readonly lookAgainAt?: Millis;
}

const HEALTHY: Health = { kind: "Healthy", reason: "Healthy", message: "as declared" };

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

/** How one declared object stands. What can only fail is told at once, not at its deadline. Pure. */
export function objectHealth(world: World, ref: ObjectRef): Health {
  const object = world.get(ref);
  if (object === undefined) return progressing("Missing", "not there yet");
  switch (`${object.apiVersion}/${object.kind}`) {
    case "apps/v1/Deployment":
      return deploymentHealth(world, object as Deployment);
    case "apps/v1/ReplicaSet":
      return replicaSetHealth(world, object as ReplicaSet);
    case "batch/v1/Job":
      return jobHealth(world, object as Job);
    case "v1/Pod":
      return podHealth(world, object as Pod);
    case "v1/Namespace":
      return namespaceHealth(object as Namespace);
    default:
      return isUnseen(object) ? progressing("NotObserved", "not looked at yet") : HEALTHY;
  }
}

function deploymentHealth(world: World, deployment: Deployment): Health {
  const { spec, status = {} } = deployment;
  if (isUnseen(deployment)) return progressing("NotObserved", "not looked at yet");
  const { stored, pods } = readRevisions(world, deployment).next;
  const trouble = troubleOf(world, pods);
  const progress = findCondition(status.conditions, "Progressing");
  if (progress?.reason === "ProgressDeadlineExceeded") return timedOut(progress, trouble);
  if (trouble?.isTerminal === true) return degraded(trouble);
  if (spec.paused === true && stored === undefined)
    return isTrue(status.conditions, "Available")
      ? { ...HEALTHY, reason: "Paused", message: "paused" }
      : progressing("Paused", "paused, and not available");
  const missing = whatIsMissing(spec.replicas, status);
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

function replicaSetHealth(world: World, { metadata, spec, status, ...rest }: ReplicaSet): Health {
  if (isUnseen({ metadata, status, ...rest } as ReplicaSet))
    return progressing("NotObserved", "not looked at yet");
  const trouble = troubleOf(world, podsOwnedBy(world, metadata.uid));
  if (trouble?.isTerminal === true) return degraded(trouble);
  const failure = findCondition(status?.conditions, "ReplicaFailure");
  if (failure?.status === "True")
    return progressing(
      failure.reason ?? "ReplicaFailure",
      failure.message ?? "pods cannot be made",
    );
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

/** Whether a controller has yet to look at the newest spec. Kinds without a status that counts are always seen. */
function isUnseen(object: ApiObject): boolean {
  const { kind, metadata } = object;
  if (kind !== "Deployment" && kind !== "ReplicaSet") return false;
  const { status } = object as Deployment | ReplicaSet;
  return (status?.observedGeneration ?? 0) < (metadata.generation ?? 0);
}

interface WorkloadTrouble extends PodTrouble {
  readonly text: string;
}

/** The worst trouble of some pods: a terminal one, else the first by name. */
function troubleOf(world: World, pods: readonly Pod[]): WorkloadTrouble | undefined {
  const found = sortedBy(pods.filter(isActive), ({ metadata }) => metadata.name).flatMap((pod) => {
    const trouble = podTrouble(world, pod);
    return trouble === undefined
      ? []
      : [{ ...trouble, text: `pod ${pod.metadata.name}: ${trouble.message}` }];
  });
  const worst = found.find(({ isTerminal }) => isTerminal) ?? found[0];
  if (worst === undefined) return undefined;
  const terminalAt = found.reduce<Millis | undefined>(
    (at, trouble) => earlier(at, trouble.terminalAt),
    undefined,
  );
  return terminalAt === undefined ? worst : { ...worst, terminalAt };
}

function degraded({ reason, text }: WorkloadTrouble): Health {
  return { kind: "Degraded", reason, message: withoutStop(text) };
}

function progressing(reason: string, message: string): Health {
  return { kind: "Progressing", reason, message: withoutStop(message) };
}

function waiting(what: string, trouble: WorkloadTrouble | undefined): Health {
  if (trouble === undefined) return progressing("Progressing", what);
  const health = progressing(trouble.reason, `${what}; ${trouble.text}`);
  return trouble.terminalAt === undefined ? health : { ...health, lookAgainAt: trouble.terminalAt };
}

function withoutStop(message: string): string {
  return message.replace(/\.$/, "");
}
