import { unreachable } from "../base/assert.ts";
import { formatTime, type Millis } from "../base/clock.ts";
import { PULLABLE_PREFIX } from "../model/image-pins.ts";
import { LABELS } from "../model/instance.ts";
import type { ContainerState, ContainerStatus } from "../model/kinds.gen.ts";
import { knownStatus, type Decision } from "./decide-container.ts";
import {
  attemptsOf,
  isOver,
  SANDBOX,
  type Failure,
  type PodContainer,
  type PodView,
} from "./pod-view.ts";
import { actualResources } from "./resize.ts";
import { isSidecar } from "./sidecar.ts";

/** How long a failure is shown as such, before it is shown as waiting for the next try. */
export const FRESH_FAILURE_MS: Millis = 2_000;
/** What a container counts as that is gone without a word: as if killed. */
export const VANISHED_EXIT_CODE = 137;

/** What Kubernetes would write about one container. Pure. */
export function containerStatus(view: PodView, decision: Decision): ContainerStatus {
  const { role, spec } = decision;
  const attempts = attemptsOf(view, role, spec.name).filter(
    (one) => one.state !== "created" || isOver(one),
  );
  const known = knownStatus(view.previous, role, spec.name);
  const [newest] = attempts;
  if (newest === undefined && decision.kind === "finished" && known !== undefined)
    return { ...known, ready: false };
  const state = stateOf(view, decision, newest);
  const dead = attempts.find(
    (one) => isOver(one) && (one !== newest || state.terminated === undefined),
  );
  return {
    name: spec.name,
    image: spec.image,
    ...identity(newest, known),
    ...actualResources(view, decision, newest, known),
    ...health(view, decision, newest),
    restartCount: newest?.attempt ?? restartsBefore(decision, known),
    state,
    lastState: dead === undefined ? {} : { terminated: terminatedState(view, dead) },
  };
}

function identity(
  newest: PodContainer | undefined,
  known: ContainerStatus | undefined,
): Pick<ContainerStatus, "imageID" | "containerID"> {
  if (newest === undefined) return { imageID: known?.imageID ?? "" };
  const digest = newest.labels[LABELS.imageDigest];
  const imageID =
    digest === undefined ? `docker://${newest.imageId}` : `${PULLABLE_PREFIX}${digest}`;
  return { imageID, containerID: `docker://${newest.id}` };
}

function restartsBefore(decision: Decision, known: ContainerStatus | undefined): number {
  return decision.kind === "start" ? decision.attempt : (known?.restartCount ?? 0);
}

function health(
  view: PodView,
  decision: Decision,
  newest: PodContainer | undefined,
): { readonly started: boolean; readonly ready: boolean } {
  const probed =
    newest?.state === "running"
      ? verdictOf(view, decision, newest)
      : { started: false, ready: false };
  // Nothing waits for what people added.
  if (decision.role === "ephemeral") return { started: false, ready: false };
  if (decision.role !== "init" || isSidecar(decision.spec)) return probed;
  // An init container is ready once it has done its work.
  const isDone = decision.kind === "finished" && decision.exitCode === 0;
  return { started: probed.started, ready: isDone };
}

/** What the prober says, or the spec while it has not looked yet. Pure. */
function verdictOf(
  view: PodView,
  { spec }: Decision,
  container: PodContainer,
): { readonly started: boolean; readonly ready: boolean } {
  if (view.inPostStart.has(container.id)) return { started: false, ready: false };
  const verdict = view.probes.get(container.id);
  if (verdict !== undefined) return { started: verdict.started, ready: verdict.ready };
  const started = spec.startupProbe === undefined;
  return { started, ready: started && spec.readinessProbe === undefined };
}

