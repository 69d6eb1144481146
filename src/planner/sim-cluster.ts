import type { Millis } from "../base/clock.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "../model/kinds.gen.ts";
import { parseRefKey, refKey, refOf, type ApiObject } from "../model/meta.ts";
import type { Plan } from "../model/plan.ts";
import { SELECTED_NODE_ANNOTATION } from "../model/storage.ts";
import { isPod, listPods } from "./owned-pods.ts";
import { planObject, wakeKeysOfChange } from "./plan-object.ts";
import { isFinished } from "../model/pod-phase.ts";
import { earlier, isTerminating } from "./pod-state.ts";
import { SimAgents, type AgentOptions } from "./sim-agent.ts";
import type { SimChange, SimWorld } from "./sim-world.ts";

/** A pod's node, or why it has none, as the scheduler says it. */
export interface Placement {
  readonly bindings: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly node: string;
    /** Claims that get a volume there: one that lies ready, or one to be provisioned. */
    readonly volumes?: readonly {
      readonly claim: PersistentVolumeClaim;
      readonly volume?: PersistentVolume;
    }[];
  }[];
  readonly unplaced: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly message: string;
  }[];
  /** Pods that have to leave a node for a more important one. */
  readonly preemptions?: readonly Preemption[];
}

/** Who leaves which node for whom. */
export interface Preemption {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  readonly victims: readonly Pod[];
  readonly displaced: readonly Pod[];
}

/** The scheduler, which is another room. */
export type PlacePods = (input: {
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly placed: readonly Pod[];
  /** Everything else that may decide: volumes, claims, budgets, Services, namespaces. */
  readonly others: readonly ApiObject[];
  readonly now: Millis;
}) => Placement;

export interface SimClusterOptions extends AgentOptions {
  readonly schedule: PlacePods;
  /** Told of every change, in order; the world is as after all that happened at once. */
  readonly onChange?: (change: SimChange) => void;
  /** Told of every plan before it is carried out. */
  readonly onPlan?: (key: string, plan: Plan) => void;
  /** Told of pods that leave for others, before they do. */
  readonly onPreempt?: (preemption: Preemption) => void;
  /** Decides which of a plan's steps are carried out: to lose some. All of them, unless given. */
  readonly deliver?: (plan: Plan) => Plan["steps"];
  /** Which of so many waiting objects is planned next; the first, unless given. */
  readonly pick?: (waiting: number) => number;
}

/**
 * A control plane and its nodes on a virtual clock: the very planners, woken by the very keys, the scheduler it is given,
 * and modelled agents. Deterministic.
 */
export class SimCluster {
  readonly world: SimWorld;
  readonly #options: SimClusterOptions;
  readonly #agents: SimAgents;
  readonly #queue = new Set<string>();
  readonly #alarms = new Map<string, Millis>();
  #isPlacing = true;
  #unplaced: Placement["unplaced"] = [];

  constructor(world: SimWorld, options: SimClusterOptions) {
    this.world = world;
    this.#options = options;
    this.#agents = new SimAgents(world, options);
    for (const pod of listPods(world)) this.#agents.see(pod);
  }

  /** Pods that found no node when they were looked at last. */
  get unplaced(): Placement["unplaced"] {
    return this.#unplaced;
  }

  /** Has an object planned, by its `refKey`. */
  wake(key: string): void {
    this.#queue.add(key);
  }

  wakeAll(): void {
    for (const object of this.world.all()) this.wake(refKey(refOf(object)));
  }

  /** The next thing that happens without time passing: a plan or a placement. False when there is none. */
  work(): boolean {
    this.#takeChanges();
    const key = this.#next();
    if (key !== undefined) {
      this.#queue.delete(key);
      this.#plan(key);
      return true;
    }
    return this.#isPlacing && this.#place();
  }

