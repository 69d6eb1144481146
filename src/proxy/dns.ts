import { Worker } from "node:worker_threads";
import { backoffMs } from "../base/backoff.ts";
import type { BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { DnsEvent, DnsUpdate, DnsWorkerData } from "./dns-messages.ts";
import { toServiceRecords } from "./dns-records.ts";
import type { ServiceRecords } from "./dns-records.ts";
import type { ServiceState } from "./service-table.ts";

export interface ClusterDnsOptions {
  readonly worker: DnsWorkerData;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told the port each time that the server listens, also after a restart. */
  readonly onListening?: (port: number) => void;
  /** `startDnsThread` unless told. */
  readonly startThread?: (data: DnsWorkerData) => Worker;
}

/** A thread that dies at once is not started without end. */
const RESTART: BackoffPolicy = { baseMs: 100, maxMs: 10_000 };

/** A thread that lived for so long has not failed "again". */
const STEADY_MS = 60_000;

/** Runs the DNS server in a thread of its own, and keeps all records to start it again with. */
export class ClusterDns {
  readonly #options: ClusterDnsOptions;
  readonly #records = new Map<string, ServiceRecords>();
  #worker: Worker | undefined;
  /** The last complaint, which is not worth repeating while it stays the same. */
  #complaint: string | undefined;

  constructor(options: ClusterDnsOptions) {
    this.#options = options;
  }

  /** Takes over what changed. */
  update(states: ReadonlyMap<string, ServiceState>): void {
    const changes: (readonly [string, ServiceRecords | undefined])[] = [];
    for (const [key, state] of states) {
      const records = toServiceRecords(state);
      if (records === undefined && !this.#records.has(key)) continue;
      if (records === undefined) this.#records.delete(key);
      else this.#records.set(key, records);
      changes.push([key, records]);
    }
    if (changes.length > 0) this.#send(this.#worker, changes);
  }

  /** Serves until `signal` aborts. A thread that crashes is started again with the same records. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      await this.#runWorker(signal);
      if (signal.aborted) return;
      failures = clock.monotonic() - startedAt >= STEADY_MS ? 1 : failures + 1;
      logger.error({ failures }, "The DNS thread ended: starting it again");
      await clock.sleep(backoffMs(RESTART, failures), signal).catch(() => undefined);
    }
  }

  async #runWorker(signal: AbortSignal): Promise<void> {
    const { logger, worker: data, startThread = startDnsThread } = this.#options;
    const worker = startThread(data);
    const ended = Promise.withResolvers<void>();
    worker.on("message", (event: DnsEvent) => this.#hear(event));
    worker.on("error", (error) => logger.error({ error }, "The DNS thread failed"));
    worker.on("exit", () => ended.resolve());
    const abort = (): void => void worker.terminate();
    signal.addEventListener("abort", abort, { once: true });
    this.#worker = worker;
    this.#send(worker, [...this.#records]);
    if (signal.aborted) abort();
    await ended.promise;
    this.#worker = undefined;
    signal.removeEventListener("abort", abort);
  }

  #send(worker: Worker | undefined, update: DnsUpdate): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    worker?.postMessage(update);
  }

  #hear(event: DnsEvent): void {
    const { logger, onListening, worker } = this.#options;
    if (event.type === "listening") {
      logger.info({ address: worker.address, port: event.port }, "DNS is served");
      this.#complaint = undefined;
      onListening?.(event.port);
    } else if (event.message !== this.#complaint) {
      this.#complaint = event.message;
      logger.error(
        { address: worker.address, port: worker.port, cause: event.message },
        `Cannot serve DNS on ${worker.address}:${worker.port}: ${event.message}; another server on this port must leave that address free, for instance dnsmasq by "bind-interfaces"`,
      );
    }
  }
}

/** Starts the thread, whose file is JavaScript in the package and TypeScript in the sources. */
export function startDnsThread(workerData: DnsWorkerData): Worker {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file = new URL(`./dns-worker.${extension}`, import.meta.url);
  return new Worker(file, { workerData, name: "berth-dns" });
}
