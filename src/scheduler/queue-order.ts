import { canonicalJson } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { groupNameOf } from "./gang.ts";

/** Which of two pods is placed first: the more important, then the older, then by name. Pure. */
export function compareUrgency(a: Pod, b: Pod): number {
  return (
    (b.spec.priority ?? 0) - (a.spec.priority ?? 0) ||
    compare(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") ||
    compare(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
    compare(a.metadata.name, b.metadata.name) ||
    compare(a.metadata.uid ?? "", b.metadata.uid ?? "")
  );
}

/**
 * Names what the scheduler sees of a pod: two pods of one key fit on the same nodes, so that one of them can speak for
 * all. Members of a pod group share the group's key, as they are placed together. Pure.
 */
export function classKeyOf(pod: Pod): string {
  const { namespace = "", labels } = pod.metadata;
  const group = groupNameOf(pod);
  if (group !== undefined) return `group ${group}`;
  return canonicalJson([namespace, labels ?? {}, pod.spec]);
}
