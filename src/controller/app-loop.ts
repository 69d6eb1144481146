import { controllerOf, type ApiObject } from "../model/meta.ts";
import { APP_LABEL } from "../model/app.ts";
import type { App, Release } from "../model/kinds.gen.ts";
import type { ObjectEvent } from "../store/object-store.ts";
import { GitError } from "../sync/git.ts";
import type { Seen } from "../sync/source.ts";
import { getApp, newMemory, type AppContext } from "./app-context.ts";
import { AppHeads, type News } from "./app-heads.ts";
import { AppIndex, isAppChange, isAppProgress } from "./app-index.ts";
import { locationOf, secretsOf } from "./app-location.ts";
import { reconcileApp } from "./app-reconciler.ts";
import { Loop, type Outcome } from "./loop.ts";
import { pendingRevert, pushRevert, type RevertContext } from "./revert-push.ts";
import { noteSameContent } from "./same-content.ts";

export interface AppLoop {
  /** Looks at the sources of these Apps now; of all without them. */
  syncAll(apps?: Iterable<string>): void;
  run(signal: AbortSignal): Promise<void>;
}

export type AppLoopOptions = Omit<
  AppContext,
  "preempted" | "index" | "seen" | "othersDecide" | "waitFor" | "memory"
> & {
  /** Where revert commits go; without it none are made. */
  readonly reverts?: Pick<RevertContext, "sources" | "forgeOf">;
};

/** Apps looked at the same time; each App by one worker only. They mostly wait for the disk, which takes many at once. */
const WORKERS = 64;
/** Revert commits that are made at the same time. */
const REVERT_WORKERS = 4;
/** Owners that are followed upwards from a pod to the object that an App declares. */
const MAX_OWNERS = 5;

/** The loop of Apps: woken by their source, by the objects they declare, by other Apps, and by the clock. */
export function createAppLoop(options: AppLoopOptions): AppLoop {
  const { objects, world, clock, logger } = options;
  /** Apps whose source moved after the running look began. */
  const moved = new Set<string>();
  /** By App: those that asked to be woken by it. */
  const waiters = new Map<string, Set<string>>();
  /** What is wrong before Git is even asked. */
  const refused = new Map<string, Seen>();
  const index = new AppIndex(world);
  // From now on: an App may be made before the loop runs.
  const unfollow = objects.subscribe((event) => index.follow(event));
  const heads = new AppHeads({ sources: options.sources, clock, logger, onSeen });
  const context: AppContext = {
    ...options,
    index,
    memory: newMemory(),
    preempted: (app) => moved.has(app),
    seen: (app) => refused.get(app.metadata.name) ?? heads.seen(app.metadata.name),
    othersDecide: (app) =>
      heads.neighbours(app).some((other) => hasToDecide(getApp(other.app, options), other.seen)),
    waitFor: (app, others) => {
      for (const other of others) {
        const waiting = waiters.get(other) ?? new Set();
        waiters.set(other, waiting.add(app));
      }
    },
  };

  const loop = new Loop({
    name: "apps",
    clock,
    logger,
    workers: WORKERS,
    metrics: options.metrics,
    reconcile,
  });

  const pushes: RevertContext | undefined = options.reverts && {
    ...options,
    ...options.reverts,
    index,
    lookNow: (app) => heads.lookNow([app]),
    failures: new Map(),
  };
  /** Apart from the looks: a server that does not answer must not keep a fix waiting. */
  const reverts = new Loop({
    name: "reverts",
    clock,
    logger,
    workers: REVERT_WORKERS,
    metrics: options.metrics,
    reconcile: async (name, signal) =>
      pushes === undefined ? {} : pushRevert(name, pushes, signal),
  });

  async function reconcile(name: string, signal: AbortSignal): Promise<Outcome> {
    moved.delete(name);
    follow(name);
    return reconcileApp(name, context, signal);
  }

  /** Keeps what is looked at in step with the App. */
  function follow(name: string): void {
    const app = getApp(name, options);
    refused.delete(name);
    if (app === undefined) {
      heads.unfollow(name);
      waiters.delete(name);
      context.memory.compared.delete(name);
      context.memory.owned.delete(name);
      return;
    }
    try {
      heads.follow(name, locationOf(app, objects), app.spec.intervalSeconds * 1000);
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      heads.unfollow(name);
      refused.set(name, { kind: "failed", code: error.code, message: error.message });
    }
  }

  function onSeen(news: readonly News[]): void {
    for (const { app, seen, before } of news) {
      // Another commit with the same content pre-empts nothing.
      const isOther =
        seen.kind === "seen" && (before?.kind !== "seen" || before.tree !== seen.tree);
      if (isOther) moved.add(app);
    }
    const rest = noteSameContent(news, context);
    for (const app of rest.now) loop.add(app);
    rest.later.then(
      (apps) => apps.forEach((app) => loop.add(app)),
      (error: unknown) => logger.warn({ error: String(error) }, "statuses not written, will look"),
    );
  }

  function wake(event: ObjectEvent): void {
    const { object } = event;
    if (object.kind === "App") wakeOfApp(event);
    if (object.kind === "Release") wakeWaiters((object as Release).spec.app);
    if (object.kind === "Secret") wakeOfSecret(object);
    if (object.kind === "App" && !isAppChange(event) && event.kind !== "deleted") return;
    const app = appOf(object, (candidate) => world.get(candidate));
    if (app !== undefined) loop.add(app);
  }

  function wakeOfApp(event: ObjectEvent): void {
    const { name } = event.object.metadata;
    if (pendingRevert(event.object as App) !== undefined) reverts.add(name);
    if (event.kind === "deleted" || isAppChange(event)) loop.add(name);
    if (isAppProgress(event)) wakeWaiters(name);
  }

  function wakeWaiters(name: string): void {
    const waiting = waiters.get(name);
    if (waiting === undefined) return;
    waiters.delete(name);
    for (const app of waiting) loop.add(app);
  }

  function wakeOfSecret({ metadata }: ApiObject): void {
    for (const [name, app] of index.apps()) {
      const isIts = secretsOf(app).some(
        (ref) => ref.name === metadata.name && ref.namespace === metadata.namespace,
      );
      if (isIts) loop.add(name);
    }
  }

  return {
    syncAll: (apps) => heads.lookNow(apps),
    async run(signal) {
      heads.start(signal);
      const unsubscribe = objects.subscribe(wake);
      for (const app of index.apps().keys()) {
        loop.add(app);
        reverts.add(app);
      }
      try {
        await Promise.all([loop.run(signal), reverts.run(signal)]);
      } finally {
        unsubscribe();
        unfollow();
        await heads.close();
      }
    },
  };
}

/** Whether the App has yet to say what it makes of what Git says: until then it may take over what others let go. */
function hasToDecide(app: App | undefined, seen: Seen | undefined): boolean {
  if (app === undefined || app.spec.suspend === true) return false;
  if (app.metadata.deletionTimestamp !== undefined) return false;
  return seen?.kind === "seen" && app.status?.seenCommit !== seen.commit.id;
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
