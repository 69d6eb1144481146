import type { Millis } from "../../base/clock.ts";
import { parseTime } from "../../base/clock.ts";
import { findCondition, isTrue } from "../../model/condition.ts";
import type { ContainerState, ContainerStatus, Pod } from "../../model/kinds.gen.ts";
import { humanDuration } from "../duration.ts";

/** What the READY, STATUS and RESTARTS columns say of a pod. */
export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  /** `3 (2m ago)`; `0` without the brackets. */
  readonly restarts: string;
}

/** The one word (`Init:0/1`, `CrashLoopBackOff`, `Terminating` …) that people know a pod's state by. Pure. */
export function summarisePod(pod: Pod, now: Millis): PodSummary {
  const init = pod.status?.initContainerStatuses ?? [];
  const main = pod.status?.containerStatuses ?? [];
  const names = sidecarNames(pod);
  const starting = isTrue(pod.status?.conditions, "Initialized")
    ? undefined
    : initStatus(init, pod.spec.initContainers?.length ?? init.length, names);
  const sidecars = init.filter(({ name }) => names.has(name));
  // While it starts, only the restarts of init containers tell something; afterwards only those of what runs on.
  const counted = starting === undefined ? [...sidecars, ...main] : init;
  const readyCount = [...sidecars, ...main].filter(isServing).length;
  return {
    ready: `${readyCount}/${pod.spec.containers.length + names.size}`,
    status: ending(pod) ?? starting ?? mainStatus(pod, main),
    restarts: formatRestarts(counted, now),
  };
}

/** `Terminating` and `Unknown` go before everything else, unless the pod has come to its end anyway. */
function ending({ metadata, status }: Pod): string | undefined {
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (status?.reason === "NodeLost") return "Unknown";
  return status?.phase === "Succeeded" || status?.phase === "Failed" ? undefined : "Terminating";
}

/** Init containers that run beside the others. */
function sidecarNames({ spec }: Pod): ReadonlySet<string> {
  const sidecars = spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === "Always");
  return new Set(sidecars?.map(({ name }) => name));
}

/** What the first init container is at that holds up the others; `undefined` when none does. */
function initStatus(
  statuses: readonly ContainerStatus[],
  total: number,
  sidecars: ReadonlySet<string>,
): string | undefined {
  const at = statuses.findIndex(
    ({ name, started, state }) =>
      state.terminated?.exitCode !== 0 && !(sidecars.has(name) && started === true),
  );
  const state = statuses[at]?.state;
  if (state === undefined) return undefined;
  if (state.terminated !== undefined) return `Init:${terminatedReason(state.terminated)}`;
  const waiting = state.waiting?.reason ?? "";
  return waiting === "" || waiting === "PodInitializing"
    ? `Init:${at}/${total}`
    : `Init:${waiting}`;
}

function mainStatus({ status }: Pod, containers: readonly ContainerStatus[]): string {
  const scheduled = findCondition(status?.conditions, "PodScheduled");
  let word = status?.reason ?? status?.phase ?? "Pending";
  if (scheduled?.reason === "SchedulingGated") word = "SchedulingGated";
  // Of several containers the first one's trouble is shown: so the last word wins, going backwards.
  for (const { state } of containers.toReversed()) word = stateReason(state) ?? word;
  if (word !== "Completed" || !containers.some(isServing)) return word;
  return isTrue(status?.conditions, "Ready") ? "Running" : "NotReady";
}

function stateReason({ waiting, terminated }: ContainerState): string | undefined {
  if (waiting !== undefined && waiting.reason !== "") return waiting.reason;
  return terminated === undefined ? undefined : terminatedReason(terminated);
}

function terminatedReason(terminated: NonNullable<ContainerState["terminated"]>): string {
  if (terminated.reason !== undefined && terminated.reason !== "") return terminated.reason;
  return terminated.signal === undefined || terminated.signal === 0
    ? `ExitCode:${terminated.exitCode}`
    : `Signal:${terminated.signal}`;
}

function isServing({ ready, state }: ContainerStatus): boolean {
  return ready && state.running !== undefined;
}

function formatRestarts(containers: readonly ContainerStatus[], now: Millis): string {
  const count = containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const ends = containers.map(({ lastState }) => parseTime(lastState.terminated?.finishedAt));
  const last = Math.max(0, ...ends.filter((at) => at !== undefined));
  return count === 0 || last === 0 ? `${count}` : `${count} (${humanDuration(now - last)} ago)`;
}
