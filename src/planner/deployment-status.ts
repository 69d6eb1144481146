import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { findCondition, setCondition } from "../model/condition.ts";
import type { Condition } from "../model/meta.ts";
import type { Deployment, DeploymentStatus } from "../model/kinds.gen.ts";
import { HISTORY_ANNOTATION, type RevisionSet } from "./revisions.ts";

/** A deadline of 2^31 - 1 seconds means: none. */
const NO_DEADLINE = 2_147_483_647;

/** What the status of a Deployment is made from, after planning. */
export interface StatusInput {
  readonly deployment: Deployment;
  /** The set of the current template, once it is there or in the plan. */
  readonly next: RevisionSet | undefined;
  readonly old: readonly RevisionSet[];
  /** Sum of the sizes that the sets have. */
  readonly totalSize: number;
  readonly maxUnavailable: number;
  /** Names of sets that were taken by something else so far. */
  readonly collisionCount: number;
  readonly now: Millis;
}

/** The status as Kubernetes writes it: counts, Available, Progressing, ReplicaFailure. Pure. */
export function deploymentStatus(input: StatusInput): DeploymentStatus {
  const counts = countReplicas(input);
  let conditions = setAvailable(input, counts, input.deployment.status?.conditions ?? []);
  conditions = setProgressing(input, counts, conditions);
  conditions = setReplicaFailure(input, conditions);
  return {
    observedGeneration: input.deployment.metadata.generation ?? 0,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    ...(input.collisionCount > 0 ? { collisionCount: input.collisionCount } : {}),
    conditions,
  };
}

/** When the rollout will have taken too long; `undefined` while none is under way. Pure. */
export function progressDeadlineAt(
  deployment: Deployment,
  status: DeploymentStatus,
): Millis | undefined {
  const progressing = findCondition(status.conditions, "Progressing");
  const { progressDeadlineSeconds, paused } = deployment.spec;
  if (paused === true || progressDeadlineSeconds >= NO_DEADLINE) return undefined;
  if (progressing === undefined || isSettled(progressing)) return undefined;
  return (parseTime(progressing.lastUpdateTime) ?? 0) + progressDeadlineSeconds * 1000;
}

/** Whether everything runs as declared, and nothing else. Pure. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const { replicas } = deployment.spec;
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas
  );
}

type Counts = Readonly<
  Record<
    "replicas" | "updatedReplicas" | "readyReplicas" | "availableReplicas" | "unavailableReplicas",
    number
  >
>;

function countReplicas({ next, old, totalSize }: StatusInput): Counts {
  const sets = next === undefined ? old : [next, ...old];
  const sum = (count: (set: RevisionSet) => number): number =>
    sets.reduce((total, set) => total + count(set), 0);
  const available = sum((set) => set.counts.available);
  return {
    replicas: sum((set) => set.counts.active),
    updatedReplicas: next?.counts.active ?? 0,
    readyReplicas: sum((set) => set.counts.ready),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, totalSize - available),
  };
}

function setAvailable(
  { deployment, maxUnavailable, now }: StatusInput,
  counts: Counts,
  conditions: readonly Condition[],
): readonly Condition[] {
  const enough = counts.availableReplicas >= deployment.spec.replicas - maxUnavailable;
  const condition: Condition = enough
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
  return setStamped(conditions, condition, now);
}

function setProgressing(
  input: StatusInput,
  counts: Counts,
  conditions: readonly Condition[],
): readonly Condition[] {
  const { deployment, now } = input;
  if (deployment.spec.progressDeadlineSeconds >= NO_DEADLINE)
    return conditions.filter(({ type }) => type !== "Progressing");
  const current = findCondition(conditions, "Progressing");
  const next = nextProgressing(input, counts, current);
  if (next === undefined) return conditions;
  return next.fresh
    ? stampAnew(conditions, next.condition, now)
    : setStamped(conditions, next.condition, now);
}

/** `fresh` starts the deadline again although status and reason stay. */
interface NextProgressing {
  readonly condition: Condition;
  readonly fresh: boolean;
}

