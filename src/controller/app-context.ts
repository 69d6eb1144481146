import type { QueueMetrics } from "./queue-metrics.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import type { DeclaredObject } from "../planner/apply-manifest.ts";
import type { ApplyOptions } from "../planner/check-manifests.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { Seen, Sources } from "../sync/source.ts";
import type { AppIndex } from "./app-index.ts";
import type { EventWriter } from "./event-writer.ts";
import type { ReadLog } from "./read-log.ts";
import type { StoreWorld } from "./store-world.ts";

/** What the App's loop works with. */
export interface AppContext {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly index: AppIndex;
  readonly sources: Sources;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: QueueMetrics | undefined;
  /** Berth's own, which names of plans have in them. */
  readonly version?: string | undefined;
  /** The network of cluster addresses, for instance `10.96.0.0/16`. */
  readonly serviceCidr: string;
  /** Addresses of it that no Service may take. */
  readonly reservedIps: readonly string[];
  /** What Git says of the App's source; `undefined` while it has not answered. */
  readonly seen: (app: App) => Seen | undefined;
  /** Whether the source has changed since the running look began: a newer commit pre-empts. */
  readonly preempted: (app: string) => boolean;
  /** Whether other Apps of the repository have yet to decide about the commit, and may take objects over. */
  readonly othersDecide: (app: string) => boolean;
  /** Asks for another look at `app` when something about these others has changed. */
  readonly waitFor: (app: string, others: readonly string[]) => void;
  /** What is remembered of Apps between two looks, and may be lost at any time. */
  readonly memory: AppMemory;
  /** Ends of logs of failed containers; without it none are told. */
  readonly readLog?: ReadLog | undefined;
}

/** Results that need not be found again while nothing they came from has changed. */
export interface AppMemory {
  /** Which manifest a stored object was found to be equal to. */
  readonly settled: WeakMap<ApiObject, DeclaredObject>;
  /** What names the state of a stored object but for its status. */
  readonly fingerprints: WeakMap<ApiObject, string>;
  /** By App: the objects of its release as they were when all of them were as declared. */
  readonly compared: Map<string, string>;
  /** By App: objects that its newest commit declares and another App has. */
  readonly owned: Map<string, readonly ObjectRef[]>;
}

/** Nothing remembered yet. */
export function newMemory(): AppMemory {
  return {
    settled: new WeakMap(),
    fingerprints: new WeakMap(),
    compared: new Map(),
    owned: new Map(),
  };
}

/** The App of that name as stored now. */
export function getApp(name: string, context: Pick<AppContext, "objects">): App | undefined {
  return context.objects.get(appRef(name))?.object as App | undefined;
}

/** The App's releases, oldest first, as stored now. */
export function getReleases(app: string, context: Pick<AppContext, "index">): readonly Release[] {
  return context.index.releases(app);
}

/** How manifests of an App are put into the store. */
export function applyOptions(app: string, context: AppContext): ApplyOptions {
  const { index, memory, serviceCidr, reservedIps } = context;
  return {
    app,
    serviceCidr,
    reservedIps,
    claimant: (ref) => index.claimant(ref),
    settled: memory.settled,
  };
}

/** Names the App. */
export function appRef(name: string): ObjectRef {
  return { apiVersion: "berth.dev/v1", kind: "App", name };
}

/** Names the Release. */
export function releaseRef(name: string): ObjectRef {
  return { apiVersion: "berth.dev/v1", kind: "Release", name };
}
