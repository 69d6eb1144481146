import { compare } from "../base/order.ts";
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
import { Heap } from "./queue-heap.ts";
import { claimNamesOf } from "../model/storage.ts";

export type Preemption =
  /** Not all nodes were asked yet: ask again. */
  | { readonly kind: "more" }
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

/** What is remembered for pods that are alike. */
interface Kind {
  readonly answers: Map<string, Remembered>;
  /** Nodes to ask, again or for the first time. */
  readonly pending: Set<string>;
  /** Answers with victims, the best first; old ones too. */
  readonly ranked: Heap<Found>;
}

type Found = NodeAnswer & { readonly kind: "victims" };

/** Where adding numbers is not enough, this many nodes are tried out, or a tenth of all: Kubernetes' bounds. */
const MIN_TRIALS = 100;
const TRIAL_SHARE = 0.1;
/** Nodes asked in one turn of the scheduler, so that none is long. */
const ASKS_PER_TURN = 50;
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
  readonly #kinds = new Map<string, Kind>();

  constructor(options: PreemptorOptions) {
    this.#options = options;
    this.#loads = new NodeLoads(options.core);
  }

  /** Something about a node, or about the pods on it, changed. */
  touch(node: string): void {
    this.#loads.forget(node);
    for (const { answers, pending } of this.#kinds.values()) {
      answers.delete(node);
      pending.add(node);
    }
  }

  /**
   * Who should leave for a pod that `refusals` is about. `hidden` are reservations that do not bind this pod. Pods of
   * one `key` are alike.
   */
  choose(pod: Pod, { key, refusals, hidden, isCandidate }: Question): Preemption {
    if (pod.spec.preemptionPolicy === "Never") return { kind: "none", why: { kind: "policy" } };
    if (this.waitsForVictims(pod)) return { kind: "none", why: { kind: "terminating" } };
    if (hidden.size > 0 || !hasOnlyRequests(pod)) return this.#tryAll(pod, refusals, hidden);
    const kind = this.#kindFor(key, refusals);
    let asks = 0;
    for (const node of kind.pending) {
      if (asks >= ASKS_PER_TURN) return { kind: "more" };
      kind.pending.delete(node);
      if (!isCandidate(node)) continue;
      asks += 1;
      this.#remember(pod, node, kind);
    }
    const best = this.#best(pod, kind);
    if (best !== undefined) return { kind: "evict", victims: best.victims };
    const reasons = new Map<string, number>();
    for (const { answer } of kind.answers.values())
      if (answer.kind === "useless") countAll(reasons, answer.reasons);
    return nowhere(refusals, kind.answers.size, reasons);
  }

  /** Asks the filters of as many nodes as Kubernetes would. */
  #tryAll(pod: Pod, refusals: Refusals, hidden: ReadonlyMap<string, string>): Preemption {
    const { candidates, nodes } = refusals;
    const reasons = new Map<string, number>();
    const found: Found[] = [];
    const isPlain = hasOnlyRequests(pod);
    const trials = Math.max(MIN_TRIALS, Math.ceil(nodes * TRIAL_SHARE));
    for (const node of candidates) {
      const answer = this.#ask(pod, node, hidden, isPlain);
      if (answer.kind === "useless") countAll(reasons, answer.reasons);
      else found.push(answer);
      if (found.length >= trials) break;
    }
    for (let best = least(found); best !== undefined; best = least(found)) {
      const proven = this.#prove(pod, best, hidden);
      if (proven === best) return { kind: "evict", victims: best.victims };
      found.splice(found.indexOf(best), 1);
      if (proven !== undefined) found.push(proven);
    }
    return nowhere(refusals, candidates.length, reasons);
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

  #kindFor(key: string, refusals: Refusals): Kind {
    let kind = this.#kinds.get(key);
    if (kind !== undefined) return kind;
    const [oldest] = this.#kinds.keys();
    if (this.#kinds.size >= MAX_KINDS && oldest !== undefined) this.#kinds.delete(oldest);
    kind = {
      answers: new Map(),
      pending: new Set(refusals.candidates),
      ranked: new Heap((a, b) => compareFound(a, b)),
    };
    this.#kinds.set(key, kind);
    return kind;
  }

  #remember(pod: Pod, node: string, { answers, ranked }: Kind): void {
    const { budgets } = this.#options;
    const answer = this.#ask(pod, node, NOTHING, true);
    const hasBudget = this.#lesser(pod, node).some((other) => budgets.of(other).length > 0);
    answers.set(node, { answer, budgets: hasBudget ? budgets.version : undefined });
    if (answer.kind === "victims") ranked.push(answer);
  }

  /** The best answer that still holds, before the filters too. */
  #best(pod: Pod, kind: Kind): Found | undefined {
    const { answers, ranked } = kind;
    const { version } = this.#options.budgets;
    for (let best = ranked.peek(); best !== undefined; best = ranked.peek()) {
      const { node } = best.victims;
      const known = answers.get(node);
      if (known?.answer !== best) ranked.pop();
      else if (known.budgets !== undefined && known.budgets !== version) {
        ranked.pop();
        this.#remember(pod, node, kind);
      } else {
        const proven = this.#prove(pod, best, NOTHING);
        if (proven === best) return best;
        ranked.pop();
        const answer = proven ?? useless(NO_VICTIMS);
        answers.set(node, { answer, budgets: known.budgets });
        if (proven !== undefined) ranked.push(proven);
      }
    }
    return undefined;
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
    const absent = uidsOn(hidden, node);
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

  /** The answer itself when the filters agree; else what they say. */
  #prove(pod: Pod, answer: Found, hidden: ReadonlyMap<string, string>): Found | undefined {
    const { core } = this.#options;
    const { node, pods } = answer.victims;
    const absent = uidsOn(hidden, node);
    const remove = [...pods.map(({ metadata }) => metadata.uid ?? ""), ...absent];
    if (core.whatIf({ remove }, () => core.check(pod, node)) === undefined) return answer;
    const real = this.#tryOut(pod, node, this.#lesser(pod, node), absent);
    if (real.kind === "useless" || isSame(real.victims, answer.victims)) return undefined;
    return real;
  }
}

