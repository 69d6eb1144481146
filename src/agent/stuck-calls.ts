import type { Clock, Millis } from "../base/clock.ts";
import { RuntimeError, type ContainerRuntime } from "./runtime.ts";

/** A call about one container that the host does not answer. */
export interface StuckCall {
  readonly containerId: string;
  /** As the runtime names it: `start`, `inspect` … */
  readonly call: string;
  readonly forMs: Millis;
}

/** A daemon under load takes seconds; what takes longer than this will hardly end well. */
export const STUCK_AFTER_MS: Millis = 30_000;

/** The calls that are about one container, and should be over at once. */
const WATCHED = ["start", "inspect", "kill", "remove"] as const;
type Watched = (typeof WATCHED)[number];

interface Pending {
  readonly containerId: string;
  readonly call: string;
  readonly at: Millis;
}

/** Knows which containers the host has no answer about. One of them says nothing about the node. */
export class CallWatch {
  readonly #clock: Clock;
  readonly #pending = new Set<Pending>();
  /** Calls that ran out of time, until one about the same container comes through. */
  readonly #unanswered = new Map<string, Pending>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same runtime, its calls watched. */
  watch(runtime: ContainerRuntime): ContainerRuntime {
    return new Proxy(runtime, {
      get: (target, name) => {
        const found: unknown = Reflect.get(target, name, target);
        if (typeof found !== "function") return found;
        const call = WATCHED.find((watched) => watched === name);
        return call === undefined ? found.bind(target) : this.#watched(target, call);
      },
    });
  }

  /** One for each container, the longest first. */
  stuck(): readonly StuckCall[] {
    const now = this.#clock.monotonic();
    const oldest = new Map(this.#unanswered);
    for (const pending of this.#pending) {
      const known = oldest.get(pending.containerId);
      if (known === undefined || pending.at < known.at) oldest.set(pending.containerId, pending);
    }
    return [...oldest.values()]
      .map(({ containerId, call, at }) => ({ containerId, call, forMs: now - at }))
      .filter(({ forMs }) => forMs >= STUCK_AFTER_MS)
      .toSorted((a, b) => b.forMs - a.forMs);
  }

  #watched(runtime: ContainerRuntime, call: Watched): (...args: unknown[]) => Promise<unknown> {
    return async (...args) => {
      const pending = { containerId: String(args[0]), call, at: this.#clock.monotonic() };
      this.#pending.add(pending);
      try {
        const method = runtime[call] as (...args: unknown[]) => Promise<unknown>;
        const answer = await method.apply(runtime, args);
        this.#unanswered.delete(pending.containerId);
        return answer;
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        if (error.code !== "timeout") this.#unanswered.delete(pending.containerId);
        else if (!this.#unanswered.has(pending.containerId))
          this.#unanswered.set(pending.containerId, pending);
        throw error;
      } finally {
        this.#pending.delete(pending);
      }
    };
  }
}
