import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Millis } from "../base/clock.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { concernedPlugins, type ClusterEvent } from "./events.ts";
import { isGated } from "./queue-gates.ts";
import { Heap } from "./queue-heap.ts";
import { classKeyOf, compareUrgency } from "./queue-order.ts";

/** As Kubernetes has them. */
const BACKOFF: BackoffPolicy = { baseMs: 1000, maxMs: 10_000 };
/** A refused pod is tried again after this time whatever happens: nothing is forgotten by a rule that is too narrow. */
export const STUCK_MS: Millis = 300_000;

export interface QueueOptions {
  /** Whether an event could help a pod that the plugins refused. */
  readonly helps: (event: ClusterEvent, pod: Pod, plugins: ReadonlySet<string>) => boolean;
}

export type QueueState = "gated" | "active" | "in-hand" | "back-off" | "refused";

interface Entry {
  pod: Pod;
  readonly uid: string;
  state: QueueState;
  attempts: number;
  failedAt: Millis;
  /** Changed whenever the state does, so that a heap can tell an old item from the current one. */
  turn: number;
  /** Whether the last attempt broke off, rather than found no node. */
  hasErred: boolean;
  class: PodClass | undefined;
}

/** Refused pods that are alike for the scheduler. One of them at a time is tried again, and speaks for all. */
interface PodClass {
  readonly key: string;
  /** The node that its one member was promised. */
  readonly promised: string | undefined;
  /** Refused, or being tried again; in the order of their first refusal. */
  readonly members: Map<string, Entry>;
  plugins: ReadonlySet<string>;
  refusedAt: Millis;
  /** The one that is tried again now. */
  awake: Entry | undefined;
}

interface Ticket {
  readonly entry: Entry;
  readonly turn: number;
  readonly readyAt: Millis;
}

/**
 * Pods that want a node. A refused pod sleeps until an event could help it, and even then waits its back-off; others go
 * on past it. Of many refused pods that are alike one is woken, and the next when it was placed: the work for an event
 * follows the kinds of waiting pods, not their number. Deterministic; time is passed in.
 */