function nextProgressing(
  input: StatusInput,
  counts: Counts,
  current: Condition | undefined,
): NextProgressing | undefined {
  const { deployment, next, now } = input;
  if (deployment.spec.paused === true) {
    if (current?.reason === "ProgressDeadlineExceeded") return undefined;
    return {
      condition: progressing("Unknown", "DeploymentPaused", "Deployment is paused"),
      fresh: false,
    };
  }
  if (current?.reason === "DeploymentPaused")
    return {
      condition: progressing("Unknown", "DeploymentResumed", "Deployment is resumed"),
      fresh: true,
    };
  const name = next?.replicaSet.metadata.name;
  const what =
    name === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${name}"`;
  if (isComplete(deployment, counts)) {
    const message = `${what} has successfully progressed.`;
    return {
      condition: progressing("True", "NewReplicaSetAvailable", message),
      fresh: isAboutOther(current, name),
    };
  }
  if (next !== undefined && (current === undefined || isAboutOther(current, name)))
    return { condition: foundCondition(next), fresh: true };
  if (isProgress(deployment.status ?? {}, counts) && !isDone(current, counts))
    return {
      condition: progressing("True", "ReplicaSetUpdated", `${what} is progressing.`),
      fresh: true,
    };
  if (current === undefined || isSettled(current)) return undefined;
  const since = parseTime(current.lastUpdateTime) ?? now;
  if (now < since + deployment.spec.progressDeadlineSeconds * 1000) return undefined;
  const message = `${what} has timed out progressing.`;
  return { condition: progressing("False", "ProgressDeadlineExceeded", message), fresh: false };
}

/** No deadline runs: the rollout came to its end, good or bad. */
function isSettled({ reason }: Condition): boolean {
  return reason === "NewReplicaSetAvailable" || reason === "ProgressDeadlineExceeded";
}

/** Pods of a complete rollout that fall ill or are added later are no new rollout. */
function isDone(current: Condition | undefined, counts: Counts): boolean {
  return current?.reason === "NewReplicaSetAvailable" && counts.replicas === counts.updatedReplicas;
}

/** Whether a condition speaks of another set than the current one, so that its clock and outcome are history. */
function isAboutOther(current: Condition | undefined, name: string | undefined): boolean {
  if (current === undefined || name === undefined) return false;
  const { message = "" } = current;
  if (message.startsWith(`ReplicaSet "${name}"`)) return false;
  const named = /ReplicaSet "([^"]+)"|replica set "([^"]+)"/.exec(message);
  return named !== null && named[1] !== name && named[2] !== name;
}

function foundCondition({ replicaSet, stored }: RevisionSet): Condition {
  const { name, annotations } = replicaSet.metadata;
  const isReused = stored !== undefined && annotations?.[HISTORY_ANNOTATION] !== undefined;
  return isReused
    ? progressing("True", "FoundNewReplicaSet", `Found new replica set "${name}"`)
    : progressing("True", "NewReplicaSetCreated", `Created new replica set "${name}"`);
}

function isProgress(before: DeploymentStatus, counts: Counts): boolean {
  const oldBefore = (before.replicas ?? 0) - (before.updatedReplicas ?? 0);
  return (
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < oldBefore ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0)
  );
}

function setReplicaFailure(
  { next, old, now }: StatusInput,
  conditions: readonly Condition[],
): readonly Condition[] {
  const sets = next === undefined ? old : [next, ...old];
  const failure = sets
    .map(({ replicaSet }) => findCondition(replicaSet.status?.conditions, "ReplicaFailure"))
    .find((condition) => condition?.status === "True");
  if (failure === undefined) return conditions.filter(({ type }) => type !== "ReplicaFailure");
  const { type, status, reason = "", message = "" } = failure;
  return setStamped(conditions, { type, status, reason, message }, now);
}

function progressing(status: Condition["status"], reason: string, message: string): Condition {
  return { type: "Progressing", status, reason, message };
}

/** As Kubernetes does it: the same status and reason leave the condition as it is, message and time included. */
function setStamped(
  conditions: readonly Condition[],
  next: Condition,
  now: Millis,
): readonly Condition[] {
  const previous = findCondition(conditions, next.type);
  if (previous?.status === next.status && previous.reason === next.reason) return conditions;
  return stampAnew(conditions, next, now);
}

function stampAnew(
  conditions: readonly Condition[],
  next: Condition,
  now: Millis,
): readonly Condition[] {
  const time = formatTime(now);
  const stamped = { ...next, lastUpdateTime: time };
  const previous = findCondition(conditions, next.type);
  if (previous === undefined) return setCondition(conditions, stamped, time);
  const lastTransitionTime =
    previous.status === next.status ? (previous.lastTransitionTime ?? time) : time;
  return conditions.map((item) => (item === previous ? { ...stamped, lastTransitionTime } : item));
}
