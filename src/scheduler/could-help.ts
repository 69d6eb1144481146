import { canonicalJson } from "../base/hash.ts";
import { findCondition } from "../model/condition.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";

/** A change of an object, with its state before it where it was there. */
export interface Change {
  readonly kind: "added" | "modified" | "deleted";
  readonly object: ApiObject;
  readonly previous?: ApiObject | undefined;
}

/**
 * Whether a change may let a pod be placed that has no node: a new or changed pod of that kind, room that came free, or a
 * node that changed in more than its heartbeat. Pure.
 */
export function couldHelp({ kind, object, previous }: Change): boolean {
  if (object.kind === "Node") {
    if (kind !== "modified" || previous === undefined) return true;
    return placement(object as Node) !== placement(previous as Node);
  }
  if (object.kind !== "Pod") return false;
  if (kind === "deleted") return true;
  const pod = object as Pod;
  const before = previous as Pod | undefined;
  if (pod.spec.nodeName === undefined) {
    return before === undefined || canonicalJson(before.spec) !== canonicalJson(pod.spec);
  }
  return isFinished(pod) && before !== undefined && !isFinished(before);
}

/** What of a node the scheduler looks at. */
function placement({ spec, status, metadata }: Node): string {
  const ready = findCondition(status?.conditions, "Ready")?.status;
  return canonicalJson([spec, metadata.labels, status?.allocatable, ready]);
}
