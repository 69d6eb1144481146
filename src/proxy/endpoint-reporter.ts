import { backoffMs } from "../base/backoff.ts";
import type { BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { BERTH_PATHS } from "../client/client.ts";
import type { ApiClient, EndpointReport } from "../client/client.ts";
import { Wakeup } from "./wakeup.ts";

export interface EndpointReporterOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reports that nobody waits for are held back this long, so that a burst of changes is one report. */
const COALESCE_MS = 100;

/** An unchanged number is repeated this often: a control plane that restarted has forgotten it. */
const REPEAT_MS = 10_000;

/** A pod's end waits for this report, so the first retries are quick. */
const BACKOFF: BackoffPolicy = { baseMs: 100, maxMs: 10_000 };

/** Tells the control plane up to which revision of the EndpointSlices this node's data path is. */
export class EndpointReporter {
  readonly #options: EndpointReporterOptions;
  readonly #changed = new Wakeup();
  readonly #urgent = new Wakeup();
  #applied: number | undefined;
  #reported: number | undefined;
  #repeatAt = 0;

  constructor(options: EndpointReporterOptions) {
    this.#options = options;
  }

  /** The kernel has taken `revision`. Urgent when an endpoint went: its pod waits to be stopped. */
  applied(revision: number, isUrgent: boolean): void {
    if (revision === this.#applied) return;
    this.#applied = revision;
    this.#changed.wake();
    if (isUrgent) this.#urgent.wake();
  }

  /** Reports until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const restMs = this.#repeatAt - clock.monotonic();
        if (this.#applied === this.#reported && restMs > 0) {
          await this.#within(restMs, this.#changed, signal);
          continue;
        }
        if (failures === 0 && this.#applied !== this.#reported) {
          await this.#within(COALESCE_MS, this.#urgent, signal);
        }
        await this.#report(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        logger.warn({ error, failures }, "Cannot report the endpoint revision: trying again");
        await clock.sleep(backoffMs(BACKOFF, failures), signal).catch(() => undefined);
      }
    }
  }

  async #report(signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName: node } = this.#options;
    const revision = this.#applied;
    if (revision !== undefined) {
      const report: EndpointReport = { node, revision };
      await client.request("POST", BERTH_PATHS.endpointReport, report, signal);
    }
    this.#reported = revision;
    this.#repeatAt = clock.monotonic() + REPEAT_MS;
  }

  /** Waits for a wake-up, but no longer than `ms`. */
  async #within(ms: number, wakeup: Wakeup, signal: AbortSignal): Promise<void> {
    const enough = new AbortController();
    const either = AbortSignal.any([signal, enough.signal]);
    const wait = wakeup.wait(either).catch(() => undefined);
    const sleep = this.#options.clock.sleep(ms, either).catch(() => undefined);
    await Promise.race([wait, sleep]);
    enough.abort();
    await Promise.all([wait, sleep]);
    signal.throwIfAborted();
  }
}
