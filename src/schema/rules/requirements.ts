import type {
  LabelRequirement,
  LabelSelector,
  NodeSelectorRequirement,
} from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { Report } from "./rule.ts";

/** How many values an operator takes. */
const VALUES: Readonly<Record<NodeSelectorRequirement["operator"], "some" | "none" | "one">> = {
  In: "some",
  NotIn: "some",
  Exists: "none",
  DoesNotExist: "none",
  Gt: "one",
  Lt: "one",
};

/** The expressions of a selector have as many values as their operators take. Whether they all have. */
export function checkRequirements(
  requirements: readonly (LabelRequirement | NodeSelectorRequirement)[] | undefined,
  path: FieldPath,
  report: Report,
): boolean {
  let isGood = true;
  requirements?.forEach(({ operator, values = [] }, index) => {
    const wanted = VALUES[operator];
    const isMet =
      wanted === "none"
        ? values.length === 0
        : wanted === "one"
          ? isNumber(values)
          : values.length > 0;
    if (isMet) return;
    isGood = false;
    const at = [...path, index, "values"];
    const must = { some: "have at least one value", none: "be absent", one: "be one whole number" };
    const message = `${formatPath(at)} must ${must[wanted]} when the operator is ${operator}`;
    report({ code: "field/conflict", message, path: at });
  });
  return isGood;
}

/** `checkRequirements` for a label selector. */
export function checkSelectorValues(
  selector: LabelSelector | undefined,
  path: FieldPath,
  report: Report,
): boolean {
  return checkRequirements(selector?.matchExpressions, [...path, "matchExpressions"], report);
}

function isNumber(values: readonly string[]): boolean {
  return values.length === 1 && /^[+-]?\d+$/.test(values[0] ?? "");
}
