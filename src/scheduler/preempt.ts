import { canonicalJson } from "../base/hash.ts";
import { findCondition } from "../model/condition.ts";
import type { Pod } from "../model/kinds.gen.ts";
import type { Refusals, SchedulerCore } from "./core.ts";
import { NO_VICTIMS, NOT_HELPFUL, type NoPreemption } from "./explain.ts";
import type { BudgetTable } from "./preempt-budgets.ts";
import { NodeLoads } from "./preempt-loads.ts";
import { isReservation, type Nominations } from "./preempt-nominations.ts";
import {
  compareCost,
  compareImportance,
  costOf,
  priorityOf,
  type VictimCost,
  type Victims,
} from "./preempt-pick.ts";
import { claimNamesOf } from "./volumes.ts";

export type Preemption =
  | { readonly kind: "evict"; readonly victims: Victims }
  | { readonly kind: "none"; readonly why: NoPreemption };

export interface PreemptorOptions {
  readonly core: SchedulerCore;
  readonly budgets: BudgetTable;
  readonly nominations: Nominations;
}

/** What a node would have to lose for a pod, or why that does not help. */
type NodeAnswer =
  | { readonly kind: "victims"; readonly victims: Victims; readonly cost: VictimCost }
  | { readonly kind: "useless"; readonly reasons: readonly string[] };

interface Remembered {
  readonly answer: NodeAnswer;
  /** State of the budgets that the answer depends on; absent when none of its pods has one. */
  readonly budgets: number | undefined;
}

/** Where adding numbers is not enough, this many nodes are tried out, or a tenth of all: Kubernetes' bounds. */
const MIN_TRIALS = 100;
const TRIAL_SHARE = 0.1;
/** Kinds of preempting pods whose answers are remembered. */
const MAX_KINDS = 64;

/**
 * Finds the least important pods whose leaving lets a more important one in, by Kubernetes' rules: fewest violated
 * budgets, then the least important victims, the smallest sum of priorities, the fewest, those that began last.
 * Answers are remembered per node until that node changes. Deterministic.
 */
export class Preemptor {
  readonly #options: PreemptorOptions;
  readonly #loads: NodeLoads;
  readonly #evicted = new Set<string>();
  readonly #answers = new Map<string, Map<string, Remembered>>();

  constructor(options: PreemptorOptions) {
    this.#options = options;
    this.#loads = new NodeLoads(options.core);
  }

