import { parseTime, type Millis } from "../base/clock.ts";
import type { Container, ContainerStatus, PodStatus } from "../model/kinds.gen.ts";
import {
  attemptsOf,
  isOver,
  type ContainerRole,
  type PodContainer,
  type PodView,
} from "./pod-view.ts";
import { endedWithSandbox, mustRestart, nextRestart } from "./restart.ts";
import { isSidecar } from "./sidecar.ts";

/** What is to become of one container of the spec. */
export type Decision = { readonly role: ContainerRole; readonly spec: Container } & (
  | { readonly kind: "running"; readonly container: PodContainer }
  /** Made, and to be started once the sandbox is ready. */
  | { readonly kind: "starting"; readonly container: PodContainer }
  /** To be made. */
  | { readonly kind: "start"; readonly attempt: number; readonly crashes: number }
  | {
      readonly kind: "backing-off";
      readonly container: PodContainer;
      readonly until: Millis;
      readonly delayMs: Millis;
    }
  | { readonly kind: "finished"; readonly exitCode: number }
);

export interface ContainerQuestion {
  readonly spec: Container;
  readonly role: ContainerRole;
  /** The sandbox that lives or is being started. */
  readonly sandboxId: string | undefined;
  /** Whether a main container has run in that sandbox: init containers are not run again then, except sidecars. */
  readonly mainsBegan: boolean;
}

/** Pure. */
export function decideContainer(view: PodView, question: ContainerQuestion): Decision {
  const { role, spec, sandboxId } = question;
  const about = { role, spec };
  const [newest] = attemptsOf(view, role, spec.name);
  if (newest === undefined) return decideMissing(view, question);
  if (newest.state === "running") return { ...about, kind: "running", container: newest };
  if (!isOver(newest)) {
    return newest.sandboxId === sandboxId
      ? { ...about, kind: "starting", container: newest }
      : { ...about, kind: "start", attempt: newest.attempt, crashes: newest.crashes };
  }
  const exitCode = newest.exitCode ?? 0;
  if (isTerminal(view)) return { ...about, kind: "finished", exitCode };
  if (runsAgain(question, newest, exitCode)) {
    return { ...about, kind: "start", attempt: newest.attempt + 1, crashes: 0 };
  }
  if (!isSidecar(spec) && !mustRestart(view.pod.spec.restartPolicy, role, exitCode)) {
    return { ...about, kind: "finished", exitCode };
  }
  const restart = nextRestart(newest, endedWithSandbox(newest, view.containers));
  return view.now < restart.at
    ? {
        ...about,
        kind: "backing-off",
        container: newest,
        until: restart.at,
        delayMs: restart.delayMs,
      }
    : { ...about, kind: "start", attempt: newest.attempt + 1, crashes: restart.crashes };
}

/** Whether nothing of the pod may be started any more. Pure. */
export function isTerminal(view: PodView): boolean {
  const phase = view.previous?.phase;
  return (
    phase === "Succeeded" || phase === "Failed" || isOverdue(view) || view.evicted !== undefined
  );
}

/** Whether its node is what ends the pod: one that is over already stays as it ended. Pure. */
export function isEvicted(view: PodView): boolean {
  const phase = view.previous?.phase;
  return phase !== "Succeeded" && phase !== "Failed" && view.evicted !== undefined;
}

/** Whether the pod has been active for longer than it may. Pure. */
function isOverdue(view: PodView): boolean {
  const deadline = deadlineOf(view);
  return deadline !== undefined && view.now >= deadline;
}

/** Whether its deadline is what ends the pod: one that is over already stays as it ended. Pure. */
export function isCutOff(view: PodView): boolean {
  const phase = view.previous?.phase;
  return phase !== "Succeeded" && phase !== "Failed" && isOverdue(view);
}

/** When `activeDeadlineSeconds` ends the pod. Pure. */
export function deadlineOf(view: PodView): Millis | undefined {
  const seconds = view.pod.spec.activeDeadlineSeconds;
  const startedAt = parseTime(view.previous?.startTime);
  return seconds === undefined || startedAt === undefined ? undefined : startedAt + seconds * 1000;
}

/** Where the status tells of containers of a role. */
const STATUS_LISTS = {
  sandbox: "containerStatuses",
  main: "containerStatuses",
  init: "initContainerStatuses",
  ephemeral: "ephemeralContainerStatuses",
} as const;

/** The last known status of a container of the spec. Pure. */
export function knownStatus(
  status: PodStatus | undefined,
  role: ContainerRole,
  name: string,
): ContainerStatus | undefined {
  const list = STATUS_LISTS[role];
  return status?.[list]?.find((entry) => entry.name === name);
}

/** Nothing of it is on the host: new, or lost with its host's memory. */
function decideMissing(view: PodView, { role, spec, mainsBegan }: ContainerQuestion): Decision {
  const known = knownStatus(view.previous, role, spec.name);
  if (isTerminal(view) || (role === "init" && mainsBegan && !isSidecar(spec))) {
    const exitCode = known?.state.terminated?.exitCode ?? 0;
    return { role, spec, kind: "finished", exitCode };
  }
  const attempt =
    known === undefined ? 0 : known.restartCount + (known.containerID === undefined ? 0 : 1);
  return { role, spec, kind: "start", attempt, crashes: 0 };
}

/** An init container that has done its work does it again in a new sandbox, as in Kubernetes. */
function runsAgain(question: ContainerQuestion, newest: PodContainer, exitCode: number): boolean {
  return (
    question.role === "init" &&
    !isSidecar(question.spec) &&
    exitCode === 0 &&
    question.sandboxId !== undefined &&
    newest.sandboxId !== question.sandboxId &&
    !question.mainsBegan
  );
}
