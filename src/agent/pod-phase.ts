import type { ContainerStatus, PodStatus } from "../model/kinds.gen.ts";
import { isCutOff, isEvicted, type Decision } from "./decide-container.ts";
import type { PodView } from "./pod-view.ts";
import { isSidecar } from "./sidecar.ts";

/** A container of the spec: what is to become of it, and what is told of it. */
export interface Member {
  readonly decision: Decision;
  readonly status: ContainerStatus;
}

/** The phase as kubelet tells it. A phase that is an end stays; how sidecars end does not count. Pure. */
export function podPhase(view: PodView, members: readonly Member[]): PodStatus["phase"] {
  const before = view.previous?.phase;
  if (before === "Succeeded" || before === "Failed") return before;
  if (isCutOff(view) || isEvicted(view)) return "Failed";
  const policy = view.pod.spec.restartPolicy;
  const inits = members.filter(({ decision }) => isInit(decision)).map((one) => one.decision);
  const sidecars = sidecarsOf(members).map((one) => one.status);
  const mains = mainsOf(members);
  if (inits.some((one) => one.kind === "finished" && one.exitCode !== 0)) return "Failed";
  const sidecarRuns = sidecars.some(isRunning);
  if (view.ending) return sidecarRuns ? (before ?? "Pending") : endingPhase(before, mains);
  const mainRuns = mains.some(({ status }) => isRunning(status));
  if (!inits.every(isDone) && !mainRuns) return "Pending";
  if (sidecars.some(isNew) || sidecarsBegin(members, sidecars)) return "Pending";
  if (mains.some(({ status }) => isNew(status))) return "Pending";
  if (mainRuns || sidecarRuns || policy === "Always") return "Running";
  const ended = mains.map((one) => one.decision);
  if (ended.every(isDone)) return "Succeeded";
  return ended.every((decision) => decision.kind === "finished") ? "Failed" : "Running";
}

/** Pure. */
export function mainsOf(members: readonly Member[]): readonly Member[] {
  return members.filter(({ decision }) => decision.role === "main");
}

/** Pure. */
export function sidecarsOf(members: readonly Member[]): readonly Member[] {
  return members.filter(({ decision: { role, spec } }) => role === "init" && isSidecar(spec));
}

/** Whether a main container runs or has run: the pod has been initialized. Pure. */
export function haveBegun(members: readonly Member[]): boolean {
  return mainsOf(members).some(({ status }) => isRunning(status) || hasDied(status));
}

function isInit({ role, spec }: Decision): boolean {
  return role === "init" && !isSidecar(spec);
}

function isDone(decision: Decision): boolean {
  return decision.kind === "finished" && decision.exitCode === 0;
}

function isRunning(status: ContainerStatus): boolean {
  return status.state.running !== undefined;
}

function hasDied({ state, lastState }: ContainerStatus): boolean {
  return state.terminated !== undefined || lastState.terminated !== undefined;
}

/** It has never run. */
function isNew(status: ContainerStatus): boolean {
  return !isRunning(status) && !hasDied(status);
}

/** A pod that is being deleted is over when its containers are, whatever its restart policy. */
function endingPhase(
  before: PodStatus["phase"] | undefined,
  mains: readonly Member[],
): PodStatus["phase"] {
  const codes = mains.map(({ status }) => status.state.terminated?.exitCode);
  if (codes.includes(undefined)) return before ?? "Pending";
  return codes.every((code) => code === 0) ? "Succeeded" : "Failed";
}

/** Sidecars that are not up hold up what comes after them, the first time. */
function sidecarsBegin(members: readonly Member[], sidecars: readonly ContainerStatus[]): boolean {
  return !haveBegun(members) && sidecars.some((one) => isRunning(one) && one.started !== true);
}
