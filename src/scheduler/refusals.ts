import { compare } from "../base/order.ts";
import type { Refusals } from "./core.ts";
import type { NodeTable } from "./node-table.ts";
import type { PreparedPod } from "./prepared-pod.ts";

/** What every node says against a pod. Looks at each. */
export function countRefusals(nodes: NodeTable, prepared: PreparedPod): Refusals {
  const reasons = new Map<string, number>();
  const filters = new Set<string>();
  const candidates: string[] = [];
  for (let node = 0; node < nodes.size; node += 1) {
    if (!nodes.isNode(node)) continue;
    const refusal = prepared.refusal(node);
    if (refusal === undefined) continue;
    filters.add(refusal.filter);
    for (const reason of refusal.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (!refusal.unresolvable) candidates.push(nodes.nameOf(node));
  }
  return { nodes: nodes.count, reasons, filters, candidates: candidates.toSorted(compare) };
}
