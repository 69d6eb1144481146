import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ApiClient } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Pod, Service } from "../model/kinds.gen.ts";
import type { AccountTokens } from "./account-tokens.ts";
import type { ClaimSource } from "./pod-claims.ts";
import type { ConfigSource } from "./config-source.ts";
import type { NodeContext } from "./container-spec.ts";
import type { ImagePuller } from "./image-puller.ts";
import type { NodePolicySource } from "./node-policy-file.ts";
import type { PodNetwork } from "./pod-network.ts";
import type { ContainerRole, ImageState, PodContainer } from "./pod-view.ts";
import type { ProbeTools } from "./probe.ts";
import type { ContainerRuntime, ImageDetails } from "./runtime.ts";
import type { Semaphore } from "./semaphore.ts";

/** What all pods of a node share. */
export interface PodServices {
  readonly client: ApiClient;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly images: ImagePuller;
  readonly config: ConfigSource;
  readonly claims: ClaimSource;
  /** Absent: pods get no tokens of their accounts. */
  readonly tokens?: AccountTokens | undefined;
  /** PEM of the CA of the API. */
  readonly caBundle?: string | undefined;
  /** Absent: the node does whatever pods ask. */
  readonly policy?: NodePolicySource | undefined;
  readonly probes: ProbeTools;
  /** Resolves once the node has its part of the pod network. */
  readonly network: (signal: AbortSignal) => Promise<PodNetwork>;
  /** The daemon makes and starts containers no faster when it is asked for more of them at a time. */
  readonly starts: Semaphore;
  readonly node: NodeContext;
  readonly hostIp: string;
  /** All Services as last known, for the variables of containers. */
  readonly clusterServices?: (() => Promise<readonly Service[]>) | undefined;
  readonly stateDir: string;
}

/** Which work goes first when there is more than may run: what is nearly up before what has not begun. */
export const START_PRIORITY = { sandbox: 0, createMember: 1, startMember: 2 } as const;

/** One pod as its actions see it. */
export interface PodHandle {
  readonly services: PodServices;
  /** Its newest version. */
  readonly pod: Pod;
  /** The API does not know it, or no longer: nothing is written about it there. */
  readonly gone: boolean;
  /** Ends what waits for something to be made, once the pod must go. */
  readonly making: AbortSignal;
  /** Ends everything: the agent stops. */
  readonly signal: AbortSignal;
  /** The pod's address, once its sandbox has it. */
  readonly ip: string | undefined;
  readonly imageDetails: Map<string, ImageDetails>;
  readonly images: Map<string, ImageState>;
  /** Ids of containers whose postStart hook is not over. */
  readonly inPostStart: Set<string>;
  /** Notes what was just made; events would tell it later. */
  put(container: PodContainer): void;
  /** Forgets what was just removed. */
  drop(id: string): void;
  get(id: string): PodContainer | undefined;
  /** All of the pod, as last seen. */
  containers(): Iterable<PodContainer>;
  /** Looks at a container now. */
  observe(id: string): Promise<PodContainer | undefined>;
  /** Whether it is over, or gone. */
  isOver(id: string): boolean;
  /** Whether it was over, or gone, within the time. */
  untilOver(id: string, ms: Millis): Promise<boolean>;
  /** Resolves when the pod changed, or after the time. */
  untilChanged(ms: Millis): Promise<void>;
  /** The sandbox has its address and its volumes. */
  setUp(sandboxId: string, ip: string): void;
  /** Resolves when all other actions have ended. */
  othersSettled(): Promise<void>;
  /** Waits until the last status is written, or cannot be. */
  flushStatus(): Promise<void>;
  tell(type: "Normal" | "Warning", reason: string, message: string, about?: TellAbout): void;
}

export interface TellAbout {
  readonly container: string;
  readonly role: ContainerRole;
}

/** An action failed in a way that the pod's status shows, and that is tried again later. */
export class ActionError extends Error {
  override readonly name = "ActionError";
  /** As Kubernetes names it. */
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
