import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { QueueObserver } from "./queue-observer.ts";

/** From 10 µs to 100 s: a look takes microseconds, a queue behind a full disk minutes. */
const BUCKETS_S = [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100];
const LABELS = ["name"] as const;

/** The queues' figures under the names that Kubernetes' controllers use, so that existing dashboards work. */
export class QueueMetrics {
  readonly #depths = new Map<string, () => number>();
  readonly #adds: Counter<"name">;
  readonly #retries: Counter<"name">;
  readonly #waits: Histogram<"name">;
  readonly #looks: Histogram<"name">;

  constructor(registry: Registry) {
    const registers = [registry];
    const depths = this.#depths;
    const depth = new Gauge({
      name: "workqueue_depth",
      help: "Keys that wait to be looked at.",
      labelNames: LABELS,
      registers: [],
      collect() {
        for (const [name, count] of depths) this.set({ name }, count());
      },
    });
    registry.registerMetric(depth);
    this.#adds = new Counter({
      name: "workqueue_adds_total",
      help: "Keys that were added, not counting those that waited already.",
      labelNames: LABELS,
      registers,
    });
    this.#retries = new Counter({
      name: "workqueue_retries_total",
      help: "Looks that failed and are repeated.",
      labelNames: LABELS,
      registers,
    });
    this.#waits = new Histogram({
      name: "workqueue_queue_duration_seconds",
      help: "How long keys wait before they are looked at.",
      labelNames: LABELS,
      buckets: BUCKETS_S,
      registers,
    });
    this.#looks = new Histogram({
      name: "workqueue_work_duration_seconds",
      help: "How long a look at a key takes.",
      labelNames: LABELS,
      buckets: BUCKETS_S,
      registers,
    });
  }

  /** The observer of one queue. `depth` is asked when the figures are read. */
  observe(name: string, depth: () => number): QueueObserver {
    this.#depths.set(name, depth);
    const adds = this.#adds.labels(name);
    const retries = this.#retries.labels(name);
    const waits = this.#waits.labels(name);
    const looks = this.#looks.labels(name);
    return {
      added: () => adds.inc(),
      taken: (waitedMs) => waits.observe(waitedMs / 1000),
      looked: (tookMs) => looks.observe(tookMs / 1000),
      retried: () => retries.inc(),
    };
  }
}