export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new Heap<Ticket>((a, b) => compareUrgency(a.entry.pod, b.entry.pod));
  readonly #backoff = new Heap<Ticket>(
    (a, b) => a.readyAt - b.readyAt || compareUrgency(a.entry.pod, b.entry.pod),
  );
  readonly #classes = new Map<string, PodClass>();
  /** Classes of which none is awake, longest refused first. */
  readonly #asleep = new Set<PodClass>();
  readonly #byPlugin = new Map<string, Set<PodClass>>();
  readonly #byPromise = new Map<string, Set<PodClass>>();
  /** Events that are not matched with the sleeping classes yet, and how far the first of them is. */
  readonly #events = new Map<string, ClusterEvent>();
  #rest: PodClass[] = [];
  #restEvent: ClusterEvent | undefined;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  stateOf(uid: string): QueueState | undefined {
    return this.#entries.get(uid)?.state;
  }

  /** The pod as it was seen last. */
  podOf(uid: string): Pod | undefined {
    return this.#entries.get(uid)?.pod;
  }

  /** A pod that wants a node, new or changed. A change of what the scheduler looks at is a reason to try again. */
  set(pod: Pod, now: Millis): void {
    const uid = pod.metadata.uid ?? "";
    const known = this.#entries.get(uid);
    if (known === undefined) {
      const state = isGated(pod) ? "gated" : "active";
      const entry: Entry = {
        pod,
        uid,
        state,
        attempts: 0,
        failedAt: 0,
        turn: 0,
        hasErred: false,
        class: undefined,
      };
      this.#entries.set(uid, entry);
      if (state === "active") this.#activate(entry);
      return;
    }
    const before = known.pod;
    known.pod = pod;
    if (known.state === "in-hand") return;
    if (isGated(pod)) {
      this.#leaveClass(known, now);
      this.#move(known, "gated");
    } else if (known.state === "gated") {
      this.#activate(known);
    } else if (isOtherwise(before, pod)) {
      this.#leaveClass(known, now);
      if (known.state === "active") this.#activate(known);
      else this.#retry(known, now);
    }
  }

  /** It is gone, or has a node. Nothing when it is not known. */
  remove(uid: string, now: Millis): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    entry.turn += 1;
    this.#leaveClass(entry, now);
  }

  /** The most urgent pod that may be tried now; it is in hand until it is refused, fails or is removed. */
  pop(now: Millis): Pod | undefined {
    for (let next = this.#backoff.peek(); next !== undefined; next = this.#backoff.peek()) {
      const isOld = next.turn !== next.entry.turn;
      if (!isOld && next.readyAt > now) break;
      this.#backoff.pop();
      if (!isOld) this.#activate(next.entry);
    }
    const entry = this.#popActive() ?? this.#popIdle();
    if (entry === undefined) return undefined;
    this.#takeInHand(entry);
    return entry.pod;
  }

  /** Takes a waiting pod out of its turn, as one of a group. False when it is gated, in hand or not known. */
  take(uid: string): boolean {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.state === "gated" || entry.state === "in-hand") return false;
    this.#takeInHand(entry);
    return true;
  }

  /**
   * A pod in hand found no node; `plugins` refused it. It sleeps until something could help it, or one of its like. One
   * that was promised a node sleeps alone, until pods leave that node or any node changes.
   */
  refuse(uid: string, plugins: Iterable<string>, now: Millis, promised?: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.state !== "in-hand") return;
    entry.failedAt = now;
    entry.hasErred = false;
    if (isGated(entry.pod)) {
      this.#leaveClass(entry, now);
      this.#move(entry, "gated");
      return;
    }
    this.#move(entry, "refused");
    const key = promised === undefined ? classKeyOf(entry.pod) : `${uid} for ${promised}`;
    if (entry.class !== undefined && entry.class.key !== key) this.#leaveClass(entry, now);
    const podClass = this.#classOf(key, promised);
    podClass.members.set(uid, entry);
    entry.class = podClass;
    if (podClass.awake === entry) podClass.awake = undefined;
    this.#index(podClass, new Set(plugins));
    podClass.refusedAt = now;
    this.#asleep.delete(podClass);
    if (podClass.awake === undefined) this.#asleep.add(podClass);
  }

  /** A sleeping pod has a reason of its own to be tried again. */
  rouse(uid: string, now: Millis): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.state !== "refused") return;
    this.#leaveClass(entry, now);
    this.#retry(entry, now);
  }

  /** An attempt broke off (a lost race, an error): the pod is tried again after its back-off. */
  fail(uid: string, now: Millis): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.state !== "in-hand") return;
    entry.failedAt = now;
    entry.hasErred = true;
    this.#leaveClass(entry, now);
    if (isGated(entry.pod)) this.#move(entry, "gated");
    else this.#retry(entry, now);
  }

  /** Something happened in the cluster. What it means for sleeping pods is found out by `settle`. */
  notice(event: ClusterEvent): void {
    if (this.#classes.size > 0) this.#events.set(event.key, event);
  }

  /**
   * Matches noticed events with sleeping pods, at most `maxChecks` questions at a time, and wakes those that an event
   * could help or that have slept too long. False when there is more to do.
   */
  settle(now: Millis, maxChecks: number): boolean {
    for (const podClass of this.#asleep) {
      if (podClass.refusedAt + STUCK_MS > now) break;
      this.#wake(podClass, now);
    }
    for (let checks = 0; checks < maxChecks; checks += 1) {
      const podClass = this.#rest.pop();
      if (podClass === undefined) {
        if (!this.#nextEvent()) return true;
        continue;
      }
      if (!this.#asleep.has(podClass)) continue;
      const event = this.#restEvent;
      const [member] = podClass.members.values();
      if (event === undefined || member === undefined) continue;
      if (this.#options.helps(event, member.pod, podClass.plugins)) this.#wake(podClass, now);
    }
    return this.#rest.length === 0 && this.#events.size === 0;
  }

  /** When `pop` or `settle` may have something to do although nothing happens. */
  nextAt(): Millis | undefined {
    const [oldest] = this.#asleep;
    const flushAt = oldest === undefined ? Infinity : oldest.refusedAt + STUCK_MS;
    let next = this.#backoff.peek();
    while (next !== undefined && next.turn !== next.entry.turn) {
      this.#backoff.pop();
      next = this.#backoff.peek();
    }
    const at = Math.min(flushAt, next?.readyAt ?? Infinity);
    return at === Infinity ? undefined : at;
  }

  #popActive(): Entry | undefined {
    for (let ticket = this.#active.pop(); ticket !== undefined; ticket = this.#active.pop())
      if (ticket.turn === ticket.entry.turn) return ticket.entry;
    return undefined;
  }

  /** With nothing else to do a back-off is pointless, unless the attempt broke off. */
  #popIdle(): Entry | undefined {
    const kept: Ticket[] = [];
    let found: Entry | undefined;
    for (let ticket = this.#backoff.pop(); ticket !== undefined; ticket = this.#backoff.pop()) {
      if (ticket.turn !== ticket.entry.turn) continue;
      if (!ticket.entry.hasErred) {
        found = ticket.entry;
        break;
      }
      kept.push(ticket);
    }
    for (const ticket of kept) this.#backoff.push(ticket);
    return found;
  }

  #takeInHand(entry: Entry): void {
    entry.attempts += 1;
    this.#move(entry, "in-hand");
    const { class: podClass } = entry;
    if (podClass === undefined || podClass.awake !== undefined) return;
    podClass.awake = entry;
    this.#asleep.delete(podClass);
  }

  #move(entry: Entry, state: QueueState): void {
    entry.state = state;
    entry.turn += 1;
  }

  #activate(entry: Entry): void {
    this.#move(entry, "active");
    this.#active.push({ entry, turn: entry.turn, readyAt: 0 });
  }

  #retry(entry: Entry, now: Millis): void {
    const readyAt = entry.failedAt + backoffMs(BACKOFF, entry.attempts);
    if (readyAt <= now) {
      this.#activate(entry);
      return;
    }
    this.#move(entry, "back-off");
    this.#backoff.push({ entry, turn: entry.turn, readyAt });
  }

  #wake(podClass: PodClass, now: Millis): void {
    for (const entry of podClass.members.values()) {
      if (entry.state !== "refused") continue;
      podClass.awake = entry;
      this.#asleep.delete(podClass);
      this.#retry(entry, now);
      return;
    }
  }

  /** It no longer waits with those that were like it; when it was their speaker, the next one is tried. */
  #leaveClass(entry: Entry, now: Millis): void {
    const { class: podClass } = entry;
    if (podClass === undefined) return;
    entry.class = undefined;
    podClass.members.delete(entry.uid);
    if (podClass.members.size === 0) {
      this.#classes.delete(podClass.key);
      this.#asleep.delete(podClass);
      this.#index(podClass, new Set());
    } else if (podClass.awake === entry) {
      podClass.awake = undefined;
      this.#asleep.add(podClass);
      this.#wake(podClass, now);
    }
  }

  #classOf(key: string, promised: string | undefined): PodClass {
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const made: PodClass = {
      key,
      promised,
      members: new Map(),
      plugins: new Set(),
      refusedAt: 0,
      awake: undefined,
    };
    this.#classes.set(key, made);
    return made;
  }

  #index(podClass: PodClass, plugins: ReadonlySet<string>): void {
    const { promised } = podClass;
    if (promised !== undefined) {
      if (plugins.size > 0) addTo(this.#byPromise, promised, podClass);
      else removeFrom(this.#byPromise, promised, podClass);
    } else {
      for (const plugin of podClass.plugins)
        if (!plugins.has(plugin)) removeFrom(this.#byPlugin, plugin, podClass);
      for (const plugin of plugins) addTo(this.#byPlugin, plugin, podClass);
    }
    podClass.plugins = plugins;
  }

  #nextEvent(): boolean {
    const [event] = this.#events.values();
    if (event === undefined) return false;
    this.#events.delete(event.key);
    const concerned = new Set<PodClass>();
    for (const plugin of concernedPlugins(event, this.#byPlugin.keys()))
      for (const podClass of this.#byPlugin.get(plugin) ?? []) concerned.add(podClass);
    const promised =
      event.kind === "pod-gone"
        ? (this.#byPromise.get(event.node) ?? [])
        : event.kind === "node"
          ? [...this.#byPromise.values()].flatMap((classes) => [...classes])
          : [];
    for (const podClass of promised)
      if (concernedPlugins(event, podClass.plugins).length > 0) concerned.add(podClass);
    this.#rest = [...concerned].toReversed();
    this.#restEvent = event;
    return true;
  }
}

function addTo<K, V>(map: Map<K, Set<V>>, key: K, item: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, new Set([item]));
  else known.add(item);
}

function removeFrom<K, V>(map: Map<K, Set<V>>, key: K, item: V): void {
  const known = map.get(key);
  known?.delete(item);
  if (known?.size === 0) map.delete(key);
}

/** Whether the scheduler would see another pod. */
function isOtherwise(before: Pod, after: Pod): boolean {
  return before !== after && classKeyOf(before) !== classKeyOf(after);
}
