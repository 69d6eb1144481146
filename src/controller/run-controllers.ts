import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { WritableSources } from "../sync/write/writable-sources.ts";
import { Admission } from "./admission.ts";
import type { Metrics } from "../planner/hpa-metrics.ts";
import { createAppLoop } from "./app-loop.ts";
import { CommitWrites } from "./commit-writes.ts";
import { DirectWrites } from "./direct-writes.ts";
import { createEventWriter } from "./event-writer.ts";
import type { QueueMetrics } from "./queue-metrics.ts";
import { runNodeLoop } from "./node-loop.ts";
import type { ReadLog } from "./read-log.ts";
import { runPlannerLoop } from "./planner-loop.ts";
import { runSchedulerLoop } from "./scheduler-loop.ts";
import { StoreWorld } from "./store-world.ts";
import { appWebhooks, type AppWebhooks } from "./webhook-target.ts";
import { ensureSystemObjects } from "./system-objects.ts";

export interface ControllersOptions {
  readonly objects: ObjectStore;
  readonly sources: WritableSources;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly reservedIps: readonly string[];
  /** PEM of the CA of the API, which each namespace gets as ConfigMap `kube-root-ca.crt`. */
  readonly caBundle?: string;
  /** Monotonic ms of a node's last heartbeat, as the API received it. */
  readonly lastSeen: (node: string) => Millis | undefined;
  /** What pods use, as their nodes told; autoscalers go by it. */
  readonly usage?: Metrics;
  /** Ends of logs of containers, for the messages of reverts. */
  readonly readLog?: ReadLog;
  /** What addresses of authors of commits end with, where their names are none. */
  readonly authorDomain: string;
  /** Berth's own, which names of plans have in them. */
  readonly version?: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: QueueMetrics | undefined;
}

export interface Controllers {
  /** Whom the API asks before it creates an object. */
  readonly admission: Admission;
  /** Whom the API asks about what is written past Git. */
  readonly directWrites: DirectWrites;
  /** Makes commits of what people write through the API. */
  readonly commits: CommitWrites;
  /** What webhooks of Git hosts come to. */
  readonly webhooks: AppWebhooks;
  /** Looks at every App's source now. */
  syncAll(): void;
  /** Runs all loops until `signal` aborts, or one of them breaks. */
  run(signal: AbortSignal): Promise<void>;
}

/** The loops of the control plane over one store. */
export function createControllers(options: ControllersOptions): Controllers {
  const { objects, sources, clock, logger, metrics, serviceCidr, reservedIps } = options;
  const world = new StoreWorld(objects, options.usage);
  const admission = new Admission({ world, clock });
  const writer = (component: string): ReturnType<typeof createEventWriter> =>
    createEventWriter({ objects, component, clock, logger });
  const apps = createAppLoop({
    objects,
    world,
    sources,
    events: writer("berth-sync"),
    clock,
    logger,
    serviceCidr,
    reservedIps,
    metrics,
    version: options.version,
    readLog: options.readLog,
    reverts: { sources },
  });
  return {
    admission,
    directWrites: new DirectWrites({ world, clock, serviceCidr, reservedIps }),
    commits: new CommitWrites({
      objects,
      world,
      sources,
      clock,
      logger,
      serviceCidr,
      reservedIps,
      domain: options.authorDomain,
      syncAll: (names) => apps.syncAll(names),
      random: Math.random,
    }),
    webhooks: appWebhooks(world, (names) => apps.syncAll(names)),
    syncAll: () => apps.syncAll(),
    async run(signal) {
      await ensureSystemObjects(objects, options.caBundle, serviceCidr);
      await Promise.all([
        apps.run(signal),
        runPlannerLoop(
          { objects, world, events: writer("berth-planner"), admission, clock, logger, metrics },
          signal,
        ),
        runSchedulerLoop({ objects, events: writer("berth-scheduler"), clock, logger }, signal),
        runNodeLoop({ ...options, world, events: writer("berth-nodes") }, signal),
      ]);
    },
  };
}
