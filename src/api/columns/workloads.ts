import { parseTime } from "../../base/clock.ts";
import type { Millis } from "../../base/clock.ts";
import { isTrue } from "../../model/condition.ts";
import type { Deployment, Job, Pod, ReplicaSet } from "../../model/kinds.gen.ts";
import { humanDuration } from "../duration.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, NONE, selectorCell, podSpecColumns } from "./common.ts";
import { summarisePod } from "./pod-status.ts";

export const POD_COLUMNS: readonly Column<Pod>[] = [
  NAME,
  {
    name: "Ready",
    type: "string",
    description: "How many of its containers are ready to serve.",
    cell: (pod, now) => summarisePod(pod, now).ready,
  },
  {
    name: "Status",
    type: "string",
    description: "The state of the pod in one word.",
    cell: (pod, now) => summarisePod(pod, now).status,
  },
  {
    name: "Restarts",
    type: "string",
    description: "How often its containers were started again, and when the last one ended.",
    cell: (pod, now) => summarisePod(pod, now).restarts,
  },
  AGE,
  {
    name: "IP",
    type: "string",
    description: "Address of the pod.",
    wide: true,
    cell: (pod) => pod.status?.podIP || NONE,
  },
  {
    name: "Node",
    type: "string",
    description: "Node that the pod is bound to.",
    wide: true,
    cell: (pod) => pod.spec.nodeName || NONE,
  },
  {
    name: "Nominated Node",
    type: "string",
    description: "Node that is being made free for the pod.",
    wide: true,
    cell: () => NONE,
  },
  {
    name: "Readiness Gates",
    type: "string",
    description: "How many of its readiness gates hold.",
    wide: true,
    cell: () => NONE,
  },
];

export const DEPLOYMENT_COLUMNS: readonly Column<Deployment>[] = [
  NAME,
  {
    name: "Ready",
    type: "string",
    description: "Ready pods of those wanted.",
    cell: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas}`,
  },
  {
    name: "Up-to-date",
    type: "integer",
    description: "Pods of the newest template.",
    cell: ({ status }) => status?.updatedReplicas ?? 0,
  },
  {
    name: "Available",
    type: "integer",
    description: "Pods that have been ready for long enough.",
    cell: ({ status }) => status?.availableReplicas ?? 0,
  },
  AGE,
  ...podSpecColumns<Deployment>(({ spec }) => spec.template.spec),
  {
    name: "Selector",
    type: "string",
    description: "Labels by which it finds its pods.",
    wide: true,
    cell: ({ spec }) => selectorCell(spec.selector),
  },
];

export const REPLICASET_COLUMNS: readonly Column<ReplicaSet>[] = [
  NAME,
  {
    name: "Desired",
    type: "integer",
    description: "Pods wanted.",
    cell: ({ spec }) => spec.replicas,
  },
  {
    name: "Current",
    type: "integer",
    description: "Pods that there are.",
    cell: ({ status }) => status?.replicas ?? 0,
  },
  {
    name: "Ready",
    type: "integer",
    description: "Pods that are ready.",
    cell: ({ status }) => status?.readyReplicas ?? 0,
  },
  AGE,
  ...podSpecColumns<ReplicaSet>(({ spec }) => spec.template.spec),
  {
    name: "Selector",
    type: "string",
    description: "Labels by which it finds its pods.",
    wide: true,
    cell: ({ spec }) => selectorCell(spec.selector),
  },
];

export const JOB_COLUMNS: readonly Column<Job>[] = [
  NAME,
  {
    name: "Status",
    type: "string",
    description: "The state of the job in one word.",
    cell: jobStatus,
  },
  {
    name: "Completions",
    type: "string",
    description: "Pods that succeeded, of those wanted.",
    cell: completions,
  },
  {
    name: "Duration",
    type: "string",
    description: "Time from its start to its end, or until now.",
    cell: duration,
  },
  AGE,
  ...podSpecColumns<Job>(({ spec }) => spec.template.spec),
  {
    name: "Selector",
    type: "string",
    description: "Labels by which it finds its pods.",
    wide: true,
    cell: ({ spec }) => selectorCell(spec.selector),
  },
];

/** The first condition that is True is the job's state. */
const JOB_STATES: readonly (readonly [condition: string, word: string])[] = [
  ["Complete", "Complete"],
  ["Failed", "Failed"],
  ["Suspended", "Suspended"],
  ["FailureTarget", "FailureTarget"],
  ["SuccessCriteriaMet", "SuccessCriteriaMet"],
];

function jobStatus({ metadata, status }: Job): string {
  const state = JOB_STATES.find(([condition]) => isTrue(status?.conditions, condition));
  if (state !== undefined) return state[1];
  return metadata.deletionTimestamp === undefined ? "Running" : "Terminating";
}

function completions({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  return spec.parallelism > 1 ? `${succeeded}/1 of ${spec.parallelism}` : `${succeeded}/1`;
}

function duration({ status }: Job, now: Millis): string {
  const start = parseTime(status?.startTime);
  if (start === undefined) return "";
  return humanDuration((parseTime(status?.completionTime) ?? now) - start);
}
