import type { QueueMetrics } from "./queue-metrics.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import { releasesOf } from "../planner/release-rules.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { SourceLocation, Sources } from "../sync/source.ts";
import type { EventWriter } from "./event-writer.ts";
import type { StoreWorld } from "./store-world.ts";

/** What the App's loop works with. */
export interface AppContext {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly sources: Sources;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: QueueMetrics | undefined;
  /** The network of cluster addresses, for instance `10.96.0.0/16`. */
  readonly serviceCidr: string;
  /** Addresses of it that no Service may take. */
  readonly reservedIps: readonly string[];
  /** Whether the source has changed since the running look began: a newer commit pre-empts. */
  readonly preempted: (app: string) => boolean;
}

/** The App of that name as stored now. */
export function getApp(name: string, context: Pick<AppContext, "objects">): App | undefined {
  return context.objects.get(appRef(name))?.object as App | undefined;
}

/** The App's releases, oldest first, as stored now. */
export function getReleases(app: string, context: Pick<AppContext, "world">): readonly Release[] {
  return releasesOf(context.world.list("berth.dev/v1", "Release") as readonly Release[], app);
}

/** Where the App's manifests are. */
export function locationOf(app: App): SourceLocation {
  const { repo, branch, path, namespace } = app.spec;
  return { repo, branch, path, namespace };
}

/** Names the App. */
export function appRef(name: string): ObjectRef {
  return { apiVersion: "berth.dev/v1", kind: "App", name };
}

/** Names the Release. */
export function releaseRef(name: string): ObjectRef {
  return { apiVersion: "berth.dev/v1", kind: "Release", name };
}