  /** Something about a node, or about the pods on it, changed. */
  touch(node: string): void {
    this.#loads.forget(node);
    for (const answers of this.#answers.values()) answers.delete(node);
  }

  /** Who should leave for a pod that `refusals` is about. `hidden` are reservations that do not bind this pod. */
  choose(pod: Pod, refusals: Refusals, hidden: ReadonlyMap<string, string>): Preemption {
    if (pod.spec.preemptionPolicy === "Never") return { kind: "none", why: { kind: "policy" } };
    if (this.waitsForVictims(pod)) return { kind: "none", why: { kind: "terminating" } };
    const reasons = new Map<string, number>();
    const count = (reason: string, by = 1): void =>
      void reasons.set(reason, (reasons.get(reason) ?? 0) + by);
    const unhelpful = refusals.nodes - refusals.candidates.length;
    if (unhelpful > 0) count(NOT_HELPFUL, unhelpful);
    const found: (NodeAnswer & { readonly kind: "victims" })[] = [];
    const isPlain = hasOnlyRequests(pod);
    const trials = Math.max(MIN_TRIALS, Math.ceil(refusals.nodes * TRIAL_SHARE));
    const remembered = isPlain ? this.#answersFor(pod) : undefined;
    const special = new Set(hidden.values());
    for (const node of refusals.candidates) {
      const kept = special.has(node) ? undefined : remembered;
      const answer =
        kept === undefined
          ? this.#ask(pod, node, hidden, isPlain)
          : this.#recall(pod, node, hidden, kept);
      if (answer.kind === "useless") for (const reason of answer.reasons) count(reason);
      else found.push(answer);
      if (!isPlain && found.length >= trials) break;
    }
    const best = isPlain ? this.#proven(pod, found, hidden) : least(found);
    if (best !== undefined) return { kind: "evict", victims: best.victims };
    return { kind: "none", why: { kind: "nowhere", nodes: refusals.nodes, reasons } };
  }

  /** Whether a node would take the pod if less important pods left it. */
  couldMakeRoom(pod: Pod, node: string, hidden: ReadonlyMap<string, string>): boolean {
    if (pod.spec.preemptionPolicy === "Never" || this.waitsForVictims(pod)) return false;
    return this.#ask(pod, node, hidden, hasOnlyRequests(pod)).kind === "victims";
  }

  /** Whether pods that had to leave for this one are still on their way out of the node it was promised. */
  waitsForVictims(pod: Pod): boolean {
    const { core, nominations } = this.#options;
    const node = nominations.nodeOf(pod.metadata.uid ?? "");
    if (node === undefined || core.check(pod, node)?.unresolvable === true) return false;
    for (const other of core.podsOn(node))
      if (priorityOf(other) < priorityOf(pod) && this.#isLeaving(other)) return true;
    return false;
  }

  /** It was chosen to leave; until it is seen terminating only this knows. */
  evict(pod: Pod): void {
    this.#evicted.add(pod.metadata.uid ?? "");
    this.#options.budgets.evict(pod);
  }

  /** It was seen terminating, is gone, or stays after all. */
  settle(uid: string): void {
    this.#evicted.delete(uid);
    this.#options.budgets.settle(uid);
  }

  #isLeaving(pod: Pod): boolean {
    return this.#evicted.has(pod.metadata.uid ?? "") || isLeavingByPreemption(pod);
  }

  #answersFor(pod: Pod): Map<string, Remembered> {
    const key = canonicalJson([Object.fromEntries(this.#loads.requestsOf(pod)), priorityOf(pod)]);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#answers.keys();
    if (this.#answers.size >= MAX_KINDS && oldest !== undefined) this.#answers.delete(oldest);
    const made = new Map<string, Remembered>();
    this.#answers.set(key, made);
    return made;
  }

  #recall(
    pod: Pod,
    node: string,
    hidden: ReadonlyMap<string, string>,
    answers: Map<string, Remembered>,
  ): NodeAnswer {
    const { version } = this.#options.budgets;
    const known = answers.get(node);
    if (known !== undefined && (known.budgets === undefined || known.budgets === version))
      return known.answer;
    const answer = this.#ask(pod, node, hidden, true);
    const hasBudget = this.#lesser(pod, node).some(
      (other) => this.#options.budgets.of(other).length > 0,
    );
    answers.set(node, { answer, budgets: hasBudget ? version : undefined });
    return answer;
  }

  /** Pods that are less important, the most important of them first. */
  #lesser(pod: Pod, node: string): readonly Pod[] {
    const priority = priorityOf(pod);
    return this.#loads
      .sorted(node)
      .filter((other) => priorityOf(other) < priority && !isReservation(other.metadata.uid ?? ""));
  }

  #ask(pod: Pod, node: string, hidden: ReadonlyMap<string, string>, isPlain: boolean): NodeAnswer {
    const lesser = this.#lesser(pod, node);
    if (lesser.length === 0) return useless(NO_VICTIMS);
    const absent = [...hidden].filter(([, where]) => where === node).map(([uid]) => uid);
    if (!isPlain) return this.#tryOut(pod, node, lesser, absent);
    const room = this.#loads.roomFor(pod, node, new Set(absent));
    for (const other of lesser) room.release(other);
    const lacking = room.lacking();
    if (lacking.length > 0) return useless(...lacking);
    const answer = this.#reprieve(node, lesser, (other) => room.claim(other));
    // Numbers alone let it in: then it was refused for something else.
    return answer.kind === "victims" ? answer : this.#tryOut(pod, node, lesser, absent);
  }

