import type { PodDisruptionBudget } from "../../model/kinds.gen.ts";
import { checkSelectorValues } from "./requirements.ts";
import type { ObjectRule } from "./rule.ts";

/** The expressions of a budget's selector have the values that their operators take. */
export const disruptionBudget: ObjectRule<PodDisruptionBudget> = ({ spec }, report) => {
  checkSelectorValues(spec.selector, ["spec", "selector"], report);
};
