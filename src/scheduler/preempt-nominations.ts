import type { Pod } from "../model/kinds.gen.ts";
import type { SchedulerCore } from "./core.ts";
import { priorityOf } from "./preempt-pick.ts";

const RESERVATION_PREFIX = "reserved:";

interface Nomination {
  readonly pod: Pod;
  readonly node: string;
}

/** Whether what counts on a node is only room that is kept for a pod to come. Pure. */
export function isReservation(uid: string): boolean {
  return uid.startsWith(RESERVATION_PREFIX);
}

/**
 * Pods that others leave a node for. Until they get there their requests and host ports count on that node, except for
 * more important pods.
 */
export class Nominations {
  readonly #core: SchedulerCore;
  readonly #byUid = new Map<string, Nomination>();
  /** How many there are of each priority. */
  readonly #priorities = new Map<number, number>();

  constructor(core: SchedulerCore) {
    this.#core = core;
  }

  nodeOf(uid: string): string | undefined {
    return this.#byUid.get(uid)?.node;
  }

  set(pod: Pod, node: string): void {
    const { uid = "" } = pod.metadata;
    this.drop(uid);
    this.#byUid.set(uid, { pod, node });
    const priority = priorityOf(pod);
    this.#priorities.set(priority, (this.#priorities.get(priority) ?? 0) + 1);
    this.#core.assume(reservationOf(pod), node);
  }

  /** The node that it was nominated for; nothing when it was not. */
  drop(uid: string): string | undefined {
    const known = this.#byUid.get(uid);
    if (known === undefined) return undefined;
    this.#byUid.delete(uid);
    const priority = priorityOf(known.pod);
    const left = (this.#priorities.get(priority) ?? 0) - 1;
    if (left > 0) this.#priorities.set(priority, left);
    else this.#priorities.delete(priority);
    this.#core.forget(RESERVATION_PREFIX + uid);
    return known.node;
  }

  /** Reservations, with their nodes, that do not bind a pod: its own, and those for less important pods. */
  hiddenFrom(pod: Pod): ReadonlyMap<string, string> {
    const hidden = new Map<string, string>();
    const own = pod.metadata.uid ?? "";
    const node = this.nodeOf(own);
    if (node !== undefined) hidden.set(RESERVATION_PREFIX + own, node);
    const priority = priorityOf(pod);
    if (![...this.#priorities.keys()].some((other) => other < priority)) return hidden;
    for (const [uid, nomination] of this.#byUid)
      if (priorityOf(nomination.pod) < priority)
        hidden.set(RESERVATION_PREFIX + uid, nomination.node);
    return hidden;
  }

  /** Less important pods that were promised room on a node. */
  lesserOn(node: string, priority: number): readonly Pod[] {
    const pods: Pod[] = [];
    if (![...this.#priorities.keys()].some((other) => other < priority)) return pods;
    for (const nomination of this.#byUid.values())
      if (nomination.node === node && priorityOf(nomination.pod) < priority)
        pods.push(nomination.pod);
    return pods;
  }
}

/** What of a pod takes room: nobody's rules about other pods look at it. */
function reservationOf(pod: Pod): Pod {
  const { affinity: _, topologySpreadConstraints: __, ...spec } = pod.spec;
  const { uid = "", name, namespace = "" } = pod.metadata;
  return { ...pod, metadata: { name, namespace, uid: RESERVATION_PREFIX + uid }, spec };
}
