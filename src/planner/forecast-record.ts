import type { Millis } from "../base/clock.ts";
import { sortedBy } from "../base/order.ts";
import type { Pod, PodDisruptionBudget, Service } from "../model/kinds.gen.ts";
import { matchesLabels, matchesSelector } from "../model/labels.ts";
import { controllerOf, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";
import { isPod, listPods } from "./owned-pods.ts";
import { isActive, isReady, isTerminating } from "./pod-state.ts";
import type { Placement, Preemption } from "./sim-cluster.ts";
import type { SimChange, SimWorld } from "./sim-world.ts";

/** A pod of a forecast and the workload that it is for. */
export interface SimulatedPod {
  readonly pod: ObjectRef;
  /** Its controller: a ReplicaSet or Job, and that one's controller, if any. */
  readonly owner?: ObjectRef;
}

/** One thing that happens to a pod. */
export interface SimulatedStep extends SimulatedPod {
  /** Virtual time since the beginning: what matters is the order. */
  readonly atMs: Millis;
  readonly what: "create" | "place" | "ready" | "done" | "stop" | "gone";
  /** Of `place`, and of whatever happens later. */
  readonly node?: string;
}

/** How few pods of a workload are Ready at any moment, and how many there are at the most. */
export interface SimulatedWorkload {
  readonly workload: ObjectRef;
  readonly readyBefore: number;
  readonly lowestReady: number;
  readonly readyAfter: number;
  readonly mostPods: number;
}

/** How few pods something that selects pods has at any moment. */
export interface SimulatedSelection {
  readonly ref: ObjectRef;
  readonly readyBefore: number;
  readonly lowestReady: number;
  readonly readyAfter: number;
  /** Of a disruption budget: how many it asks for, when there were fewest. */
  readonly wanted?: number;
}

/** A pod that leaves its node for a more important one. */
export interface SimulatedPreemption extends SimulatedPod {
  readonly node: string;
  readonly by: ObjectRef;
}

export interface Recorded {
  /** In the order in which they come about. */
  readonly created: readonly SimulatedPod[];
  readonly deleted: readonly SimulatedPod[];
  readonly bindings: Placement["bindings"];
  readonly steps: readonly SimulatedStep[];
  readonly preempted: readonly SimulatedPreemption[];
  /** Workloads that had pods come or go, in the order of their names. */
  readonly workloads: readonly SimulatedWorkload[];
  /** Services that had Ready pods, and had none at some moment. */
  readonly services: readonly SimulatedSelection[];
  /** Disruption budgets that had fewer Ready pods at some moment than they ask for. */
  readonly budgets: readonly SimulatedSelection[];
}

/** Their pods are no replicas: they come to an end. */
const ENDING: ReadonlySet<string> = new Set(["Job", "CronJob"]);

interface Count {
  readonly ref: ObjectRef;
  before: number;
  ready: number;
  lowest: number;
  pods: number;
  most: number;
  wanted: number | undefined;
}

/** Keeps what a forecast tells, change by change. */
export class ForecastRecord {
  lastAt: Millis;
  readonly #world: SimWorld;
  readonly #startedAt: Millis;
  readonly #created: SimulatedPod[] = [];
  readonly #deleted: SimulatedPod[] = [];
  readonly #bindings: Placement["bindings"][number][] = [];
  readonly #steps: SimulatedStep[] = [];
  readonly #preempted: SimulatedPreemption[] = [];
  /** By uid of the pod: its owner stays known when that one is gone. */
  readonly #tops = new Map<string, ObjectRef | undefined>();
  readonly #workloads = new Map<string, Count>();
  readonly #touched = new Set<string>();
  /** By namespace, then by key. */
  readonly #selections = new Map<string, Map<string, Count>>();

  constructor(world: SimWorld) {
    this.#world = world;
    this.#startedAt = world.now;
    this.lastAt = world.now;
    for (const pod of listPods(world)) {
      const count = this.#countOf(pod);
      if (count === undefined) continue;
      add(count, pod, 1);
      count.before = count.ready;
      count.lowest = count.ready;
      count.most = count.pods;
    }
    for (const service of world.list("v1", "Service")) this.#select(service);
    for (const budget of world.list("policy/v1", "PodDisruptionBudget")) this.#select(budget);
  }

  see({ before, after }: SimChange): void {
    const object = after ?? before;
    if (object === undefined) return;
    if (after !== undefined && (after.kind === "Service" || after.kind === "PodDisruptionBudget"))
      this.#select(after);
    if (!isPod(object)) return;
    this.lastAt = this.#world.now;
    const was = before as Pod | undefined;
    const is = after as Pod | undefined;
    this.#tell(was, is, object);
    this.#measure(was, is, object);
  }

  preempt({ namespace, name, node, victims }: Preemption): void {
    const by = { apiVersion: "v1", kind: "Pod", namespace, name };
    for (const victim of victims) this.#preempted.push({ ...this.#simulated(victim), node, by });
  }

  result(): Recorded {
    const touched = [...this.#workloads].filter(
      ([key, { ref }]) => this.#touched.has(key) && !ENDING.has(ref.kind),
    );
    const selections = [...this.#selections.values()].flatMap((counts) => [...counts.values()]);
    return {
      created: this.#created,
      deleted: this.#deleted,
      bindings: this.#bindings,
      steps: this.#steps,
      preempted: this.#preempted,
      workloads: inOrder(touched.map(([, count]) => count)).map((count) => ({
        workload: count.ref,
        readyBefore: count.before,
        lowestReady: count.lowest,
        readyAfter: count.ready,
        mostPods: count.most,
      })),
      services: inOrder(
        selections.filter(
          ({ ref, before, lowest }) => isService(ref) && before > 0 && lowest === 0,
        ),
      ).map(toSelection),
      budgets: inOrder(selections.filter(({ wanted }) => wanted !== undefined)).map(toSelection),
    };
  }

  #tell(was: Pod | undefined, is: Pod | undefined, pod: Pod): void {
    if (was === undefined) {
      this.#created.push(this.#simulated(pod));
      this.#step("create", pod);
    } else if (is === undefined) this.#tellGone(was);
    else this.#tellChange(was, is);
    if (is !== undefined && isReady(is) && !(was !== undefined && isReady(was)))
      this.#step("ready", is);
  }

  #tellGone(was: Pod): void {
    if (!isTerminating(was)) this.#tellStop(was);
    this.#step("gone", was);
  }

  #tellChange(was: Pod, is: Pod): void {
    const { nodeName: node } = is.spec;
    if (node !== undefined && was.spec.nodeName === undefined) {
      const { namespace = "", name, uid = "" } = is.metadata;
      this.#bindings.push({ namespace, name, uid, node });
      this.#step("place", is);
    }
    if (isFinished(is) && !isFinished(was)) this.#step("done", is);
    if (isTerminating(is) && !isTerminating(was)) this.#tellStop(was);
  }

  #tellStop(pod: Pod): void {
    this.#deleted.push(this.#simulated(pod));
    this.#step("stop", pod);
  }

  #step(what: SimulatedStep["what"], pod: Pod): void {
    const { nodeName } = pod.spec;
    this.#steps.push({
      atMs: this.#world.now - this.#startedAt,
      what,
      ...this.#simulated(pod),
      ...(nodeName === undefined ? {} : { node: nodeName }),
    });
  }

  #measure(was: Pod | undefined, is: Pod | undefined, pod: Pod): void {
    const top = this.#countOf(pod);
    if (top !== undefined) {
      this.#touched.add(refKey(top.ref));
      if (was !== undefined) add(top, was, -1);
      if (is !== undefined) add(top, is, 1);
      this.#look(top);
    }
    for (const count of this.#selections.get(pod.metadata.namespace ?? "")?.values() ?? []) {
      const object = this.#world.get(count.ref);
      const matches = object === undefined ? undefined : matcherOf(object);
      if (matches === undefined) continue;
      if (was !== undefined && matches(was)) add(count, was, -1);
      if (is !== undefined && matches(is)) add(count, is, 1);
      this.#look(count);
    }
  }

  #look(count: Count): void {
    count.lowest = Math.min(count.lowest, count.ready);
    count.most = Math.max(count.most, count.pods);
    if (count.ref.kind !== "PodDisruptionBudget") return;
    const budget = this.#world.get(count.ref) as PodDisruptionBudget | undefined;
    const wanted = budget?.status?.desiredHealthy;
    if (wanted === undefined || count.ready >= wanted || count.before < wanted) return;
    if (count.wanted === undefined || count.ready <= count.lowest) count.wanted = wanted;
  }

  /** Counts the pods that a Service or budget selects; again, when its selector changes. */
  #select(object: ApiObject): void {
    const key = refKey(refOf(object));
    const matches = matcherOf(object);
    if (matches === undefined) return;
    const { namespace = "" } = object.metadata;
    const counts = this.#selections.get(namespace) ?? new Map<string, Count>();
    this.#selections.set(namespace, counts);
    const known = counts.get(key);
    const count = newCount(refOf(object));
    for (const pod of listPods(this.#world, namespace)) if (matches(pod)) add(count, pod, 1);
    count.before = known?.before ?? count.ready;
    count.lowest = Math.min(known?.lowest ?? count.ready, count.ready);
    count.wanted = known?.wanted;
    counts.set(key, count);
  }

  #countOf(pod: Pod): Count | undefined {
    const ref = this.#topOf(pod);
    if (ref === undefined) return undefined;
    const key = refKey(ref);
    const count = this.#workloads.get(key) ?? newCount(ref);
    this.#workloads.set(key, count);
    return count;
  }

  #simulated(pod: Pod): SimulatedPod {
    const owner = this.#topOf(pod);
    return owner === undefined ? { pod: refOf(pod) } : { pod: refOf(pod), owner };
  }

  #topOf(pod: Pod): ObjectRef | undefined {
    const { uid = "" } = pod.metadata;
    if (this.#tops.has(uid)) return this.#tops.get(uid);
    const owner = this.#ownerOf(pod);
    const top = owner === undefined ? undefined : (this.#ownerOf(owner) ?? owner);
    const ref = top === undefined ? undefined : refOf(top);
    this.#tops.set(uid, ref);
    return ref;
  }

  #ownerOf(object: ApiObject): ApiObject | undefined {
    const owner = controllerOf(object);
    if (owner === undefined) return undefined;
    const { apiVersion, kind, name } = owner;
    return this.#world.get({ apiVersion, kind, namespace: object.metadata.namespace ?? "", name });
  }
}

