import type { JobSpec } from "../../model/kinds.gen.ts";
import type { FieldPath } from "../finding.ts";
import { jobFailurePolicy } from "./job-failure-policy.ts";
import { jobIndexed } from "./job-indexed.ts";
import { jobSuccessPolicy } from "./job-success-policy.ts";
import { checkPodSpec } from "./pod-rules.ts";
import { restartPolicy } from "./restart-policy.ts";
import type { Report } from "./rule.ts";

/** What must hold in the spec of a Job that stands at `path`, in a CronJob too. */
export function checkJobSpec(spec: JobSpec, path: FieldPath, report: Report): void {
  const pod = [...path, "template", "spec"];
  restartPolicy(spec.template.spec, pod, { allowed: ["Never", "OnFailure"], report });
  jobIndexed(spec, path, report);
  jobFailurePolicy(spec, path, report);
  jobSuccessPolicy(spec, path, report);
  checkPodSpec(spec.template.spec, pod, { report });
}
