import type { Action, PodPlan } from "../../src/agent/plan-pod.ts";
import type { PodContainer, PodView } from "../../src/agent/pod-view.ts";
import type { ContainerStatus, Pod, Probe } from "../../src/model/kinds.gen.ts";

export const NOW = 1_700_000_000_000;
export const SECOND = 1_000;

/** What a plan depends on; the options name only what a case is about. */
export function look(
  wanted: Pod,
  containers: readonly PodContainer[],
  more: Partial<PodView> = {},
): PodView {
  return {
    pod: wanted,
    previous: undefined,
    now: NOW,
    ending: false,
    withdrawn: false,
    containers,
    probes: new Map(),
    inPostStart: new Set(),
    images: new Map(),
    failures: new Map(),
    readySandbox: undefined,
    podIp: undefined,
    hostIp: "192.168.0.1",
    messages: new Map(),
    ...more,
  };
}

type Loose = Partial<Omit<PodContainer, "startedAt">> & { readonly startedAt?: number | undefined };

function made(
  base: Partial<PodContainer>,
  { startedAt, ...more }: Loose,
  hasStart: boolean,
): PodContainer {
  const isNew = more.state === "created";
  const start = hasStart ? startedAt : isNew ? undefined : NOW - 60 * SECOND;
  return {
    id: "x",
    name: "x",
    labels: {},
    state: "running",
    image: "app:1",
    imageId: "sha256:app",
    role: "main",
    containerName: "app",
    attempt: 0,
    crashes: 0,
    sandboxId: "s0",
    ...base,
    ...more,
    ...(start === undefined ? {} : { startedAt: start }),
  };
}

export function sandbox(more: Loose): PodContainer {
  return made({ id: "s0", role: "sandbox", containerName: "sandbox" }, more, "startedAt" in more);
}

export function app(more: Loose): PodContainer {
  return made({ id: "a0" }, more, "startedAt" in more);
}

export function init(name: string, more: Loose): PodContainer {
  return made({ id: `i-${name}`, role: "init", containerName: name }, more, "startedAt" in more);
}

export function probe(): Probe {
  return {
    tcpSocket: { port: 80 },
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  };
}

export function known(more: Partial<ContainerStatus>): ContainerStatus {
  return {
    name: "app",
    image: "app:1",
    imageID: "",
    ready: false,
    restartCount: 0,
    state: {},
    lastState: {},
    ...more,
  };
}

export function render(action: Action): string {
  switch (action.kind) {
    case "create-sandbox":
      return `create-sandbox #${action.attempt}`;
    case "prepare-image":
      return `prepare-image ${action.container}`;
    case "create":
      return `create ${action.container} #${action.attempt} crashes=${action.crashes} in ${action.sandboxId}`;
    case "start":
      return `start ${action.container} ${action.id}`;
    case "stop":
      return `stop ${action.id} grace=${action.graceMs}${action.after.length === 0 ? "" : ` after ${action.after.join(" ")}`}: ${action.message}`;
    case "start-sandbox":
    case "set-up-sandbox":
    case "remove":
      return `${action.kind} ${action.id}`;
    default:
      return action.kind;
  }
}

export function renderStatus(status: PodPlan["status"]): string {
  const ready =
    status.conditions?.find((one) => one.type === "Ready")?.status === "True" ? " Ready" : "";
  const reason = status.reason === undefined ? "" : ` ${status.reason}`;
  const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return [`${status.phase}${ready}${reason}`, ...all.map(renderContainer)].join("; ");
}

function renderContainer({ name, state, lastState }: ContainerStatus): string {
  const { waiting, terminated } = state;
  const now =
    waiting !== undefined
      ? `waiting ${waiting.reason}${waiting.message === undefined ? "" : ` (${waiting.message})`}`
      : terminated !== undefined
        ? `terminated ${terminated.reason} ${terminated.exitCode}${terminated.signal === undefined ? "" : ` signal=${terminated.signal}`}${terminated.message === undefined ? "" : ` (${terminated.message})`}`
        : "running";
  const last = lastState.terminated;
  return `${name}: ${now}${last === undefined ? "" : ` last ${last.reason} ${last.exitCode}`}`;
}