function newCount(ref: ObjectRef): Count {
  return { ref, before: 0, ready: 0, lowest: 0, pods: 0, most: 0, wanted: undefined };
}

function add(count: Count, pod: Pod, sign: 1 | -1): void {
  if (!isActive(pod)) return;
  count.pods += sign;
  if (isReady(pod)) count.ready += sign;
}

function matcherOf(object: ApiObject): ((pod: Pod) => boolean) | undefined {
  if (object.kind === "Service") {
    const { selector } = (object as Service).spec;
    if (selector === undefined || Object.keys(selector).length === 0) return undefined;
    return ({ metadata }) => matchesLabels(selector, metadata.labels);
  }
  const { selector } = (object as PodDisruptionBudget).spec;
  if (selector === undefined) return undefined;
  return ({ metadata }) => matchesSelector(selector, metadata.labels);
}

function isService({ kind }: ObjectRef): boolean {
  return kind === "Service";
}

function inOrder(counts: readonly Count[]): readonly Count[] {
  return sortedBy(counts, ({ ref }) => refKey(ref));
}

function toSelection({ ref, before, lowest, ready, wanted }: Count): SimulatedSelection {
  return {
    ref,
    readyBefore: before,
    lowestReady: lowest,
    readyAfter: ready,
    ...(wanted === undefined ? {} : { wanted }),
  };
}
