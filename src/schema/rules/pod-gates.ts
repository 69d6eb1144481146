import { formatPath } from "../finding.ts";
import { reportDuplicates } from "./duplicates.ts";
import type { PodRule } from "./rule.ts";

/** A pod that waits at a gate is not on a node already. */
export const podGates: PodRule = (spec, path, report) => {
  const { schedulingGates = [], nodeName } = spec;
  reportDuplicates(schedulingGates, (gate) => gate.name, {
    path: [...path, "schedulingGates"],
    field: "name",
    report,
  });
  if (schedulingGates.length === 0 || nodeName === undefined) return;
  const at = [...path, "nodeName"];
  const message = `${formatPath(at)} must be absent while there are schedulingGates`;
  report({ code: "field/conflict", message, path: at, on: "key", hint: "remove one of the two" });
};
