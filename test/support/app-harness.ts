import { silentLogger } from "../../src/base/logger.ts";
import { newMemory, type AppContext } from "../../src/controller/app-context.ts";
import { AppIndex } from "../../src/controller/app-index.ts";
import { reconcileApp } from "../../src/controller/app-reconciler.ts";
import { StoreWorld } from "../../src/controller/store-world.ts";
import type { App } from "../../src/model/kinds.gen.ts";
import type { OpenObjectStore } from "../../src/store/cached-object-store.ts";
import type { Seen } from "../../src/sync/source.ts";
import type { FakeSources } from "./fake-sources.ts";
import type { ManualClock } from "./manual-clock.ts";

/** What one look at an App needs, without the loop around it. */
export interface AppHarness {
  readonly context: AppContext;
  /** Events that were written, as `reason: message`. */
  readonly events: string[];
  /** By App: those that it waits for. */
  readonly waits: Map<string, readonly string[]>;
  isPreempted: () => boolean;
  othersDecide: boolean;
  /** One look at the App, with what its source says now. */
  look(app: string): ReturnType<typeof reconcileApp>;
}

export function makeAppHarness(
  objects: OpenObjectStore,
  sources: FakeSources,
  clock: ManualClock,
): AppHarness {
  const world = new StoreWorld(objects);
  const index = new AppIndex(world);
  objects.subscribe((event) => index.follow(event));
  const seen = new Map<string, Seen>();
  const harness: AppHarness = {
    events: [],
    waits: new Map(),
    isPreempted: () => false,
    othersDecide: false,
    context: {
      objects,
      world,
      index,
      sources,
      events: {
        write: ({ reason, message }) => void harness.events.push(`${reason}: ${message}`),
      },
      clock,
      logger: silentLogger,
      serviceCidr: "10.96.0.0/16",
      reservedIps: ["10.96.0.10"],
      seen: (app) => seen.get(app.metadata.name),
      preempted: () => harness.isPreempted(),
      othersDecide: () => harness.othersDecide,
      waitFor: (app, others) => void harness.waits.set(app, others),
      memory: newMemory(),
    },
    async look(name) {
      const ref = { apiVersion: "berth.dev/v1", kind: "App", name };
      const app = objects.get(ref)?.object as App | undefined;
      if (app !== undefined) seen.set(name, await sources.seen(app.spec));
      return reconcileApp(name, harness.context, new AbortController().signal);
    },
  };
  return harness;
}
