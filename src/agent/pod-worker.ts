import { LABELS } from "../model/instance.ts";
import type { Pod, PodStatus } from "../model/kinds.gen.ts";
import { carryOut } from "./carry-out.ts";
import { findContainer } from "./member-actions.ts";
import { actionKey, planPod, podGraceMs, type Action } from "./plan-pod.ts";
import { PodContainers } from "./pod-containers.ts";
import { failureTarget, isMaking, PodFailures } from "./pod-failures.ts";
import { PodProbes } from "./pod-probes.ts";
import type { PodHandle, PodServices } from "./pod-services.ts";
import {
  isOver,
  SANDBOX,
  type Eviction,
  type Failure,
  type ImageState,
  type NodeRoom,
  type PodContainer,
  type PodView,
} from "./pod-view.ts";
import type { ImageDetails, ObservedContainer } from "./runtime.ts";
import { StatusWriter } from "./status-writer.ts";
import type { StuckCall } from "./stuck-calls.ts";
import { VolumeRefresher } from "./volume-refresher.ts";
import type { SandboxHandle } from "./volume-writer.ts";

export interface PodWorkerOptions {
  readonly pod: Pod;
  readonly services: PodServices;
  /** What the host has of the pod already. */
  readonly containers: readonly ObservedContainer[];
  /** Whether the network found its wire. */
  readonly wired: boolean;
  /** The API does not know the pod. */
  readonly gone: boolean;
  /** What of the node other pods do not ask for. */
  readonly room?: () => NodeRoom;
  readonly signal: AbortSignal;
}

/** Where a spec states containers of a role. */
const SPEC_LISTS = {
  sandbox: "containers",
  main: "containers",
  init: "initContainers",
  ephemeral: "ephemeralContainers",
} as const;

/** Made once: an abort without a reason makes a new error each time. */
const OVERTAKEN = new Error("Another look came first");

/**
 * Keeps one pod as it should be. Looks at it whenever something changed, asks the plan what to do, and starts those
 * actions that do not run yet: a call that hangs holds up nothing but itself.
 */
export class PodWorker {
  readonly #options: PodWorkerOptions;
  readonly #containers: PodContainers;
  readonly #status: StatusWriter;
  readonly #busy = new Map<string, Promise<void>>();
  readonly #images = new Map<string, ImageState>();
  readonly #imageDetails = new Map<string, ImageDetails>();
  readonly #failures = new PodFailures();
  readonly #probes: PodProbes;
  readonly #inPostStart = new Set<string>();
  readonly #told = new Set<string>();
  readonly #making = new AbortController();
  readonly #refresher: VolumeRefresher;
  readonly #ended = Promise.withResolvers<void>();
  #pod: Pod;
  #gone: boolean;
  #current: PodStatus | undefined;
  #withdrawn = false;
  #readySandbox: string | undefined;
  #ip: string | undefined;
  #evicted: Eviction | undefined;
  #isOver = false;
  #lookPlanned = false;
  #timer: AbortController | undefined;

