/** Objects of a kind that are planned at the same time: planning is synchronous, this bounds the writes under way. */
const WORKERS: Readonly<Record<string, number>> = {
  Deployment: 8,
  ReplicaSet: 8,
  ReplicationController: 4,
  StatefulSet: 8,
  DaemonSet: 4,
  Job: 8,
  CronJob: 2,
  HorizontalPodAutoscaler: 4,
  PodDisruptionBudget: 4,
  Namespace: 4,
  Pod: 8,
  Service: 8,
};
/** For kinds that are looked at for little more than an owner that is gone. */
const OTHER_WORKERS = 4;

/** A queue of the planner's loop. */
export interface PlannerQueue {
  readonly name: string;
  readonly workers: number;
}

/**
 * The queues of the planner's loop, by kind: one for each kind with work of its own, and one for all others, so that
 * ten thousand Deployments do not stand before one Service.
 */
export const PLANNER_QUEUES: readonly PlannerQueue[] = [
  ...Object.entries(WORKERS).map(([kind, workers]) => ({ name: nameOf(kind), workers })),
  { name: "planner-other", workers: OTHER_WORKERS },
];

/** The name of the queue that a `refKey` belongs to. Pure. */
export function queueOf(key: string): string {
  const [kind = ""] = key.split("/").slice(-3);
  return Object.hasOwn(WORKERS, kind) ? nameOf(kind) : "planner-other";
}

function nameOf(kind: string): string {
  return `planner-${kind.toLowerCase()}`;
}
