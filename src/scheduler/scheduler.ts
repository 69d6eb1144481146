import type { Millis } from "../base/clock.ts";
import type { Node, Pod, PodDisruptionBudget } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import type { Placement, Refusals, SchedulerCore } from "./core.ts";
import { mayHelp } from "./queue-hints.ts";
import type { BindDecision, Decision } from "./decision.ts";
import { toClusterEvent, type Change, type ClusterEvent } from "./events.ts";
import { formatNoPreemption, formatUnavailable, NOT_HELPFUL } from "./explain.ts";
import { RefusalMemo } from "./explain-memo.ts";
import { explainGang, GANG_PLUGIN, groupNameOf, judgeGang } from "./gang.ts";
import { GangTable } from "./gang-table.ts";
import { BudgetTable } from "./preempt-budgets.ts";
import { Nominations } from "./preempt-nominations.ts";
import { priorityOf } from "./preempt-pick.ts";
import { hasOnlyRequests, Preemptor } from "./preempt.ts";
import { isOurs } from "./profiles.ts";
import { isGated } from "./queue-gates.ts";
import { classKeyOf } from "./queue-order.ts";
import { SchedulingQueue } from "./queue.ts";
import { chooseVolumes, needsOf } from "./volumes.ts";
import type { VolumeTable } from "./volumes-table.ts";

export interface SchedulerOptions {
  readonly core: SchedulerCore;
  /** The very table that the core's volume filters look at. */
  readonly volumes: VolumeTable;
  /** Values of `schedulerName` that are placed; Berth's own unless given. */
  readonly profiles?: ReadonlySet<string>;
}

/** Questions about sleeping pods answered in one turn. */
const CHECKS_PER_TURN = 64;

/**
 * Decides which pod gets which node, told of every change of the cluster and asked for one turn of work at a time.
 * Deterministic; time is passed in. What it decided counts at once, and is taken back when the write failed.
 */
export class Scheduler {
  readonly #core: SchedulerCore;
  readonly #volumes: VolumeTable;
  readonly #profiles: ReadonlySet<string> | undefined;
  readonly #queue: SchedulingQueue;
  readonly #gangs = new GangTable();
  readonly #budgets = new BudgetTable();
  readonly #nominations: Nominations;
  readonly #preemptor: Preemptor;
  readonly #memo: RefusalMemo;
  /** In hand, and not decided on yet: its preemption takes several turns. */
  #unfinished: string | undefined;
  readonly #assumed = new Map<string, BindDecision>();
  readonly #nodes = new Set<string>();
  readonly #gated: Pod[] = [];
  readonly #decided: Decision[] = [];