  constructor(options: PodWorkerOptions) {
    const { pod, services, signal } = options;
    this.#options = options;
    this.#pod = pod;
    this.#gone = options.gone;
    this.#current = pod.status?.containerStatuses === undefined ? undefined : pod.status;
    this.#status = new StatusWriter(pod, { ...services, signal });
    this.#containers = new PodContainers({
      services,
      signal,
      pod: () => this.#pod,
      changed: () => this.#lookSoon(),
    });
    this.#probes = new PodProbes({
      tools: services.probes,
      logger: services.logger,
      changed: () => this.#lookSoon(),
      tell: (message, container) => this.#tell("Warning", "Unhealthy", message, container),
      signal,
    });
    this.#refresher = new VolumeRefresher({ filled: () => this.#filled(), services });
    this.#containers.adopt(options.containers);
    if (options.wired) this.#adoptSandbox();
    signal.addEventListener("abort", this.#onAbort, { once: true });
    void this.#refresher.run(this.#pod, AbortSignal.any([signal, this.#making.signal]));
    this.#lookSoon();
  }

  /** Resolves when nothing is left of the pod. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Whether the API does not have the pod. */
  get gone(): boolean {
    return this.#gone;
  }

  /** A newer version from the API. */
  update(pod: Pod): void {
    this.#refresher.update(this.#pod, pod);
    this.#pod = pod;
    this.#status.update(pod);
    if (this.#isEnding) this.#making.abort(new Error("The pod is being deleted"));
    this.#containers.wake();
    this.#lookSoon();
  }

  /** The API does not have the pod any more: what runs is stopped and removed. */
  forget(): void {
    this.#gone = true;
    this.#making.abort(new Error("The pod is gone"));
    this.#lookSoon();
  }

  /** The node has too little of something: the pod ends as failed. */
  evict(eviction: Eviction): void {
    if (this.#isEnding || this.#evicted !== undefined) return;
    this.#evicted = eviction;
    this.#lookSoon();
  }

  /** Removes dead containers of a pod that is over: the node needs their room more than anybody their logs. */
  async removeDead(): Promise<void> {
    const phase = this.#current?.phase;
    if (phase !== "Succeeded" && phase !== "Failed") return;
    const dead = this.#containers.all().filter((one) => isOver(one) && one.vanished !== true);
    for (const { id } of dead) {
      await this.#options.services.runtime.remove(id, this.#options.signal);
      this.#containers.drop(id);
    }
  }

  /** Something happened to a container. */
  hint(containerId: string): void {
    this.#containers.hint(containerId);
  }

  /** What a listing says of the pod. With `deep`, containers that look as before are inspected too. */
  relist(listed: readonly { readonly id: string; readonly state: string }[], deep: boolean): void {
    this.#containers.relist(listed, deep);
  }

  /** The newest containers, for whoever wants their logs. */
  containers(): readonly PodContainer[] {
    return this.#containers.all();
  }

  /** Tells people, once for each call, that the host gives no answer about one of the containers. */
  tellStuck({ containerId, call, forMs }: StuckCall): void {
    const container = this.#containers.get(containerId);
    const key = `ContainerStuck/${containerId}/${call}`;
    if (container === undefined || this.#told.has(key)) return;
    this.#told.add(key);
    const about =
      container.role === "sandbox" ? "the pod sandbox" : `container ${container.containerName}`;
    this.#tell(
      "Warning",
      "ContainerStuck",
      `The container runtime has not answered to "${call}" of ${about} for ${Math.round(forMs / 1000)} s: other pods go on`,
      container.role === "sandbox" ? undefined : container.containerName,
    );
  }

  get #isEnding(): boolean {
    return this.#gone || this.#pod.metadata.deletionTimestamp !== undefined;
  }

  #adoptSandbox(): void {
    const sandbox = this.#containers
      .all()
      .find((one) => one.role === "sandbox" && one.state === "running");
    if (sandbox === undefined) return;
    this.#readySandbox = sandbox.id;
    this.#ip = sandbox.labels[LABELS.podIp] ?? this.#options.services.hostIp;
  }

  /** Several changes at once are one look. */
  #lookSoon(): void {
    if (this.#lookPlanned || this.#isOver || this.#options.signal.aborted) return;
    this.#lookPlanned = true;
    queueMicrotask(() => {
      this.#lookPlanned = false;
      if (!this.#isOver && !this.#options.signal.aborted) this.#look();
    });
  }

  #look(): void {
    // Probes first: they know at once what was ready before, and the status must not say otherwise in between.
    if (this.#ip !== undefined) {
      const probed = this.#containers.all().filter(({ id }) => !this.#inPostStart.has(id));
      this.#probes.follow(this.#pod, probed, this.#ip, this.#current);
    }
    const view = this.#view();
    const plan = planPod(view);
    this.#current = plan.status;
    if (!this.#gone) this.#status.offer(plan.status);
    for (const notice of plan.notices) {
      if (this.#told.has(notice.key)) continue;
      this.#told.add(notice.key);
      this.#tell(notice.type, notice.reason, notice.message, notice.container);
    }
    for (const action of plan.actions) this.#launch(action);
    this.#timer?.abort(OVERTAKEN);
    this.#timer = undefined;
    if (plan.lookAgainAt !== undefined) {
      this.#timer = new AbortController();
      const waitMs = Math.max(1, plan.lookAgainAt - view.now);
      this.#options.services.clock.sleep(waitMs, this.#timer.signal).then(
        () => this.#lookSoon(),
        () => undefined, // Another look came first.
      );
    }
  }

  #view(): PodView {
    return {
      pod: this.#pod,
      previous: this.#current,
      now: this.#options.services.clock.now(),
      ending: this.#isEnding,
      withdrawn: this.#withdrawn || this.#gone,
      containers: this.#containers.all(),
      probes: this.#probes.verdicts,
      inPostStart: this.#inPostStart,
      images: this.#images,
      failures: this.#failures.all,
      readySandbox: this.#readySandbox,
      podIp: this.#ip,
      hostIp: this.#options.services.hostIp,
      messages: this.#containers.messages,
      room: this.#options.room,
      evicted: this.#evicted,
    };
  }

  #launch(action: Action): void {
    const key = actionKey(action);
    if (this.#busy.has(key)) return;
    const work = this.#run(action, key).finally(() => {
      this.#busy.delete(key);
      this.#lookSoon();
    });
    this.#busy.set(key, work);
  }

  /** Never rejects: what failed is noted, and held back for a while. */
  async #run(action: Action, key: string): Promise<void> {
    try {
      await this.#act(action);
      this.#failures.succeeded(action);
    } catch (error) {
      if (this.#options.signal.aborted || (this.#making.signal.aborted && isMaking(action))) return;
      const { services, signal } = this.#options;
      const { name, namespace } = this.#pod.metadata;
      services.logger.warn(
        { error, pod: `${namespace ?? ""}/${name}`, action: key },
        "Cannot carry out a step for a pod: trying again",
      );
      const failure = this.#failures.failed(action, error, services.clock.now());
      if (failureTarget(action) === SANDBOX) this.#tellSandboxFailure(failure);
      if (!isMaking(action)) {
        await services.clock.sleep(failure.retryAt - failure.at, signal).catch(() => undefined);
      }
    }
  }

  #tellSandboxFailure({ reason, message }: Failure): void {
    const text = reason === "FailedMount" ? message : `Failed to create pod sandbox: ${message}`;
    this.#tell("Warning", reason, text);
  }

  #act(action: Action): Promise<void> {
    return carryOut(action, this.#handle(action), {
      graceMs: (wanted) => (this.#isEnding ? Math.min(wanted, podGraceMs(this.#pod)) : wanted),
      sandboxIds: () =>
        this.#containers
          .all()
          .filter((one) => one.role === "sandbox")
          .map(({ id }) => id),
      withdrawn: () => {
        this.#withdrawn = true;
      },
      removed: () => {
        this.#stop();
        this.#ended.resolve();
      },
    });
  }

  #handle(action: Action): PodHandle {
    const { services, signal } = this.#options;
    const containers = this.#containers;
    return {
      services,
      signal,
      pod: this.#pod,
      gone: this.#gone,
      ip: this.#ip,
      making: AbortSignal.any([signal, this.#making.signal]),
      images: this.#images,
      imageDetails: this.#imageDetails,
      inPostStart: this.#inPostStart,
      put: (container) => containers.put(container),
      drop: (id) => containers.drop(id),
      get: (id) => containers.get(id),
      containers: () => containers.all(),
      observe: (id) => containers.observe(id),
      isOver: (id) => containers.isOver(id),
      untilOver: (id, ms) => containers.untilOver(id, ms),
      untilChanged: (ms) => containers.untilChanged(ms),
      setUp: (sandboxId, ip) => {
        this.#readySandbox = sandboxId;
        this.#ip = ip;
      },
      othersSettled: async () => {
        const own = actionKey(action);
        const others = [...this.#busy].filter(([key]) => key !== own).map(([, work]) => work);
        await Promise.all(others);
      },
      flushStatus: () => (this.#gone ? Promise.resolve() : this.#status.flush()),
      tell: (type, reason, message, about) => this.#tell(type, reason, message, about?.container),
    };
  }

  #tell(type: "Normal" | "Warning", reason: string, message: string, container?: string): void {
    if (this.#gone) return;
    const role = container === undefined ? undefined : findContainer(this.#pod, container)?.role;
    const list = SPEC_LISTS[role ?? "main"];
    const field = container === undefined ? {} : { fieldPath: `spec.${list}{${container}}` };
    this.#options.services.events.record(this.#pod, { type, reason, message, ...field });
  }

  /** The sandbox whose volumes are to follow their objects, with how to reach it. */
  #filled(): { readonly handle: PodHandle; readonly sandbox: SandboxHandle } | undefined {
    const { id, pid } = this.#containers.get(this.#readySandbox ?? "") ?? {};
    if (id === undefined || pid === undefined || this.#isEnding) return undefined;
    return { handle: this.#handle({ kind: "set-up-sandbox", id }), sandbox: { id, pid } };
  }

  /** Pods come and go; the agent's signal must not hold those that went. */
  readonly #onAbort = (): void => this.#stop();

  #stop(): void {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#isOver = true;
    this.#timer?.abort(OVERTAKEN);
    this.#making.abort(new Error("The pod is over"));
    this.#probes.stop();
  }
}
