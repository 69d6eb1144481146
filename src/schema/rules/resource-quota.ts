import type { ResourceQuota } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { ObjectRule } from "./rule.ts";

/** Scopes that no pod is in at once. */
const OPPOSITES = [
  ["Terminating", "NotTerminating"],
  ["BestEffort", "NotBestEffort"],
] as const;

/** The scopes of a quota do not exclude each other. */
export const quotaScopes: ObjectRule<ResourceQuota> = ({ spec }, report) => {
  const scopes = new Set<string>(spec.scopes);
  for (const [a, b] of OPPOSITES) {
    if (!scopes.has(a) || !scopes.has(b)) continue;
    const message = `spec.scopes cannot have both ${a} and ${b}: no pod is in both`;
    report({ code: "quota/scope", message, path: ["spec", "scopes"], on: "key" });
  }
  spec.scopeSelector?.matchExpressions?.forEach(({ operator, values = [] }, index) => {
    const needsValues = operator === "In" || operator === "NotIn";
    if (needsValues === values.length > 0) return;
    const path = ["spec", "scopeSelector", "matchExpressions", index, "values"];
    const must = needsValues ? "have at least one value" : "be absent";
    const message = `${formatPath(path)} must ${must} when the operator is ${operator}`;
    report({ code: "field/conflict", message, path });
  });
};
