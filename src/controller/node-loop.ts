import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import { planNodes } from "../planner/plan-node.ts";
import { planFinishedPods } from "../planner/plan-pods.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { EventWriter } from "./event-writer.ts";
import { executePlan } from "./execute.ts";
import { Loop } from "./loop.ts";
import type { StoreWorld } from "./store-world.ts";

export interface NodeLoopOptions {
  readonly objects: ObjectStore;
  readonly world: StoreWorld;
  readonly events: EventWriter;
  readonly podCidr: string;
  readonly lastSeen: (node: string) => Millis | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often heartbeats are looked at: a part of the time after which a node counts as silent. */
const LOOK_EVERY_MS: Millis = 5000;
const ALL = "nodes";

/** Follows the life of all nodes until `signal` aborts. */
export async function runNodeLoop(options: NodeLoopOptions, signal: AbortSignal): Promise<void> {
  const { objects, world, clock, logger, lastSeen, podCidr } = options;
  const startedAt = clock.monotonic();
  const loop = new Loop({
    name: "nodes",
    clock,
    logger,
    workers: 1,
    reconcile: async () => {
      const nodes = world.list("v1", "Node") as readonly Node[];
      const pods = (world.list("v1", "Pod") as readonly Pod[]).filter(
        (pod) => pod.spec.nodeName !== undefined,
      );
      const silentMs = new Map(nodes.flatMap(({ metadata }) => silence(metadata.name)));
      const listeningMs = clock.monotonic() - startedAt;
      const now = clock.now();
      const plan = planNodes({ now, nodes, pods, silentMs, listeningMs, podCidr });
      const steps = [...plan.steps, ...planFinishedPods(pods).steps];
      await executePlan({ steps }, options);
      const at = clock.now() + LOOK_EVERY_MS;
      return { lookAgainAt: Math.min(at, plan.lookAgainAt ?? at) };
    },
  });
  function silence(node: string): readonly (readonly [string, Millis])[] {
    const seen = lastSeen(node);
    return seen === undefined ? [] : [[node, clock.monotonic() - seen]];
  }
  const unsubscribe = objects.subscribe((event) => {
    if (event.object.kind === "Node") loop.add(ALL);
  });
  loop.add(ALL);
  try {
    await loop.run(signal);
  } finally {
    unsubscribe();
  }
}