/** What a choice is about. */
export interface Question {
  readonly key: string;
  readonly refusals: Refusals;
  readonly hidden: ReadonlyMap<string, string>;
  readonly isCandidate: (node: string) => boolean;
}

const NOTHING: ReadonlyMap<string, string> = new Map();

function nowhere(
  { nodes }: Refusals,
  candidates: number,
  reasons: Map<string, number>,
): Preemption {
  if (nodes > candidates) reasons.set(NOT_HELPFUL, nodes - candidates);
  return { kind: "none", why: { kind: "nowhere", nodes, reasons } };
}

function countAll(counts: Map<string, number>, reasons: readonly string[]): void {
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function uidsOn(hidden: ReadonlyMap<string, string>, node: string): readonly string[] {
  return [...hidden].filter(([, where]) => where === node).map(([uid]) => uid);
}

function isSame(a: Victims, b: Victims): boolean {
  return a.pods.length === b.pods.length && a.pods.every((pod, index) => pod === b.pods[index]);
}

/** Of equal ones the first by name. */
function compareFound(a: Found, b: Found): number {
  return compareCost(a.cost, b.cost) || compare(a.victims.node, b.victims.node);
}

function least(answers: readonly Found[]): Found | undefined {
  let best: Found | undefined;
  for (const answer of answers)
    if (best === undefined || compareFound(answer, best) < 0) best = answer;
  return best;
}

function useless(...reasons: readonly string[]): NodeAnswer {
  return { kind: "useless", reasons };
}

/** Whether only requests and the number of pods decide if the pod fits beside others. */
export function hasOnlyRequests(pod: Pod): boolean {
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