  /** As the filters themselves say it. */
  #tryOut(pod: Pod, node: string, lesser: readonly Pod[], absent: readonly string[]): NodeAnswer {
    const { core } = this.#options;
    const gone = new Set([...lesser.map(({ metadata }) => metadata.uid ?? ""), ...absent]);
    const ask = (): readonly string[] | undefined =>
      core.whatIf({ remove: [...gone] }, () => core.check(pod, node)?.reasons);
    const reasons = ask();
    if (reasons !== undefined) return useless(...reasons);
    return this.#reprieve(node, lesser, (other) => {
      const uid = other.metadata.uid ?? "";
      gone.delete(uid);
      if (ask() === undefined) return true;
      gone.add(uid);
      return false;
    });
  }

  /** Keeps as many as possible: first those whose budget would be violated, then the most important. */
  #reprieve(node: string, lesser: readonly Pod[], keep: (pod: Pod) => boolean): NodeAnswer {
    const violating = this.#options.budgets.violating(lesser);
    const pods: Pod[] = [];
    let violations = 0;
    for (const pod of lesser) {
      if (!violating.has(pod) || keep(pod)) continue;
      pods.push(pod);
      violations += 1;
    }
    for (const pod of lesser) if (!violating.has(pod) && !keep(pod)) pods.push(pod);
    if (pods.length === 0) return useless(NO_VICTIMS);
    const victims = { node, pods: pods.toSorted(compareImportance), violations };
    return { kind: "victims", victims, cost: costOf(victims) };
  }

  /** The best answer that holds before the filters too; one that was only added up may not. */
  #proven(
    pod: Pod,
    found: readonly (NodeAnswer & { readonly kind: "victims" })[],
    hidden: ReadonlyMap<string, string>,
  ): (NodeAnswer & { readonly kind: "victims" }) | undefined {
    const { core } = this.#options;
    const doubtful = new Map(found.map((answer) => [answer.victims.node, answer]));
    for (let trial = 0; trial < MIN_TRIALS; trial += 1) {
      const best = least(doubtful.values());
      if (best === undefined) return undefined;
      const { node, pods } = best.victims;
      const absent = [...hidden].filter(([, where]) => where === node).map(([uid]) => uid);
      const remove = [...pods.map(({ metadata }) => metadata.uid ?? ""), ...absent];
      if (core.whatIf({ remove }, () => core.check(pod, node)) === undefined) return best;
      doubtful.delete(node);
      const real = this.#tryOut(pod, node, this.#lesser(pod, node), absent);
      if (real.kind === "victims") doubtful.set(node, real);
    }
    return undefined;
  }
}

function least<T extends { readonly cost: VictimCost }>(answers: Iterable<T>): T | undefined {
  let best: T | undefined;
  for (const answer of answers)
    if (best === undefined || compareCost(answer.cost, best.cost) < 0) best = answer;
  return best;
}

function useless(...reasons: readonly string[]): NodeAnswer {
  return { kind: "useless", reasons };
}

/** Whether only requests and the number of pods decide if the pod fits beside others. */
function hasOnlyRequests(pod: Pod): boolean {
  const { affinity, topologySpreadConstraints, containers, initContainers = [] } = pod.spec;
  if (affinity?.podAffinity !== undefined || affinity?.podAntiAffinity !== undefined) return false;
  if ((topologySpreadConstraints?.length ?? 0) > 0 || claimNamesOf(pod).length > 0) return false;
  return ![...containers, ...initContainers].some(({ ports }) =>
    (ports ?? []).some(({ hostPort }) => (hostPort ?? 0) > 0),
  );
}

function isLeavingByPreemption({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  const condition = findCondition(status?.conditions, "DisruptionTarget");
  return condition?.status === "True" && condition.reason === "PreemptionByScheduler";
}
