import { Worker } from "node:worker_threads";
import { backoffMs } from "../../base/backoff.ts";
import type { BackoffPolicy } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { frontendKey } from "../frontend.ts";
import type { Frontend } from "../frontend.ts";
import type { RunCommand } from "../run-command.ts";
import { ownServices } from "./own-services.ts";
import { EMPTY_TABLE, changedFrontends } from "../service-table.ts";
import type { ServiceTable } from "../service-table.ts";
import type { ServiceProxy } from "../service-proxy.ts";
import type {
  UserspaceAnswer,
  UserspaceUpdate,
  UserspaceWorkerData,
} from "./userspace-messages.ts";

export interface UserspaceProxyOptions {
  readonly network: UserspaceWorkerData;
  readonly run: RunCommand;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A thread that dies at once is not started without end. */
const RESTART: BackoffPolicy = { baseMs: 100, maxMs: 10_000 };

/** Failures that one message names; the rest is counted. */
const MAX_NAMED = 5;

/**
 * Carries Services by sockets of a thread: where the kernel's rules cannot be had. Clients' addresses are hidden from
 * pods. Ends with the process, unlike rules of the kernel.
 */
export class UserspaceProxy implements ServiceProxy {
  readonly #options: UserspaceProxyOptions;
  #worker: Worker | undefined;
  /** What the thread has. */
  #held: ServiceTable = EMPTY_TABLE;
  #wanted: ServiceTable = EMPTY_TABLE;
  #sequence = 0;
  #failures = 0;
  #complaint = "";
  readonly #waiting = new Map<number, () => void>();

  constructor(options: UserspaceProxyOptions) {
    this.#options = options;
  }

  async apply(table: ServiceTable, signal: AbortSignal): Promise<void> {
    this.#wanted = table;
    if (this.#worker === undefined) {
      await this.#ownNetwork(signal);
      this.#start(signal);
    }
    await this.#send();
  }

  isServing(): Promise<boolean> {
    return Promise.resolve(this.#worker !== undefined);
  }

  /** Keeps the route, and starts a thread that crashed again. */
  async guard(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await clock
        .sleep(backoffMs(RESTART, Math.max(this.#failures, 7)), signal)
        .catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.apply(this.#wanted, signal);
        await this.#ownNetwork(signal);
      } catch (error) {
        if (!signal.aborted) logger.error({ error }, "Cannot keep the user-space proxy");
      }
    }
  }

  /** Makes the whole service network the node's own, so that sockets can have its addresses. */
  async #ownNetwork(signal: AbortSignal): Promise<void> {
    const { run, network, logger } = this.#options;
    const result = await ownServices(run, network.serviceCidr, signal);
    if (result.exitCode === 0) return;
    this.#complain(
      `Cannot answer at cluster addresses, only at ports of the node: "ip route" said "${result.stderr.trim().slice(0, 200)}"`,
      (message) => logger.error({}, message),
    );
  }

  #start(signal: AbortSignal): void {
    const { logger } = this.#options;
    const worker = startUserspaceThread(this.#options.network);
    this.#worker = worker;
    this.#held = EMPTY_TABLE;
    const end = (): void => void worker.terminate();
    signal.addEventListener("abort", end, { once: true });
    worker.on("message", (answer: UserspaceAnswer) => this.#hear(answer));
    worker.on("error", (error) =>
      logger.error({ error }, "The thread of the user-space proxy failed"),
    );
    worker.on("exit", () => {
      signal.removeEventListener("abort", end);
      this.#worker = undefined;
      this.#failures += 1;
      for (const done of this.#waiting.values()) done();
      this.#waiting.clear();
    });
  }

  async #send(): Promise<void> {
    const changes = changedFrontends(this.#held, this.#wanted);
    if (changes.length === 0) return;
    this.#held = this.#wanted;
    this.#sequence += 1;
    const sequence = this.#sequence;
    const set = changes.flatMap(({ after }) =>
      after === undefined ? [] : [[frontendKey(after), after] as const],
    );
    const gone = changes.flatMap(({ before, after }) =>
      before === undefined || after !== undefined ? [] : [frontendKey(before)],
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(sequence, resolve);
    const update: UserspaceUpdate = {
      sequence,
      set: set satisfies readonly (readonly [string, Frontend])[],
      gone,
    };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    this.#worker?.postMessage(update);
    await promise;
  }

  #hear({ sequence, failures }: UserspaceAnswer): void {
    this.#failures = 0;
    this.#waiting.get(sequence)?.();
    this.#waiting.delete(sequence);
    if (failures.length === 0) return;
    const more = failures.length > MAX_NAMED ? ` and ${failures.length - MAX_NAMED} more` : "";
    this.#complain(
      `Cannot open ${failures.slice(0, MAX_NAMED).join(", ")}${more}: another program may have the port`,
      (message) => this.#options.logger.warn({}, message),
    );
  }

  #complain(message: string, say: (message: string) => void): void {
    if (message === this.#complaint) return;
    this.#complaint = message;
    say(message);
  }
}

/** Starts the thread, whose file is JavaScript in the package and TypeScript in the sources. */
export function startUserspaceThread(workerData: UserspaceWorkerData): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file = new URL(`./userspace-worker.${extension}`, import.meta.url);
  return new Worker(file, { workerData, name: "berth-proxy" });
}
