import type {
  CronJob,
  DaemonSet,
  Deployment,
  Job,
  Pod,
  PodTemplateSpec,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from "../../model/kinds.gen.ts";
import { claimTemplates } from "./claim-templates.ts";
import { cronSchedule, cronTimeZone } from "./cron-job.ts";
import { checkJobSpec } from "./job-rules.ts";
import { checkPodSpec } from "./pod-rules.ts";
import { restartPolicy } from "./restart-policy.ts";
import {
  daemonSetStrategy,
  deploymentStrategy,
  progressDeadline,
  statefulSetStrategy,
} from "./rollout-strategy.ts";
import type { ObjectRule, Report } from "./rule.ts";
import { templateSelector } from "./template-selector.ts";

const POD_PATH = ["spec", "template", "spec"];

/** What must hold in a Pod. */
export const checkPod: ObjectRule<Pod> = ({ spec }, report) => {
  checkPodSpec(spec, ["spec"], { report });
};

/** What must hold in a Deployment. */
export const checkDeployment: ObjectRule<Deployment> = (deployment, report) => {
  const { selector, template } = deployment.spec;
  templateSelector(selector, template, report);
  deploymentStrategy(deployment, report);
  progressDeadline(deployment, report);
  checkServing(template, report);
};

/** What must hold in a ReplicaSet. */
export const checkReplicaSet: ObjectRule<ReplicaSet> = ({ spec }, report) => {
  templateSelector(spec.selector, spec.template, report);
  checkServing(spec.template, report);
};

/** What must hold in a ReplicationController. */
export const checkReplicationController: ObjectRule<ReplicationController> = ({ spec }, report) => {
  templateSelector({ matchLabels: spec.selector ?? {} }, spec.template, report);
  checkServing(spec.template, report);
};

/** What must hold in a DaemonSet. */
export const checkDaemonSet: ObjectRule<DaemonSet> = (daemonSet, report) => {
  const { selector, template } = daemonSet.spec;
  templateSelector(selector, template, report);
  daemonSetStrategy(daemonSet, report);
  checkServing(template, report);
};

/** What must hold in a StatefulSet. */
export const checkStatefulSet: ObjectRule<StatefulSet> = (statefulSet, report) => {
  const { selector, template, volumeClaimTemplates = [] } = statefulSet.spec;
  templateSelector(selector, template, report);
  statefulSetStrategy(statefulSet, report);
  claimTemplates(statefulSet, report);
  const claims = volumeClaimTemplates.map(({ metadata }) => metadata.name);
  checkServing(template, report, claims);
};

/** What must hold in a Job. */
export const checkJob: ObjectRule<Job> = ({ spec }, report) => {
  checkJobSpec(spec, ["spec"], report);
};

/** What must hold in a CronJob. */
export const checkCronJob: ObjectRule<CronJob> = (cronJob, report) => {
  cronSchedule(cronJob, report);
  cronTimeZone(cronJob, report);
  const job = cronJob.spec.jobTemplate.spec;
  if (job !== undefined) checkJobSpec(job, ["spec", "jobTemplate", "spec"], report);
};

/** Pods that are to run for ever. */
function checkServing(
  template: PodTemplateSpec,
  report: Report,
  claims: readonly string[] = [],
): void {
  restartPolicy(template.spec, POD_PATH, { allowed: ["Always"], report });
  checkPodSpec(template.spec, POD_PATH, { claims, report });
}
