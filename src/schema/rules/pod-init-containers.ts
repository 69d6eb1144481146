import { formatPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";

const ONLY_SIDECARS = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"] as const;

/** Init containers end: only those that run beside the others (`restartPolicy: Always`) can be probed. */
export const podInitContainers: PodRule = (spec, path, report) => {
  spec.initContainers?.forEach((container, index) => {
    if (container.restartPolicy === "Always") return;
    for (const field of ONLY_SIDECARS) {
      if (container[field] === undefined) continue;
      const at = [...path, "initContainers", index, field];
      report({
        code: "field/not-allowed",
        message: `${formatPath(at)} is not allowed in an init container that runs to its end`,
        path: at,
        on: "key",
        hint: "remove it, or write restartPolicy: Always to make it a sidecar",
      });
    }
  });
  spec.containers.forEach((container, index) => {
    if (container.restartPolicy === undefined) return;
    const at = [...path, "containers", index, "restartPolicy"];
    report({
      code: "field/not-allowed",
      message: `${formatPath(at)} is allowed in init containers only`,
      path: at,
      on: "key",
      hint: `remove it: ${formatPath([...path, "restartPolicy"])} is for the whole pod`,
    });
  });
};
