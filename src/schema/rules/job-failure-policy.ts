import type { JobSpec, PodFailurePolicyRule } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import type { Report } from "./rule.ts";

/** A failure policy judges pods that end: their containers are not restarted, and each rule says what it looks at. */
export function jobFailurePolicy(spec: JobSpec, path: FieldPath, report: Report): void {
  const { podFailurePolicy: policy, template } = spec;
  if (policy === undefined) return;
  const at = [...path, "podFailurePolicy"];
  if (template.spec.restartPolicy !== "Never") {
    report({
      code: "job/failure-policy",
      message: `${formatPath(at)} needs the restartPolicy Never: it is ${template.spec.restartPolicy}`,
      path: at,
      on: "key",
      hint: `write "restartPolicy: Never" into ${formatPath([...path, "template", "spec"])}`,
    });
  }
  if (spec.podReplacementPolicy === "TerminatingOrFailed") {
    const where = [...path, "podReplacementPolicy"];
    const message = `${formatPath(where)} must be Failed beside a podFailurePolicy`;
    report({ code: "job/failure-policy", message, path: where });
  }
  policy.rules.forEach((rule, index) => {
    checkRule(rule, [...at, "rules", index], { spec, report });
  });
}

function checkRule(
  rule: PodFailurePolicyRule,
  path: FieldPath,
  { spec, report }: { readonly spec: JobSpec; readonly report: Report },
): void {
  const { onExitCodes, onPodConditions = [], action } = rule;
  const say = (message: string, where: FieldPath, hint?: string): void => {
    report({
      code: "job/failure-policy",
      message: `${formatPath(where)} ${message}`,
      path: where,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  if ((onExitCodes === undefined) === (onPodConditions.length === 0))
    say("must have one of onExitCodes and onPodConditions", path);
  if (action === "FailIndex" && spec.backoffLimitPerIndex === undefined)
    say("FailIndex needs backoffLimitPerIndex", [...path, "action"]);
  if (onExitCodes === undefined) return;
  const { containerName, operator, values } = onExitCodes;
  const at = [...path, "onExitCodes"];
  if (values.length === 0) say("must have at least one exit code", [...at, "values"]);
  if (operator === "In" && values.includes(0))
    say("cannot have 0, which is no failure", [...at, "values"]);
  if (containerName === undefined) return;
  const { containers, initContainers = [] } = spec.template.spec;
  const names = [...containers, ...initContainers].map(({ name }) => name);
  if (names.includes(containerName)) return;
  say(
    `${quote(containerName)} is no container of the template`,
    [...at, "containerName"],
    didYouMean(containerName, names),
  );
}
