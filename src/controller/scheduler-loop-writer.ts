import type { Logger } from "../base/logger.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { ObjectStoreError, type ObjectStore, type Write } from "../store/object-store.ts";
import { describeError } from "./loop.ts";

/** A change of one object, made of its newest version; `undefined` when there is nothing left to change. */
export interface ObjectChange {
  readonly ref: ObjectRef;
  readonly change: (object: ApiObject) => ApiObject | undefined;
}

/** Changes that belong together. */
export interface WriteJob {
  /** At most `MAX_CHANGES`. */
  readonly changes: readonly ObjectChange[];
  /** Told once. False when any of the changes could not be made: then none was. */
  readonly done: (isWritten: boolean) => void;
}

/** As a transaction of the store bounds it. */
export const MAX_CHANGES = 100;
const MAX_BYTES = 800_000;
/** What a change adds to an object at the most, as a guess. */
const GROWTH_BYTES = 2000;
/** Transactions on their way at a time. */
const MAX_IN_FLIGHT = 4;
/** How often a job that lost a race is tried again, alone. */
const MAX_ATTEMPTS = 5;

/** Writes many small changes in few transactions. A job that loses a race holds up no other. */
export class BatchWriter {
  readonly #objects: ObjectStore;
  readonly #logger: Logger;
  readonly #jobs: WriteJob[] = [];
  readonly #waiters: (() => void)[] = [];
  #inFlight = 0;

  constructor(objects: ObjectStore, logger: Logger) {
    this.#objects = objects;
    this.#logger = logger;
  }

  /** Jobs that wait for a transaction. */
  get waiting(): number {
    return this.#jobs.length;
  }

  add(job: WriteJob): void {
    this.#jobs.push(job);
  }

  /** Sends one batch of what waits, if a transaction is free; more follow by themselves. Whether it did. */
  flush(): boolean {
    if (this.#jobs.length === 0 || this.#inFlight >= MAX_IN_FLIGHT) return false;
    const batch = this.#nextBatch();
    this.#inFlight += 1;
    void this.#run(batch).finally(() => {
      this.#inFlight -= 1;
      this.flush();
      if (this.#inFlight === 0) for (const resolve of this.#waiters.splice(0)) resolve();
    });
    return true;
  }

  /** Resolves when nothing waits and nothing is on its way. */
  settled(): Promise<void> {
    this.flush();
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #nextBatch(): readonly WriteJob[] {
    let count = 0;
    let bytes = 0;
    let jobs = 0;
    for (const job of this.#jobs) {
      count += job.changes.length;
      for (const { ref } of job.changes)
        bytes += (this.#objects.get(ref)?.bytes.length ?? 0) + GROWTH_BYTES;
      if (jobs > 0 && (count > MAX_CHANGES || bytes > MAX_BYTES)) break;
      jobs += 1;
    }
    return this.#jobs.splice(0, jobs);
  }

  async #run(batch: readonly WriteJob[]): Promise<void> {
    const [first] = batch;
    if (batch.length === 1 && first !== undefined) {
      first.done(await this.#runAlone(first));
      return;
    }
    const outcome = await this.#try(batch);
    if (outcome === "lost") {
      for (const job of batch) job.done(await this.#runAlone(job));
    } else for (const job of batch) job.done(outcome.has(job));
  }

  async #runAlone(job: WriteJob): Promise<boolean> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const outcome = await this.#try([job]);
      if (outcome !== "lost") return outcome.has(job);
    }
    return false;
  }

  /** One transaction of all jobs that can still be made. The jobs that were written; "lost" when others were faster. */
  async #try(batch: readonly WriteJob[]): Promise<"lost" | ReadonlySet<WriteJob>> {
    const written = new Set<WriteJob>();
    try {
      const writes: Write[] = [];
      const touched = new Set<string>();
      for (const job of batch) {
        const own = this.#prepare(job);
        if (own === undefined) continue;
        // Two changes of one object are made one after the other.
        const keys = own.map(({ object }) => `${object.kind}/${object.metadata.uid ?? ""}`);
        if (keys.some((key) => touched.has(key))) return "lost";
        for (const key of keys) touched.add(key);
        writes.push(...own);
        written.add(job);
      }
      if (writes.length > 0) await this.#objects.transact(writes);
      return written;
    } catch (error) {
      if (error instanceof ObjectStoreError && isOvertaken(error)) return "lost";
      this.#logger.warn({ error: describeError(error), jobs: batch.length }, "not written");
      return new Set();
    }
  }

  #prepare(job: WriteJob): (Write & { readonly kind: "replace" })[] | undefined {
    const writes: (Write & { readonly kind: "replace" })[] = [];
    for (const { ref, change } of job.changes) {
      const current = this.#objects.get(ref)?.object;
      const next = current === undefined ? undefined : change(current);
      if (next === undefined) return undefined;
      if (next !== current) writes.push({ kind: "replace", object: next });
    }
    return writes;
  }
}

function isOvertaken({ code }: ObjectStoreError): boolean {
  return code === "conflict" || code === "not-found";
}