function stateOf(
  view: PodView,
  decision: Decision,
  newest: PodContainer | undefined,
): ContainerState {
  if (newest?.state === "running") {
    return { running: { startedAt: formatTime(newest.startedAt ?? view.now) } };
  }
  const failure = view.failures.get(decision.spec.name) ?? withheldSecrets(view);
  switch (decision.kind) {
    case "running":
      return {};
    case "finished":
      return newest === undefined ? {} : { terminated: terminatedState(view, newest) };
    case "backing-off":
      return { waiting: backingOff(view, decision) };
    case "starting":
    case "start": {
      const waiting =
        failure === undefined
          ? imageTrouble(view, decision)
          : { reason: failure.reason, message: failure.message };
      if (waiting !== undefined) return { waiting };
      // It died and is about to be started again: its death is what there is to tell.
      if (newest !== undefined) return { terminated: terminatedState(view, newest) };
      const hasInits = (view.pod.spec.initContainers ?? []).length > 0;
      return { waiting: { reason: hasInits ? "PodInitializing" : "ContainerCreating" } };
    }
    default:
      return unreachable(decision);
  }
}

/** What keeps the whole pod waiting, where that is for Secrets which only the API has. */
function withheldSecrets(view: PodView): Failure | undefined {
  const failure = view.failures.get(SANDBOX);
  return failure?.reason === "SecretsUnavailable" ? failure : undefined;
}

function backingOff(
  view: PodView,
  decision: Decision & { readonly kind: "backing-off" },
): { readonly reason: string; readonly message: string } {
  const { container, delayMs, spec } = decision;
  const neverRan = container.startedAt === undefined;
  if (neverRan && view.now < (container.diedAt ?? 0) + FRESH_FAILURE_MS) {
    return { reason: "RunContainerError", message: container.error ?? "" };
  }
  const { name, namespace, uid } = view.pod.metadata;
  return {
    reason: "CrashLoopBackOff",
    message: `back-off ${formatDelay(delayMs)} restarting failed container=${spec.name} pod=${name}_${namespace ?? ""}(${uid ?? ""})`,
  };
}

/** `20s`, `1m20s`, `5m0s`, as Go prints durations. Pure. */
function formatDelay(ms: Millis): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function imageTrouble(
  view: PodView,
  { spec }: Decision,
): { readonly reason: string; readonly message: string } | undefined {
  const image = view.images.get(spec.name);
  if (image?.kind !== "failed") return undefined;
  const { reason, message } = image;
  const isPull = reason === "ErrImagePull" || reason === "RegistryUnavailable";
  return isPull && view.now >= image.at + FRESH_FAILURE_MS
    ? {
        reason: "ImagePullBackOff",
        message: `Back-off pulling image "${spec.image}": ${reason}: ${message}`,
      }
    : { reason, message };
}

type TerminatedState = NonNullable<ContainerState["terminated"]>;

/** Exit codes and reasons as Kubernetes names them. Pure. */
function terminatedState(view: PodView, dead: PodContainer): TerminatedState {
  const exitCode = dead.exitCode ?? VANISHED_EXIT_CODE;
  const message = view.messages.get(dead.id) ?? lastWords(dead);
  return {
    exitCode,
    ...(exitCode > 128 && exitCode <= 192 ? { signal: exitCode - 128 } : {}),
    reason: reasonOf(dead, exitCode),
    ...(message === undefined ? {} : { message }),
    ...(dead.startedAt === undefined ? {} : { startedAt: formatTime(dead.startedAt) }),
    ...(dead.diedAt === undefined ? {} : { finishedAt: formatTime(dead.diedAt) }),
    containerID: `docker://${dead.id}`,
  };
}

function reasonOf(dead: PodContainer, exitCode: number): string {
  if (dead.vanished === true) return "ContainerStatusUnknown";
  if (dead.startedAt === undefined) return "ContainerCannotRun";
  if (exitCode === 0) return "Completed";
  return dead.oomKilled === true ? "OOMKilled" : "Error";
}

function lastWords(dead: PodContainer): string | undefined {
  if (dead.vanished === true) return "The container was removed behind the agent's back";
  return dead.startedAt === undefined ? dead.error : undefined;
}