  /** Moves the clock to the next thing that is due, but not beyond `limit`. False when nothing is. */
  sleep(limit: Millis): boolean {
    let next = this.#agents.nextAt();
    for (const at of this.#alarms.values()) next = earlier(next, at);
    if (next === undefined || next > limit) return false;
    this.world.now = Math.max(this.world.now, next);
    this.#agents.act();
    for (const [key, at] of this.#alarms) {
      if (at > this.world.now) continue;
      this.#alarms.delete(key);
      this.wake(key);
    }
    return true;
  }

  /** Goes on until nothing more happens before `limit`; false when that takes more than `maxRounds`. */
  settle(limit: Millis, maxRounds: number): boolean {
    for (let round = 0; round < maxRounds; round += 1) {
      if (!this.work() && !this.sleep(limit)) return true;
    }
    return false;
  }

  #next(): string | undefined {
    if (this.#options.pick === undefined || this.#queue.size < 2)
      return this.#queue.values().next().value;
    const index = this.#options.pick(this.#queue.size);
    return [...this.#queue][index];
  }

  #plan(key: string): void {
    const plan = planObject(this.world, parseRefKey(key));
    this.#options.onPlan?.(key, plan);
    const steps = this.#options.deliver?.(plan) ?? plan.steps;
    this.world.apply(steps);
    // A step that was lost or overtaken is planned again, as the control plane does it.
    if (steps.length < plan.steps.length) this.#alarms.set(key, this.world.now + 1);
    else if (plan.lookAgainAt !== undefined) this.#alarms.set(key, plan.lookAgainAt);
    else this.#alarms.delete(key);
  }

  #place(): boolean {
    this.#isPlacing = false;
    const pods = listPods(this.world);
    const pending = pods.filter(
      (pod) => pod.spec.nodeName === undefined && !isFinished(pod) && !isTerminating(pod),
    );
    if (pending.length === 0) {
      this.#unplaced = [];
      return false;
    }
    const nodes = this.world.list("v1", "Node") as readonly Node[];
    const placed = pods.filter((pod) => pod.spec.nodeName !== undefined && !isFinished(pod));
    const others = this.world.all().filter(({ kind }) => kind !== "Pod" && kind !== "Node");
    const { now } = this.world;
    const placement = this.#options.schedule({ pods: pending, nodes, placed, others, now });
    this.#unplaced = placement.unplaced;
    for (const binding of placement.bindings) this.#bind(binding);
    const { preemptions = [] } = placement;
    for (const preemption of preemptions) this.#preempt(preemption);
    return placement.bindings.length + preemptions.length > 0;
  }

  #bind({ namespace, name, uid, node, volumes = [] }: Placement["bindings"][number]): void {
    const pod = this.world.get({ apiVersion: "v1", kind: "Pod", namespace, name });
    if (pod === undefined || !isPod(pod) || pod.metadata.uid !== uid) return;
    this.world.declare({ ...pod, spec: { ...pod.spec, nodeName: node } } as Pod);
    for (const choice of volumes) this.#claim(choice, node);
  }

  /** A volume that lies ready is taken; else the provisioner is told the node. */
  #claim(
    { claim, volume }: NonNullable<Placement["bindings"][number]["volumes"]>[number],
    node: string,
  ): void {
    const { namespace = "", name, uid = "" } = claim.metadata;
    if (volume === undefined) {
      const current = this.world.get(refOf(claim));
      if (current === undefined) return;
      const annotations = { ...current.metadata.annotations, [SELECTED_NODE_ANNOTATION]: node };
      this.world.declare({ ...current, metadata: { ...current.metadata, annotations } });
      return;
    }
    const current = this.world.get(refOf(volume)) as PersistentVolume | undefined;
    if (current === undefined) return;
    const claimRef = { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace, name, uid };
    const taken: PersistentVolume = { ...current, spec: { ...current.spec, claimRef } };
    this.world.declare(taken);
  }

  #preempt(preemption: Preemption): void {
    this.#options.onPreempt?.(preemption);
    const { namespace, name, node, victims, displaced } = preemption;
    const ref = { apiVersion: "v1", kind: "Pod", namespace, name };
    const pod = this.world.get(ref) as Pod | undefined;
    if (pod === undefined) return;
    const message = `${pod.spec.schedulerName}: preempting to accommodate a higher priority pod`;
    for (const victim of victims) {
      const disruption = { reason: "PreemptionByScheduler", message };
      const uid = victim.metadata.uid ?? "";
      this.world.apply([
        { kind: "delete", ref: refOf(victim), uid, disruption, reason: "Scheduled" },
      ]);
    }
    for (const other of displaced) {
      const { nominatedNodeName: _, ...status } = other.status ?? { phase: "Pending" as const };
      this.world.report(refOf(other), status);
    }
    const status = pod.status ?? { phase: "Pending" as const };
    this.world.report(ref, { ...status, nominatedNodeName: node });
  }

  #takeChanges(): void {
    for (const change of this.world.takeChanges()) {
      const { before, after } = change;
      for (const key of wakeKeysOfChange(this.world, before, after)) this.wake(key);
      const kind = (after ?? before)?.kind;
      if (kind === "Pod" || kind === "Node") this.#isPlacing = true;
      if (after === undefined && before !== undefined) this.#agents.forget(before);
      else this.#agents.see(after);
      this.#options.onChange?.(change);
    }
  }
}
