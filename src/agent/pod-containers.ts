import type { Millis } from "../base/clock.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { findContainer } from "./member-actions.ts";
import { VANISHED_EXIT_CODE } from "./container-status.ts";
import type { PodServices } from "./pod-services.ts";
import { isOver, toPodContainer, type PodContainer } from "./pod-view.ts";
import type { ObservedContainer } from "./runtime.ts";
import { RESTARTED_EXIT_CODE } from "./left-behind.ts";
import { podFolder, readTerminationMessage } from "./termination-log.ts";

export interface PodContainersOptions {
  readonly services: PodServices;
  readonly signal: AbortSignal;
  readonly pod: () => Pod;
  readonly changed: () => void;
}

/** Made once: an abort without a reason makes a new error each time. */
const NO_LONGER = new Error("Nobody waits any more");

/** Removed containers of which late news is ignored; older ones nobody speaks of any more. */
const MAX_DROPPED = 100;

/** What the agent knows of one pod's containers: from listings, inspections and its own calls. */
export class PodContainers {
  /** Last words, by container id. */
  readonly messages: Map<string, string> = new Map();
  readonly #options: PodContainersOptions;
  readonly #known = new Map<string, PodContainer>();
  /** Looks under way, and whether another is wanted after. */
  readonly #looks = new Map<string, { work: Promise<PodContainer | undefined>; again: boolean }>();
  readonly #dropped = new Set<string>();
  readonly #waiters = new Set<() => void>();

  constructor(options: PodContainersOptions) {
    this.#options = options;
  }

  all(): readonly PodContainer[] {
    return [...this.#known.values()];
  }

  get(id: string): PodContainer | undefined {
    return this.#known.get(id);
  }

  /** At the start: what the host has already. */
  adopt(containers: readonly ObservedContainer[]): void {
    const now = this.#options.services.clock.now();
    for (const observed of containers) {
      const container = toPodContainer(observed, now);
      this.#known.set(observed.id, container);
      if (isOver(container)) void this.#readMessage(container).then(() => this.wake());
    }
  }

  put(container: PodContainer): void {
    this.#known.set(container.id, container);
    this.wake();
  }

  /** We removed it. */
  drop(id: string): void {
    this.#dropped.add(id);
    const [oldest] = this.#dropped;
    if (this.#dropped.size > MAX_DROPPED && oldest !== undefined) this.#dropped.delete(oldest);
    this.#known.delete(id);
    this.messages.delete(id);
    this.wake();
  }

  /** Looks at a container. Calls while a look is under way share one more look after it. */
  observe(id: string): Promise<PodContainer | undefined> {
    const running = this.#looks.get(id);
    if (running !== undefined) {
      running.again = true;
      return running.work;
    }
    const look = { work: Promise.resolve<PodContainer | undefined>(undefined), again: false };
    const work = async (): Promise<PodContainer | undefined> => {
      try {
        for (;;) {
          look.again = false;
          await this.#look(id);
          if (!look.again) return this.#known.get(id);
        }
      } finally {
        this.#looks.delete(id);
      }
    };
    this.#looks.set(id, look);
    look.work = work();
    return look.work;
  }

  relist(listed: readonly { readonly id: string; readonly state: string }[], deep: boolean): void {
    const present = new Set(listed.map(({ id }) => id));
    for (const container of this.#known.values()) {
      if (!present.has(container.id) && container.vanished !== true) this.hint(container.id);
    }
    for (const { id, state } of listed) {
      const known = this.#known.get(id);
      if (deep || known === undefined || known.state !== state) this.hint(id);
    }
  }

  isOver(id: string): boolean {
    const container = this.#known.get(id);
    return container === undefined || isOver(container);
  }

  /** Whether the container was over, or gone, within the time. */
  async untilOver(id: string, ms: Millis): Promise<boolean> {
    const { clock } = this.#options.services;
    const until = clock.monotonic() + ms;
    while (!this.isOver(id)) {
      const left = until - clock.monotonic();
      if (left <= 0) return false;
      await this.untilChanged(left);
    }
    return true;
  }

  /** Resolves at the next change, or after the time. */
  async untilChanged(ms: Millis): Promise<void> {
    const { services, signal } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = new AbortController();
    this.#waiters.add(resolve);
    try {
      const timer = services.clock.sleep(ms, AbortSignal.any([signal, stop.signal]));
      await Promise.race([promise, timer.catch(() => undefined)]);
      signal.throwIfAborted();
    } finally {
      stop.abort(NO_LONGER);
      this.#waiters.delete(resolve);
    }
  }

  /** Something changed that waiting stops may want to know. */
  wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#options.changed();
  }

  /** Looks at a container some time; a failure is only logged: the next listing finds it again. */
  hint(id: string): void {
    this.observe(id).catch((error: unknown) => {
      if (this.#options.signal.aborted) return;
      this.#options.services.logger.warn({ error, container: id }, "Cannot look at a container");
    });
  }

  async #look(id: string): Promise<void> {
    const { services, signal } = this.#options;
    const observed = await services.runtime.inspect(id, signal);
    if (this.#dropped.has(id)) return;
    const before = this.#known.get(id);
    if (observed === undefined) {
      this.#vanish(before);
      return;
    }
    const seenDeadAt = before?.diedAt ?? services.clock.now();
    const container = toPodContainer(sinceLastLook(before, observed), seenDeadAt);
    if (isOver(container) && before?.diedAt === undefined) await this.#readMessage(container);
    if (this.#dropped.has(id)) return;
    this.#known.set(id, container);
    this.wake();
  }

  /** Removed behind our back: what ran counts as killed, so that its back-off and its place in the count stay. */
  #vanish(before: PodContainer | undefined): void {
    if (before === undefined) return;
    if (before.state === "created" && before.error === undefined) {
      this.#known.delete(before.id);
    } else if (before.vanished !== true) {
      const diedAt = before.diedAt ?? this.#options.services.clock.now();
      this.#known.set(before.id, {
        ...before,
        state: "exited",
        exitCode: before.exitCode ?? VANISHED_EXIT_CODE,
        diedAt,
        vanished: true,
      });
    }
    this.wake();
  }

  async #readMessage(container: PodContainer): Promise<void> {
    const { services, signal } = this.#options;
    const pod = this.#options.pod();
    const found = findContainer(pod, container.containerName);
    if (container.role === "sandbox" || found === undefined) return;
    const dead = {
      folder: podFolder(services.stateDir, pod.metadata.uid ?? ""),
      container: found.container,
      attempt: container.attempt,
      id: container.id,
      exitCode: container.exitCode ?? 0,
    };
    try {
      const message = await readTerminationMessage(services.runtime, dead, signal);
      if (message !== undefined) this.messages.set(container.id, message);
    } catch (error) {
      if (!signal.aborted)
        services.logger.warn(
          { error, container: container.name },
          "Cannot read a container's last words",
        );
    }
  }
}

/** A sandbox that was started again has lost its network: it counts as ended, and another one takes its place. */
function sinceLastLook(
  before: PodContainer | undefined,
  observed: ObservedContainer,
): ObservedContainer {
  const isRestarted =
    before?.role === "sandbox" &&
    before.startedAt !== undefined &&
    observed.state === "running" &&
    (before.state === "exited" || observed.startedAt !== before.startedAt);
  if (!isRestarted) return observed;
  const { pid: _pid, ...rest } = observed;
  return { ...rest, state: "exited", exitCode: RESTARTED_EXIT_CODE };
}