  constructor({ core, volumes, profiles }: SchedulerOptions) {
    this.#core = core;
    this.#volumes = volumes;
    this.#profiles = profiles;
    this.#nominations = new Nominations(core);
    this.#preemptor = new Preemptor({
      core,
      budgets: this.#budgets,
      nominations: this.#nominations,
    });
    this.#memo = new RefusalMemo(core);
    this.#queue = new SchedulingQueue({
      helps: (event, pod, plugins) => this.#helps(event, pod, plugins),
    });
  }

  /** Pods that wait for a node, gated ones too. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Members of a pod group, as `namespace/name`, that have no node. */
  waitingOf(group: string): number {
    return this.#gangs.waiting(group).length;
  }

  /** Takes in a change of any object; those of kinds that do not matter are ignored. */
  observe(change: Change, now: Millis): void {
    const { object, kind, previous } = change;
    const event = toClusterEvent(change);
    if (object.kind === "Pod")
      this.#observePod(object as Pod, previous as Pod | undefined, kind === "deleted", now);
    else if (kind === "deleted") this.#forget(change);
    else {
      if (object.kind === "PodDisruptionBudget") this.#budgets.set(object as PodDisruptionBudget);
      if (object.kind === "Node") this.#nodes.add((object as Node).metadata.name);
      this.#volumes.set(object);
      this.#core.upsert(object);
    }
    if (object.kind === "Node" && event !== undefined) this.#touch(object.metadata.name);
    if (event?.kind === "volume") this.#core.invalidate();
    if (isFarReaching(change)) this.#memo.clear();
    if (event !== undefined) this.#queue.notice(event);
  }

  /** One turn of work: what it decided, nothing yet (`[]`), or `undefined` when there is nothing to do. */
  turn(now: Millis): readonly Decision[] | undefined {
    const pods = this.#gated.splice(0);
    if (pods.length > 0) return pods.map((pod) => ({ kind: "gated", pod }));
    if (!this.#queue.settle(now, CHECKS_PER_TURN)) return [];
    const pod = this.#unfinishedPod() ?? this.#queue.pop(now);
    if (pod === undefined) return undefined;
    const group = groupNameOf(pod);
    if (group === undefined) this.#decidePod(pod, now);
    else this.#decideGang(group, now);
    return this.#decided.splice(0);
  }

  #unfinishedPod(): Pod | undefined {
    const uid = this.#unfinished;
    this.#unfinished = undefined;
    if (uid === undefined || this.#queue.stateOf(uid) !== "in-hand") return undefined;
    return this.#queue.podOf(uid);
  }

  /** When `turn` may have something to do although nothing happens. */
  nextAt(): Millis | undefined {
    return this.#queue.nextAt();
  }

  /** A binding was written. */
  bound(uid: string, now: Millis): void {
    const decision = this.#assumed.get(uid);
    if (decision === undefined) return;
    this.#assumed.delete(uid);
    this.#volumes.release(decision.volumes);
    this.#queue.remove(uid, now);
  }

  /** A binding could not be written: it counts no longer, and the pod, if it is still there, is tried again. */
  failed(uid: string, now: Millis): void {
    const decision = this.#assumed.get(uid);
    if (decision === undefined) return;
    this.#unassume(decision);
    this.#queue.fail(uid, now);
  }

  /** An eviction could not be written: the pod stays. */
  spared(uid: string): void {
    this.#preemptor.settle(uid);
  }

  #observePod(pod: Pod, before: Pod | undefined, isDeleted: boolean, now: Millis): void {
    const { uid = "" } = pod.metadata;
    this.#gangs.observe(pod, isDeleted);
    this.#countPod(pod, before, isDeleted);
    const assumed = this.#assumed.get(uid);
    if (!isDeleted && wantsNode(pod) && isOurs(pod, this.#profiles)) {
      if (isGated(pod) && (before === undefined || !isGated(before))) this.#gated.push(pod);
      if (assumed === undefined) this.#nominate(pod);
      this.#queue.set(pod, now);
      return;
    }
    this.#queue.remove(uid, now);
    this.#denominate(uid);
    if (assumed === undefined) return;
    if (nodeNameOf(pod) === "") this.#unassume(assumed);
    else {
      this.#assumed.delete(uid);
      this.#volumes.release(assumed.volumes);
    }
  }

  #touch(node: string): void {
    this.#preemptor.touch(node);
    this.#memo.touch(node);
  }

  /** What the pod takes of its node, if it has one. */
  #countPod(pod: Pod, before: Pod | undefined, isDeleted: boolean): void {
    const { uid = "", deletionTimestamp } = pod.metadata;
    const node = nodeNameOf(pod);
    for (const name of [node, before === undefined ? "" : nodeNameOf(before)])
      if (name !== "") this.#touch(name);
    const isOver = isDeleted || isFinished(pod);
    if (isOver ? this.#volumes.leave(uid) : node !== "" && this.#volumes.use(pod, node))
      this.#core.invalidate();
    if (isDeleted) this.#core.removePod(uid);
    else if (node !== "") this.#core.upsert(pod);
    if (isDeleted || deletionTimestamp !== undefined || isFinished(pod))
      this.#preemptor.settle(uid);
  }

  #forget({ object }: Change): void {
    if (object.kind === "Node") {
      this.#nodes.delete(object.metadata.name);
      this.#core.removeNode(object.metadata.name);
    } else this.#core.remove(object);
    if (object.kind === "PodDisruptionBudget") this.#budgets.remove(object as PodDisruptionBudget);
    this.#volumes.remove(object);
  }

  /** As the store has it: after a restart, or when somebody else nominated it. */
  #nominate(pod: Pod): void {
    const { uid = "" } = pod.metadata;
    const node = pod.status?.nominatedNodeName ?? "";
    if (node === "" || this.#nominations.nodeOf(uid) !== undefined) return;
    this.#nominations.set(pod, node);
    this.#touch(node);
  }

  #denominate(uid: string): void {
    const node = this.#nominations.drop(uid);
    if (node !== undefined) this.#touch(node);
  }

  #helps(event: ClusterEvent, pod: Pod, plugins: ReadonlySet<string>): boolean {
    const hidden = this.#nominations.hiddenFrom(pod);
    const mayFit = (_: Pod, node: string): boolean => {
      const refusal = this.#without(hidden, () => this.#core.check(pod, node));
      if (refusal === undefined) return true;
      // It does not help, but what is said of the pod is no longer true.
      if (event.kind === "node" && !plugins.has(refusal.filter)) return true;
      return !refusal.unresolvable && this.#preemptor.couldMakeRoom(pod, node, hidden);
    };
    return mayHelp(event, pod, plugins, { mayFit });
  }

  #without<T>(hidden: ReadonlyMap<string, string>, ask: () => T): T {
    return hidden.size === 0 ? ask() : this.#core.whatIf({ remove: [...hidden.keys()] }, ask);
  }

  #decidePod(pod: Pod, now: Millis): void {
    const found = this.#find(pod);
    if (found.kind === "placed") {
      this.#decided.push({ kind: "bind", bindings: [this.#assume(pod, found.node)] });
      return;
    }
    if (found.refusals === undefined) {
      this.#refuse(pod, found.filters, found.message, now);
      return;
    }
    this.#preempt(pod, found.refusals, now);
  }

  #preempt(pod: Pod, refusals: Refusals, now: Millis): void {
    const { nodes, reasons, filters } = refusals;
    const hidden = this.#nominations.hiddenFrom(pod);
    const isCandidate = this.#memo.isCandidate(refusals);
    const question = { key: classKeyOf(pod), refusals, hidden, isCandidate };
    const preemption = this.#preemptor.choose(pod, question);
    if (preemption.kind === "more") {
      this.#unfinished = pod.metadata.uid ?? "";
      return;
    }
    if (preemption.kind === "none") {
      const says = nodes === 0 ? undefined : formatNoPreemption(preemption.why);
      const message = formatUnavailable({ nodes, reasons, preemption: says });
      this.#refuse(pod, filtersOf(refusals), message, now);
      return;
    }
    const { node, pods } = preemption.victims;
    const displaced = this.#nominations.lesserOn(node, priorityOf(pod));
    for (const other of displaced) {
      const { uid = "" } = other.metadata;
      this.#denominate(uid);
      this.#queue.rouse(uid, now);
    }
    for (const victim of pods) this.#preemptor.evict(victim);
    this.#nominations.set(pod, node);
    this.#touch(node);
    this.#queue.refuse(pod.metadata.uid ?? "", filters, now, node);
    const message = formatUnavailable({ nodes, reasons });
    this.#decided.push({ kind: "preempt", pod, message, node, victims: pods, displaced });
  }

  /** All waiting members of a group, or none: what was tried in vain counts nowhere. */
  #decideGang(group: string, now: Millis): void {
    const members = this.#gangs.waiting(group).filter((pod) => {
      const { uid = "" } = pod.metadata;
      return this.#queue.take(uid) || this.#queue.stateOf(uid) === "in-hand";
    });
    const waiting = members.filter(({ metadata }) => !this.#assumed.has(metadata.uid ?? ""));
    const placed = this.#gangs.placed(group) + members.length - waiting.length;
    const state = { group, waiting, placed };
    const verdict = judgeGang(state);
    if (verdict.kind === "wait") {
      for (const pod of waiting) this.#refuse(pod, [GANG_PLUGIN], verdict.message, now);
      return;
    }
    const bindings: BindDecision[] = [];
    const refused: { readonly pod: Pod; readonly found: NotFound }[] = [];
    for (const pod of waiting) {
      const found = this.#find(pod);
      if (found.kind === "placed") bindings.push(this.#assume(pod, found.node));
      else refused.push({ pod, found });
    }
    const [first] = refused;
    if (bindings.length >= verdict.need) {
      if (bindings.length > 0) this.#decided.push({ kind: "bind", bindings });
      for (const { pod, found } of refused) this.#refuse(pod, found.filters, found.message, now);
      return;
    }
    for (const binding of bindings) this.#unassume(binding);
    const plugins = new Set([GANG_PLUGIN, ...refused.flatMap(({ found }) => [...found.filters])]);
    const refusal = first?.found.message ?? "";
    const message = explainGang(state, { need: verdict.need, fitting: bindings.length, refusal });
    for (const pod of waiting) this.#refuse(pod, plugins, message, now);
  }

  #refuse(pod: Pod, plugins: Iterable<string>, message: string, now: Millis): void {
    const { uid = "" } = pod.metadata;
    this.#queue.refuse(uid, plugins, now, this.#nominations.nodeOf(uid));
    this.#decided.push({ kind: "refuse", pod, message });
  }

  #find(pod: Pod): { readonly kind: "placed"; readonly node: string } | NotFound {
    const needs = needsOf(pod, this.#volumes);
    const nodes = this.#nodes.size;
    if (needs.verdict !== undefined) {
      const why = { kind: "nowhere", nodes, reasons: new Map([[NOT_HELPFUL, nodes]]) } as const;
      const preemption = nodes === 0 ? undefined : formatNoPreemption(why);
      const message = formatUnavailable({ nodes, verdict: needs.verdict, preemption });
      return { kind: "refused", filters: new Set(["VolumeBinding"]), message };
    }
    const hidden = this.#nominations.hiddenFrom(pod);
    const key = hidden.size === 0 && hasOnlyRequests(pod) ? classKeyOf(pod) : undefined;
    let refusals = key === undefined ? undefined : this.#memo.recall(key, pod);
    if (refusals === undefined) {
      const placement = this.#without(hidden, () => this.#place(pod));
      if (placement.kind === "placed") return placement;
      ({ refusals } = placement);
      if (key !== undefined) this.#memo.learn(key);
    }
    const message = formatUnavailable({ nodes: refusals.nodes, reasons: refusals.reasons });
    return { kind: "refused", filters: filtersOf(refusals), message, refusals };
  }

  /** The node that others left for it, if that will do. */
  #place(pod: Pod): Placement {
    const nominated = this.#nominations.nodeOf(pod.metadata.uid ?? "");
    if (nominated !== undefined && this.#core.check(pod, nominated) === undefined)
      return { kind: "placed", node: nominated, score: 0, feasible: 1 };
    return this.#core.place(pod);
  }

  #assume(pod: Pod, node: string): BindDecision {
    const { uid = "" } = pod.metadata;
    this.#denominate(uid);
    this.#core.assume(pod, node);
    this.#touch(node);
    const identity = { name: node, labels: this.#core.node(node)?.metadata.labels ?? {} };
    const volumes = chooseVolumes(needsOf(pod, this.#volumes), identity, this.#volumes) ?? [];
    const isExclusive = this.#volumes.use(pod, node);
    this.#volumes.promise(volumes);
    if (isExclusive || volumes.length > 0) this.#core.invalidate();
    const decision = { pod, node, volumes };
    this.#assumed.set(uid, decision);
    return decision;
  }

  #unassume(decision: BindDecision): void {
    const { uid = "" } = decision.pod.metadata;
    this.#assumed.delete(uid);
    this.#core.forget(uid);
    const isExclusive = this.#volumes.leave(uid);
    this.#touch(decision.node);
    this.#volumes.release(decision.volumes);
    if (isExclusive || decision.volumes.length > 0) this.#core.invalidate();
  }
}

/** Whether a change may let nodes take pods that are not the nodes that it is about. */
function isFarReaching({ object, previous }: Change): boolean {
  if (object.kind === "Namespace") return true;
  if (object.kind !== "Pod") return false;
  return [object, previous].some(
    (pod) => (pod as Pod | undefined)?.spec.affinity?.podAntiAffinity !== undefined,
  );
}

/** Without any node, nodes are what a pod waits for. */
function filtersOf({ nodes, filters }: Refusals): ReadonlySet<string> {
  return nodes === 0 ? new Set(["NodeName"]) : filters;
}

function nodeNameOf(pod: Pod): string {
  return pod.spec.nodeName ?? "";
}

function wantsNode(pod: Pod): boolean {
  return nodeNameOf(pod) === "" && pod.metadata.deletionTimestamp === undefined && !isFinished(pod);
}

interface NotFound {
  readonly kind: "refused";
  readonly filters: ReadonlySet<string>;
  readonly message: string;
  /** Absent when nodes were not asked. */
  readonly refusals?: Refusals;
}
