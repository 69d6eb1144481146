import { controllerOf, type ApiObject } from "../model/meta.ts";
import { APP_LABEL } from "../model/app.ts";
import type { App } from "../model/kinds.gen.ts";
import { RESOURCES } from "../model/resources.ts";
import type { ObjectEvent } from "../store/object-store.ts";
import { getApp, locationOf, type AppContext } from "./app-context.ts";
import { reconcileApp } from "./app-reconciler.ts";
import { describeError, Loop } from "./loop.ts";

export interface AppLoop {
  /** Looks at every App's source now. */
  syncAll(): void;
  run(signal: AbortSignal): Promise<void>;
}

/** Apps looked at the same time; each App by one worker only. */
const WORKERS = 8;
/** Owners that are followed upwards from a pod to the object that an App declares. */
const MAX_OWNERS = 5;

/** The loop of Apps: woken by their source, by the objects they declare, and by the clock. */
export function createAppLoop(context: Omit<AppContext, "preempted">): AppLoop {
  const { objects, world, clock, logger } = context;
  /** Apps whose source moved after the running look began. */
  const moved = new Set<string>();
  const watched = new Map<
    string,
    { readonly location: string; readonly stop: Promise<() => Promise<void>> }
  >();
  const full: AppContext = { ...context, preempted: (app) => moved.has(app) };

  const loop = new Loop({
    name: "apps",
    clock,
    logger,
    workers: WORKERS,
    metrics: context.metrics,
    reconcile: async (name, signal) => {
      moved.delete(name);
      await followSource(name);
      return reconcileApp(name, full, signal);
    },
  });

  /** Keeps the watch of a local repository in step with the App's location. */
  async function followSource(name: string): Promise<void> {
    const app = getApp(name, context);
    const location = app === undefined ? undefined : JSON.stringify(locationOf(app));
    const known = watched.get(name);
    if (known?.location === location) return;
    watched.delete(name);
    if (known !== undefined) await (await known.stop)();
    if (app === undefined || location === undefined) return;
    const stop = context.sources.watch(locationOf(app), () => {
      moved.add(name);
      loop.add(name);
    });
    watched.set(name, { location, stop });
    try {
      await stop;
    } catch (error) {
      watched.delete(name);
      logger.warn(
        { app: name, error: describeError(error) },
        "cannot watch the repository, will poll it",
      );
    }
  }

  function wake(event: ObjectEvent): void {
    const { object } = event;
    if (object.kind === "App") loop.add(object.metadata.name);
    const app = appOf(object, (candidate) => world.get(candidate));
    if (app !== undefined) loop.add(app);
  }

  function syncAll(): void {
    for (const app of appNames()) {
      moved.add(app);
      loop.add(app);
    }
  }

  function appNames(): readonly string[] {
    const resource = RESOURCES.find((candidate) => candidate.kind === "App");
    if (resource === undefined) return [];
    return objects.list(resource).items.map(({ object }) => (object as App).metadata.name);
  }

  return {
    syncAll,
    async run(signal) {
      const unsubscribe = objects.subscribe(wake);
      for (const app of appNames()) loop.add(app);
      try {
        await loop.run(signal);
      } finally {
        unsubscribe();
        await Promise.allSettled([...watched.values()].map(async ({ stop }) => (await stop)()));
      }
    },
  };
}

/** The App that declares the object, or one of its owners. */
function appOf(
  object: ApiObject,
  get: (ref: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
  }) => ApiObject | undefined,
): string | undefined {
  let at: ApiObject | undefined = object;
  for (let step = 0; at !== undefined && step < MAX_OWNERS; step += 1) {
    if (at.kind === "Release") return undefined;
    const label = at.metadata.labels?.[APP_LABEL];
    if (label !== undefined) return label;
    const owner = controllerOf(at);
    if (owner === undefined) return undefined;
    const { apiVersion, kind, name } = owner;
    const namespace: string | undefined = at.metadata.namespace;
    at = get(
      namespace === undefined ? { apiVersion, kind, name } : { apiVersion, kind, namespace, name },
    );
  }
  return undefined;
}
