import type { DaemonSet, Deployment, StatefulSet } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { ObjectRule, Report } from "./rule.ts";

/** A rolling update can move, and only a rolling update has its numbers. */
export const deploymentStrategy: ObjectRule<Deployment> = ({ spec: { strategy } }, report) => {
  const path = ["spec", "strategy", "rollingUpdate"];
  if (strategy.type === "Recreate") {
    if (strategy.rollingUpdate !== undefined) forbid(path, strategy.type, report);
    return;
  }
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate ?? {};
  if (isNothing(maxSurge) && isNothing(maxUnavailable)) reportStuck(path, report);
  atMostAll(maxUnavailable, [...path, "maxUnavailable"], report);
};

/** `deploymentStrategy` for a DaemonSet, which takes pods away or adds them, and never both. */
export const daemonSetStrategy: ObjectRule<DaemonSet> = ({ spec }, report) => {
  const { rollingUpdate } = spec.updateStrategy;
  if (rollingUpdate === undefined) return;
  const path = ["spec", "updateStrategy", "rollingUpdate"];
  const { maxSurge, maxUnavailable } = rollingUpdate;
  atMostAll(maxUnavailable, [...path, "maxUnavailable"], report);
  atMostAll(maxSurge, [...path, "maxSurge"], report);
  if (isNothing(maxSurge) && isNothing(maxUnavailable)) reportStuck(path, report);
  else if (!isNothing(maxSurge) && !isNothing(maxUnavailable)) {
    const at = [...path, "maxSurge"];
    const message = `${formatPath(at)} must be 0 unless maxUnavailable is 0: it is ${maxSurge}`;
    report({ code: "field/conflict", message, path: at, hint: 'write "maxUnavailable: 0"' });
  }
};

/** `deploymentStrategy` for a StatefulSet. */
export const statefulSetStrategy: ObjectRule<StatefulSet> = ({ spec }, report) => {
  const { type, rollingUpdate } = spec.updateStrategy;
  const path = ["spec", "updateStrategy", "rollingUpdate"];
  if (rollingUpdate === undefined) return;
  if (type !== "RollingUpdate") forbid(path, type, report);
  const { maxUnavailable } = rollingUpdate;
  const at = [...path, "maxUnavailable"];
  if (maxUnavailable !== undefined && isNothing(maxUnavailable)) {
    const message = `${formatPath(at)} must be at least 1: no pod could ever be replaced`;
    report({ code: "strategy/stuck", message, path: at });
  }
  atMostAll(maxUnavailable, at, report);
};

/** A rollout is given more time than its pods need to count as available. */
export const progressDeadline: ObjectRule<Deployment> = ({ spec }, report) => {
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec;
  if (progressDeadlineSeconds > minReadySeconds) return;
  const path = ["spec", "progressDeadlineSeconds"];
  const message = `spec.progressDeadlineSeconds must be above spec.minReadySeconds (${minReadySeconds}): it is ${progressDeadlineSeconds}`;
  report({ code: "field/conflict", message, path });
};

function isNothing(value: number | string | undefined): boolean {
  return value === 0 || /^0+%$/.test(String(value));
}

function reportStuck(path: FieldPath, report: Report): void {
  report({
    code: "strategy/stuck",
    message: "maxSurge and maxUnavailable cannot both be 0: no pod could ever be replaced",
    path: [...path, "maxUnavailable"],
    hint: "raise one of the two",
  });
}

function forbid(path: FieldPath, type: string, report: Report): void {
  const message = `${formatPath(path)} must be absent when the type is ${type}`;
  report({ code: "field/conflict", message, path, on: "key", hint: "remove it" });
}

function atMostAll(value: number | string | undefined, path: FieldPath, report: Report): void {
  const percent = /^(\d+)%$/.exec(String(value))?.[1];
  if (percent === undefined || Number(percent) <= 100) return;
  const message = `${formatPath(path)} must be at most 100%: it is ${quote(String(value))}`;
  report({ code: "field/range", message, path });
}
