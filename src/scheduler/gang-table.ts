import type { Pod } from "../model/kinds.gen.ts";
import { isFinished } from "../model/pod-phase.ts";
import { groupNameOf } from "./gang.ts";
import { isGated } from "./queue-gates.ts";
import { compareUrgency } from "./queue-order.ts";

interface Gang {
  readonly waiting: Map<string, Pod>;
  readonly placed: Set<string>;
}

/** The pods of each group: those that may get a node, and those that have one. */
export class GangTable {
  readonly #gangs = new Map<string, Gang>();
  readonly #groupOf = new Map<string, string>();

  observe(pod: Pod, isDeleted: boolean): void {
    const { uid = "" } = pod.metadata;
    const group = groupNameOf(pod);
    const before = this.#groupOf.get(uid);
    if (before !== undefined) this.#leave(uid, before);
    if (group === undefined || isDeleted || isFinished(pod)) return;
    if (pod.metadata.deletionTimestamp !== undefined || isGated(pod)) return;
    const gang = this.#gangs.get(group) ?? { waiting: new Map(), placed: new Set() };
    this.#gangs.set(group, gang);
    this.#groupOf.set(uid, group);
    if ((pod.spec.nodeName ?? "") === "") gang.waiting.set(uid, pod);
    else gang.placed.add(uid);
  }

  /** Members without a node, the most urgent first. */
  waiting(group: string): readonly Pod[] {
    return [...(this.#gangs.get(group)?.waiting.values() ?? [])].toSorted(compareUrgency);
  }

  placed(group: string): number {
    return this.#gangs.get(group)?.placed.size ?? 0;
  }

  #leave(uid: string, group: string): void {
    const gang = this.#gangs.get(group);
    this.#groupOf.delete(uid);
    gang?.waiting.delete(uid);
    gang?.placed.delete(uid);
    if (gang?.waiting.size === 0 && gang.placed.size === 0) this.#gangs.delete(group);
  }
}
