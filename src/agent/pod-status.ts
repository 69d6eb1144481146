import { formatTime } from "../base/clock.ts";
import { setCondition } from "../model/condition.ts";
import type { Condition } from "../model/meta.ts";
import type { ContainerStatus, PodStatus } from "../model/kinds.gen.ts";
import { containerStatus } from "./container-status.ts";
import { isOverdue, type Decision } from "./decide-container.ts";
import type { PodView } from "./pod-view.ts";
import { qosClass } from "./qos.ts";

/** The pod's status as kubelet would write it. Conditions of others are kept. Pure. */
export function podStatus(view: PodView, decisions: readonly Decision[]): PodStatus {
  const { previous } = view;
  const inits = decisions.filter((decision) => decision.role === "init");
  const mains = decisions.filter((decision) => decision.role === "main");
  const initStatuses = inits.map((decision) => containerStatus(view, decision));
  const statuses = mains.map((decision) => containerStatus(view, decision));
  const phase = phaseOf(view, decisions, [initStatuses, statuses]);
  const ip = view.podIp ?? previous?.podIP;
  const overdue = isOverdue(view) && phase === "Failed" && previous?.phase !== "Succeeded";
  const reason = overdue ? "DeadlineExceeded" : previous?.reason;
  const message = overdue
    ? "Pod was active on the node longer than the specified deadline"
    : previous?.message;
  return {
    phase,
    conditions: conditionsOf(view, phase, [initStatuses, statuses]),
    ...(inits.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
    hostIP: view.hostIp,
    hostIPs: [{ ip: view.hostIp }],
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime: previous?.startTime ?? formatTime(view.now),
    qosClass: qosClass(view.pod.spec),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

type Statuses = readonly [readonly ContainerStatus[], readonly ContainerStatus[]];

/** Kubelet's getPhase. A phase that is an end stays. Pure. */
function phaseOf(
  view: PodView,
  decisions: readonly Decision[],
  [inits, mains]: Statuses,
): PodStatus["phase"] {
  const before = view.previous?.phase;
  if (before === "Succeeded" || before === "Failed") return before;
  if (isOverdue(view)) return "Failed";
  const policy = view.pod.spec.restartPolicy;
  const isDone = (decision: Decision): boolean =>
    decision.kind === "finished" && decision.exitCode === 0;
  const initDecisions = decisions.filter((decision) => decision.role === "init");
  const mainRuns = mains.some((status) => status.state.running !== undefined);
  if (initDecisions.some((decision) => decision.kind === "finished" && decision.exitCode !== 0))
    return "Failed";
  if (view.ending) return endingPhase(before, mains);
  if (!initDecisions.every(isDone) && inits.length > 0 && !mainRuns) return "Pending";
  const died = (status: ContainerStatus): boolean =>
    status.state.terminated !== undefined || status.lastState.terminated !== undefined;
  if (mains.some((status) => status.state.running === undefined && !died(status))) return "Pending";
  if (mainRuns || policy === "Always") return "Running";
  const ended = decisions.filter((decision) => decision.role === "main");
  if (ended.every(isDone)) return "Succeeded";
  return ended.every((decision) => decision.kind === "finished") ? "Failed" : "Running";
}

/** A pod that is being deleted is over when its containers are, whatever its restart policy. */
function endingPhase(
  before: PodStatus["phase"] | undefined,
  mains: readonly ContainerStatus[],
): PodStatus["phase"] {
  if (!mains.every((status) => status.state.terminated !== undefined)) return before ?? "Pending";
  return mains.every((status) => status.state.terminated?.exitCode === 0) ? "Succeeded" : "Failed";
}

function conditionsOf(
  view: PodView,
  phase: PodStatus["phase"],
  [inits, mains]: Statuses,
): readonly Condition[] {
  const now = formatTime(view.now);
  const generation = view.pod.metadata.generation;
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  const initialized = initializedCondition(phase, inits, mains);
  const ready = readyCondition(phase, mains);
  const wanted: readonly Condition[] = [
    // A pod that has come here was placed, whatever the scheduler said of it before.
    { type: "PodScheduled", status: "True", ...observed },
    { type: "Initialized", ...initialized, ...observed },
    { type: "Ready", ...ready, ...observed },
    { type: "ContainersReady", ...ready, ...observed },
  ];
  return wanted.reduce(
    (conditions, condition) => setCondition(conditions, condition, now),
    view.previous?.conditions ?? [],
  );
}

type Truth = Pick<Condition, "status" | "reason" | "message">;

function initializedCondition(
  phase: PodStatus["phase"],
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): Truth {
  if (phase === "Succeeded") return { status: "True", reason: "PodCompleted" };
  const mainsBegan = mains.some(
    (status) => status.state.running !== undefined || status.state.terminated !== undefined,
  );
  const incomplete = inits.filter((status) => !status.ready).map((status) => status.name);
  if (incomplete.length === 0 || mainsBegan) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotInitialized",
    message: `containers with incomplete status: [${incomplete.join(" ")}]`,
  };
}

function readyCondition(phase: PodStatus["phase"], mains: readonly ContainerStatus[]): Truth {
  if (phase === "Succeeded") return { status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { status: "False", reason: "PodFailed" };
  const unready = mains.filter((status) => !status.ready).map((status) => status.name);
  if (unready.length === 0) return { status: "True" };
  return {
    status: "False",
    reason: "ContainersNotReady",
    message: `containers with unready status: [${unready.join(" ")}]`,
  };
}
