import type { LimitRange, LimitRangeItem } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { isAbove } from "./pod-resources.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** From the smallest to the largest: each must be at most the next. */
const ORDER = ["min", "defaultRequest", "default", "max"] as const;

/** What a limit range allows is in order, and only containers have defaults. */
export const limitRange: ObjectRule<LimitRange> = ({ spec }, report) => {
  spec.limits.forEach((item, index) => {
    const path = ["spec", "limits", index];
    checkOrder(item, path, report);
    if (item.type === "Pod") {
      for (const field of ["default", "defaultRequest"] as const) {
        if (item[field] === undefined) continue;
        const at = [...path, field];
        const message = `${formatPath(at)} must be absent when the type is Pod`;
        report({ code: "limit-range/order", message, path: at, on: "key", hint: "remove it" });
      }
    }
    const { min = {}, max = {} } = item;
    if (item.type !== "PersistentVolumeClaim") return;
    if (min["storage"] !== undefined || max["storage"] !== undefined) return;
    const message = `${formatPath(path)} must have min or max of storage`;
    report({ code: "limit-range/order", message, path });
  });
};

function checkOrder(item: LimitRangeItem, path: FieldPath, report: Report): void {
  // From above: what is stated comes before what was derived from it.
  for (const [index, lower] of [...ORDER.entries()].toReversed()) {
    for (const upper of ORDER.slice(index + 1)) {
      for (const [name, amount] of Object.entries(item[lower] ?? {})) {
        const bound = item[upper]?.[name];
        if (bound === undefined || !isAbove(amount, bound)) continue;
        const at = [...path, lower, name];
        const message = `${formatPath(at)} must be at most ${upper} (${bound}): it is ${amount}`;
        report({ code: "limit-range/order", message, path: at });
        return;
      }
    }
  }
}
