import type { PodDisruptionBudget } from "../../model/kinds.gen.ts";
import { checkSelectorValues } from "./requirements.ts";
import type { ObjectRule } from "./rule.ts";

/** A budget counts what must stay or what may go, not both. */
export const disruptionBudget: ObjectRule<PodDisruptionBudget> = ({ spec }, report) => {
  checkSelectorValues(spec.selector, ["spec", "selector"], report);
  if (spec.minAvailable === undefined || spec.maxUnavailable === undefined) return;
  report({
    code: "disruption-budget/both",
    message: "spec.minAvailable and spec.maxUnavailable cannot stand together",
    path: ["spec", "maxUnavailable"],
    on: "key",
    hint: "keep one of the two",
  });
};
