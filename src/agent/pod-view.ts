import type { Millis } from "../base/clock.ts";
import type { Pod, PodStatus } from "../model/kinds.gen.ts";
import { LABELS } from "../model/instance.ts";
import type { ObservedContainer } from "./runtime.ts";

/** A container of a pod as the agent last saw it, its labels read. */
export interface PodContainer extends ObservedContainer {
  readonly role: ContainerRole;
  /** Its name in the pod; `sandbox` for the sandbox. */
  readonly containerName: string;
  readonly attempt: number;
  readonly crashes: number;
  readonly sandboxId: string;
  /** When it was over: as the host says, else when it was first seen so. Absent while it lives. */
  readonly diedAt?: Millis;
  /** It was removed behind the agent's back; what is known of it is what was seen last. */
  readonly vanished?: boolean;
}

export type ContainerRole = "sandbox" | "init" | "main" | "ephemeral";

/** What the prober says of a running container. */
export interface ProbeVerdict {
  readonly started: boolean;
  readonly ready: boolean;
  /** A liveness or startup probe has failed for good: the container must go. */
  readonly failed?: { readonly probe: "liveness" | "startup"; readonly graceMs?: Millis };
}

export type ImageState =
  | { readonly kind: "present" }
  | {
      readonly kind: "failed";
      readonly reason:
        | "ErrImagePull"
        | "RegistryUnavailable"
        | "ErrImageNeverPull"
        | "InvalidImageName";
      readonly message: string;
      readonly at: Millis;
      readonly retryAt: Millis;
    };

/** Something that could not be made, and when to try again. */
export interface Failure {
  /** As Kubernetes names it: CreateContainerConfigError, CreateContainerError … */
  readonly reason: string;
  readonly message: string;
  readonly at: Millis;
  readonly retryAt: Millis;
}

/** All that the plan for one pod depends on. */
export interface PodView {
  readonly pod: Pod;
  /** As last written, or read at the start. */
  readonly previous: PodStatus | undefined;
  readonly now: Millis;
  /** It must go: deleted, or unknown to the API. */
  readonly ending: boolean;
  /** No traffic comes any more, or nobody could be asked. */
  readonly withdrawn: boolean;
  readonly containers: readonly PodContainer[];
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeVerdict>;
  /** Ids of containers that run and whose postStart hook is not over: they have not started yet. */
  readonly inPostStart: ReadonlySet<string>;
  /** By container name. Absent: not looked for yet. */
  readonly images: ReadonlyMap<string, ImageState>;
  /** By container name, and `SANDBOX`. */
  readonly failures: ReadonlyMap<string, Failure>;
  /** Id of the sandbox that has its address and its volumes. */
  readonly readySandbox: string | undefined;
  readonly podIp: string | undefined;
  readonly hostIp: string;
  /** Last words of dead containers, by id. */
  readonly messages: ReadonlyMap<string, string>;
  /** What of the node other pods do not ask for. Absent: nobody counts. */
  readonly room?: (() => NodeRoom) | undefined;
  /** The node has too little of something, and the pod has to go. */
  readonly evicted?: Eviction | undefined;
}

/** CPU and memory of a node: all that pods may use, and what others leave of it. */
export interface NodeRoom {
  readonly cpuMillis: { readonly all: number; readonly left: number };
  readonly memoryBytes: { readonly all: number; readonly left: number };
}

/** Why a node ends a pod, in Kubernetes' words, and how long its containers may take. */
export interface Eviction {
  readonly message: string;
  readonly graceMs: Millis;
  /** Of a pod that was never let in; absent: `Evicted`. */
  readonly reason?: string;
}

/** The `containerName` of a sandbox, and its key among failures. No container of a pod may be called so with a dot. */
export const SANDBOX = "sandbox";

/** What a listing or inspection says, its labels read. Pure. */
export function toPodContainer(observed: ObservedContainer, seenDeadAt: Millis): PodContainer {
  const { labels } = observed;
  const role = labels[LABELS.role];
  return {
    ...observed,
    role: role === "sandbox" || role === "init" || role === "ephemeral" ? role : "main",
    containerName: labels[LABELS.container] ?? "",
    attempt: Number(labels[LABELS.attempt] ?? "0"),
    crashes: Number(labels[LABELS.crashes] ?? "0"),
    sandboxId: labels[LABELS.sandbox] ?? "",
    ...(isOver(observed) ? { diedAt: observed.finishedAt ?? seenDeadAt } : {}),
  };
}

/** Whether it ran and ended, or could not be started. Pure. */
export function isOver(container: ObservedContainer): boolean {
  return (
    container.state === "exited" || (container.state === "created" && container.error !== undefined)
  );
}

/** The containers of one role and name, newest first. Pure. */
export function attemptsOf(
  view: Pick<PodView, "containers">,
  role: ContainerRole,
  name: string,
): readonly PodContainer[] {
  return view.containers
    .filter((container) => container.role === role && container.containerName === name)
    .toSorted((a, b) => b.attempt - a.attempt);
}
