import { formatPath, quote } from "../finding.ts";
import type { PodRule } from "./rule.ts";

/** One constraint for a topology and what to do when it cannot be met; minDomains only where it must be met. */
export const podSpread: PodRule = (spec, path, report) => {
  const seen = new Map<string, number>();
  spec.topologySpreadConstraints?.forEach((constraint, index) => {
    const { topologyKey, whenUnsatisfiable, minDomains } = constraint;
    const at = [...path, "topologySpreadConstraints", index];
    const key = `${topologyKey} ${whenUnsatisfiable}`;
    const before = seen.get(key);
    if (before === undefined) seen.set(key, index);
    else {
      const other = formatPath([...path, "topologySpreadConstraints", before]);
      report({
        code: "spread/duplicate",
        message: `${formatPath(at)} has the topologyKey ${quote(topologyKey)} and ${whenUnsatisfiable} of ${other}`,
        path: [...at, "topologyKey"],
        hint: "keep one of the two",
      });
    }
    if (minDomains !== undefined && whenUnsatisfiable !== "DoNotSchedule") {
      const message = `${formatPath([...at, "minDomains"])} needs whenUnsatisfiable: DoNotSchedule`;
      report({ code: "field/conflict", message, path: [...at, "minDomains"], on: "key" });
    }
    if (constraint.matchLabelKeys !== undefined && constraint.labelSelector === undefined) {
      const where = [...at, "matchLabelKeys"];
      const message = `${formatPath(where)} needs a labelSelector`;
      report({ code: "field/conflict", message, path: where, on: "key" });
    }
  });
};
