import {
  formatLabels,
  formatSelector,
  isEmptySelector,
  matchesSelector,
} from "../../model/labels.ts";
import type {
  Deployment,
  Job,
  LabelSelector,
  Pod,
  PodSpec,
  PodTemplateSpec,
  ReplicaSet,
} from "../../model/kinds.gen.ts";
import { formatPath, listWords, quote } from "../finding.ts";
import type { FieldPath, Finding } from "../finding.ts";
import { checkPodSpec } from "./pod-rules.ts";

const TEMPLATE: FieldPath = ["spec", "template"];

/** What must hold in a Pod. Pure. */
export function checkPod(pod: Pod): readonly Finding[] {
  return checkPodSpec(pod.spec, ["spec"]);
}

/** What must hold in a Deployment. Pure. */
export function checkDeployment({ spec }: Deployment): readonly Finding[] {
  return [
    ...checkSelector(spec.selector, spec.template),
    ...checkRestartPolicy(spec.template.spec, ["Always"]),
    ...checkStrategy(spec.strategy),
    ...checkDeadline(spec),
    ...checkPodSpec(spec.template.spec, [...TEMPLATE, "spec"]),
  ];
}

/** What must hold in a ReplicaSet. Pure. */
export function checkReplicaSet({ spec }: ReplicaSet): readonly Finding[] {
  return [
    ...checkSelector(spec.selector, spec.template),
    ...checkRestartPolicy(spec.template.spec, ["Always"]),
    ...checkPodSpec(spec.template.spec, [...TEMPLATE, "spec"]),
  ];
}

/** What must hold in a Job. Pure. */
export function checkJob({ spec }: Job): readonly Finding[] {
  return [
    ...checkRestartPolicy(spec.template.spec, ["Never", "OnFailure"]),
    ...checkPodSpec(spec.template.spec, [...TEMPLATE, "spec"]),
  ];
}

function checkSelector(selector: LabelSelector, template: PodTemplateSpec): readonly Finding[] {
  const labels = template.metadata?.labels ?? {};
  const path = ["spec", "selector"];
  const requirements = checkRequirements(selector);
  if (requirements.length > 0) return requirements;
  if (isEmptySelector(selector)) {
    const wanted = Object.keys(labels).length > 0 ? `: ${formatLabels(labels)}` : "";
    return [
      {
        code: "selector/empty",
        message: "spec.selector must name at least one label",
        path,
        hint: `write the labels of spec.template.metadata.labels into matchLabels${wanted}`,
      },
    ];
  }
  if (matchesSelector(selector, labels)) return [];
  const found =
    Object.keys(labels).length === 0 ? "there are none" : `they are "${formatLabels(labels)}"`;
  return [
    {
      code: "selector/mismatch",
      message: `spec.template.metadata.labels must match spec.selector "${formatSelector(selector)}": ${found}`,
      path: [...TEMPLATE, "metadata", "labels"],
      on: "key",
      hint: "give the template the labels that the selector asks for",
    },
  ];
}

function checkRequirements(selector: LabelSelector): readonly Finding[] {
  return (selector.matchExpressions ?? []).flatMap(({ operator, values = [] }, index) => {
    const needsValues = operator === "In" || operator === "NotIn";
    if (needsValues === values.length > 0) return [];
    const path = ["spec", "selector", "matchExpressions", index, "values"];
    const must = needsValues ? "have at least one value" : "be absent";
    return [
      {
        code: "field/conflict" as const,
        message: `${formatPath(path)} must ${must} when the operator is ${operator}`,
        path,
      },
    ];
  });
}

function checkRestartPolicy(
  { restartPolicy }: PodSpec,
  allowed: readonly PodSpec["restartPolicy"][],
): readonly Finding[] {
  if (allowed.includes(restartPolicy)) return [];
  const path = [...TEMPLATE, "spec", "restartPolicy"];
  return [
    {
      code: "restart-policy/not-allowed",
      message: `${formatPath(path)} must be ${listWords(allowed.map(quote))} here: it is ${quote(restartPolicy)}`,
      path,
      hint: allowed.length === 1 ? "remove it" : `write "restartPolicy: ${allowed[0] ?? ""}"`,
    },
  ];
}

function checkStrategy(strategy: Deployment["spec"]["strategy"]): readonly Finding[] {
  const path = ["spec", "strategy", "rollingUpdate"];
  if (strategy.type === "Recreate") {
    if (strategy.rollingUpdate === undefined) return [];
    const message = "spec.strategy.rollingUpdate must be absent when the type is Recreate";
    return [{ code: "field/conflict", message, path, on: "key", hint: "remove it" }];
  }
  const { maxSurge, maxUnavailable } = strategy.rollingUpdate ?? {};
  const isNothing = (value: number | string | undefined): boolean =>
    value === 0 || /^0+%$/.test(String(value));
  if (isNothing(maxSurge) && isNothing(maxUnavailable)) {
    return [
      {
        code: "strategy/stuck",
        message: "maxSurge and maxUnavailable cannot both be 0: no pod could ever be replaced",
        path: [...path, "maxUnavailable"],
        hint: "raise one of the two",
      },
    ];
  }
  const percent = /^(\d+)%$/.exec(String(maxUnavailable))?.[1];
  if (percent === undefined || Number(percent) <= 100) return [];
  const message = `spec.strategy.rollingUpdate.maxUnavailable must be at most 100%: it is ${quote(String(maxUnavailable))}`;
  return [{ code: "field/range", message, path: [...path, "maxUnavailable"] }];
}

function checkDeadline(spec: Deployment["spec"]): readonly Finding[] {
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec;
  if (progressDeadlineSeconds > minReadySeconds) return [];
  const path = ["spec", "progressDeadlineSeconds"];
  const message = `spec.progressDeadlineSeconds must be above spec.minReadySeconds (${minReadySeconds}): it is ${progressDeadlineSeconds}`;
  return [{ code: "field/conflict", message, path }];
}
