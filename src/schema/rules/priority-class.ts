import type { PriorityClass } from "../../model/kinds.gen.ts";
import type { ObjectRule } from "./rule.ts";

/** Names that begin with `system-` are the cluster's. */
export const priorityClass: ObjectRule<PriorityClass> = ({ metadata }, report) => {
  if (!metadata.name.startsWith("system-")) return;
  const message = 'metadata.name cannot begin with "system-": such classes are the cluster\'s';
  report({ code: "priority/reserved", message, path: ["metadata", "name"] });
};
