import type { Millis } from "../base/clock.ts";
import { sortedBy } from "../base/order.ts";
import { controllerOf, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { Deployment, Pod } from "../model/kinds.gen.ts";
import { isPod, podsOwnedBy } from "./owned-pods.ts";
import { isActive, isReady, isTerminating } from "./pod-state.ts";
import type { AgentPace, PodFate } from "./sim-agent.ts";
import { SimCluster, type Placement, type PlacePods } from "./sim-cluster.ts";
import { SimWorld, type SimChange } from "./sim-world.ts";
import type { World } from "./world.ts";

export interface SimulateOptions {
  readonly schedule: PlacePods;
  /** Plans, placements and moves of the clock at most. */
  readonly maxRounds: number;
  /** `refKey`s of what changed; everything, unless given. */
  readonly keys?: readonly string[];
  readonly pace?: AgentPace;
}

/** A pod of a forecast and the workload that it is for. */
export interface SimulatedPod {
  readonly pod: ObjectRef;
  /** Its controller: a ReplicaSet or Job, and that one's controller, if any. */
  readonly owner?: ObjectRef;
}

/** How few pods of a Deployment are Ready at any moment, and how many there are at the most. */
export interface SimulatedDeployment {
  readonly deployment: ObjectRef;
  readonly readyBefore: number;
  readonly lowestReady: number;
  readonly mostPods: number;
}

export interface SimulatedRollout {
  /** In the order in which they come about. */
  readonly created: readonly SimulatedPod[];
  readonly deleted: readonly SimulatedPod[];
  readonly bindings: Placement["bindings"];
  /** Pods that have no node at the end, with the reason. */
  readonly unplaced: Placement["unplaced"];
  /** Deployments that had pods come or go, in the order of their names. */
  readonly deployments: readonly SimulatedDeployment[];
  /** Whether it came to rest within `maxRounds`. */
  readonly isSettled: boolean;
  /** Virtual time that it took. */
  readonly elapsedMs: Millis;
}

/** Times of a forecast: what matters is their order, not their length. */
const PACE: AgentPace = { startMs: 2000, stopMs: 1000, workMs: 5000 };
/** What happens later than this is no part of a rollout. */
const HORIZON_MS: Millis = 3_600_000;

/**
 * What becomes of a world, by the very planners and the scheduler it is given, when all goes well: every pod that finds
 * a node serves or does its work. `world` is not changed. Pure.
 */
export function simulateRollout(world: World, options: SimulateOptions): SimulatedRollout {
  const copy = SimWorld.from(world);
  const recorder = new Recorder(copy);
  const cluster = new SimCluster(copy, {
    ...(options.pace ?? PACE),
    schedule: options.schedule,
    fateOf: usualFate,
    onChange: (change) => recorder.see(change),
  });
  if (options.keys === undefined) cluster.wakeAll();
  else for (const key of options.keys) cluster.wake(key);
  const isSettled = cluster.settle(world.now + HORIZON_MS, options.maxRounds);
  return {
    ...recorder.result(),
    unplaced: cluster.unplaced,
    isSettled,
    elapsedMs: recorder.lastAt - world.now,
  };
}

function usualFate({ spec }: Pod): PodFate {
  return spec.restartPolicy === "Always" ? "serves" : "succeeds";
}

/** Keeps what a forecast tells. */
class Recorder {
  lastAt: Millis;
  readonly #world: SimWorld;
  readonly #created: SimulatedPod[] = [];
  readonly #deleted: SimulatedPod[] = [];
  readonly #bindings: Placement["bindings"][number][] = [];
  readonly #deployments = new Map<string, SimulatedDeployment>();
  readonly #readyBefore = new Map<string, number>();

  constructor(world: SimWorld) {
    this.#world = world;
    this.lastAt = world.now;
    for (const deployment of world.list("apps/v1", "Deployment"))
      this.#readyBefore.set(refKey(refOf(deployment)), countOf(world, deployment).ready);
  }

  see({ before, after }: SimChange): void {
    const pod = after ?? before;
    if (pod === undefined || !isPod(pod)) return;
    this.lastAt = this.#world.now;
    const was = before as Pod | undefined;
    const is = after as Pod | undefined;
    if (was === undefined) this.#created.push(this.#toSimulated(pod));
    const wasEnding = was !== undefined && isTerminating(was);
    if (was !== undefined && !wasEnding && (is === undefined || isTerminating(is)))
      this.#deleted.push(this.#toSimulated(was));
    const node = is?.spec.nodeName;
    if (node !== undefined && was !== undefined && was.spec.nodeName === undefined) {
      const { namespace = "", name, uid = "" } = pod.metadata;
      this.#bindings.push({ namespace, name, uid, node });
    }
    this.#measure(pod);
  }

  result(): Pick<SimulatedRollout, "created" | "deleted" | "bindings" | "deployments"> {
    return {
      created: this.#created,
      deleted: this.#deleted,
      bindings: this.#bindings,
      deployments: sortedBy(this.#deployments.values(), ({ deployment }) => refKey(deployment)),
    };
  }

  #toSimulated(pod: Pod): SimulatedPod {
    const owner = this.#ownerOf(pod);
    const top = owner === undefined ? undefined : (this.#ownerOf(owner) ?? owner);
    return top === undefined ? { pod: refOf(pod) } : { pod: refOf(pod), owner: refOf(top) };
  }

  #ownerOf(object: ApiObject): ApiObject | undefined {
    const owner = controllerOf(object);
    if (owner === undefined) return undefined;
    const { apiVersion, kind, name } = owner;
    return this.#world.get({ apiVersion, kind, namespace: object.metadata.namespace ?? "", name });
  }

  #measure(pod: Pod): void {
    const set = this.#ownerOf(pod);
    const deployment = set === undefined ? undefined : this.#ownerOf(set);
    if (deployment?.kind !== "Deployment") return;
    const ref = refOf(deployment);
    const key = refKey(ref);
    const { ready, active } = countOf(this.#world, deployment);
    const readyBefore = this.#readyBefore.get(key) ?? 0;
    const known = this.#deployments.get(key);
    this.#deployments.set(key, {
      deployment: ref,
      readyBefore,
      lowestReady: Math.min(known?.lowestReady ?? readyBefore, ready),
      mostPods: Math.max(known?.mostPods ?? 0, active),
    });
  }
}

function countOf(
  world: World,
  deployment: ApiObject,
): { readonly ready: number; readonly active: number } {
  const { uid = "" } = (deployment as Deployment).metadata;
  const pods = world
    .ownedBy(uid)
    .flatMap(({ metadata }) => podsOwnedBy(world, metadata.uid))
    .filter(isActive);
  return { ready: pods.filter(isReady).length, active: pods.length };
}
