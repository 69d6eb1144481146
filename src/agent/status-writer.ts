import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import { canonicalJson } from "../base/hash.ts";
import type { Logger } from "../base/logger.ts";
import { ApiError, type ApiClient } from "../client/client.ts";
import { refOf } from "../model/meta.ts";
import type { Pod, PodStatus } from "../model/kinds.gen.ts";

export interface StatusWriterOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const BACKOFF: BackoffPolicy = { baseMs: 100, maxMs: 10_000 };
/** Conflicts in a row that are retried at once, from the newest version. */
const QUICK_RETRIES = 3;
/** A status that only says what is being waited for may be overtaken by a better one. */
const HOLD_MS: Millis = 100;

/** Made once: an abort without a reason makes a new error each time. */
const HURRY = new Error("There is more to say");

/** Writes one pod's status: only changes, one write at a time, the newest wins, until it is written. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  #pod: Pod;
  #wanted: PodStatus | undefined;
  /** What the API has, as far as we know. */
  #written: string;
  /** The last status that was taken, as sent and as stored: a server may leave out what it does not know. */
  #taken: { readonly sent: string; readonly stored: string } | undefined;
  #writing: Promise<void> | undefined;
  #hurry = new AbortController();

  constructor(pod: Pod, options: StatusWriterOptions) {
    this.#options = options;
    this.#pod = pod;
    this.#written = canonicalJson(pod.status ?? null);
  }

  /** A newer version of the pod. A status that somebody else put there is overwritten. */
  update(pod: Pod): void {
    if (Number(pod.metadata.resourceVersion ?? 0) < Number(this.#pod.metadata.resourceVersion ?? 0))
      return;
    this.#pod = pod;
    const status = canonicalJson(pod.status ?? null);
    this.#written = status === this.#taken?.stored ? this.#taken.sent : status;
    if (this.#wanted !== undefined) this.offer(this.#wanted);
  }

  offer(status: PodStatus): void {
    this.#wanted = status;
    if (status.phase !== "Pending") this.#hurry.abort(HURRY);
    if (this.#writing !== undefined || !this.#isDue()) return;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /** Resolves when all that was offered is written, or cannot be any more. */
  async flush(): Promise<void> {
    this.#hurry.abort(HURRY);
    await this.#writing;
  }

  #isDue(): boolean {
    return (
      this.#wanted !== undefined && canonicalJson(merged(this.#pod, this.#wanted)) !== this.#written
    );
  }

  async #write(): Promise<void> {
    const { client, clock, logger, signal } = this.#options;
    if (this.#wanted?.phase === "Pending" && !this.#hurry.signal.aborted) {
      await clock
        .sleep(HOLD_MS, AbortSignal.any([signal, this.#hurry.signal]))
        .catch(() => undefined);
    }
    this.#hurry = new AbortController();
    let failures = 0;
    while (this.#isDue() && this.#wanted !== undefined && !signal.aborted) {
      const status = merged(this.#pod, this.#wanted);
      try {
        const stored = await client.updateStatus<Pod>({ ...this.#pod, status }, signal);
        this.#pod = stored;
        this.#written = canonicalJson(status);
        this.#taken = { sent: this.#written, stored: canonicalJson(stored.status ?? null) };
        failures = 0;
      } catch (error) {
        if (signal.aborted || isGone(error)) return;
        failures += 1;
        if (error instanceof ApiError && error.code === 409) {
          if (!(await this.#readNewest())) return;
          if (failures <= QUICK_RETRIES) continue;
        }
        logger.debug(
          { error, pod: this.#pod.metadata.name, failures },
          "Cannot write a pod's status: trying again",
        );
        await clock.sleep(backoffMs(BACKOFF, failures), signal).catch(() => undefined);
      }
    }
  }

  /** False when the pod is not there any more, or is another one of that name. */
  async #readNewest(): Promise<boolean> {
    const { client, signal } = this.#options;
    try {
      const newest = await client.get<Pod>(refOf(this.#pod), signal);
      if (newest.metadata.uid !== this.#pod.metadata.uid) return false;
      this.#pod = newest;
      this.#written = canonicalJson(newest.status ?? null);
      return true;
    } catch (error) {
      return !(signal.aborted || isGone(error));
    }
  }
}

/** Ours, with the conditions that others have put there. */
function merged(pod: Pod, status: PodStatus): PodStatus {
  const evicted = (status.conditions ?? []).filter(({ reason }) => reason === OUR_DISRUPTION);
  const ours = new Set([...OUR_CONDITIONS, ...evicted.map(({ type }) => type)]);
  const theirs = (pod.status?.conditions ?? []).filter((condition) => !ours.has(condition.type));
  const own = (status.conditions ?? []).filter((condition) => ours.has(condition.type));
  return { ...status, conditions: [...own, ...theirs] };
}

const OUR_CONDITIONS: readonly string[] = [
  "PodScheduled",
  "Initialized",
  "Ready",
  "ContainersReady",
  "PodResizePending",
  "PodResizeInProgress",
];
/** Others tell of disruptions too, each with a reason of its own. */
const OUR_DISRUPTION = "TerminationByKubelet";

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}
